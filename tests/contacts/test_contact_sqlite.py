"""The registry in SQLite: what was written is what is answered, by whomever and at once."""

import sqlite3
import stat
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

from gateway.contacts import schema, watch
from gateway.contacts.model import UNKNOWN, Consent, ConsentState, Registry, Suppression
from gateway.contacts.sqlite import Row, SqliteRegistry, fold
from tests.contacts.conftest import T, one

ROOT = Path(__file__).parents[2]


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
