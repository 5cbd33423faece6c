"""`hushgate register`: which data went to whom, where and on which basis; and who may be given any."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway import clock
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:  # heavy, and not needed for --help
    from gateway.deployment import Config
    from gateway.residency.register import Row
    from gateway.service.boot import Loaded

DESCRIPTION: Final = """\
Reads the access log from where it was read last, and keeps what it says of transfers: names, counts, times,
nothing of a person. `show` prints the transfers, or the record of processing (GDPR Art. 30) with --markdown;
`differences` what was seen and not declared, and the other way round (ends with 1 when there is any);
`rebuild` counts anew from the log that is there.

  hushgate register --markdown > processing.md
  hushgate register --quarantine
  hushgate register object --tenant acme --operator OVH --by dpo@acme.example --reason "no audit report"

A decision is put on record at once, and in force in every worker within a second."""
ACTIONS: Final = ("show", "differences", "rebuild", "approve", "object")


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "register",
        help=VERBS["register"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", nargs="?", choices=ACTIONS, default="show", help="what to do (default: show)"
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--tenant", help="this tenant's alone; whose list is decided on")
    parser.add_argument("--quarantine", action="store_true", help="who was refused as no sub-processor")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--csv", action="store_true", help="print CSV")
    parser.add_argument("--markdown", action="store_true", help="print the record of processing")
    parser.add_argument("--operator", help="the sub-processor to approve, or to object to")
    parser.add_argument("--by", help="who decided")
    parser.add_argument("--reason", default="", help="why")


def run(args: argparse.Namespace) -> int:
    """Do it. Raises StoreError when log or register cannot be used, ConfigError for a file with mistakes."""
    from gateway.config import load_config
    from gateway.service import boot
    from gateway.service.registering import register as brought_up_to_date

    config = load_config(args.config, None)
    if args.action in ("approve", "object"):
        return _decide(boot.load(config), args)
    rows = brought_up_to_date(config, anew=args.action == "rebuild").rows(args.tenant)
    if args.action == "differences":
        return _differences(boot.load(config), rows, args)
    if args.quarantine:
        return _quarantine(boot.load(config), rows, as_json=args.json)
    print(_shown(config, rows, args), end="")
    return exits.OK


def _shown(config: "Config", rows: "Sequence[Row]", args: argparse.Namespace) -> str:
    from gateway.residency.article30 import as_markdown
    from gateway.residency.processing import as_csv, as_json
    from gateway.service import boot

    if args.json:
        return as_json(rows) + "\n"
    if args.csv:
        return as_csv(rows)
    if args.markdown:
        policies = boot.load(config).policies()
        wanted = {name: each for name, each in policies.items() if args.tenant in (None, name)}
        return as_markdown(rows, wanted, _today())
    return as_text(rows) + "\n"


def as_text(rows: "Sequence[Row]") -> str:
    """A line per transfer, and one that counts."""
    from gateway.residency.processing import moment

    lines = [
        f"{row.tenant}/{row.client} {row.operation} {row.category} -> {row.operator or '?'}/"
        f"{row.country or '?'} ({row.basis}) exchanges={row.exchanges} values={row.values} "
        f"refused={row.refused} last={moment(row.last)}"
        for row in rows
    ]
    return "\n".join([*lines, f"{len(rows)} kinds of transfers"])


def _today() -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()


def _quarantine(loaded: "Loaded", rows: "Sequence[Row]", *, as_json: bool) -> int:
    from gateway.residency.processing import quarantined

    found = quarantined(rows, loaded.policies(), _today())
    if as_json:
        print(json.dumps({"quarantine": found}))
        return exits.OK
    for each in found:
        opens = f", opens {each['opens']}" if each["state"] == "waiting" else ""
        print(
            f"{each['tenant']}: {each['operator'] or '?'} in {each['country'] or '?'}: {each['state']}{opens}"
            f"; refused {each['refused']} times, last {each['last']}"
        )
    print(f"{len(found)} in quarantine")
    return exits.OK


def _differences(loaded: "Loaded", rows: "Sequence[Row]", args: argparse.Namespace) -> int:
    from gateway.residency.processing import differences

    found = {
        name: differences(
            [row for row in rows if row.tenant == name], policy, loaded.config.upstreams, _today()
        )
        for name, policy in loaded.policies().items()
        if args.tenant in (None, name)
    }
    if args.json:
        print(json.dumps({"differences": found}))
    else:
        for name, lines in found.items():
            for line in lines:
                print(f"{name}: {line}")
    return exits.FAILED if any(found.values()) else exits.OK


def _decide(loaded: "Loaded", args: argparse.Namespace) -> int:
    from gateway.recipients import Decision
    from gateway.service.deciding import decide

    if not (args.tenant and args.operator and args.by):
        sys.stderr.write("hushgate: a decision needs --tenant, --operator and --by\n")
        return exits.USAGE
    policy = loaded.policies().get(args.tenant)
    listed = policy.subprocessors if policy is not None else None
    if not any(line.operator.casefold() == args.operator.casefold() for line in listed or ()):
        sys.stderr.write("hushgate: that tenant's rule file has no such sub-processor\n")
        return exits.FAILED
    decision = Decision(
        tenant=args.tenant,
        operator=args.operator,
        word=args.action,
        by=args.by,
        date=_today().isoformat(),
        reason=args.reason,
    )
    decide(loaded.config, decision, clock.now())
    print(f"{args.action}: {args.operator} for {args.tenant}; in force within a second")
    return exits.OK
