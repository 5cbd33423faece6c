"""The books of a tenant given back: the whole ledger, or the consents in force by funnel.

A funnel is a purpose on a channel. Memory is bounded: what has to be sorted out waits in a file of its own.
"""

import csv
import gzip
import io
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TextIO, cast

import msgspec

from gateway.contacts.ledger import KINDS, RANK
from gateway.contacts.model import Books, Entry
from gateway.errors import StoreError
from gateway.intake.columns import Line
from gateway.intake.moments import spelt

LEDGER: Final = (
    *("id", "subject", "act", "at", "channel", "purpose", "sender", "source"),
    *("department", "text", "evidence", "detail", "until"),
)
CONSENTS: Final = (
    *("subject", "purpose", "channel", "state", "since", "until", "proven"),
    *("source", "department", "text", "evidence"),
)
FUNNELS: Final = ("purpose", "channel", "state", "subjects")

_encode: Final = msgspec.json.Encoder().encode
Step = Callable[[int], None]
"""So many more lines were written."""


@contextmanager
def target(path: Path | None) -> Iterator[TextIO]:
    """A file only its owner can read (gzip by its name), or stdout for None. Raises OSError."""
    if path is None:
        yield sys.stdout
        return
    raw = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    body = cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="wb")) if path.suffix == ".gz" else raw
    with raw, body, io.TextIOWrapper(body, "utf-8", newline="") as text:
        yield text


def ledger_lines(books: Books, tenant: str, out: TextIO, step: Step) -> int:
    """Everything as JSON lines that `import` reads back: links, then entries as they were added."""
    count = 0
    for link in books.links(tenant):
        out.write(_encode(Line(link=link)).decode() + "\n")
        count += 1
        step(1)
    for entry in books.entries(tenant):
        out.write(_encode({"entry": entry}).decode() + "\n")
        count += 1
        step(1)
    return count


def ledger_table(books: Books, tenant: str, out: TextIO, step: Step) -> int:
    """Every entry as a row of CSV."""
    write = csv.writer(out)
    write.writerow(LEDGER)
    count = 0
    for entry in books.entries(tenant):
        write.writerow([_cell(name, getattr(entry, name)) for name in LEDGER])
        count += 1
        step(1)
    return count


def consents(books: Books, tenant: str, out: TextIO, step: Step, now: float, purpose: str | None) -> int:
    """The consent of every subject in every funnel, as it is in force at `now`, as CSV."""
    write = csv.writer(out)
    write.writerow(CONSENTS)
    count = 0
    with _Force(books, tenant, step, purpose) as force:
        for entry in force.entries():
            write.writerow(_consent(entry, now))
            count += 1
    return count


def funnels(books: Books, tenant: str, out: TextIO, step: Step, now: float, purpose: str | None) -> int:
    """How many subjects stand where in every funnel, as CSV."""
    counts: dict[tuple[str, str, str], int] = {}
    with _Force(books, tenant, step, purpose) as force:
        for entry in force.entries():
            key = (entry.purpose or "any", entry.channel or "any", state(entry, now))
            counts[key] = counts.get(key, 0) + 1
    write = csv.writer(out)
    write.writerow(FUNNELS)
    write.writerows((*key, number) for key, number in sorted(counts.items()))
    return len(counts)


def state(entry: Entry, now: float) -> str:
    """What a consent is worth at `now`: a window that closed confirms nothing, an end is an end."""
    if entry.until is None or now < entry.until:
        return entry.act
    return {"pending": "unconfirmed"}.get(entry.act, "expired")


def _consent(entry: Entry, now: float) -> list[str]:
    proven = "yes" if entry.text and entry.evidence else "no"
    until = "" if entry.until is None else spelt(entry.until)
    scope = [entry.subject, entry.purpose or "any", entry.channel or "any"]
    by = [entry.source, entry.department, entry.text, entry.evidence]
    return [*scope, state(entry, now), spelt(entry.at), until, proven, *map(_safe, by)]


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    return repr(value) if name in ("at", "until") else _safe(str(value))


def _safe(text: str) -> str:
    # a spreadsheet would run a cell that begins like a formula (CWE-1236)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text[:1] else text


class _Force:
    """Per subject and funnel the consent entry in force, sorted out in a temporary database on disk."""

    _TABLE: Final = (
        "CREATE TABLE force (subject, purpose, channel, at, rank, entry,"
        " PRIMARY KEY (subject, purpose, channel)) WITHOUT ROWID"
    )
    _TAKE: Final = (
        "INSERT INTO force VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET at = excluded.at, rank = excluded.rank, entry = excluded.entry"
        " WHERE (excluded.at, excluded.rank) >= (at, rank)"
    )

    def __init__(self, books: Books, tenant: str, step: Step, purpose: str | None) -> None:
        self._books, self._tenant, self._step, self._purpose = books, tenant, step, purpose
        self._file = sqlite3.connect("", isolation_level=None)

    def __enter__(self) -> "_Force":
        try:
            self._file.execute(self._TABLE)
            self._file.execute("BEGIN")
            self._file.executemany(self._TAKE, self._rows())
        except sqlite3.Error as error:
            raise StoreError("registry_unavailable", f"no room to sort in: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _rows(self) -> Iterator[tuple[str, str, str, float, int, bytes]]:
        for entry in self._books.entries(self._tenant):
            self._step(1)
            if KINDS[entry.act] == "consent" and self._wanted(entry.purpose):
                key = entry.subject, entry.purpose or "", entry.channel or ""
                yield (*key, entry.at, RANK[entry.act], _encode(entry))

    def _wanted(self, purpose: str | None) -> bool:
        wanted = self._purpose
        return wanted is None or purpose is None or f"{purpose}.".startswith(f"{wanted}.")

    def entries(self) -> Iterator[Entry]:
        """Those in force, by subject and funnel."""
        rows = self._file.execute("SELECT entry FROM force ORDER BY subject, purpose, channel")
        return (msgspec.json.decode(row[0], type=Entry) for row in rows)


Write = Callable[[Books, str, TextIO, Step, float, "str | None"], int]
TABLES: Final[Mapping[str, Write]] = {
    "ledger": lambda books, tenant, out, step, _now, _purpose: ledger_lines(books, tenant, out, step),
    "ledger-csv": lambda books, tenant, out, step, _now, _purpose: ledger_table(books, tenant, out, step),
    "consents": consents,
    "funnels": funnels,
}
"""What can be exported, by the name the command line gives it; each answers how many lines it wrote."""
