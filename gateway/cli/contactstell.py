"""`hushgate contacts grant`, `suppress` and their like: one entry about one person."""

import argparse
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway import clock
from gateway.cli import exits
from gateway.cli.contactsopen import Desk, UsageError, desk, person, scope
from gateway.cli.contactsshow import put
from gateway.contacts.model import Act, Entry
from gateway.contacts.senders import spelt
from gateway.intake.acts import TAKES, fault

_ALWAYS: Final = ("at", "source", "department", "id")
_ORDER: Final = ("channel", "purpose", "sender", "until", "text", "evidence")


@dataclass(frozen=True, slots=True)
class Telling:
    """A verb: the act it enters, the one it enters with `--end`, and what it means."""

    act: Act
    help: str
    end: Act | None = None
    ending: str = ""


TELLINGS: Final[Mapping[str, Telling]] = {
    "ask": Telling("pending", "consent was asked for, to be confirmed before --until (double opt-in)"),
    "grant": Telling("granted", "record a consent"),
    "confirm": Telling("confirmed", "record a consent the person confirmed (double opt-in)"),
    "withdraw": Telling("withdrawn", "record that a consent was taken back"),
    "suppress": Telling("suppressed", "do not contact a person"),
    "lift": Telling("lifted", "end exactly that suppression; narrower and wider ones stay"),
    "object": Telling(
        "objected",
        "record an objection, which beats any consent",
        "objection_lifted",
        "the objection was taken back",
    ),
    "restrict": Telling(
        "restricted",
        "restrict processing; --purpose is the one use still allowed",
        "unrestricted",
        "the restriction ended, all of it",
    ),
    "erase": Telling("erased", "hidden from answers and never contacted; suppressions stay in force"),
    "customer": Telling(
        "customer", "record an existing relationship", "customer_ended", "the relationship ended"
    ),
    "zone": Telling("zone", "record the time zone a person lives in"),
}


def arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    """The arguments of one of the verbs."""
    telling = TELLINGS[verb]
    person(parser)
    if telling.act == "zone":
        parser.add_argument("detail", metavar="ZONE", help="IANA time zone such as Europe/Paris")
    scope(parser, *(name for name in _ORDER if name in TAKES[telling.act]), *_ALWAYS)
    if telling.end:
        parser.add_argument("--end", action="store_true", help=telling.ending)


def run(args: argparse.Namespace) -> int:
    """Enter it, and print what is in force then. Raises ConfigError, StoreError, UsageError."""
    now = clock.now()
    at = desk(args)
    entry = made(args, at, now)
    if wrong := fault(entry, now):
        raise UsageError(wrong)
    with at.books() as books:
        books.enter(at.tenant, [entry])
        put(args, at, at.names(args.kind, args.value), books)
    return exits.OK


def made(args: argparse.Namespace, at: Desk, now: float) -> Entry:
    """The entry the arguments describe."""
    telling = TELLINGS[args.action]
    act = telling.end if telling.end and args.end else telling.act
    given = vars(args)
    extra = {name: given[name] for name in (*_ORDER, "detail") if given.get(name)}
    if extra.get("sender"):
        extra["sender"] = spelt(extra["sender"], at.country)
    return Entry(
        id=args.id or f"cli:{secrets.token_urlsafe(12)}",
        subject=at.subject(args.kind, args.value),
        act=act,
        at=now if args.at is None else args.at,
        source=args.source,
        department=args.department,
        **extra,
    )
