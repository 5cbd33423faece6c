"""`hushgate oneclick`: mints a link of one click (RFC 8058) for one person.

The link holds the person's keyed pseudonym; the identifier itself goes nowhere.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final, get_args

from gateway import clock, keys
from gateway.cli import exits
from gateway.cli.contactsopen import RECORD
from gateway.cli.verbs import VERBS, Subparsers
from gateway.config import load_config, read_bytes
from gateway.contacts.records import spaces_of, written
from gateway.model import Channel, SubjectKind
from gateway.policy.packs import load_packs
from gateway.policy.rulefile import read_rules
from gateway.policy.taxonomy import USES
from gateway.webhooks.links import DAY, LASTS, USE, Link, headed, mint

DESCRIPTION: Final = """\
Prints the link, and the two header fields (RFC 2369, RFC 8058) of a message that it goes into. A POST to it
unsubscribes the person; looking at it changes nothing. It leads to `unsubscribe` of the deployment file."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "oneclick",
        help=VERBS["oneclick"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=run)
    parser.add_argument("value", metavar="VALUE", help=f"an e-mail address, phone number, or {RECORD}")
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the deployment file")
    parser.add_argument("--tenant", required=True, help="whose link")
    parser.add_argument("--kind", choices=get_args(SubjectKind), help="default: e-mail with an @, else phone")
    parser.add_argument("--country", help="ISO 3166 country of a national number (default: the rule file's)")
    parser.add_argument("--channel", choices=get_args(Channel), default="email", help="what it is sent by")
    parser.add_argument(
        "--purpose", type=_use, help="what is stopped (default: as `opt_out` of the rule file says)"
    )
    parser.add_argument("--sender", help="only messages of this sender or list (default: any)")
    parser.add_argument(
        "--days", type=int, default=int(LASTS // DAY), help="how long it is good (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


_UNREAD = "the value cannot be read; see --kind and --country; a record id is written hubspot/contact/512"


def run(args: argparse.Namespace) -> int:
    """Mint it. Raises ConfigError."""
    config = load_config(Path(args.config), os.environ)
    if config.unsubscribe is None:
        return _misused("the deployment file has no 'unsubscribe': nobody would answer the link")
    rules = Path(config.rules) / f"{args.tenant}.yaml"
    if rules not in Path(config.rules).glob("*.yaml"):
        return _misused("no rule file is named after this tenant")
    country = read_rules(read_bytes(rules), str(rules)).country
    kind: SubjectKind = args.kind or ("email" if "@" in args.value else "phone")
    spaces = spaces_of(load_packs(map(Path, config.plugins)).packs) if kind == "record" else ()
    value = written(kind, args.value, args.country or country, spaces)
    if value is None or args.days < 1:
        return _misused(_UNREAD if value is None else "no days")
    ring = keys.load(config.keyring.encode())
    link = Link(
        tenant=args.tenant,
        subject=ring.pseudonymiser(args.tenant)(kind, value),
        until=int(clock.now()) + args.days * DAY,
        channel=args.channel,
        purpose=args.purpose,
        sender=args.sender,
    )
    token = mint(ring.derive(args.tenant, USE), link)
    url, fields = headed(config.unsubscribe.public_url, token)
    text = [url, *(f"{name}: {field}" for name, field in fields.items())]
    print(json.dumps({"url": url, "headers": fields}) if args.json else "\n".join(text))
    return exits.OK


def _use(text: str) -> str:
    if text not in USES:
        raise argparse.ArgumentTypeError("not a data use such as marketing.communications.email")
    return text


def _misused(why: str) -> int:
    sys.stderr.write(f"hushgate: {why}\n")
    return exits.USAGE
