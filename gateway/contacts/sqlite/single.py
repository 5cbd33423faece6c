"""One person, read by one statement: whoever is linked, and whose entries count, side by side in few rows.

Of one with many links, or with some in the log that lead elsewhere, nothing is answered: they are read in
steps (`people.People`), slower.
"""

from collections.abc import Sequence
from typing import Any, Final

from gateway.contacts.compact import Packed
from gateway.contacts.ledger import LINKED
from gateway.contacts.model import ACQUAINTED
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.folds import STRANGER, Folds, Own, Person
from gateway.contacts.sqlite.fresh import Execute, Fresh, Side

MOST: Final = 4 * LINKED
"""rows; with more, a person is read in steps"""
APART: Final = 8
"""entries of linked ones that are read by themselves; with more, a person is read in steps"""
_ALONE: Final = schema.single(0, 0, MOST)
_SIZES: Final = range(schema.SINGLE + 1)
_LATE: Final = [[schema.single(records, others, MOST) for others in _SIZES] for records in _SIZES]


class Single:
    """Raises sqlite3.Error."""

    __slots__ = ("_execute", "_folds", "_fresh")

    def __init__(self, execute: Execute, fresh: Fresh, folds: Folds) -> None:
        self._execute = execute
        self._fresh = fresh
        self._folds = folds

    def person(self, tenant: int, subject: Packed) -> Person | None:
        """The standing of one, and whose entries it follows from, too."""
        fresh = self._fresh.of(tenant)
        if fresh is not None and fresh.knows(subject):
            return self._late(tenant, subject, fresh)
        rows = self._execute(_ALONE, (tenant, subject, tenant, subject)).fetchall()
        if not rows:
            return STRANGER
        if len(rows) == 1:
            one, other, seq, _, more, _, _ = rows[0]
            if one is None:
                # One entry and nobody around: of a list, mostly.
                return self._folds.sole(rows[0][3:]), ()
            if seq is None and more is None and (fresh is None or not fresh.knows(one)):
                # One of a record, and one more: nothing is known of them.
                return ACQUAINTED, ((one,) if other is None else (one, other))
        return self._told(subject, rows, fresh, (), [], [])

    def _late(self, tenant: int, subject: Packed, fresh: Side) -> Person | None:
        """The same of one whom the log knows."""
        records, others = fresh.circle(subject)
        if len(records) > schema.SINGLE or len(others) > schema.SINGLE:
            return None
        asked = [tenant, subject, tenant, subject]
        for one in records:
            asked += tenant, one
        for one in others:
            asked += tenant, one
        rows = self._execute(_LATE[len(records)][len(others)], asked).fetchall()
        if not rows:
            return ACQUAINTED, tuple(others)
        near = [*records, *fresh.identifiers(subject)]
        return self._told(subject, rows, fresh, records, near, [*others])

    def _told(
        self,
        subject: Packed,
        rows: Sequence[Any],
        fresh: Side | None,
        records: Sequence[Packed],
        near: list[Packed],
        far: list[Packed],
    ) -> Person | None:
        """From rows, and the links that the log has; `records` are those of the subject there."""
        if len(rows) >= MOST:
            return None
        own: Own = {}
        apart: list[tuple[Packed, int]] = []
        for one, other, seq, key, more, its, way in rows:
            if one is None:
                if more is None:
                    _take(own, apart, other, seq, key)
                else:
                    own.setdefault(other, {})[seq] = key, more, its, way
                continue
            if way == 1 and fresh is not None and one not in records and fresh.knows(one):
                return None
            near.append(one)
            if seq is not None:
                _take(own, apart, one, seq, key)
            if other is not None:
                far.append(other)
                if more is not None:
                    _take(own, apart, other, more, its)
        if not own and len(near) + len(far) <= LINKED:
            return ACQUAINTED, tuple(dict.fromkeys(near + far))
        if len(apart) > APART:
            return None
        for one, seq in apart:
            own[one][seq] = self._execute(schema.ENTRY, (seq,)).fetchone()
        return self._folds.person(subject, near, far, own)


def _take(own: Own, apart: list[tuple[Packed, int]], one: Packed, seq: int, key: Any) -> None:
    """An entry of which only the key was read; where that is no list's, what it says is on a page apart."""
    its = own.setdefault(one, {})
    if seq not in its:
        its[seq] = key, None, None, None
        if not isinstance(key, int) or key > 0:
            apart.append((one, seq))
