"""The registry file's tables and statements, as data. Pure.

Rows of the ledger are only ever added, numbered in the order of their commits. No row holds personal data:
subjects are keyed pseudonyms, kept as their sixteen bytes (contacts.compact). Tenants, and the part that the
ids of one list share, are numbers of the table `word`: an id `list:pseudonym` of that pseudonym's entry is
only the number of `list`, so that a list of millions needs no index of its ids. Where a list was taken in at
once, the number is that of `list` and what it says of everybody (contacts.sqlite.lists) and below nought: the
index alone tells how somebody on it stands.

Links are noted in `seen`, some thousands in a row, and moved to the index `tie` later, many at once
(contacts.sqlite.fresh, contacts.sqlite.fold): a link by itself would cost the writing of four pages.
"""

from functools import lru_cache
from typing import Final

APPLICATION_ID: Final = 0x48555348
"""'HUSH': tells the registry from any other SQLite file"""
VERSION: Final = 3


def _kept(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'rows are kept'); END"
        for verb in ("UPDATE", "DELETE")
    )


LINKS_TABLES: Final = (
    """
    CREATE TABLE tie (
        tenant INTEGER NOT NULL,
        one ANY NOT NULL,
        way INTEGER NOT NULL,
        other ANY NOT NULL,
        PRIMARY KEY (tenant, one, way, other)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE seen (seq INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, pairs ANY NOT NULL) STRICT",
    *_kept("tie"),
)
"""Every link twice, once from either side; `way` 1: the other one is a record. And those not there yet."""
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
    *LINKS_TABLES,
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
)
CREATE: Final = (
    *TABLES,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

# ---- reading --------------------------------------------------------------------------------------------

WORD: Final = "SELECT id FROM word WHERE text = ? AND id > 0"
LIST_WORD: Final = "SELECT id FROM word WHERE text = ? AND id < 0"
WORD_OF: Final = "SELECT text FROM word WHERE id = ?"
LISTS: Final = "SELECT id, text FROM word WHERE text >= ? AND text < ? AND id < 0"
NEWEST: Final = "SELECT max(seq) FROM ledger"
SINCE: Final = (
    "SELECT * FROM (SELECT 0, seq, tenant, subject FROM ledger WHERE seq > ? LIMIT ?)"
    " UNION ALL SELECT 1, seq, tenant, pairs FROM seen WHERE seq > ?"
    " UNION ALL SELECT 2, min(seq), NULL, NULL FROM seen"
)
"""What was added: number, tenant and subject of entries, and (1) links; (2) the first that are in the log."""
SEEN: Final = "SELECT seq, tenant, pairs FROM seen WHERE seq > ? ORDER BY seq"
FIRST: Final = "SELECT min(seq) FROM seen"
OWN: Final = "subject, act, channel, purpose, sender, source, text, evidence, detail, at, until"
_WHOLE: Final = (
    "SELECT seq, CASE typeof(key) WHEN 'integer' THEN (SELECT text FROM word WHERE id = key) END, key,"
    " subject, department, act, channel, purpose, sender, source, text, evidence, detail, at, until"
    " FROM ledger"
)
HISTORY: Final = f"{_WHOLE} WHERE tenant = ? AND subject = ? ORDER BY seq"
# The plus keeps the planner from sorting a whole tenant by way of its subjects.
PAGE: Final = f"{_WHOLE} WHERE +tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
TIES: Final = (
    "SELECT one, other FROM tie WHERE tenant = ? AND (one, other) > (?, ?) AND way = 0"
    " ORDER BY one, way, other LIMIT ?"
)
BY_ID: Final = "SELECT seq FROM ledger WHERE tenant = ? AND key = ? AND typeof(key) <> 'integer'"
BY_LIST: Final = "SELECT seq FROM ledger WHERE tenant = ? AND subject = ? AND key = ?"
FOREIGN: Final = (
    "SELECT 1 FROM ledger WHERE tenant = ? AND key >= ? AND key < ? AND typeof(key) <> 'integer' LIMIT 1"
)
"""Whether any id of this form, from one text to another, is not that of its own subject's entry."""
NEAR: Final = "SELECT way, other FROM tie WHERE tenant = ? AND one {those} LIMIT {limit}"
OTHERS: Final = "SELECT DISTINCT other FROM tie WHERE tenant = ? AND one {those} AND way = 0 LIMIT {limit}"


FAR: Final = 2
"""of a link: that of a record with somebody else's identifier"""
SAID: Final = ("act", "channel", "purpose", "sender", "source", "text", "evidence", "detail")


def _entry(table: str) -> str:
    """The columns of an entry; of what a list says of everybody there is the list's number alone.

    Few columns are read sooner than many. What stands behind a condition is not looked for in vain: the index
    has the subject and the key, the others are on a page of their own.
    """
    return f"{table}.subject, {table}.seq, {_values(table)}"


def _values(table: str) -> str:
    said = f"json_array({', '.join(f'{table}.{name}' for name in SAID)})"
    values = (f"iif({table}.key >= 0, {each}, NULL)" for each in (said, f"{table}.at", f"{table}.until"))
    return f"{table}.key, {', '.join(values)}"


_NONE: Final = ", ".join(["NULL"] * 6)
_OWN: Final = (
    f"SELECT NULL, NULL, NULL, NULL, {_entry('ledger')} FROM ledger"  # noqa: S608 - constants
    " WHERE tenant = ? AND subject {those}"
)
_AROUND: Final = (
    f" UNION ALL SELECT near.one, near.way, near.other, far.other, {_entry('its')} FROM tie near"  # noqa: S608 - constants
    # Of what is no record nothing is looked for, and of the subject not again.
    " LEFT JOIN tie far ON far.tenant = near.tenant AND far.one = iif(near.way = 1, near.other, NULL)"
    " AND far.way = 0 AND far.other <> near.one"
    " LEFT JOIN ledger its ON its.tenant = near.tenant AND its.subject = ifnull(far.other, near.other)"
    " WHERE near.tenant = ? AND near.one {those}"
    f" UNION ALL SELECT NULL, NULL, NULL, NULL, {_entry('its')} FROM tie near"
    " CROSS JOIN ledger its ON its.tenant = near.tenant AND its.subject = near.other"
    " WHERE near.tenant = ? AND near.one {those} AND near.way = 1"
)
FEW: Final = f"{_OWN}{_AROUND} LIMIT {{limit}}"
"""Of each: which way it is linked, with whom, whom that record names besides; and everybody's entries."""
_MANY: Final = (
    "WITH asked (one) AS MATERIALIZED (VALUES {values}),"  # noqa: S608 - constants
    " near (way, one, other) AS MATERIALIZED (SELECT tie.way, tie.one, tie.other FROM asked"
    "  CROSS JOIN tie ON tie.tenant = ? AND tie.one = asked.one LIMIT {limit}),"
    " far (one, other) AS MATERIALIZED (SELECT tie.one, tie.other FROM"
    "  (SELECT DISTINCT other FROM near WHERE way = 1) record"
    "  CROSS JOIN tie ON tie.tenant = ? AND tie.one = record.other AND tie.way = 0 LIMIT {limit}),"
    " everybody (one) AS (SELECT one FROM asked UNION SELECT other FROM near UNION SELECT other FROM far)"
    f" SELECT way, one, other, {_NONE} FROM near"
    f" UNION ALL SELECT {FAR}, one, other, {_NONE} FROM far"
    f" UNION ALL SELECT NULL, NULL, NULL, {_entry('its')} FROM everybody"
    "  CROSS JOIN ledger its ON its.tenant = ? AND its.subject = everybody.one LIMIT {most}"
)
"""The same of many, each row once: the links of these, those of the records they are in, all entries."""
ENTRIES: Final = (
    f"SELECT {_entry('ledger')} FROM ledger WHERE tenant = ? AND subject {{those}} LIMIT {{limit}}"  # noqa: S608 - constants
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


@lru_cache(maxsize=256)
def families(count: int, limit: int) -> tuple[str, int]:
    """The statement for so many subjects (or more: None is nobody) and the tenant, three times.

    Of near and far links, and entries, there are up to `limit` rows each.
    """
    size = next(size for size in _SIZES if size >= count)
    values = ", ".join(["(?)"] * size)
    return _MANY.format(values=values, limit=limit, most=3 * limit), size


_SINGLE: Final = (
    f"SELECT NULL, ledger.subject, ledger.seq, {_values('ledger')} FROM ledger"  # noqa: S608 - constants
    " WHERE ledger.tenant = ? AND ledger.subject = ?"
    " UNION ALL SELECT near.other, far.other, its.seq, its.key, others.seq, others.key, near.way"
    " FROM tie near"
    " LEFT JOIN ledger its ON its.tenant = near.tenant AND its.subject = near.other"
    # Of what is no record nothing is looked for, and of the subject not again.
    " LEFT JOIN tie far ON far.tenant = near.tenant AND far.one = iif(near.way = 1, near.other, NULL)"
    " AND far.way = 0 AND far.other <> near.one"
    " LEFT JOIN ledger others ON others.tenant = near.tenant AND others.subject = far.other"
    " WHERE near.tenant = ? AND near.one = ?"
)
_IN_RECORD: Final = (
    " UNION ALL SELECT near.one, near.other, NULL, NULL, its.seq, its.key, 0 FROM tie near"
    " LEFT JOIN ledger its ON its.tenant = near.tenant AND its.subject = near.other"
    " WHERE near.tenant = ? AND near.one = ? AND near.way = 0"
)
_ITS: Final = (
    " UNION ALL SELECT NULL, ledger.subject, ledger.seq, ledger.key, NULL, NULL, NULL FROM ledger"
    " WHERE ledger.tenant = ? AND ledger.subject = ?"
)
SINGLE: Final = 4
"""records, and others, that the log links with one who is read by one statement, at most"""


def single(records: int, others: int, limit: int) -> str:
    """The statement for one: tenant and subject, twice; tenant and record, and tenant and other, for each.

    Rows of entries: None, whose, number, key and what it says. Rows of links: with whom, whom that record
    names besides, number and key of an entry of either, and which way (0 for a record that was asked for).
    What others' entries say is on pages of their own (ENTRY): of a list the key says it.
    """
    return f"{_SINGLE}{_IN_RECORD * records}{_ITS * others} LIMIT {limit}"


ENTRY: Final = f"SELECT {_values('ledger')} FROM ledger WHERE seq = ?"  # noqa: S608 - constants


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
INTERN_LIST: Final = (
    "INSERT INTO word (id, text) VALUES ((SELECT min(0, ifnull(min(id), 0)) - 1 FROM word), ?) RETURNING id"
)
NOTE: Final = "INSERT INTO seen (tenant, pairs) VALUES (?, ?)"
RESERVED: Final = "SELECT 1 FROM reservation WHERE tenant = ? AND id = ? LIMIT 1"
RESERVED_FOR: Final = (
    "SELECT subject FROM reservation WHERE tenant = ? AND id = ? AND until > ? ORDER BY seq LIMIT 1"
)
RESERVE: Final = (
    "INSERT INTO reservation (tenant, id, name, subject, at, until) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
RELEASE: Final = "DELETE FROM reservation WHERE tenant = ? AND id = ?"
TIDY: Final = "DELETE FROM reservation WHERE seq IN (SELECT seq FROM reservation WHERE until < ? LIMIT 100)"
