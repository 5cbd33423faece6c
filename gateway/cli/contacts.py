"""`hushgate contacts`: suppressions and consents of one person in the contact registry.

Prints and stores the person's keyed pseudonym; the identifier itself goes nowhere.
"""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from gateway import clock, keys
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers
from gateway.config import load_config, read_bytes
from gateway.contacts.model import Act, ConsentState, Entry, Standing
from gateway.contacts.normalise import normalise
from gateway.contacts.sqlite import SqliteBooks
from gateway.deployment import Config
from gateway.model import Channel, SubjectKind
from gateway.policy.rulefile import read_rules
from gateway.policy.taxonomy import USES

DESCRIPTION: Final = """\
contacts suppress    do not contact this person (on a channel, for a purpose, or at all)
contacts unsuppress  lift exactly that suppression; narrower and wider ones stay
contacts consent     record what the person agreed to, or took back
contacts show        what is in force

It takes effect on the next request, without a restart. Entries are only added: the latest is in force."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser and its actions."""
    parser = subparsers.add_parser(
        "contacts",
        help=VERBS["contacts"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=run)
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    for name, help_ in (
        ("suppress", "do not contact a person"),
        ("unsuppress", "lift a suppression"),
        ("consent", "record a consent or its end"),
        ("show", "what is in force for a person"),
    ):
        action = actions.add_parser(name, help=help_, description=help_.capitalize() + ".")
        _subject(action)
        if name != "show":
            _scope(action)
        if name == "consent":
            states = get_args(ConsentState)
            action.add_argument("--state", required=True, choices=states, help=f"one of {', '.join(states)}")


def run(args: argparse.Namespace) -> int:
    """Do it, and print what is in force then. Raises ConfigError, StoreError."""
    config = load_config(Path(args.config), os.environ)
    rules = Path(config.rules) / f"{args.tenant}.yaml"
    if rules not in Path(config.rules).glob("*.yaml"):
        return _misused("no rule file is named after this tenant")
    country = read_rules(read_bytes(rules), str(rules)).country
    kind: SubjectKind = args.kind or ("email" if "@" in args.value else "phone")
    value = normalise(kind, args.value, args.country or country)
    if value is None:
        return _misused(f"the value cannot be read as one {_NOUNS[kind]}; see --kind and --country")
    pseudonym = keys.load(config.keyring.encode()).pseudonymiser(args.tenant)(kind, value)
    standing = _carried_out(config, args, pseudonym)
    print(_as_json(args.tenant, pseudonym, standing) if args.json else _as_text(pseudonym, standing))
    return exits.OK


def _carried_out(config: Config, args: argparse.Namespace, pseudonym: str) -> Standing:
    books = SqliteBooks(Path(config.database))
    try:
        if args.action != "show":
            books.enter(args.tenant, [_entry(args, pseudonym)])
        (standing,) = books.standings(args.tenant, [pseudonym])
        return standing
    finally:
        books.close()


def _entry(args: argparse.Namespace, pseudonym: str) -> Entry:
    return Entry(
        id=f"cli:{uuid.uuid4().hex}",
        subject=pseudonym,
        act=args.state if args.action == "consent" else _ACTS[args.action],
        at=clock.now(),
        channel=args.channel,
        purpose=args.purpose,
        source=args.source,
    )


_ACTS: Final[Mapping[str, Act]] = {"suppress": "suppressed", "unsuppress": "lifted"}
_NOUNS: Final[Mapping[SubjectKind, str]] = {
    "phone": "phone number",
    "email": "e-mail address",
    "record": "record id",
}


def _subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="VALUE", help="a phone number, e-mail address or provider record id")
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the deployment file")
    parser.add_argument("--tenant", required=True, help="whose registry")
    parser.add_argument("--kind", choices=get_args(SubjectKind), help="default: e-mail with an @, else phone")
    parser.add_argument("--country", help="ISO 3166 country of a national number (default: the rule file's)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", choices=get_args(Channel), help="only this channel (default: every one)")
    parser.add_argument("--purpose", type=_use, help="only this purpose and what is under it (default: any)")
    parser.add_argument("--source", default="cli", help="where the entry comes from (default: cli)")


def _use(text: str) -> str:
    if text not in USES:
        raise argparse.ArgumentTypeError("not a data use such as marketing.communications.sms")
    return text


def _misused(why: str) -> int:
    sys.stderr.write(f"hushgate: {why}\n")
    return exits.USAGE


def _as_json(tenant: str, pseudonym: str, standing: Standing) -> str:
    members = {
        "tenant": tenant,
        "subject": pseudonym,
        "suppressions": [
            {"channel": entry.channel, "purpose": entry.purpose, "source": entry.source}
            for entry in standing.suppressions
        ],
        "consents": [
            {"channel": entry.channel, "purpose": entry.purpose, "state": entry.state}
            for entry in standing.consents
        ],
    }
    return json.dumps(members)


def _as_text(pseudonym: str, standing: Standing) -> str:
    suppressed = [
        f"  suppressed    {_covered(entry.channel, entry.purpose)} (source: {entry.source})"
        for entry in standing.suppressions
    ]
    consents = [
        f"  {entry.state:<13} {_covered(entry.channel, entry.purpose)}" for entry in standing.consents
    ]
    return "\n".join([f"subject {pseudonym}", *(suppressed + consents or ["  nothing is known"])])


def _covered(channel: str | None, purpose: str | None) -> str:
    return f"{channel or 'every channel'}, {purpose or 'every purpose'}"
