"""The registry in SQLite: a file that cannot be read is an error, and never "nothing known"."""

import multiprocessing
import os
import sqlite3
from pathlib import Path

import pytest

from gateway.contacts.model import UNKNOWN
from gateway.contacts.sqlite import SqliteRegistry
from gateway.errors import StoreError
from tests.contacts.conftest import T, one

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
        later.execute("PRAGMA user_version = 2")
    later.close()
    with pytest.raises(StoreError, match="version 2, not 1"):
        SqliteRegistry(path)


def test_a_damaged_file_is_refused(path: Path) -> None:
    store = SqliteRegistry(path)
    for number in range(200):
        store.suppress(T, f"p{number}", None, None, "cli", 1.0)
    store.close()
    data = bytearray(path.read_bytes())
    for offset in range(4096, len(data) - 512, 4096):
        data[offset : offset + 512] = b"\xff" * 512
    path.write_bytes(data)
    with pytest.raises(StoreError) as error:
        SqliteRegistry(path, create=False)
    assert unavailable(error)


def test_damage_under_an_open_registry_is_an_error(path: Path) -> None:
    store = SqliteRegistry(path)
    for number in range(2000):
        store.suppress(T, f"p{number}", None, None, "x" * 100, 1.0)
    store.close()
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
    with pytest.raises(StoreError):
        store.suppress(T, "p", None, None, "cli", 1.0)


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
    store = SqliteRegistry(path, busy=0.0)
    store.suppress(T, "p", None, None, "cli", 1.0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as error:
        store.suppress(T, "q", None, None, "cli", 1.0)
    assert unavailable(error)
    assert one(store).suppressions
    holder.close()
    store.close()


@pytest.mark.parametrize("name", [".", "missing/state.db", "file/state.db"])
def test_a_place_that_cannot_hold_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError) as error:
        SqliteRegistry(tmp_path / name)
    assert unavailable(error)


def test_a_device_is_not_a_registry() -> None:
    with pytest.raises(StoreError):
        SqliteRegistry(Path("/dev/full"))


def test_a_closed_registry_does_not_answer(path: Path) -> None:
    store = SqliteRegistry(path)
    one(store)
    store.close()
    assert not store.ready()
    with pytest.raises(StoreError):
        one(store)
    with pytest.raises(StoreError):
        store.suppress(T, "p", None, None, "cli", 1.0)


def test_a_fork_cannot_use_the_parents_registry(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteRegistry(path)
    one(store)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(StoreError):
        one(store)
    with pytest.raises(StoreError):
        store.suppress(T, "p", None, None, "cli", 1.0)
    assert not store.ready()
    store.close()
    monkeypatch.undo()
    assert one(store) == UNKNOWN
    store.close()


@pytest.mark.parametrize(
    ("channel", "purpose", "at"),
    [
        ("fax", None, 1.0),
        (None, "", 1.0),
        (None, None, float("nan")),
        (None, None, float("inf")),
        (None, None, -1.0),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    registry: SqliteRegistry, channel: str | None, purpose: str | None, at: float
) -> None:
    with pytest.raises(StoreError):
        registry.suppress(T, "p", channel, purpose, "cli", at)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(StoreError):
        registry.consent(T, "p", None, None, "maybe", "cli", 1.0)  # type: ignore[arg-type]  # on purpose
    assert one(registry) == UNKNOWN


@pytest.mark.parametrize("text", ["'; DROP TABLE consent; --", '"', "é", "x" * 100_000])
def test_any_text_is_found_again(registry: SqliteRegistry, text: str) -> None:
    registry.suppress(T, text, None, None, text, 1.0)
    assert one(registry, text).suppressions
    registry._recent.clear()
    assert registry.standings(T, ["q", text])[1].suppressions


@pytest.mark.parametrize("text", ["", "\x00", "a\x00b", "\ud800"])
def test_text_that_would_not_be_found_again_is_not_taken(registry: SqliteRegistry, text: str) -> None:
    with pytest.raises(StoreError) as error:
        registry.suppress(T, text, None, None, "cli", 1.0)
    assert unavailable(error)


def test_a_lookup_of_text_that_cannot_be_asked_for_is_an_error(registry: SqliteRegistry) -> None:
    for asked in (["\ud800"], ["p", "\ud800"]):
        with pytest.raises(StoreError) as error:
            registry.standings(T, asked)
        assert unavailable(error)


def _open_and_write(arguments: tuple[str, int]) -> int:
    path, number = arguments
    store = SqliteRegistry(Path(path), busy=5.0)
    store.suppress(T, f"p{number}", None, None, "cli", 1.0)
    store.close()
    return number


def test_workers_that_start_together_share_one_file(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        assert sorted(pool.map(_open_and_write, [(str(path), n) for n in range(12)])) == list(range(12))
    store = SqliteRegistry(path, create=False)
    assert all(s.suppressions for s in store.standings(T, [f"p{n}" for n in range(12)]))
    store.close()
