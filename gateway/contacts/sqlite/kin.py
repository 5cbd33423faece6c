"""Who is linked with whom, as the rows of one statement say it and the links in the log. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.contacts.compact import Packed
from gateway.contacts.ledger import LOOKED
from gateway.contacts.sqlite.fresh import Side
from gateway.contacts.sqlite.schema import FAR


@dataclass(frozen=True, slots=True)
class Circle:
    """Who counts for a subject, directly and else; `more`: there are others, too many to look at."""

    near: list[Packed]
    far: list[Packed]
    more: bool = False

    @classmethod
    def of(cls, subject: Packed, near: Iterable[Packed], far: Iterable[Packed]) -> "Circle":
        """Each of them once, and no more than may be looked at."""
        known = dict.fromkeys(near)
        close = list(known)
        wide = [other for other in dict.fromkeys(far) if other != subject and other not in known]
        kept = close[:LOOKED]
        return cls(kept, wide[: LOOKED - len(kept)], len(close) + len(wide) > LOOKED)


class Kin:
    """The links of a list of subjects; `fresh` are those in the log."""

    __slots__ = ("_fresh", "_identifiers", "_records")

    def __init__(self, fresh: Side | None) -> None:
        self._fresh = fresh
        self._records: dict[Packed, list[Packed]] = {}
        self._identifiers: dict[Packed, list[Packed]] = {}

    def around(self, asked: Sequence[Packed]) -> Sequence[Packed]:
        """These, and whom the log links them with."""
        fresh = self._fresh
        if fresh is None:
            return asked
        met = [one for one in asked if fresh.knows(one)]
        return list(dict.fromkeys([*asked, *(other for one in met for other in fresh.around(one))]))

    def read(self, rows: Sequence[Any], most: int) -> int | None:
        """Take in the links, which come first; where the entries begin. None: there were so many, or more."""
        at, far = 0, 0
        for way, one, other, *_ in rows:
            if way is None:
                break
            at += 1
            far += way == FAR
            (self._records if way == 1 else self._identifiers).setdefault(one, []).append(other)
        return None if at - far >= most or far >= most else at

    def read_few(self, rows: Sequence[Any]) -> None:
        """Take in the links of rows that have one's own and those of a record side by side."""
        for one, way, other, another, *_ in rows:
            if one is not None:
                (self._records if way else self._identifiers).setdefault(one, []).append(other)
                if another is not None:
                    self._identifiers.setdefault(other, []).append(another)

    def of(self, one: Packed) -> tuple[list[Packed], list[Packed]]:
        """Who is linked with one, and whom its records name besides; some twice."""
        fresh, records = self._fresh, self._records.get(one, [])
        if fresh is None:
            near = records + self._identifiers.get(one, [])
            return near, [other for each in records for other in self._identifiers.get(each, ())]
        records = [*records, *fresh.records(one)]
        near = [*records, *self._identifiers.get(one, ()), *fresh.identifiers(one)]
        far = [other for each in records for other in self._identifiers.get(each, ())]
        return near, far + [other for each in records for other in fresh.identifiers(each)]

    def unread(self, asked: Iterable[Packed], read: Collection[Packed]) -> list[Packed]:
        """Those around these of whom the statement did not tell, though it told of all `read`."""
        told = {*read, *self._records, *self._identifiers}
        for each in (*self._records.values(), *self._identifiers.values()):
            told.update(each)
        around = dict.fromkeys(other for one in asked for side in self.of(one) for other in side)
        return [other for other in around if other not in told]
