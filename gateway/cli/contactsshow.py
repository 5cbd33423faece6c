"""`hushgate contacts show`, `history` and `link`: what is known of one person, and of which identifiers."""

import argparse
import json
from math import isinf

import msgspec

from gateway.cli import exits
from gateway.cli.contactsopen import RECORD, Desk, desk, person
from gateway.contacts.formerly import Names, merged
from gateway.contacts.model import Books, Entry, Standing
from gateway.intake.moments import day, spelt
from gateway.intake.standing import as_members


def show_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `show`."""
    person(parser)


def history_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `history`."""
    person(parser)
    parser.add_argument("--linked", action="store_true", help="entries of linked identifiers, too")


def link_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `link`."""
    parser.add_argument("record", metavar="RECORD", help=f"a {RECORD}")
    person(parser)


def show(args: argparse.Namespace) -> int:
    """Print what is in force. Raises ConfigError, StoreError, UsageError."""
    at = desk(args)
    with at.books() as books:
        put(args, at, at.names(args.kind, args.value), books)
    return exits.OK


def history(args: argparse.Namespace) -> int:
    """Print a person's entries in the order they were added. Raises ConfigError, StoreError, UsageError."""
    at = desk(args)
    with at.books() as books:
        subject, *former = at.names(args.kind, args.value)
        others = books.linked(at.tenant, subject) if args.linked else []
        several = dict.fromkeys((subject, *former, *others))
        entries = [entry for each in several for entry in books.history(at.tenant, each)]
    if args.json:
        print(json.dumps({"tenant": at.tenant, "subject": subject, "entries": msgspec.to_builtins(entries)}))
    else:
        named = any(entry.subject != subject for entry in entries)
        lines = [line(entry, named=named) for entry in entries]
        print("\n".join([f"subject {subject}", *(lines or ["  nothing was entered"])]))
    return exits.OK


def link(args: argparse.Namespace) -> int:
    """Note that a record and an identifier are one person's. Raises ConfigError, StoreError, UsageError."""
    at = desk(args)
    with at.books() as books:
        record, names = at.subject("record", args.record), at.names(args.kind, args.value)
        books.link(at.tenant, [(record, names[0])])
        put(args, at, names, books)
    return exits.OK


def put(args: argparse.Namespace, at: Desk, names: Names, books: Books) -> None:
    """Print the standing of somebody with these names."""
    subject = names[0]
    [standing] = merged([names], books.standings(at.tenant, names))
    linked = len(books.linked(at.tenant, subject))
    if args.json:
        members = {"tenant": at.tenant, "subject": subject, "linked": linked, **as_members(standing)}
        print(json.dumps(members))
    else:
        print("\n".join([f"subject {subject}", *(as_lines(standing, linked) or ["  nothing is known"])]))


def as_lines(standing: Standing, linked: int = 0) -> list[str]:
    """A standing in words, one thing a line."""
    said: list[tuple[str, str]] = []
    if standing.erased:
        said.append(("erased", "hidden from answers, not contacted"))
    if standing.restricted is not None:
        uses = ", ".join(use for use in standing.restricted if use)
        said.append(("restricted", f"only for {uses}" if uses else "for no use"))
    said += [
        ("suppressed", f"{_covered(s.channel, s.purpose, s.sender)} (source: {s.source})")
        for s in standing.suppressions
    ]
    said += [("objected", _covered(o.channel, o.purpose)) for o in standing.objections]
    said += [
        (c.state, f"{_covered(c.channel, c.purpose)}{_ends(c.until)}{', proven' if c.proven else ''}")
        for c in standing.consents
    ]
    if standing.customer is not None:
        said.append(
            ("customer", "without end" if isinf(standing.customer) else f"until {day(standing.customer)}")
        )
    if standing.zone:
        said.append(("lives in", standing.zone))
    if standing.crowded:
        said.append(("crowded", "linked with more than can be looked at: not contacted"))
    if linked:
        said.append(("linked", f"{linked} other identifier{'s' if linked > 1 else ''}"))
    return [f"  {what:<13} {text}" for what, text in said]


def line(entry: Entry, *, named: bool = False) -> str:
    """An entry in one line; with its subject where several are listed."""
    about = _covered(entry.channel, entry.purpose, entry.sender)
    more = [
        entry.detail,
        entry.source and f"source: {entry.source}",
        entry.department and f"department: {entry.department}",
        entry.text and f"text: {entry.text}",
        entry.evidence and f"evidence: {entry.evidence[:12]}...",
        named and entry.subject,
    ]
    rest = "; ".join(part for part in more if part)
    return f"  {spelt(entry.at):<21} {entry.act:<16} {about}{_ends(entry.until)}{rest and f' ({rest})'}"


def _covered(channel: str | None, purpose: str | None, sender: str | None = None) -> str:
    said = f"{channel or 'every channel'}, {purpose or 'every purpose'}"
    return f"{said}, one sender" if sender else said


def _ends(until: float | None) -> str:
    return "" if until is None else f" until {spelt(until)}"
