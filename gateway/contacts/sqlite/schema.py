"""The registry file's tables and statements, as data. Pure.

Rows of the ledger and of links are only ever added, numbered in the order of their commits. No row holds
personal data: subjects are keyed pseudonyms, kept as their sixteen bytes (contacts.compact). Tenants, and the
part that the ids of one list share, are numbers of the table `word`: an id `list:pseudonym` of that
pseudonym's entry is only the number of `list`, so that a list of millions needs no index of its ids.
"""

from functools import lru_cache
from typing import Final

APPLICATION_ID: Final = 0x48555348
"""'HUSH': tells the registry from any other SQLite file"""
VERSION: Final = 2


def _kept(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'rows are kept'); END"
        for verb in ("UPDATE", "DELETE")
    )


TABLES: Final = (
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE CHECK (text <> '')) STRICT",
    """
    CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        subject ANY NOT NULL CHECK (length(subject) > 0),
        key ANY NOT NULL,
        act TEXT NOT NULL,
        channel TEXT,
        purpose TEXT,
        sender TEXT,
        source TEXT,
        department TEXT,
        text TEXT,
        evidence TEXT,
        detail TEXT,
        at REAL NOT NULL CHECK (at BETWEEN 0 AND 253402300799),
        until REAL CHECK (until BETWEEN 0 AND 253402300799)
    ) STRICT
    """,
    "CREATE UNIQUE INDEX ledger_by_subject ON ledger (tenant, subject, key)",
    "CREATE UNIQUE INDEX ledger_by_id ON ledger (tenant, key) WHERE typeof(key) <> 'integer'",
    """
    CREATE TABLE link (
        seq INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        record ANY NOT NULL CHECK (length(record) > 0),
        identifier ANY NOT NULL CHECK (length(identifier) > 0)
    ) STRICT
    """,
    "CREATE UNIQUE INDEX link_by_record ON link (tenant, record, identifier)",
    "CREATE INDEX link_by_identifier ON link (tenant, identifier, record)",
    """
    CREATE TABLE reservation (
        seq INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        id ANY NOT NULL,
        name TEXT NOT NULL,
        subject ANY NOT NULL,
        at REAL NOT NULL,
        until REAL NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX reservation_by_id ON reservation (tenant, id, name)",
    "CREATE INDEX reservation_by_subject ON reservation (tenant, subject, name, at)",
    "CREATE INDEX reservation_by_end ON reservation (until)",
    *_kept("word"),
    *_kept("ledger"),
    *_kept("link"),
)
CREATE: Final = (
    *TABLES,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

# ---- reading --------------------------------------------------------------------------------------------

WORD: Final = "SELECT id FROM word WHERE text = ?"
WORD_OF: Final = "SELECT text FROM word WHERE id = ?"
NEWEST: Final = "SELECT (SELECT max(seq) FROM ledger), (SELECT max(seq) FROM link)"
SINCE: Final = (
    "SELECT 0, seq, tenant, subject, NULL FROM ledger WHERE seq > ?"
    " UNION ALL SELECT 1, seq, tenant, record, identifier FROM link WHERE seq > ? LIMIT ?"
)
"""What was added: whether it is a link, its number, tenant, and one or two subjects."""
OWN: Final = "subject, act, channel, purpose, sender, source, text, evidence, detail, at, until"
_WHOLE: Final = (
    "SELECT seq, CASE typeof(key) WHEN 'integer' THEN (SELECT text FROM word WHERE id = key) END, key,"
    " subject, department, act, channel, purpose, sender, source, text, evidence, detail, at, until"
    " FROM ledger"
)
HISTORY: Final = f"{_WHOLE} WHERE tenant = ? AND subject = ? ORDER BY seq"
# The plus keeps the planner from sorting a whole tenant by way of its subjects.
PAGE: Final = f"{_WHOLE} WHERE +tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
LINKS: Final = "SELECT seq, record, identifier FROM link WHERE +tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
BY_ID: Final = "SELECT seq FROM ledger WHERE tenant = ? AND key = ? AND typeof(key) <> 'integer'"
BY_LIST: Final = "SELECT seq FROM ledger WHERE tenant = ? AND subject = ? AND key = ?"
FOREIGN: Final = (
    "SELECT 1 FROM ledger WHERE tenant = ? AND key >= ? AND key < ? AND typeof(key) <> 'integer' LIMIT 1"
)
"""Whether any id of this form, from one text to another, is not that of its own subject's entry."""
NEAR: Final = (
    "SELECT identifier, record, 1 FROM link WHERE tenant = ? AND identifier {those}"
    " UNION ALL SELECT record, identifier, 0 FROM link WHERE tenant = ? AND record {those} LIMIT {limit}"
)
"""Subject, the one it is linked with, and whether that is a record."""
OTHERS: Final = "SELECT DISTINCT identifier FROM link WHERE tenant = ? AND record {those} LIMIT {limit}"
_ENTRY: Final = "act, channel, purpose, sender, source, text, evidence, detail, at, until"
_NONE: Final = ", ".join(["NULL"] * 8)
KNOWN: Final = (
    f"SELECT seq, subject, {_ENTRY} FROM ledger WHERE tenant = ? AND subject {{those}}"  # noqa: S608 - constants
    f" UNION ALL SELECT 0, identifier, record, 1, {_NONE} FROM link WHERE tenant = ? AND identifier {{those}}"
    f" UNION ALL SELECT 0, record, identifier, 0, {_NONE} FROM link WHERE tenant = ? AND record {{those}}"
    " LIMIT {limit}"
)
"""Number, subject and the rest of each entry; links have the number 0: with whom, and whether a record."""
BEYOND: Final = (
    f"SELECT NULL, subject, seq, {_ENTRY} FROM ledger WHERE tenant = ? AND subject {{those}}"  # noqa: S608 - constants
    f" UNION ALL SELECT record, identifier, ledger.seq, {_ENTRY} FROM link LEFT JOIN ledger"
    " ON ledger.tenant = link.tenant AND ledger.subject = identifier WHERE link.tenant = ? AND record {those}"
    " LIMIT {limit}"
)
"""Entries of these; and of the identifiers of those that are records, after the record: a row without number
where there are none."""
ENTRIES: Final = (
    f"SELECT NULL, subject, seq, {_ENTRY} FROM ledger WHERE tenant = ? AND subject {{those}} LIMIT {{limit}}"  # noqa: S608 - constants
)
COUNTED: Final = "SELECT name, at FROM reservation WHERE tenant = ? AND subject {those} LIMIT {limit}"
_SIZES: Final = tuple(1 << power for power in range(11))
MOST: Final = _SIZES[-1]
"""subjects that one statement can ask for"""


