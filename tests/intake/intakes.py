"""A tenant's people and tables in files, for the tests of what is taken in."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.contacts.model import Books
from gateway.intake.checkpoint import Checkpoint, Progressed
from gateway.intake.columns import Told, columns_of, reader
from gateway.intake.importing import Counts, Import, Rejects
from gateway.intake.people import People
from gateway.intake.table import Layout, Row, digest, opened
from gateway.keys import Keyring

T = "acme"
NOW = 1_793_500_000.0  # 2026-11-01
NAMED = Keyring(bytes(range(32))).pseudonymiser(T)
PEOPLE = People(NAMED, "FR", lambda: ("crm/contact/", "crm/deal/", "desk/"))
LIST = Told("bloctel", NOW - 86_400)
PHONE = "+33612345678"
PLAIN = Layout()


def written(folder: Path, text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rows(path: Path, layout: Layout = PLAIN) -> list[Row]:
    with opened(path, layout) as source:
        return list(source.rows())


def take(
    books: Books | None,
    path: Path,
    told: Told = LIST,
    mapped: Mapping[str, str] = {},
    layout: Layout = PLAIN,
    rejects: Path | None = None,
) -> Counts:
    """As the command line does it, resuming where an earlier run stopped."""
    checkpoint = Checkpoint(path.parent / "imports", T, told.batch)
    with opened(path, layout) as source:
        found: Iterator[Row] = source.rows()
        if source.form == "lines":
            columns, width = {"identifier": 0}, 1
        else:
            first = next(found)[1]
            assert isinstance(first, list)
            columns, width = columns_of(first, mapped), len(first)
        begun = checkpoint.read(digest(path))
        rejected = Rejects(rejects, goes_on=begun.line > 0 and begun.rejected > 0)
        read = reader(columns, width, told, PEOPLE, NOW)
        taking = Import(books, T, read, checkpoint, digest(path), rejected)
        if begun.line:
            taking.resume(begun, source)
        return taking.run(source, found, lambda _done, _total: None)


def begun(path: Path, told: Told = LIST) -> Progressed:
    return Checkpoint(path.parent / "imports", T, told.batch).read(digest(path))
