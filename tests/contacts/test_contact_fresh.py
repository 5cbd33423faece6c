"""Links in the log of a registry file: they count once they are noted, and are moved without a gap."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.compact import unpack
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry, fold, schema
from gateway.contacts.sqlite import books as booking
from gateway.contacts.sqlite import writer as writers
from gateway.contacts.sqlite.fold import folding, waiting
from gateway.contacts.sqlite.fresh import Side, decoded, encoded
from tests.contacts.conftest import T, lifted, moved, one, suppressed
from tests.contract.conftest import plain
from tests.contract.memory import Memory

PACKED = st.one_of(st.binary(min_size=16, max_size=16), st.text("abc-", min_size=1, max_size=5))


def _pseudonym(*names: object) -> str:
    return unpack(repr(names).encode().ljust(16, b"-")[:16])


def _people(count: int) -> list[tuple[str, str]]:
    """Records that share every seventh address."""
    pairs = []
    for n in range(count):
        record = _pseudonym("r", n)
        pairs += [(record, _pseudonym("m", n // 7)), (record, _pseudonym("p", n))]
    return pairs


def _log(books: SqliteBooks) -> list[tuple[int, int]]:
    rows = books._connection.execute(schema.SEEN, (0,)).fetchall()
    return [(seq, len(list(decoded(pairs))) if pairs else 0) for seq, _, pairs in rows]


@given(st.lists(st.tuples(PACKED, PACKED), max_size=20))
def test_a_row_holds_what_was_put_in(links: list[tuple[bytes | str, bytes | str]]) -> None:
    row = encoded([each for link in links for each in link])
    assert list(decoded(row)) == links
    side = Side()
    side.add(links)
    side.add(links[:3])
    assert side.links() == set(links)
    for record, identifier in links:
        assert record in side.records(identifier) and identifier in side.identifiers(record)
        assert side.knows(record) and identifier in set(side.around(identifier)) | {identifier}


@pytest.mark.parametrize("part", [4, 4096])
def test_standings_are_the_same_at_every_step_of_a_move(
    books: SqliteBooks, registry: SqliteRegistry, path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(fold, "PART", part)
    model, everybody = (
        Memory(),
        [*dict.fromkeys(one for pair in _people(40) for one in pair), "text", "other"],
    )
    first, second = _people(40)[:50], [*_people(40)[50:], ("text", "other")]
    entries = [suppressed(n, _pseudonym("p", n), source=str(n)) for n in range(0, 40, 3)]
    for store in (books, model):
        store.enter(T, entries)
        store.link(T, first)
        store.link("another", [("a", "b")])
    moved(books)
    for store in (books, model):
        store.link(T, second)

    def agree() -> None:
        told = [plain(s) for s in model.standings(T, everybody)]
        again = SqliteRegistry(path)
        again.close()
        for watching in (registry, books):
            assert [plain(s) for s in watching.standings(T, everybody)] == told
            assert [plain(watching.standings(T, [each])[0]) for each in everybody] == told
        for each in everybody[::5]:
            assert sorted(books.linked(T, each)) == sorted(model.linked(T, each))
        assert sorted(books.links(T)) == sorted(model.links(T))

    agree()
    for _ in folding(books._connection):
        registry._held.clear()
        agree()
    assert [links for _, links in _log(books)] == [0]
    assert registry._fresh.of(1) is None


def test_what_is_noted_during_a_move_stays_noted(books: SqliteBooks, path: Path) -> None:
    other = SqliteBooks(path)
    books.link(T, _people(10))
    steps = folding(books._connection)
    next(steps)
    other.link(T, [("late", "mail")])
    for _ in steps:
        pass
    assert [links for _, links in _log(books)] == [1]
    assert set(other.links(T)) == {*_people(10), ("late", "mail")}
    other.close()


def test_two_who_move_the_same_do_no_harm(books: SqliteBooks, path: Path) -> None:
    other = SqliteBooks(path)
    books.link(T, _people(10))
    one_steps, other_steps = folding(books._connection), folding(other._connection)
    next(one_steps), next(other_steps)
    for _ in one_steps:
        pass
    books.link(T, [("late", "mail")])
    for _ in other_steps:
        pass
    assert set(books.links(T)) == {*_people(10), ("late", "mail")}
    other.close()


def test_whoever_moves_waits_for_others(books: SqliteBooks, path: Path) -> None:
    books.link(T, _people(10))
    books._connection.execute("PRAGMA busy_timeout = 0")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    steps = folding(books._connection)
    assert list(islice(steps, 4)) == [True, False, False, False]
    holder.close()
    assert all(steps)
    assert waiting(books._connection) == 0


def test_a_move_that_breaks_off_begins_anew(books: SqliteBooks, registry: SqliteRegistry) -> None:
    books.link(T, _people(10))
    books.enter(T, [suppressed(1, _pseudonym("p", 3))])
    steps = folding(books._connection)
    assert list(islice(steps, 2)) == [True, True]
    del steps
    assert one(registry, _pseudonym("m", 0)).suppressions
    assert sorted(books.links(T)) == sorted(_people(10))
    moved(books)
    assert one(registry, _pseudonym("m", 0)).suppressions
    assert sorted(books.links(T)) == sorted(_people(10))


def test_a_reader_that_slept_through_a_move_remembers_nobody(
    books: SqliteBooks, registry: SqliteRegistry
) -> None:
    registry.standings(T, ["mail", "q"])
    books.enter(T, [suppressed(1, "phone")])
    books.link(T, [("record", "mail"), ("record", "phone")])
    moved(books)
    assert one(registry, "mail").suppressions
    books.link(T, [("record", "work")])
    assert one(registry, "work").suppressions
    books.enter(T, [lifted(1, "phone")])
    assert not one(registry, "mail").suppressions


def test_a_refresh_that_fails_is_made_up_for(
    books: SqliteBooks, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.standings(T, ["mail"])
    books.enter(T, [suppressed(1, "phone")])
    books.link(T, [("record", "mail"), ("record", "phone")])
    whole = schema.SINCE
    monkeypatch.setattr(schema, "SINCE", "SELECT nothing")
    with pytest.raises(Exception, match="cannot be used"):
        registry.standings(T, ["mail"])
    monkeypatch.setattr(schema, "SINCE", whole)
    if registry._watch._index is None:
        registry._watch.forget()
    assert one(registry, "mail").suppressions


def test_many_are_moved_by_whoever_notes_them(books: SqliteBooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "BOUND", 30)
    books.link(T, _people(10))
    assert waiting(books._connection) == 20
    books.link(T, _people(20))
    assert waiting(books._connection) == 0
    assert sorted(books.links(T)) == sorted(_people(20))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(writers, "IDLE", 0.02)
    monkeypatch.setattr(writers, "PAUSE", 0.0)
    yield


@pytest.mark.usefixtures("idle")
def test_a_worker_moves_what_it_noted_when_it_is_idle(books: SqliteBooks, registry: SqliteRegistry) -> None:
    registry.link(T, _people(30))
    deadline = time.monotonic() + 30
    while len(list(books.links(T))) < 60 or waiting(books._connection):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sorted(books.links(T)) == sorted(_people(30))
    registry.link(T, [("late", "mail")])
    while ("late", "mail") not in set(books.links(T)) or waiting(books._connection) > 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.usefixtures("idle")
def test_a_worker_moves_links_while_it_works(
    books: SqliteBooks, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "BOUND", 10)
    monkeypatch.setattr(writers, "LINGER", 0.0)
    deadline, number = time.monotonic() + 30, 0
    while not books._connection.execute("SELECT count(*) FROM tie").fetchone()[0]:
        assert time.monotonic() < deadline
        registry.link(T, [(f"r{number}", f"m{number}")])
        number += 1
        time.sleep(0.001)
    registry.close()
    assert len(list(books.links(T))) == number


def test_random_bytes_in_a_text_row_are_no_links() -> None:
    assert list(decoded(json.dumps(["a", "b"]))) == [("a", "b")]
    with pytest.raises(ValueError, match="argument"):
        list(decoded(json.dumps(["a", "b", "c"])))


def test_a_pseudonym_is_one_however_it_came() -> None:
    raw = os.urandom(16)
    assert list(decoded(encoded([raw, "text"]))) == [(raw, "text")]