@lru_cache(maxsize=256)
def asking(template: str, count: int, limit: int = -1) -> tuple[str, int, int]:
    """The statement for a tenant and so many subjects, how often it takes these, and how many of them.

    There are few sizes, so that few statements are compiled. `limit` is of its rows; -1 is none.
    """
    size = next(size for size in _SIZES if size >= count)
    subjects = "= ?" if size == 1 else f"IN ({', '.join('?' * size)})"
    return template.format(those=subjects, limit=limit), template.count("{those}"), size


# ---- writing --------------------------------------------------------------------------------------------

INTERN: Final = "INSERT INTO word (text) VALUES (?) RETURNING id"
_ROW: Final = (
    "(tenant, subject, key, act, channel, purpose, sender, source, department, text, evidence, detail,"
    " at, until)"
)
_VALUES: Final = ", ".join("?" * 14)
# OR IGNORE would leave out what breaks a CHECK, too; ON CONFLICT is about known ids alone.
ADD: Final = f"INSERT INTO ledger {_ROW} VALUES ({_VALUES}) ON CONFLICT DO NOTHING"  # noqa: S608 - constants
ADD_UNLESS: Final = (
    f"INSERT INTO ledger {_ROW} SELECT {_VALUES}"  # noqa: S608 - constants
    " WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE tenant = ? AND key = ? AND typeof(key) <> 'integer')"
    " AND NOT EXISTS (SELECT 1 FROM ledger WHERE tenant = ? AND subject = ? AND key = ?)"
    " ON CONFLICT DO NOTHING"
)
"""For ids that have two forms: not when the other one is there, as text or of a list."""
LINK: Final = "INSERT INTO link (tenant, record, identifier) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
RESERVED: Final = "SELECT 1 FROM reservation WHERE tenant = ? AND id = ? LIMIT 1"
RESERVE: Final = (
    "INSERT INTO reservation (tenant, id, name, subject, at, until) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
RELEASE: Final = "DELETE FROM reservation WHERE tenant = ? AND id = ?"
TIDY: Final = "DELETE FROM reservation WHERE seq IN (SELECT seq FROM reservation WHERE until < ? LIMIT 100)"
