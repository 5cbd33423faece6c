"""Links are moved from the log to the index: many at once, in the index's own order, a part at a time.

An index of keys without any order writes a page for nearly each of few links, and one for many of many. Each
part is a transaction of its own, so that others get their turn; what is in both meanwhile does no harm, and
whoever is killed leaves the log to the next. The rows of a part are one value that SQLite cuts, which does
not hold the interpreter meanwhile.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import batched
from typing import Final

from gateway.contacts.compact import Packed
from gateway.contacts.sqlite.fresh import SIZE, Row, cut, decoded
from gateway.contacts.sqlite.schema import SEEN

ROW: Final = 4096
"""links in a row of the log at most"""
PART: Final = 512
"""rows of the index, of which a link has two, that are added at once, or up to twice as many

In a large index each is on a page of its own, and whoever has an opt-out to note waits for all of them.
"""

_NUMBER: Final = "CREATE TEMP TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY)"
_NUMBERS: Final = (
    "INSERT OR IGNORE INTO temp.number WITH RECURSIVE count (n) AS"
    " (SELECT 0 UNION ALL SELECT n + 1 FROM count LIMIT ?) SELECT n FROM count"
)
_MOVE: Final = (
    "INSERT INTO tie SELECT ?, substr(?, 33 * n + 1, 16), substr(?, 33 * n + 17, 1) = x'01',"
    " substr(?, 33 * n + 18, 16) FROM temp.number WHERE n < ? ON CONFLICT DO NOTHING"
)
_PUT: Final = "INSERT INTO tie VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_ENDS: Final = "SELECT min(seq), max(seq) FROM seen"
# The newest number must stay: the next one is counted from it.
_MARK: Final = "INSERT INTO seen (tenant, pairs) VALUES (0, x'')"
_DONE: Final = "DELETE FROM seen WHERE seq <= ?"
_COUNT: Final = "SELECT ifnull(sum(length(pairs)), 0) FROM seen"
_Part = Callable[[sqlite3.Connection], object]


def waiting(connection: sqlite3.Connection) -> int:
    """How many links are in the log, nearly."""
    (count,) = connection.execute(_COUNT).fetchone()
    return int(count) // SIZE


def folding(connection: sqlite3.Connection) -> Iterator[bool]:
    """Move what is in the log, a step each time; False: somebody else writes, it was no step.

    Between two steps the connection is in no transaction. Raises sqlite3.Error.
    """
    rows: list[Row] = connection.execute(SEEN, (0,)).fetchall()
    if not any(pairs for _, _, pairs in rows):
        return
    first, last = rows[0][0], rows[-1][0]
    order = _Order(2 * sum(len(pairs) for _, _, pairs in rows) // SIZE)
    for _, tenant, pairs in rows:
        order.add(tenant, pairs)
        yield True
    del rows
    connection.execute(_NUMBER)
    connection.execute(_NUMBERS, (order.longest,))
    for part in order.parts(last):
        while not _begun(connection):
            yield False
        try:
            # Somebody else may have moved them all.
            there = connection.execute(_ENDS).fetchone()[0] == first
            if there:
                part(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if not there:
            return
        yield True


def _begun(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


class _Order:
    """Rows of the index by parts of it: pseudonyms are spread evenly, so that their first bits make these."""

    __slots__ = ("_parts", "_shift", "_texts")

    def __init__(self, rows: int) -> None:
        self._shift = 8 - min(8, max(1, rows // PART).bit_length() - 1)
        self._parts: dict[tuple[int, int], list[bytes]] = {}
        self._texts: list[tuple[int, Packed, int, Packed]] = []

    def add(self, tenant: int, pairs: bytes | str) -> None:
        """Take in a row of the log: its links, from both sides."""
        if isinstance(pairs, str):
            for record, identifier in decoded(pairs):
                self._texts += [(tenant, record, 0, identifier), (tenant, identifier, 1, record)]
            return
        shift = self._shift
        parts = [self._parts.setdefault((tenant, n), []).append for n in range(256 >> shift)]
        for record, identifier in cut(pairs):
            parts[record[0] >> shift](record + b"\0" + identifier)
            parts[identifier[0] >> shift](identifier + b"\1" + record)

    @property
    def longest(self) -> int:
        """The rows that are added at once at most."""
        return min(2 * PART, max(map(len, self._parts.values()), default=1))

    def parts(self, last: int) -> Iterator[_Part]:
        """What adds each, and ends it: those up to the last row are moved."""
        for (tenant, _), rows in sorted(self._parts.items()):
            rows.sort()
            for some in batched(rows, 2 * PART):
                yield partial(_move, tenant=tenant, rows=b"".join(some), count=len(some))
            rows.clear()
        if self._texts:
            yield partial(_put, rows=self._texts)
        yield partial(_end, last=last)


def _move(connection: sqlite3.Connection, tenant: int, rows: bytes, count: int) -> None:
    connection.execute(_MOVE, (tenant, rows, rows, rows, count))


def _put(connection: sqlite3.Connection, rows: Sequence[tuple[int, Packed, int, Packed]]) -> None:
    connection.executemany(_PUT, rows)


def _end(connection: sqlite3.Connection, last: int) -> None:
    if connection.execute(_ENDS).fetchone()[1] == last:
        connection.execute(_MARK)
    connection.execute(_DONE, (last,))
