"""A view of the registry file that several lookups share hides nothing, and holds nothing up."""

import itertools
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gateway import clock
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry, view
from gateway.contacts.sqlite import registry as registries
from gateway.errors import StoreError
from tests.contacts.conftest import T, lifted, one, suppressed


def shared(registry: SqliteRegistry) -> bool:
    """Whether the next lookup reads what the last one did."""
    return registry._connection.in_transaction


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that no time ends."""
    monkeypatch.setattr(registries, "MOMENT", 3600.0)


@pytest.fixture
def sharing(path: Path, lasting: None) -> Iterator[SqliteRegistry]:
    books = SqliteBooks(path)
    books.enter(T, [suppressed("else", "somebody")])
    books.close()
    store = SqliteRegistry(path)
    for name in ("first", "second"):
        one(store, name)
    assert shared(store)
    yield store
    store.close()


def test_a_commit_is_seen_by_the_next_lookup(sharing: SqliteRegistry, path: Path) -> None:
    books = SqliteBooks(path)
    one(sharing, "third")
    for turn in range(20):
        books.enter(T, [suppressed(turn, at=2.0 * turn)])
        assert one(sharing).suppressions
        sharing.ready()
        one(sharing, f"a{turn}"), one(sharing, f"b{turn}")
        assert shared(sharing)
        books.enter(T, [lifted(turn, at=2.0 * turn + 1)])
        assert not one(sharing).suppressions
        assert not shared(sharing), "a lookup after a commit takes no view that lasts"
    books.close()


def test_asking_whether_it_is_ready_ends_it(sharing: SqliteRegistry) -> None:
    assert sharing.ready()
    assert not shared(sharing)
    one(sharing, "third")
    assert not shared(sharing)
    one(sharing, "fourth")
    assert shared(sharing)


def test_time_ends_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    store = SqliteRegistry(path)
    for turn in range(3):
        one(store, f"a{turn}")
        assert not shared(store)
        one(store, f"b{turn}")
        assert shared(store)
        now[0] += registries.MOMENT
    store.close()


def test_what_goes_wrong_ends_it(sharing: SqliteRegistry) -> None:
    with pytest.raises(StoreError):
        one(sharing, "\ud800")
    assert not shared(sharing)
    assert one(sharing, "third") == one(sharing, "fourth")


def test_a_log_of_writes_that_has_grown_is_read_without(
    sharing: SqliteRegistry, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "FRAMES", 3)
    books = SqliteBooks(path)
    books._connection.execute("PRAGMA wal_autocheckpoint = 0")
    for turn in range(3):
        books.enter(T, [suppressed(turn)])
    assert sharing.ready() and one(sharing).suppressions
    one(sharing, "third")
    assert not shared(sharing)
    books._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sharing.ready()
    one(sharing, "fourth"), one(sharing, "fifth")
    assert shared(sharing)
    books.close()


def test_a_file_taken_away_is_noticed_though_nobody_asks(path: Path) -> None:
    store, until = SqliteRegistry(path), time.monotonic() + 30

    def ask(store: SqliteRegistry) -> None:
        for turn in itertools.count():
            one(store, f"q{turn}")
            assert time.monotonic() < until

    one(store)
    path.unlink()
    with pytest.raises(StoreError):
        ask(store)
    with pytest.raises(StoreError):
        one(store, "r")
    store.close()


class Stuck:
    """A connection that does not end what it reads, while it is told so."""

    def __init__(self, own: sqlite3.Connection) -> None:
        self._own = own
        self.stuck = True

    @property
    def in_transaction(self) -> bool:
        return self._own.in_transaction

    def execute(self, statement: str) -> sqlite3.Cursor:
        if self.stuck:
            raise sqlite3.OperationalError("stuck")
        return self._own.execute(statement)


def test_nobody_reads_in_one_that_cannot_be_ended(sharing: SqliteRegistry, path: Path) -> None:
    connection = Stuck(sharing._connection)
    sharing._view._connection = cast("sqlite3.Connection", connection)
    books = SqliteBooks(path)
    books.enter(T, [suppressed("no")])
    books.close()
    for _ in range(2):
        with pytest.raises(StoreError):
            one(sharing)
    connection.stuck = False
    assert one(sharing).suppressions and not shared(sharing)
