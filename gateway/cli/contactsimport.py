"""`hushgate contacts import`: suppression lists, consent tables and exported ledgers."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Final, get_args

from gateway import clock
from gateway.cli import exits
from gateway.cli.contactsopen import Desk, UsageError, common, country, desk, existing, scope, use, when
from gateway.cli.progress import Progress
from gateway.contacts.model import Books, Entry
from gateway.contacts.relied import subject
from gateway.errors import PayloadError
from gateway.intake.acts import TAKES
from gateway.intake.ages import aged
from gateway.intake.checkpoint import Checkpoint, Progressed
from gateway.intake.columns import FIELDS, MEMBERS, RowReader, Told, columns_of, exported, reader
from gateway.intake.importing import Counts, Import, Rejects
from gateway.intake.table import DELIMITERS, ENCODINGS, FORMS, Layout, Row, Source, digest, opened
from gateway.model import SubjectKind

SHOWN: Final = 10
"""reasons of rejection printed; all of them are in the reject file"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    parser.add_argument(
        "file", metavar="FILE", help="CSV, TSV, JSON lines, or one identifier a line; gzip or not"
    )
    common(parser)
    parser.add_argument(
        "--list", metavar="NAME", help="name of the list; stands in every entry as its source"
    )
    parser.add_argument("--dated", type=when, metavar="DATE", help="when the list itself was made")
    acts = tuple(TAKES)
    parser.add_argument(
        "--as", dest="act", choices=acts, default="suppressed", help="what it says of everybody in it"
    )
    scope(parser, "channel", "sender", "until", "text", "evidence", "department")
    parser.add_argument("--purpose", type=use, help="only this purpose and what is under it (default: any)")
    layout(parser)
    parser.add_argument(
        "--word",
        action="append",
        default=[],
        metavar="WORD=ACT",
        help="what a word in the column `act` means",
    )
    parser.add_argument("--dry-run", action="store_true", help="count and check; enter nothing")
    parser.add_argument(
        "--restart", action="store_true", help="begin anew although an earlier run got part of the way"
    )
    parser.add_argument(
        "--rejects", metavar="FILE", help="line and reason of what was rejected (FILE.rejects.csv)"
    )


def layout(parser: argparse.ArgumentParser) -> None:
    """How a file is to be read; preview shares it."""
    parser.add_argument(
        "--kind", choices=get_args(SubjectKind), help="kind of identifiers whose column says none"
    )
    parser.add_argument(
        "--records",
        metavar="PROVIDER/TYPE",
        help="whose record ids the file has, where they are written alone: hubspot/contact",
    )
    country(parser)
    fields = ", ".join(FIELDS)
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help=f"column of a field, by name or number: {fields}",
    )
    parser.add_argument(
        "--format", choices=FORMS, help="how the file is laid out (default: by its name, else lines)"
    )
    parser.add_argument(
        "--encoding", choices=tuple(ENCODINGS), help="default: by its byte order mark, else UTF-8"
    )
    parser.add_argument(
        "--delimiter", choices=tuple(DELIMITERS), help="what stands between cells (default: found out)"
    )
    parser.add_argument("--no-header", action="store_true", help="the first row is data; --map by number")


def run(args: argparse.Namespace) -> int:
    """Take it in. Raises ConfigError, StoreError, PayloadError, OSError, UsageError."""
    at, path = desk(args), existing(args.file)
    told = _told(args, path)
    if told is not None and not _young_enough(at, told, args):
        return exits.FAILED
    with at.books() if not args.dry_run else nullcontext() as books, opened(path, layout_of(args)) as source:
        counts = _taken(args, at, told, path, source, books)
        if books is not None and told is not None:
            books.enter(at.tenant, [_noted(told, counts)])
    print(_as_json(counts, args) if args.json else _as_text(counts, args))
    return exits.OK


def layout_of(args: argparse.Namespace) -> Layout:
    """The layout that was declared."""
    delimiter = DELIMITERS[args.delimiter] if args.delimiter else None
    return Layout(args.format, args.encoding, delimiter)


def _told(args: argparse.Namespace, path: Path) -> Told | None:
    """What the list says of everybody; None for an exported ledger, which says it itself."""
    if ".jsonl" in path.suffixes or args.format == "jsonl":
        return None
    if not args.list or args.dated is None:
        raise UsageError("a list needs its name (--list) and its own date (--dated)")
    if args.dated > clock.now():
        raise UsageError("--dated lies in the future")
    words = tuple(_pair(text, "--word") for text in args.word)
    if unknown := [act for _, act in words if act not in TAKES]:
        raise UsageError(f"--word: {unknown[0]!r} is no act; one of {', '.join(TAKES)}")
    names = ("channel", "purpose", "sender", "until", "department", "text", "evidence", "kind")
    return Told(args.list, args.dated, args.act, words=words, **{name: getattr(args, name) for name in names})


