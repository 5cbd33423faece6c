"""The registry in SQLite, beyond what every store owes: how it notices commits, what is in the file."""

import asyncio
import multiprocessing
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.contacts.compact import pack, unpack
from gateway.contacts.ledger import fold
from gateway.contacts.model import UNKNOWN, Cap, Entry, Ledger, Reservation
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry, schema, watch
from gateway.contacts.sqlite import registry as registries
from tests.contacts.conftest import T, lifted, moved, one, suppressed

ROOT = Path(__file__).parents[2]


def test_it_is_a_ledger(registry: SqliteRegistry) -> None:
    contract: Ledger = registry
    assert contract.ready()


@contextmanager
def traced(registry: SqliteRegistry) -> Iterator[list[str]]:
    statements: list[str] = []
    registry._connection.set_trace_callback(statements.append)
    yield statements
    registry._connection.set_trace_callback(None)


def _selects(statements: list[str]) -> list[str]:
    return [text for text in statements if text.startswith(("SELECT", "WITH"))]


def test_a_list_is_read_with_one_statement_and_so_is_whom_it_is_linked_with(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    people = [f"p{number}" for number in range(100)]
    books.enter(T, [suppressed(number, person) for number, person in enumerate(people[::3])])
    registry.standings(T, ["somebody"])
    with traced(registry) as statements:
        registry.standings(T, people)
    assert len(_selects(statements)) == 1
    books.link(T, [("record", person) for person in people])
    books.link(T, [(f"r{number}", f"{way}{number}") for number in range(30) for way in ("mail", "phone")])
    mixed = [*people[:10], *(f"{kind}{number}" for number in range(30) for kind in ("r", "mail", "phone"))]
    for stranger in ("somebody", "else"):
        registry.standings(T, [stranger])
        with traced(registry) as statements:
            registry.standings(T, mixed)
        assert len(_selects(statements)) == 1
        registry._held.clear()
        moved(books)


def test_a_list_with_very_many_links_is_read_one_by_one(registry: SqliteRegistry, books: SqliteBooks) -> None:
    records = [f"r{number}" for number in range(5000)]
    books.link(T, [(record, "shared") for record in records])
    books.link(T, [("own", "friend")])
    books.enter(T, [suppressed(1, "friend"), suppressed(2, "shared")])
    answers = registry.standings(T, ["shared", "own", *records[:90]])
    assert all(standing.suppressions for standing in answers)


def test_a_second_look_reads_nothing(registry: SqliteRegistry, books: SqliteBooks) -> None:
    books.enter(T, [suppressed()])
    first = registry.standings(T, ["p", "q"])
    with traced(registry) as statements:
        assert registry.standings(T, ["q", "p"]) == first[::-1]
    assert not [text for text in statements if "ledger" in text]


def test_a_commit_makes_it_forget_those_it_is_about(registry: SqliteRegistry, books: SqliteBooks) -> None:
    books.link(T, [("record", "mail"), ("record", "phone")])
    everybody = ["mail", "phone", "record", "stranger", "other"]
    assert not any(standing.suppressions for standing in registry.standings(T, everybody))
    books.enter(T, [suppressed(1, "phone"), suppressed(2, "other")])
    books.enter("another", [suppressed(1, "stranger")])
    registry.standings(T, [])
    remembered = [registry._held.get((T, person)) is not None for person in everybody]
    assert remembered == [False, False, False, True, False]
    assert [bool(s.suppressions) for s in registry.standings(T, everybody)] == [True, True, True, False, True]
    books.link(T, [("record", "stranger")])
    assert one(registry, "stranger").suppressions


def test_a_flood_makes_it_forget_everybody(
    registry: SqliteRegistry, books: SqliteBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "FORGOTTEN", 3)
    registry.standings(T, ["p", "q"])
    books.enter(T, [suppressed(number, f"x{number}") for number in range(3)])
    registry.standings(T, [])
    assert len(registry._held) == 2
    books.enter(T, [suppressed(number, f"y{number}") for number in range(3, 7)])
    registry.standings(T, [])
    assert len(registry._held) == 0
    books.enter(T, [suppressed(7, "p")])
    assert one(registry).suppressions and len(registry._held) == 1


def test_one_of_very_many_links_is_forgotten_with_what_it_follows_from(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    books.link(T, [("hub", f"i{number}") for number in range(70)])
    registry.standings(T, ["i69", "q"])
    books.enter(T, [suppressed(1, "hub")])
    assert one(registry, "i69").suppressions
    assert registry._held.get((T, "q")) is UNKNOWN


def test_anothers_writes_are_seen_at_once(registry: SqliteRegistry, books: SqliteBooks) -> None:
    for turn in range(20):
        books.enter(T, [suppressed(turn, at=2.0 * turn + 1)])
        assert one(registry).suppressions
        assert one(registry).suppressions
        books.enter(T, [lifted(turn, at=2.0 * turn + 2)])
        assert one(registry) == UNKNOWN
        assert one(registry) == UNKNOWN


WRITER = """
import sys
from pathlib import Path
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks
books = SqliteBooks(Path(sys.argv[1]), create=False)
for line in sys.stdin:
    act, at = line.split()
    books.enter("tenant", [Entry(id=at, subject="p", act=act, at=float(at))])
    if at.endswith("5"):
        books._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print("done", flush=True)
"""


def test_another_process_is_seen_at_once_across_checkpoints(registry: SqliteRegistry, path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as writer:
        assert writer.stdin and writer.stdout
        for turn in range(1, 30):
            writer.stdin.write(f"{'suppressed' if turn % 2 else 'lifted'} {turn}\n")
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
    other = SqliteBooks(path)
    assert one(with_pragma) == UNKNOWN
    other.enter(T, [suppressed()])
    assert one(with_pragma).suppressions
    with_pragma.close()
    other.close()


def test_closing_one_keeps_the_locks_of_another(path: Path) -> None:
    # Were a descriptor of the file or its index closed, the process would lose its locks (POSIX), and the
    # next process to close would take itself for the last, and delete the log.
    kept = SqliteBooks(path)
    SqliteRegistry(path).close()
    kept.enter(T, [suppressed()])
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM tie'); c.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.with_name("state.db-wal").stat().st_size > 0
    kept.close()


def test_the_file_is_private_and_durable(registry: SqliteRegistry, books: SqliteBooks, path: Path) -> None:
    books.enter(T, [suppressed()])
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
    for connection in (registry._connection, books._connection):
        pragma = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "user_version")
        }
        assert pragma == {"journal_mode": "wal", "synchronous": 2, "user_version": schema.VERSION}


@pytest.mark.parametrize("table", ["ledger", "tie", "word"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = 9", "DELETE FROM {0}"])
def test_rows_are_kept(books: SqliteBooks, table: str, change: str) -> None:
    books.enter(T, [suppressed()])
    books.link(T, [("r", "p")])
    moved(books)
    with pytest.raises(sqlite3.IntegrityError, match="rows are kept"):
        books._connection.execute(change.format(table, "text" if table == "word" else "tenant"))


def test_pseudonyms_are_kept_as_their_bytes_and_lists_without_ids(books: SqliteBooks) -> None:
    person = "AAECAwQFBgcICQoLDA0ODw"
    books.suppress_many(T, [person], suppressed())
    books.enter(T, [Entry(id=person, subject=person, act="suppressed", at=1.0)])
    rows = books._connection.execute("SELECT subject, typeof(key), length(key) FROM ledger").fetchall()
    assert rows == [(bytes(range(16)), "integer", 2), (bytes(range(16)), "blob", 16)]
    assert pack(person) == bytes(range(16))


def _list(books: SqliteBooks) -> list[tuple[str, str, float]]:
    return [(entry.id, entry.source, entry.at) for entry in books.entries(T)]


def test_a_list_taken_in_again_with_other_words_keeps_what_it_said(books: SqliteBooks) -> None:
    one_, two, three = (unpack(bytes([n]) * 16) for n in range(3))
    assert books.suppress_many(T, [one_, two], suppressed(at=1.0, source="first")) == 2
    assert books.suppress_many(T, [two, three], suppressed(at=2.0, source="second")) == 1
    assert books.suppress_many(T, [one_, two, three], suppressed(at=3.0, source="third")) == 0
    assert _list(books) == [
        (f"s1:{one_}", "first", 1.0),
        (f"s1:{two}", "first", 1.0),
        (f"s1:{three}", "second", 2.0),
    ]
    assert [s.suppressions[0].source for s in books.standings(T, [one_, two, three])] == [
        "first",
        "first",
        "second",
    ]
    after = list(books.entries(T, f"s1:{two}"))
    assert [entry.subject for entry in after] == [three]


def test_an_entry_is_there_once_whether_it_came_in_a_list_or_by_itself(books: SqliteBooks) -> None:
    one_, two, three = (unpack(bytes([n]) * 16) for n in range(3))
    books.suppress_many(T, [one_], suppressed(source="list"))
    alone = [suppressed(f"1:{person}", person, source="alone") for person in (one_, two)]
    strange = [suppressed(f"1:{one_}", three), suppressed(f"1:{three}", two, source="strange")]
    assert books.enter(T, alone) == 1
    assert books.enter(T, strange) == 1
    assert books.suppress_many(T, [one_, two, three], suppressed(source="list")) == 0
    assert [(subject, source) for subject, source, _ in _list_of(books)] == [
        (one_, "list"),
        (two, "alone"),
        (two, "strange"),
    ]


def _list_of(books: SqliteBooks) -> list[tuple[str, str, str]]:
    return [(entry.subject, entry.source, entry.id) for entry in books.entries(T)]


def test_a_list_is_looked_up_by_what_it_says_of_everybody(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    person = unpack(bytes(16))
    until = Entry(
        id="list",
        subject="",
        act="suppressed",
        at=1.25,
        until=2.5,
        channel="sms",
        purpose="marketing",
        sender="x",
        source="ü\x1f",
    )
    books.suppress_many(T, [person], until)
    assert one(registry, person) == fold(books.history(T, person))
    assert one(registry, person).suppressions[0].source == "ü\x1f"
    books.enter(T, [lifted(1, person)])
    assert one(registry, person) == fold(books.history(T, person))


def _reserve(arguments: tuple[str, int]) -> int:
    path, number = arguments
    caps = (Cap(name="c", limit=10, window=60.0),)

    async def asked() -> int:
        registry = SqliteRegistry(Path(path), create=False)
        wanted = [Reservation(id=f"{number}.{each}", subject="p", caps=caps) for each in range(20)]
        answers = await asyncio.gather(*(registry.reserve(T, [one], 1.0) for one in wanted))
        registry.close()
        return sum(answer == [None] for answer in answers)

    return asyncio.run(asked())


def test_processes_together_never_exceed_a_cap(path: Path) -> None:
    SqliteBooks(path).close()
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        counts = pool.map(_reserve, [(str(path), number) for number in range(8)], chunksize=1)
    assert sum(counts) == 10


def test_contacts_that_count_no_longer_are_cleaned_away(registry: SqliteRegistry) -> None:
    async def asked() -> None:
        cap = (Cap(name="c", limit=1, window=60.0),)
        for turn in range(5):
            now = 10_000.0 * turn
            assert await registry.reserve(T, [Reservation(id=f"r{turn}", subject="p", caps=cap)], now) == [
                None
            ]

    asyncio.run(asked())
    assert registry._connection.execute("SELECT count(*) FROM reservation").fetchone() == (1,)
