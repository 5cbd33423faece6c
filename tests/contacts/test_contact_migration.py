"""A registry file of version 1, made by its own statements, goes on in version 2 with nothing lost."""

import multiprocessing
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.contacts.compact import pack, unpack
from gateway.contacts.model import UNKNOWN, Consent, Suppression
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry, migration, schema
from gateway.contacts.sqlite.pen import Pen
from gateway.errors import StoreError
from tests.contacts.conftest import T, one, suppressed

COLUMNS = """(
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    pseudonym TEXT NOT NULL CHECK (pseudonym <> '' AND instr(pseudonym, char(0)) = 0),
    channel TEXT CHECK (channel IN ('call', 'sms', 'mms', 'whatsapp', 'email', 'chat', 'social', 'push')),
    purpose TEXT CHECK (purpose <> ''),
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    at REAL NOT NULL CHECK (typeof(at) = 'real' AND at BETWEEN 0 AND 253402300799)
) STRICT"""
VERSION_1 = "".join(
    f"CREATE TABLE {table} {COLUMNS};"
    f"CREATE INDEX {table}_by_subject ON {table}"
    " (tenant, pseudonym, channel, purpose, at, state, source);"
    f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'rows are kept'); END;"
    for table in ("suppression", "consent")
)
VERSION_2_LINKS = """
    CREATE TABLE link (seq INTEGER PRIMARY KEY, tenant INTEGER NOT NULL,
        record ANY NOT NULL, identifier ANY NOT NULL) STRICT;
    CREATE UNIQUE INDEX link_by_record ON link (tenant, record, identifier);
    CREATE INDEX link_by_identifier ON link (tenant, identifier, record);
    CREATE TRIGGER link_delete BEFORE DELETE ON link BEGIN SELECT RAISE(ABORT, 'rows are kept'); END;
"""
PERSON = "AAECAwQFBgcICQoLDA0ODw"
Rows = Mapping[str, Sequence[tuple[object, ...]]]
ROWS: Rows = {
    "suppression": [
        (T, PERSON, None, None, "on", "cli", 1.0),
        (T, PERSON, None, None, "off", "cli", 2.0),
        (T, PERSON, "sms", "marketing", "on", "stop", 3.0),
        (T, PERSON, "sms", "marketing", "on", "stop", 3.0),
        ("other", PERSON, None, None, "on", "", 4.5),
    ],
    "consent": [
        (T, "plain", "call", None, "granted", "form", 1.0),
        (T, "plain", "call", None, "withdrawn", "form", 1.0),
        (T, "plain", None, "marketing", "confirmed", "form", 2.0),
    ],
}


def _fill(path: Path, rows: Rows) -> None:
    path.touch(mode=0o600)
    with sqlite3.connect(path, isolation_level=None) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(f"{VERSION_1} PRAGMA application_id = 0x48555348; PRAGMA user_version = 1;")
        for table, its in rows.items():
            names = "(tenant, pseudonym, channel, purpose, state, source, at)"
            old.executemany(f"INSERT INTO {table} {names} VALUES (?, ?, ?, ?, ?, ?, ?)", its)
    old.close()


@pytest.fixture
def old(path: Path) -> Path:
    _fill(path, ROWS)
    return path


@pytest.mark.parametrize("create", [True, False])
def test_everything_is_in_force_as_before(old: Path, create: bool) -> None:
    registry = SqliteRegistry(old, create=create)
    stop = Suppression(channel="sms", purpose="marketing", source="stop")
    assert one(registry, PERSON).suppressions == (stop,)
    assert one(registry, PERSON, "other").suppressions == (Suppression(),)
    assert one(registry, PERSON, "third") == UNKNOWN
    assert set(one(registry, "plain").consents) == {
        Consent(channel="call", state="withdrawn", at=1.0),
        Consent(purpose="marketing", state="confirmed", at=2.0),
    }
    registry.close()


def test_entries_say_what_the_rows_said_and_are_the_same_in_every_copy(old: Path, tmp_path: Path) -> None:
    _fill(tmp_path / "copy.db", {table: rows[::-1] for table, rows in ROWS.items()})
    told = []
    for path in (old, tmp_path / "copy.db"):
        books = SqliteBooks(path)
        told.append({entry.id: entry for entry in books.entries(T)})
        assert len(list(books.entries("other"))) == 1
        books.close()
    assert told[0] == told[1]
    assert sorted((e.act, e.at, e.source) for e in told[0].values()) == [
        ("confirmed", 2.0, "form"),
        ("granted", 1.0, "form"),
        ("lifted", 2.0, "cli"),
        ("suppressed", 1.0, "cli"),
        ("suppressed", 3.0, "stop"),
        ("withdrawn", 1.0, "form"),
    ]


def test_the_old_tables_are_gone_and_the_version_is_the_new_one(old: Path) -> None:
    SqliteBooks(old).close()
    with sqlite3.connect(old) as now:
        tables = {name for (name,) in now.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert tables == {"word", "ledger", "tie", "seen", "reservation"}
        assert now.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    now.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise sqlite3.DatabaseError("disk I/O error")

    monkeypatch.setattr(Pen, "enter", broken)
    with pytest.raises(StoreError):
        SqliteBooks(old)
    monkeypatch.undo()
    books = SqliteBooks(old)
    assert len(list(books.entries(T))) == 6
    books.close()


def test_links_of_version_2_are_found_from_both_sides(path: Path, tmp_path: Path) -> None:
    links = [(PERSON, "mail"), ("record", "mail"), ("record", unpack(bytes(16)))]
    books = SqliteBooks(path)
    books.enter(T, [suppressed(1, unpack(bytes(16)))])
    books.close()
    with sqlite3.connect(path, isolation_level=None) as old:
        number = old.execute("SELECT id FROM word WHERE text = ?", (T,)).fetchone()[0]
        old.executescript(f"DROP TABLE tie; DROP TABLE seen; {VERSION_2_LINKS}")
        rows = [(number, pack(record), pack(identifier)) for record, identifier in links]
        old.executemany("INSERT INTO link (tenant, record, identifier) VALUES (?, ?, ?)", rows)
        old.execute("PRAGMA user_version = 2")
    old.close()
    registry = SqliteRegistry(path, create=False)
    assert [bool(s.suppressions) for s in registry.standings(T, ["record", "mail", PERSON])] == [
        True,
        True,
        False,
    ]
    registry.close()
    books = SqliteBooks(path)
    assert sorted(books.links(T)) == sorted(links)
    assert sorted(books.linked(T, "mail")) == sorted([PERSON, "record", unpack(bytes(16))])
    books.link(T, links)
    assert len(list(books.links(T))) == 3
    books.close()


def _opened(path: str) -> int:
    registry = SqliteRegistry(Path(path), create=False, busy=10.0)
    found = one(registry, PERSON)
    registry.close()
    return len(found.suppressions)


def test_workers_that_start_together_migrate_once(old: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_opened, [str(old)] * 3) == [1, 1, 1]
    books = SqliteBooks(old)
    assert len(list(books.entries(T))) == 6
    books.close()


def test_more_rows_than_are_carried_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "_AT_ONCE", 3)
    _fill(path, {"suppression": [(T, f"p{n}", None, None, "on", "x", 1.0) for n in range(10)]})
    books = SqliteBooks(path)
    assert [entry.subject for entry in books.entries(T)] == [f"p{n}" for n in range(10)]
    books.close()