def _pair(text: str, option: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    if not (first and equals and second):
        raise UsageError(f"{option}: expected NAME=VALUE")
    return first, second


def within(args: argparse.Namespace, at: Desk) -> str:
    """What goes before the file's record ids. Raises UsageError."""
    if args.records is None:
        return ""
    space = args.records.rstrip("/") + "/"
    if not at.people.knows(space):
        known = ", ".join(each.rstrip("/") for each in at.spaces())
        raise UsageError(f"--records: no pack gives out such ids; one of {known}")
    return str(space)


def mapping(args: argparse.Namespace) -> dict[str, str]:
    """Field -> column, as mapped. Raises UsageError."""
    mapped = dict(_pair(part, "--map") for text in args.map for part in text.split(","))
    if unknown := mapped.keys() - set(FIELDS):
        raise UsageError(f"--map: {min(unknown)!r} is no field; one of {', '.join(FIELDS)}")
    return mapped


def _young_enough(at: Desk, told: Told, args: argparse.Namespace) -> bool:
    """Whether the list's age allows it; a warning and a refusal are both said."""
    limit = at.policy.lists.get(told.name)
    if at.policy.lists and limit is None:
        _say(f"{told.name!r} is not among the lists of the rule file: no limit of its age is known")
    age = aged(told.name, told.dated, limit, clock.now())
    if age.state == "fresh":
        return True
    _say(f"{'refused' if age.state == 'stale' else 'warning'}: {age.said}")
    return age.state != "stale" or args.dry_run


def header(source: Source, rows: Iterator[Row], args: argparse.Namespace) -> tuple[dict[str, int], int]:
    """The places of fields and the width of a table. Raises PayloadError, UsageError."""
    mapped = mapping(args)
    if source.form not in ("csv", "tsv"):
        return {args.kind or "identifier": 0}, 1
    if args.no_header:
        width = max((int(column) for column in mapped.values() if column.isdecimal()), default=1)
        return columns_of([""] * width, mapped or {args.kind or "identifier": "1"}), width
    first = next(rows, None)
    if first is None or not isinstance(first[1], list):
        raise PayloadError("unparseable_body", "the file has no header that can be read")
    return columns_of(first[1], mapped), len(first[1])


def _reader(
    at: Desk, told: Told | None, source: Source, rows: Iterator[Row], args: argparse.Namespace
) -> RowReader:
    if told is None:
        return RowReader(exported, Entry(id="-", subject="-", act="lifted", at=0.0))
    columns, width = header(source, rows, args)
    if "act" in columns and not args.word and set(MEMBERS) & columns.keys() == {"act"}:
        _say("the column `act` is read as words of the ledger; see --word")
    return reader(columns, width, told, at.people.inside(within(args, at)), clock.now())


def _taken(
    args: argparse.Namespace, at: Desk, told: Told | None, path: Path, source: Source, books: Books | None
) -> Counts:
    rows, file = source.rows(), digest(path)
    read = _reader(at, told, source, rows, args)
    kept = Checkpoint(_folder(at), at.tenant, told.batch if told else "ledger")
    begun = Progressed(file) if args.restart or books is None else kept.read(file)
    beside = path.with_name(path.name + ".rejects.csv")
    shown = Path(args.rejects) if args.rejects else None if books is None else beside
    rejected = Rejects(shown, goes_on=begun.rejected > 0)
    taking = Import(books, at.tenant, read, kept, file, rejected)
    if begun.line:
        _say(f"going on behind line {begun.line:,}")
        taking.resume(begun, source)
    with Progress("bytes read", source.size) as progress:
        return taking.run(source, rows, progress.update)


def _folder(at: Desk) -> Path:
    return Path(at.config.caches) / "imports"


def _noted(told: Told, counts: Counts) -> Entry:
    """That the list was taken in: what its age is told by."""
    detail = f"{counts.rows} rows, {counts.new} new, {counts.rejected} rejected"
    return Entry(
        id=f"{told.batch}:list",
        subject=subject(told.name),
        act="imported",
        at=told.dated,
        source=f"list:{told.name}",
        detail=detail,
    )


def _as_json(counts: Counts, args: argparse.Namespace) -> str:
    return json.dumps({"dry_run": args.dry_run, **{name: getattr(counts, name) for name in Counts.__slots__}})


def _as_text(counts: Counts, args: argparse.Namespace) -> str:
    links = f", {counts.links:,} links" if counts.links else ""
    ends = "nothing was entered (dry run)" if args.dry_run else f"{counts.new:,} new"
    lines = [f"{counts.rows:,} rows, {counts.entries:,} entries{links}, {counts.rejected:,} rejected; {ends}"]
    reasons = list(counts.reasons.items())
    lines += [f"  {number:>9,}  {reason}" for reason, number in reasons[:SHOWN]]
    if len(reasons) > SHOWN:
        lines.append(f"  and {len(reasons) - SHOWN} other reasons")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stderr.write(f"hushgate: {text}\n")
