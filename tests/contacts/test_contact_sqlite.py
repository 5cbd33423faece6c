import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from gateway.contacts import schema, watch
from gateway.contacts.model import UNKNOWN, Consent, ConsentState, Registry, Standing, Suppression
from gateway.contacts.sqlite import Row, SqliteRegistry, fold
from gateway.errors import StoreError

T = "tenant"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture(params=["mapped", "pragma"])
def registry(path: Path, request: pytest.FixtureRequest) -> Iterator[SqliteRegistry]:
    """Both ways of noticing a commit: the mapped index, and where there is none, the pragma."""
    store = SqliteRegistry(path)
    assert store._watch._index is not None
    if request.param == "pragma":
        store._watch._index = None
    yield store
    store.close()


def one(store: SqliteRegistry, pseudonym: str = "p", tenant: str = T) -> Standing:
    (standing,) = store.standings(tenant, [pseudonym])
    return standing


def test_it_is_a_registry(registry: SqliteRegistry) -> None:
    contract: Registry = registry
    assert contract.ready()
    assert contract.standings(T, []) == []
    assert contract.standings(T, ["a", "b"]) == [UNKNOWN, UNKNOWN]


def test_suppressions_and_consents_are_what_was_written(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    registry.suppress(T, "p", "sms", "marketing", "stop", 2.0)
    registry.consent(T, "p", "call", None, "confirmed", "form", 3.0)
    standing = one(registry)
    assert set(standing.suppressions) == {
        Suppression(source="cli"),
        Suppression(channel="sms", purpose="marketing", source="stop"),
    }
    assert standing.consents == (Consent(channel="call", state="confirmed"),)


def test_tenants_and_people_are_apart(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    assert one(registry, "p", "other") == UNKNOWN
    assert one(registry, "q") == UNKNOWN
    assert one(registry, "p") != UNKNOWN


def test_unsuppress_lifts_exactly_its_own_scope(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    registry.suppress(T, "p", "sms", None, "cli", 1.0)
    registry.unsuppress(T, "p", None, None, "cli", 2.0)
    assert one(registry).suppressions == (Suppression(channel="sms", source="cli"),)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([("granted", 1.0), ("withdrawn", 2.0)], "withdrawn"),
        ([("withdrawn", 2.0), ("granted", 1.0)], "withdrawn"),
        ([("withdrawn", 1.0), ("granted", 2.0)], "granted"),
        ([("withdrawn", 1.0), ("confirmed", 1.0)], "withdrawn"),
        ([("confirmed", 1.0), ("withdrawn", 1.0)], "withdrawn"),
        ([("confirmed", 1.0), ("pending", 2.0)], "pending"),
        ([("granted", 1.0), ("expired", 1.0)], "expired"),
    ],
)
def test_the_latest_wins_and_of_one_moment_the_strictest(
    registry: SqliteRegistry, rows: list[tuple[ConsentState, float]], state: str
) -> None:
    for row_state, at in rows:
        registry.consent(T, "p", "sms", "marketing", row_state, "form", at)
    assert [consent.state for consent in one(registry).consents] == [state]


def test_a_suppression_of_the_same_moment_beats_its_lifting(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    registry.unsuppress(T, "p", None, None, "cli", 1.0)
    assert one(registry).suppressions


def test_rows_in_any_order_give_one_standing() -> None:
    rows: list[Row] = [
        ("s", "p", None, None, "on", "x", 1.0),
        ("s", "p", None, None, "off", "y", 2.0),
        ("s", "p", "sms", None, "on", "z", 1.0),
        ("c", "p", None, "marketing", "granted", "z", 1.0),
        ("c", "p", None, "marketing", "withdrawn", "z", 1.0),
        ("c", "q", None, None, "granted", "z", 1.0),
    ]
    for shuffled in permutations(rows):
        found = fold(shuffled)
        assert found["p"].suppressions == (Suppression(channel="sms", source="z"),)
        assert [consent.state for consent in found["p"].consents] == ["withdrawn"]


def test_a_hundred_people_in_one_statement(registry: SqliteRegistry) -> None:
    people = [f"p{number}" for number in range(100)]
    for person in people[::3]:
        registry.suppress(T, person, None, None, person, 1.0)
    statements: list[str] = []
    registry._watch.changed()
    registry._connection.set_trace_callback(statements.append)
    standings = registry.standings(T, [*people, people[0]])
    registry._connection.set_trace_callback(None)
    assert len([text for text in statements if text.startswith("SELECT")]) == 1
    sources = [s.suppressions[0].source if s.suppressions else None for s in standings]
    assert sources == [p if number % 3 == 0 else None for number, p in enumerate(people)] + ["p0"]


def test_a_second_look_reads_nothing(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    first = registry.standings(T, ["p", "q"])
    statements: list[str] = []
    registry._connection.set_trace_callback(statements.append)
    assert registry.standings(T, ["q", "p"]) == first[::-1]
    registry._connection.set_trace_callback(None)
    assert not [text for text in statements if "suppression" in text]


def test_own_writes_are_seen_at_once(registry: SqliteRegistry) -> None:
    assert one(registry) == UNKNOWN
    registry.suppress(T, "p", None, None, "cli", 1.0)
    assert one(registry).suppressions
    registry.unsuppress(T, "p", None, None, "cli", 2.0)
    assert one(registry) == UNKNOWN


def test_anothers_writes_are_seen_at_once(registry: SqliteRegistry, path: Path) -> None:
    other = SqliteRegistry(path, create=False)
    for turn in range(20):
        other.suppress(T, "p", None, None, "cli", 2.0 * turn + 1)
        assert one(registry).suppressions
        assert one(registry).suppressions
        other.unsuppress(T, "p", None, None, "cli", 2.0 * turn + 2)
        assert one(registry) == UNKNOWN
        assert one(registry) == UNKNOWN
    other.close()


WRITER = """
import sys
from pathlib import Path
from gateway.contacts.sqlite import SqliteRegistry
store = SqliteRegistry(Path(sys.argv[1]), create=False)
for line in sys.stdin:
    verb, at = line.split()
    getattr(store, verb)("tenant", "p", None, None, "cli", float(at))
    if at.endswith("5"):
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print("done", flush=True)
"""


def test_another_process_is_seen_at_once_across_checkpoints(registry: SqliteRegistry, path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as writer:
        assert writer.stdin and writer.stdout
        for turn in range(1, 30):
            verb = "suppress" if turn % 2 else "unsuppress"
            writer.stdin.write(f"{verb} {turn}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "done\n"
            assert bool(one(registry).suppressions) == (turn % 2 == 1)
        writer.stdin.close()
    assert one(registry).suppressions
    assert registry.ready()


def test_an_unknown_layout_of_the_index_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_VERSION", 1)
    with_pragma = SqliteRegistry(path)
    assert with_pragma._watch._index is None
    other = SqliteRegistry(path)
    assert one(with_pragma) == UNKNOWN
    other.suppress(T, "p", None, None, "cli", 1.0)
    assert one(with_pragma).suppressions
    with_pragma.close()
    other.close()


def test_closing_one_keeps_the_locks_of_another(path: Path) -> None:
    # Were a descriptor of the file or its index closed, the process would lose its locks (POSIX), and the
    # next process to close would take itself for the last, and delete the log.
    kept = SqliteRegistry(path)
    SqliteRegistry(path).close()
    kept.suppress(T, "p", None, None, "cli", 1.0)
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM consent'); c.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.with_name("state.db-wal").stat().st_size > 0
    kept.close()


def test_the_file_is_private_and_durable(registry: SqliteRegistry, path: Path) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
    pragma = {
        name: registry._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "user_version")
    }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "user_version": schema.VERSION}


def test_rows_are_kept(registry: SqliteRegistry) -> None:
    registry.suppress(T, "p", None, None, "cli", 1.0)
    registry.unsuppress(T, "p", None, None, "cli", 2.0)
    assert registry._connection.execute("SELECT count(*) FROM suppression").fetchone() == (2,)
    with pytest.raises(sqlite3.IntegrityError):
        registry._connection.execute("UPDATE suppression SET state = 'off'")


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
