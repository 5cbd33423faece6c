"""`hushgate contacts preview`: whom of a campaign's list the tenant's rules would leave out, and why."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

from gateway import clock
from gateway.cli import exits
from gateway.cli.contactsimport import header, layout, layout_of, within
from gateway.cli.contactsopen import Desk, UsageError, common, desk, existing, use, when
from gateway.cli.progress import Progress
from gateway.contacts.model import Standing
from gateway.contacts.rules import Check
from gateway.errors import REASONS, PayloadError
from gateway.intake.columns import IDENTIFIERS
from gateway.intake.importing import Rejects
from gateway.intake.previewing import Campaign, Preview, Records, preview
from gateway.intake.table import Row, Source, opened
from gateway.model import Channel, Client


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    parser.add_argument("file", metavar="FILE", help="the recipients, laid out as for import")
    common(parser)
    parser.add_argument(
        "--channel", required=True, choices=get_args(Channel), help="the channel they are reached on"
    )
    parser.add_argument("--client", required=True, help="the application that would reach them (its id)")
    parser.add_argument("--purpose", type=use, help="the purpose it would state (default: all the client's)")
    parser.add_argument(
        "--operation", metavar="PROVIDER.OPERATION", help="only this call (default: any of the channel)"
    )
    parser.add_argument("--at", type=when, metavar="TIME", help="when they would be reached (default: now)")
    layout(parser)
    parser.add_argument(
        "--skipped", metavar="FILE", help="line and reason of everybody who would be left out"
    )


def run(args: argparse.Namespace) -> int:
    """Count. Raises ConfigError, StoreError, PayloadError, OSError, UsageError."""
    at, path = desk(args), existing(args.file)
    skipped = Rejects(Path(args.skipped) if args.skipped else None, goes_on=False)
    with (
        at.books() as books,
        opened(path, layout_of(args)) as source,
        Progress("recipients") as progress,
    ):
        rows = source.rows()
        place = _place(source, rows, args)
        campaign = _campaign(args, at, clock.now() if args.at is None else args.at)

        def standings(asked: Sequence[str]) -> list[Standing]:
            progress.advance(len(asked))
            return books.standings(at.tenant, asked)

        found = preview(rows, place, campaign, at.pseudonymise, standings, skipped.add)
        skipped.flush()
    print(_as_json(found) if args.json else _as_text(found))
    return exits.OK


def _campaign(args: argparse.Namespace, at: Desk, when_: float) -> Campaign:
    client = next((each for each in at.policy.clients if each.id == args.client), None)
    if client is None:
        raise UsageError("--client is no client of the rule file")
    checks = _checks(args, at, client, when_)
    purposes = (args.purpose,) if args.purpose else client.purposes
    spaces = at.spaces() if args.kind == "record" else ()
    records = Records(spaces, within(args, at), bare=at.config.bare)
    return Campaign(args.channel, purposes, checks, when_, at.country, args.kind, records)


def _checks(args: argparse.Namespace, at: Desk, client: Client, when_: float) -> tuple[Check, ...]:
    """Those of the plans of every operation it may be; each once. Raises ConfigError, UsageError."""
    from gateway.policy.identity import Identity  # the decision code is heavy: only this action pays for it
    from gateway.policy.snapshot import states_allowed
    from gateway.service.boot import load

    if args.purpose and not states_allowed(client, args.purpose):
        raise UsageError("--purpose is none of the client's")
    snapshot, identity = load(at.config).snapshot(), Identity(at.tenant, client)
    checks: dict[Check, None] = {}
    asked = 0
    for upstream in snapshot.upstreams:
        if upstream.tenants and at.tenant not in upstream.tenants:
            continue
        for operation in snapshot.packs[upstream.provider].operations:
            wanted = args.operation in (None, f"{upstream.provider}.{operation.id}")
            if wanted and operation.channel is not None:
                plan = snapshot.plan(identity, args.purpose, operation, upstream, when_)
                asked += args.channel in plan.contact
                checks.update(dict.fromkeys(plan.contact.get(args.channel, ())))
    if not asked:
        raise UsageError("no operation of an upstream of this tenant reaches people on this channel")
    return tuple(checks)


_BY_CHANNEL: Final = {"email": ("email", "identifier", "record", "phone")}
_ELSE: Final = ("phone", "identifier", "record", "email")


def _place(source: Source, rows: Iterator[Row], args: argparse.Namespace) -> int:
    """The column that names recipients: the one that fits the channel best."""
    columns, _ = header(source, rows, args)
    field = next((each for each in _BY_CHANNEL.get(args.channel, _ELSE) if each in columns), None)
    if field is None:
        raise PayloadError("unparseable_body", f"no column is mapped to one of {', '.join(IDENTIFIERS)}")
    args.kind = IDENTIFIERS[field] or args.kind
    return columns[field]


def _as_json(found: Preview) -> str:
    members = {
        "recipients": found.recipients,
        "reached": found.reached,
        "skipped": found.recipients - found.reached,
        "reasons": dict(found.skipped.most_common()),
        "rules": dict(found.rules.most_common()),
        "shadow": dict(found.shadow.most_common()),
        "later": found.waits,
    }
    return json.dumps(members)


def _as_text(found: Preview) -> str:
    skipped = found.recipients - found.reached
    lines = [f"of {found.recipients:,}: {skipped:,} would be skipped, {found.reached:,} reached"]
    for reason, number in found.skipped.most_common():
        title = REASONS[reason].title if reason in REASONS else ""
        lines.append(f"  {number:>9,}  {reason}{title and f': {title}'}")
    for what, counts in (("rule", found.rules), ("shadow rule", found.shadow)):
        lines += [f"  {number:>9,}  by the {what} {name}" for name, number in counts.most_common()]
    if found.waits:
        lines.append(f"  {found.waits:>9,}  of them could be reached later")
    return "\n".join(lines)
