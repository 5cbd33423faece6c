"""What every action of `hushgate contacts` begins with: the tenant's rule file, its people, its books."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, get_args

from gateway import keys
from gateway.config import load_config, read_bytes
from gateway.contacts.books import open_books
from gateway.contacts.formerly import Names
from gateway.contacts.model import Books
from gateway.contacts.records import spaces_of
from gateway.deployment import Config
from gateway.errors import PayloadError
from gateway.intake.moments import moment
from gateway.intake.people import People
from gateway.keys import Pseudonymise
from gateway.model import Channel, Policy, SubjectKind
from gateway.policy.rulefile import read_rules
from gateway.policy.taxonomy import USES

SOURCE: Final = "cli"
RECORD: Final = "record id with its provider and type: hubspot/contact/512"


class UsageError(Exception):
    """The command line asks for what cannot be meant; the text is for stderr, and quotes nobody."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a tenant's registry is worked on."""

    config: Config
    tenant: str
    policy: Policy
    country: str | None
    pseudonymise: Pseudonymise
    people: People

    def spaces(self) -> tuple[str, ...]:
        """What goes before record ids, by the deployment's packs."""
        return _spaces(self.config.plugins)

    @contextmanager
    def books(self) -> Iterator[Books]:
        """The books, open. Raises StoreError."""
        books = open_books(self.config.store)
        try:
            yield books
        finally:
            books.close()

    def subject(self, kind: SubjectKind | None, value: str) -> str:
        """The pseudonym of an identifier. Raises UsageError."""
        return self.names(kind, value)[0]

    def names(self, kind: SubjectKind | None, value: str) -> Names:
        """The pseudonym, and those of before where what is entered there still forbids. Raises UsageError."""
        found = self.people.known(kind, value, bare=self.config.bare)
        if not found:
            raise UsageError(f"the value {self.people.unread(kind, value).reason}; see --kind and --country")
        return found


def desk(args: argparse.Namespace) -> Desk:
    """The desk the common arguments name. Raises ConfigError, UsageError."""
    config = load_config(Path(args.config), os.environ)
    file = Path(config.rules) / f"{args.tenant}.yaml"
    if file not in Path(config.rules).glob("*.yaml"):
        raise UsageError("no rule file is named after this tenant")
    maskers = [each.name for each in config.extensions if each.kind == "masker"]
    policy = read_rules(read_bytes(file), str(file), maskers=maskers)
    country = getattr(args, "country", None) or policy.country
    pseudonymise = keys.load(config.keyring.encode()).pseudonymiser(args.tenant)
    people = People(pseudonymise, country, partial(_spaces, config.plugins))
    return Desk(config, args.tenant, policy, country, pseudonymise, people)


@cache
def _spaces(folders: tuple[str, ...]) -> tuple[str, ...]:
    from gateway.policy.packs import load_packs  # half a second that only record ids need

    return spaces_of(load_packs(Path(folder) for folder in folders).packs)


def common(parser: argparse.ArgumentParser) -> None:
    """The arguments of every action."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the deployment file")
    parser.add_argument("--tenant", required=True, help="whose registry")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def country(parser: argparse.ArgumentParser) -> None:
    """Whose national numbers are understood."""
    parser.add_argument("--country", help="ISO 3166 country of a national number (default: the rule file's)")


def person(parser: argparse.ArgumentParser) -> None:
    """The arguments that name somebody."""
    parser.add_argument(
        "value",
        metavar="VALUE",
        help=f"a phone number, e-mail address, or {RECORD}",
    )
    common(parser)
    parser.add_argument("--kind", choices=get_args(SubjectKind), help="default: e-mail with an @, else phone")
    country(parser)


def scope(parser: argparse.ArgumentParser, *names: str) -> None:
    """The members of an entry that narrow it or prove it, those of these names."""
    for name in names:
        options = dict(_SCOPES[name])
        if name == "channel":
            options["choices"] = get_args(Channel)
        parser.add_argument(f"--{name}", **options)  # type: ignore[arg-type]  # a table of add_argument's own


def use(text: str) -> str:
    """An argument that is a data use."""
    if text not in USES:
        raise argparse.ArgumentTypeError("not a data use such as marketing.communications.sms")
    return text


def when(text: str) -> float:
    """An argument that is a moment."""
    at = moment(text)
    if at is None:
        raise argparse.ArgumentTypeError("not a date or time such as 2026-11-01 or 2026-11-01T09:30:00Z")
    return at


_SCOPES: Final[dict[str, dict[str, object]]] = {
    "channel": {"help": "only this channel (default: every one)"},
    "purpose": {"type": use, "help": "only this purpose and what is under it (default: any)"},
    "sender": {"help": "only this sender: a number, an address, a list (default: any)"},
    "until": {"type": when, "metavar": "TIME", "help": "when it ends (default: never)"},
    "text": {"default": "", "metavar": "VERSION", "help": "version of the wording that was agreed to"},
    "evidence": {"default": "", "metavar": "SHA256", "help": "SHA-256 (hex) of the proof, kept elsewhere"},
    "at": {"type": when, "metavar": "TIME", "help": "when it was said (default: now)"},
    "source": {"default": SOURCE, "help": f"where the entry comes from (default: {SOURCE})"},
    "department": {"default": "", "help": "the department that sent or took it"},
    "id": {
        "default": "",
        "help": "id of the entry; one that is known is not added again (default: a new one)",
    },
}


def existing(text: str) -> Path:
    """An argument that is a file. Raises PayloadError when it is none."""
    path = Path(text)
    if not path.is_file():
        raise PayloadError("unparseable_body", "the file is not there")
    return path
