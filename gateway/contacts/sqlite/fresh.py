"""Links that are in the log and not in the index yet: what a row of it holds, and an image in memory of all.

A reader brings its image up to date before it reads: what it then finds in the index can be more, never less.
What is moved from the log to the index in between is in both.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from struct import iter_unpack
from typing import Final

from gateway.contacts.compact import Packed, pack, unpack
from gateway.contacts.sqlite import schema

Link = tuple[Packed, Packed]
"""record, identifier"""
BOUND: Final = 49_152
"""links in the log beyond which they are moved at once; a reader takes about 300 bytes for each"""
SIZE: Final = 32
"""bytes of a link"""
Row = tuple[int, int, bytes | str]
"""number, tenant, links"""
Execute = Callable[..., sqlite3.Cursor]


def encoded(ones: Sequence[Packed]) -> bytes | str:
    """A row of the log: the bytes of records and identifiers in turns; where one has none, their texts."""
    try:
        return b"".join(ones)  # type: ignore[arg-type]  # texts among them are met below
    except TypeError:
        return json.dumps([unpack(one) for one in ones])


def decoded(pairs: bytes | str) -> Iterator[Link]:
    """The links of a row."""
    if isinstance(pairs, bytes):
        return cut(pairs)
    ones = iter([pack(text) for text in json.loads(pairs)])
    return zip(ones, ones, strict=True)


def cut(pairs: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The links of a row of bytes."""
    return iter_unpack("16s16s", pairs)


class Side:
    """Links of a tenant: by identifier with which records, by record with which identifiers; some twice."""

    __slots__ = ("_identifiers", "_records")

    def __init__(self) -> None:
        # The one there mostly is stands for itself: a list for each would take as much again.
        self._records: dict[Packed, Packed | list[Packed]] = {}
        self._identifiers: dict[Packed, Packed | list[Packed]] = {}

    def add(self, links: Iterable[Link]) -> None:
        """Take in links."""
        records, identifiers = self._records, self._identifiers
        for record, identifier in links:
            if identifiers.setdefault(record, identifier) is not identifier:
                _more(identifiers, record, identifier)
            if records.setdefault(identifier, record) is not record:
                _more(records, identifier, record)

    def records(self, one: Packed) -> Sequence[Packed]:
        """The records that name an identifier."""
        return _several(self._records.get(one))

    def identifiers(self, one: Packed) -> Sequence[Packed]:
        """The identifiers in a record."""
        return _several(self._identifiers.get(one))

    def around(self, one: Packed) -> Iterator[Packed]:
        """Who is linked with one, and whom its records name."""
        records = self.records(one)
        return chain(records, self.identifiers(one), *map(self.identifiers, records))

    def circle(self, one: Packed) -> tuple[Sequence[Packed], dict[Packed, None]]:
        """The records that name one, and everybody around it but itself."""
        identifiers, records = self._identifiers, _several(self._records.get(one))
        met = [*records]
        for record in records:
            named = identifiers[record]
            if isinstance(named, list):
                met += named
            else:
                met.append(named)
        if one in identifiers:
            met += _several(identifiers[one])
        around = dict.fromkeys(met)
        around.pop(one, None)
        return records, around

    def knows(self, one: Packed) -> bool:
        """Whether one stands in any of them."""
        return one in self._records or one in self._identifiers

    def links(self) -> set[Link]:
        """All of them."""
        return {(record, one) for record in self._identifiers for one in self.identifiers(record)}


def _more(there: dict[Packed, Packed | list[Packed]], key: Packed, value: Packed) -> None:
    held = there[key]
    if isinstance(held, list):
        held.append(value)
    elif held != value:
        there[key] = [held, value]


def _several(held: Packed | list[Packed] | None) -> Sequence[Packed]:
    return () if held is None else held if isinstance(held, list) else (held,)


class Fresh:
    """The image of one connection. Raises sqlite3.Error."""

    __slots__ = ("_first", "_last", "_sides")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Know nothing; all of it is read again."""
        self._first = self._last = 0
        self._sides: dict[int, Side] = {}

    def of(self, tenant: int) -> Side | None:
        """A tenant's; None: there are none."""
        return self._sides.get(tenant)

    @property
    def last(self) -> int:
        """The number of the newest row that was read."""
        return self._last

    def read(self, execute: Execute) -> None:
        """Bring it up to date."""
        (first,) = execute(schema.FIRST).fetchone()
        self.add(execute, execute(schema.SEEN, (self._last,)).fetchall(), first)

    def add(self, execute: Execute, rows: list[Row], first: int | None) -> list[Row] | None:
        """Take in the rows that follow the last one; those that were new, or None when any may be missing.

        `first` is the first that is still in the log. When it moves, what was before is in the index, and is
        forgotten here.
        """
        before = self._last
        if (first or 0) != self._first:
            self.clear()
            rows = execute(schema.SEEN, (0,)).fetchall()
            self._first = rows[0][0] if rows else 0
        for seq, tenant, pairs in rows:
            if pairs:
                self._sides.setdefault(tenant, Side()).add(decoded(pairs))
            self._last = seq
        if self._first > before + 1:
            return None
        return [row for row in rows if row[0] > before]
