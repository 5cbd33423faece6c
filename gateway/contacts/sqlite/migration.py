"""Earlier versions of the registry file become the current one.

Version 1 had suppressions and consents in tables of their own, version 2 a table of links with two indices.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Final

from gateway.contacts.compact import unpack
from gateway.contacts.model import Act, Entry
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.pen import Pen

FROM: Final = (1, 2)
_ACTS: Final[dict[str, Act]] = {"on": "suppressed", "off": "lifted"}
_ROWS: Final = (
    "SELECT tenant, pseudonym, channel, purpose, state, source, at FROM suppression"
    " UNION ALL SELECT tenant, pseudonym, channel, purpose, state, source, at FROM consent"
)
_SIDES: Final = (
    "INSERT INTO tie SELECT tenant, record, 0, identifier FROM link"
    " UNION ALL SELECT tenant, identifier, 1, record FROM link ORDER BY 1, 2, 3, 4"
)
_AT_ONCE: Final = 10_000
_CACHE: Final = 131_072
"""KiB of pages that need not be written before the end"""


def migrate(connection: sqlite3.Connection) -> None:
    """All rows become entries, in one transaction, or none does. Ids follow from what a row says.

    The same row has the same id in every copy of the file. Raises sqlite3.Error, StoreError.
    """
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    connection.execute("PRAGMA temp_store = DEFAULT")  # links by the million are put in order
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version in FROM:  # else another worker was first
            (_carry if version == 1 else _turn)(connection)
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = {cache}")


def _carry(connection: sqlite3.Connection) -> None:
    for statement in schema.TABLES:
        connection.execute(statement)
    pen = Pen(connection)
    for part in itertools.batched(_entries(connection), _AT_ONCE):
        for tenant, entries in itertools.groupby(part, key=lambda pair: pair[0]):
            pen.enter(tenant, [entry for _, entry in entries])
    for statement in ("DROP TABLE suppression", "DROP TABLE consent"):
        connection.execute(statement)


def _turn(connection: sqlite3.Connection) -> None:
    """Every link from both sides."""
    for statement in schema.LINKS_TABLES:
        connection.execute(statement)
    connection.execute(_SIDES)
    connection.execute("DROP TABLE link")


def _entries(connection: sqlite3.Connection) -> Iterator[tuple[str, Entry]]:
    for row in connection.execute(_ROWS):
        tenant, pseudonym, channel, purpose, state, source, at = row
        yield (
            tenant,
            Entry(
                id=unpack(hashlib.sha256(repr(row).encode()).digest()[:16]),
                subject=pseudonym,
                act=_ACTS.get(state, state),
                at=at,
                channel=channel,
                purpose=purpose,
                source=source,
            ),
        )
