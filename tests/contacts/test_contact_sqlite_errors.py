"""The registry in SQLite: a file that cannot be read is an error, and never "nothing known"."""

import asyncio
import contextlib
import multiprocessing
import os
import sqlite3
import time
from pathlib import Path

import pytest

from gateway.contacts.model import UNKNOWN
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from gateway.contacts.sqlite import writer as writers
from gateway.errors import StoreError
from tests.contacts.conftest import T, one, suppressed

# ---- errors are never "nothing known" -------------------------------------------------------------------


def unavailable(error: pytest.ExceptionInfo[StoreError]) -> bool:
    return error.value.reason == "registry_unavailable"


def test_a_missing_file_is_an_error_unless_created(path: Path) -> None:
    with pytest.raises(StoreError) as error:
        SqliteRegistry(path, create=False)
    assert unavailable(error) and not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a database" * 100, b"SQLite format 3\x00" + bytes(84), bytes(4096)],
    ids=["empty", "text", "header only", "zeros"],
)
def test_what_is_not_a_registry_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError) as error:
        SqliteRegistry(path, create=False)
    assert unavailable(error)
    assert path.read_bytes() == content


def test_another_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError):
        SqliteRegistry(path)
    assert path.read_bytes() == before


def test_another_version_is_refused(path: Path) -> None:
    SqliteRegistry(path).close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 4")
    later.close()
    with pytest.raises(StoreError, match="version 4, not 3"):
        SqliteRegistry(path)


def test_a_damaged_file_is_refused(path: Path) -> None:
    store = SqliteBooks(path)
    store.enter(T, [suppressed(number, f"p{number}") for number in range(200)])
    store.close()
    data = bytearray(path.read_bytes())
    for offset in range(4096, len(data) - 512, 4096):
        data[offset : offset + 512] = b"\xff" * 512
    path.write_bytes(data)
    with pytest.raises(StoreError) as error:
        SqliteRegistry(path, create=False)
    assert unavailable(error)


def test_damage_under_an_open_registry_is_an_error(path: Path) -> None:
    books = SqliteBooks(path)
    books.enter(T, [suppressed(number, f"p{number}", source="x" * 100) for number in range(2000)])
    books.close()
    store = SqliteRegistry(path, create=False)
    with path.open("r+b") as file:
        file.truncate(8192)
    with pytest.raises(StoreError) as error:
        store.standings(T, [f"p{number}" for number in range(2000)])
    assert unavailable(error)


@pytest.mark.parametrize("after", ["removed", "replaced"])
def test_a_file_taken_away_is_an_error(path: Path, after: str) -> None:
    store = SqliteRegistry(path)
    assert one(store) == UNKNOWN
    path.unlink()
    if after == "replaced":
        SqliteRegistry(path).close()
    assert not store.ready()
    with pytest.raises(StoreError) as error:
        one(store, "q")
    assert unavailable(error)
    assert asyncio.run(_entering(store)).reason == "registry_unavailable"


async def _entering(store: SqliteRegistry) -> StoreError:
    """The error that a worker gets."""
    with pytest.raises(StoreError) as error:
        await store.enter(T, [suppressed()])
    return error.value


@pytest.mark.parametrize("after", ["removed", "replaced"])
def test_a_file_taken_away_is_an_error_for_tools(path: Path, after: str) -> None:
    store = SqliteBooks(path)
    path.unlink()
    if after == "replaced":
        SqliteBooks(path).close()
    with pytest.raises(StoreError):
        store.enter(T, [suppressed()])
    with pytest.raises(StoreError):
        store.standings(T, ["p"])
    store.close()


def test_a_locked_file_is_an_error(path: Path) -> None:
    SqliteRegistry(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as error:
        SqliteRegistry(path, create=False, busy=0.0)
    assert unavailable(error)
    holder.close()


def test_a_lock_taken_while_open_stops_writers_and_not_readers(path: Path) -> None:
    books = SqliteBooks(path, busy=0.0)
    store = SqliteRegistry(path, patience=0.01)
    books.enter(T, [suppressed()])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as error:
        books.enter(T, [suppressed(2)])
    assert unavailable(error)
    assert asyncio.run(_entering(store)).reason == "registry_unavailable"
    store.link(T, [("r", "p")])
    assert one(store).suppressions
    holder.close()
    store.close()
    assert list(books.links(T)) == [("r", "p")]
    books.close()


def test_links_that_cannot_wait_are_refused_and_taken_when_said_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "KEPT_LINKS", 2)
    monkeypatch.setattr(writers, "AGAIN", 0.01)
    books, store = SqliteBooks(path), SqliteRegistry(path, patience=0.01)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.link(T, [("r", "p"), ("r", "q"), ("r", "s")])
    with pytest.raises(StoreError):
        store.link(T, [("r", "t")])
    store.link(T, [("r", "p")])
    holder.close()
    deadline = time.monotonic() + 30
    while len(list(books.links(T))) < 4 and time.monotonic() < deadline:
        with contextlib.suppress(StoreError):
            store.link(T, [("r", "t")])
        time.sleep(0.005)
    assert sorted(other for _, other in books.links(T)) == ["p", "q", "s", "t"]
    store.close()
    books.close()


