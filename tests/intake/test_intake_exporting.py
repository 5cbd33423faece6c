"""What is given back: the ledger as it is, and the consents that are in force, by funnel."""

import csv
import gzip
import io
from pathlib import Path

import pytest

from gateway.contacts.model import Act, Entry
from gateway.intake.checkpoint import Checkpoint
from gateway.intake.columns import RowReader, exported
from gateway.intake.exporting import CONSENTS, LEDGER, TABLES, target
from gateway.intake.importing import Import, Rejects
from gateway.intake.table import Layout, opened
from tests.contract.memory import Memory
from tests.intake.intakes import NOW, T, written


def entry(number: int, subject: str, act: Act, at: float, **more: object) -> Entry:
    return Entry(id=f"e{number}", subject=subject, act=act, at=at, **more)  # type: ignore[arg-type]


ENTRIES = [
    entry(
        1, "a", "granted", 1.0, channel="sms", purpose="marketing", until=100.0, text="v1", evidence="ab" * 32
    ),
    entry(2, "a", "withdrawn", 2.0, channel="sms", purpose="marketing", source="=cmd()"),
    entry(
        3, "a", "granted", 1.0, channel="email", purpose="marketing", until=100.0, department="sales, North"
    ),
    entry(4, "b", "pending", 5.0, channel="email", purpose="marketing", until=50.0),
    entry(5, "b", "granted", 5.0, channel="sms", purpose="marketing"),
    entry(6, "b", "withdrawn", 5.0, channel="sms", purpose="marketing"),
    entry(7, "c", "suppressed", 1.0),
    entry(8, "c", "confirmed", 1.0, purpose="essential"),
]


@pytest.fixture
def books() -> Memory:
    books = Memory()
    books.enter(T, ENTRIES)
    books.enter("other", [entry(9, "z", "granted", 1.0)])
    books.link(T, [("r", "a")])
    return books


def table(books: Memory, name: str, now: float = 10.0, purpose: str | None = None) -> list[list[str]]:
    out = io.StringIO()
    TABLES[name](books, T, out, lambda _: None, now, purpose)
    return list(csv.reader(io.StringIO(out.getvalue())))


def test_the_ledger_comes_back_as_it_went(books: Memory, tmp_path: Path) -> None:
    out = io.StringIO()
    assert TABLES["ledger"](books, T, out, lambda _: None, NOW, None) == 9
    path = written(tmp_path, out.getvalue(), "ledger.jsonl.gz")
    other = Memory()
    reader = RowReader(exported, ENTRIES[0])
    with opened(path, Layout()) as source:
        taking = Import(other, T, reader, Checkpoint(tmp_path, T, "l"), "f", Rejects(None, goes_on=False))
        counts = taking.run(source, source.rows(), lambda _done, _total: None)
    assert (counts.new, counts.links, counts.rejected) == (8, 1, 0)
    assert list(other.entries(T)) == ENTRIES
    assert list(other.links(T)) == [("r", "a")]


def test_the_ledger_is_a_table_too(books: Memory) -> None:
    header, *lines = table(books, "ledger-csv")
    assert header == list(LEDGER)
    assert lines[2] == [
        "e3",
        "a",
        "granted",
        "1.0",
        "email",
        "marketing",
        "",
        "",
        "sales, North",
        "",
        "",
        "",
        "100.0",
    ]
    assert lines[1][LEDGER.index("source")] == "'=cmd()"


def test_consents_are_those_in_force(books: Memory) -> None:
    header, *lines = table(books, "consents")
    assert header == list(CONSENTS)
    assert [line[:4] for line in lines] == [
        ["a", "marketing", "email", "granted"],
        ["a", "marketing", "sms", "withdrawn"],
        ["b", "marketing", "email", "pending"],
        ["b", "marketing", "sms", "withdrawn"],
        ["c", "essential", "any", "confirmed"],
    ]


def test_a_window_that_closed_counts_for_nothing(books: Memory) -> None:
    states = {tuple(line[:3]): line[3] for line in table(books, "consents", now=200.0)[1:]}
    assert states["a", "marketing", "email"] == "expired"
    assert states["b", "marketing", "email"] == "unconfirmed"


def test_funnels_are_counted(books: Memory) -> None:
    assert table(books, "funnels", purpose="marketing")[1:] == [
        ["marketing", "email", "granted", "1"],
        ["marketing", "email", "pending", "1"],
        ["marketing", "sms", "withdrawn", "2"],
    ]


def test_a_file_is_its_owners_alone_and_gzip_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.gz"
    with target(path) as out:
        out.write("é\n")
    assert gzip.decompress(path.read_bytes()).decode() == "é\n"
    assert path.stat().st_mode & 0o77 == 0
