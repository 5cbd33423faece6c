"""The registry file's tables and statements, as data. Pure.

Rows are only ever added. The row in force for a (subject, channel, purpose) is the latest by `at`; of rows
at the same moment the least permissive. No row holds personal data: subjects are keyed pseudonyms.
"""

from typing import Final, Literal, get_args

from gateway.contacts.model import ConsentState
from gateway.model import Channel

SuppressionState = Literal["on", "off"]

APPLICATION_ID: Final = 0x48555348
"""'HUSH': tells the registry from any other SQLite file"""
VERSION: Final = 1

RANK: Final[dict[str, int]] = {
    "off": 0,
    "on": 1,
    "confirmed": 0,
    "granted": 1,
    "pending": 2,
    "expired": 3,
    "withdrawn": 4,
}
"""Which of two rows of the same moment is in force: the higher."""


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _table(name: str, states: tuple[str, ...]) -> tuple[str, ...]:
    table = f"""
    CREATE TABLE {name} (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL CHECK (tenant <> ''),
        pseudonym TEXT NOT NULL CHECK (pseudonym <> '' AND instr(pseudonym, char(0)) = 0),
        channel TEXT CHECK (channel IN ({_words(get_args(Channel))})),
        purpose TEXT CHECK (purpose <> ''),
        state TEXT NOT NULL CHECK (state IN ({_words(states)})),
        source TEXT NOT NULL,
        at REAL NOT NULL CHECK (typeof(at) = 'real' AND at BETWEEN 0 AND 253402300799)
    ) STRICT
    """
    index = (
        f"CREATE INDEX {name}_by_subject ON {name} (tenant, pseudonym, channel, purpose, at, state, source)"
    )
    kept = (
        f"CREATE TRIGGER {name}_kept BEFORE UPDATE ON {name} BEGIN SELECT RAISE(ABORT, 'rows are kept'); END"
    )
    return table, index, kept


CREATE: Final = (
    *_table("suppression", get_args(SuppressionState)),
    *_table("consent", get_args(ConsentState)),
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

_COLUMNS: Final = "pseudonym, channel, purpose, state, source, at"


def _both(condition: str) -> str:
    return (
        f"SELECT 's', {_COLUMNS} FROM suppression WHERE tenant = ? AND {condition} "  # noqa: S608 - constants
        f"UNION ALL SELECT 'c', {_COLUMNS} FROM consent WHERE tenant = ? AND {condition}"
    )


READ_ONE: Final = _both("pseudonym = ?")
READ_MANY: Final = _both("pseudonym IN (SELECT value FROM json_each(?))")

_INSERT = "(tenant, pseudonym, channel, purpose, state, source, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
INSERT: Final = {
    "suppression": f"INSERT INTO suppression {_INSERT}",
    "consent": f"INSERT INTO consent {_INSERT}",
}