def test_links_that_keep_coming_are_written_all_the_same(path: Path) -> None:
    books, store = SqliteBooks(path), SqliteRegistry(path)
    deadline, number = time.monotonic() + 30, 0
    while not list(books.links(T)) and time.monotonic() < deadline:
        store.link(T, [("r", str(number := number + 1))])
        time.sleep(0.005)
    assert list(books.links(T))
    store.close()
    assert len(list(books.links(T))) == number
    books.close()


def test_one_that_cannot_be_kept_takes_no_other_with_it(path: Path) -> None:
    books, store = SqliteBooks(path), SqliteRegistry(path)
    store.link(T, [("r", "p"), ("r", ""), ("r", "q")])
    store.close()
    assert sorted(books.links(T)) == [("r", "p"), ("r", "q")]
    books.close()


def test_a_writer_waits_for_its_turn(path: Path) -> None:
    store = SqliteRegistry(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    async def entered() -> None:
        answer = store.enter(T, [suppressed()])
        await asyncio.sleep(0.02)
        assert not answer.done() and one(store) == UNKNOWN
        holder.close()
        assert await answer == 1

    asyncio.run(entered())
    assert one(store).suppressions
    store.close()


def test_what_is_queued_is_written_before_the_end(path: Path) -> None:
    store = SqliteRegistry(path)

    async def entered() -> None:
        answers = [store.enter(T, [suppressed(number)]) for number in range(50)]
        answers[7].cancel()
        store.close()
        assert sum([await answer for answer in answers if not answer.cancelled()]) == 49

    asyncio.run(entered())
    books = SqliteBooks(path)
    assert len(list(books.entries(T))) == 50
    books.close()


def test_nobody_waits_for_work_that_makes_no_sense(path: Path) -> None:
    store = SqliteRegistry(path)

    async def entered() -> None:
        good, bad = store.enter(T, [suppressed()]), store.enter(T, [None])  # type: ignore[list-item]  # on purpose
        assert await good == 1
        with pytest.raises(StoreError):
            await bad
        assert await store.enter(T, [suppressed(2)]) == 1

    asyncio.run(entered())
    store.close()


def test_a_loop_that_has_ended_is_not_waited_for(path: Path) -> None:
    store = SqliteRegistry(path)

    async def entered() -> None:
        store.enter(T, [suppressed()])

    asyncio.run(entered())
    store.close()
    books = SqliteBooks(path)
    assert books.history(T, "p") == [suppressed()]
    books.close()


@pytest.mark.parametrize("name", [".", "missing/state.db", "file/state.db"])
def test_a_place_that_cannot_hold_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError) as error:
        SqliteRegistry(tmp_path / name)
    assert unavailable(error)


def test_a_device_is_not_a_registry() -> None:
    with pytest.raises(StoreError):
        SqliteRegistry(Path("/dev/full"))


def test_a_fork_cannot_use_the_parents_registry(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteRegistry(path)
    one(store)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(StoreError):
        one(store)
    assert asyncio.run(_entering(store)).reason == "registry_unavailable"
    with pytest.raises(StoreError):
        store.link(T, [("r", "p")])
    assert not store.ready()
    store.close()
    monkeypatch.undo()
    assert one(store) == UNKNOWN
    store.close()


def test_a_fork_cannot_use_the_parents_books(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = SqliteBooks(path)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    for asked in (lambda: books.standings(T, ["p"]), lambda: books.enter(T, [suppressed()])):
        with pytest.raises(StoreError):
            asked()
    books.close()
    monkeypatch.undo()
    assert books.enter(T, [suppressed()]) == 1
    books.close()


def test_a_lookup_of_text_that_cannot_be_asked_for_is_an_error(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    books.enter(T, [suppressed()])
    for asked in (["\ud800"], ["p", "\ud800"]):
        with pytest.raises(StoreError) as error:
            registry.standings(T, asked)
        assert unavailable(error)


def _open_and_write(arguments: tuple[str, int]) -> int:
    path, number = arguments
    store = SqliteBooks(Path(path))
    store.enter(T, [suppressed(number, f"p{number}")])
    store.close()
    return number


def test_workers_that_start_together_share_one_file(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        assert sorted(pool.map(_open_and_write, [(str(path), n) for n in range(12)])) == list(range(12))
    store = SqliteRegistry(path, create=False)
    assert all(s.suppressions for s in store.standings(T, [f"p{n}" for n in range(12)]))
    store.close()
