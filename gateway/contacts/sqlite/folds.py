"""Standings from rows of entries, by what they follow from remembered: millions on a list are alike."""

import sqlite3
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import msgspec

from gateway.contacts.cached import Recent
from gateway.contacts.compact import Packed
from gateway.contacts.ledger import LINKED, fold, joined, strictest
from gateway.contacts.model import ACQUAINTED, UNKNOWN, Entry, Standing
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.kin import Circle
from gateway.contacts.sqlite.lists import entry, said

ALIKE: Final = 1024
"""standings remembered by the rows they follow from"""
_DECODE: Final = msgspec.json.Decoder(list[Any]).decode
Person = tuple[Standing, tuple[Packed, ...]]
"""A standing, and others whose entries it follows from, too."""
STRANGER: Final[Person] = (UNKNOWN, ())
Own = dict[Packed, dict[int, Any]]
"""By subject the rows of its entries (`schema.entry`, from the key on), by their numbers."""
Standings = dict[Packed, Standing]
_NOBODY: Final[Standings] = {}


class Folds:
    """Of one connection. Raises sqlite3.Error."""

    __slots__ = ("_execute", "_folded")

    def __init__(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        self._execute = execute
        self._folded: Recent[Any, Standing] = Recent(ALIKE)

    def each(self, own: Own) -> Standings:
        """The standing of each by its own entries."""
        return {subject: self.one(its) for subject, its in own.items()} if own else _NOBODY

    def one(self, rows: dict[int, Any]) -> Standing:
        """The same of one."""
        if len(rows) == 1:
            return self.sole(*rows.values())
        key = tuple([_said(rows[seq]) for seq in sorted(rows)])
        standing = self._folded.get(key)
        if standing is None:
            standing = fold([self._entry(*rows[seq]) for seq in sorted(rows)])
            self._folded.put(key, standing)
        return standing

    def sole(self, row: Any) -> Standing:
        """The same of a single row."""
        key = (_said(row),)
        standing = self._folded.get(key)
        if standing is None:
            standing = fold((self._entry(*row),))
            self._folded.put(key, standing)
        return standing

    def _entry(self, key: Any, values: str | None, at: float, until: float | None) -> Entry:
        """Of an entry what its standing follows from."""
        if values is None:
            return said(self._word(key))
        act, channel, purpose, sender, source, text, evidence, detail = _DECODE(values)
        free = (source, None, text, evidence, detail)
        return entry("", "", act, channel, purpose, sender, *free, at, until)

    def _word(self, number: int) -> str:
        (text,) = self._execute(schema.WORD_OF, (number,)).fetchone()
        return str(text)

    def person(self, subject: Packed, near: Iterable[Packed], far: Iterable[Packed], own: Own) -> Person:
        """From the subject's links, those of its records, and everybody's entries."""
        return self.among(subject, near, far, self.each(own))

    def among(self, subject: Packed, near: Iterable[Packed], far: Iterable[Packed], own: Standings) -> Person:
        """The same by everybody's own standing."""
        if not near:
            return own.get(subject, UNKNOWN), ()
        close = dict.fromkeys(near)
        wide = [one for one in dict.fromkeys(far) if one != subject and one not in close]
        if len(close) + len(wide) > LINKED:
            return self.joined(subject, Circle.of(subject, close, wide), own)
        around = (*close, *wide)
        if not own or own.keys().isdisjoint((subject, *around)):
            # Mostly nothing is known of anybody around.
            return ACQUAINTED, around
        return self._joined(subject, close, wide, own), around

    def joined(self, subject: Packed, circle: Circle, own: Standings) -> Person:
        """The same of a circle that may have more than count."""
        around = (*circle.near, *circle.far)
        standing = self._joined(subject, circle.near, circle.far, own)
        return strictest(standing, crowded=circle.more) if len(around) > LINKED else standing, around

    def _joined(
        self, subject: Packed, near: Collection[Packed], far: Collection[Packed], own: Standings
    ) -> Standing:
        """Remembered by what is known of everybody."""
        close = tuple([own[one] for one in near if one in own]) or (UNKNOWN,) * bool(near)
        key = own.get(subject, UNKNOWN), close, tuple([own[one] for one in far if one in own])
        standing = self._folded.get(key)
        if standing is None:
            standing = joined(*key)
            self._folded.put(key, standing)
        return standing


def _said(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What an entry's standing follows from: its values, or where a list says these, the number of that."""
    return row[:1] if row[1] is None else row[1:]
