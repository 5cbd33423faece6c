"""What is written to the registry file, inside a transaction of somebody else's."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any, Final

from gateway.contacts.caps import opens
from gateway.contacts.compact import Packed, pack, pack_all, split, unpack
from gateway.contacts.model import Entry, Reservation
from gateway.contacts.sound import check
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.fold import ROW
from gateway.contacts.sqlite.fresh import Fresh, encoded
from gateway.contacts.sqlite.lists import values, word
from gateway.contacts.sqlite.people import People
from gateway.errors import StoreError

SLACK: Final = 3600.0
"""seconds for which a contact that no longer counts is kept: clocks differ between instances"""


class Pen:
    """Adds to the tables. Raises StoreError, sqlite3.Error, ValueError for what SQLite cannot hold.

    After a rollback `forget` what was numbered in the meantime.
    """

    __slots__ = ("_fresh", "_people", "_words", "connection", "execute")

    def __init__(self, connection: sqlite3.Connection, fresh: Fresh | None = None) -> None:
        self.connection = connection
        self.execute = connection.execute
        self._fresh = fresh or Fresh()
        self._people = People(connection, self._fresh)
        self._words: dict[str, int] = {}

    def forget(self) -> None:
        """Nothing that was written since the transaction began is there."""
        self._words.clear()
        self._fresh.clear()
        self._people = People(self.connection, self._fresh)

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries whose id the tenant has not yet; how many these were."""
        check(tenant, entries)
        if not entries:
            return 0
        number = self._number(tenant)
        lists: dict[str, list[int]] = {}
        rows = [row for entry in entries if (row := self._row(number, entry, lists))]
        return self._added(schema.ADD_UNLESS, rows)

    def listed(self, tenant: str, subjects: Sequence[bytes], template: Entry) -> int:
        """Add the template for each of many pseudonyms, which are fastest in their own order."""
        number, said = self._number(tenant), values(template)
        key = self._list(word(template.id, said))
        others = [other for other in self._people.keys(template.id) if other != key]
        foreign = self.connection.execute(
            schema.FOREIGN, (number, f"{template.id}:", f"{template.id};")
        ).fetchone()
        if foreign or others:
            rows = self._checked((number, key), subjects, template, others)
            return self._added(schema.ADD_UNLESS, rows)
        return self._added(schema.ADD, ((number, subject, key, *said) for subject in subjects))

    def _checked(
        self, numbers: tuple[int, int], subjects: Iterable[bytes], template: Entry, others: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        """Those whom neither a single entry nor this list, saying something else, has under the same id."""
        tenant, key = numbers
        said, other = values(template), others[0] if others else None
        for subject in subjects:
            if not self._listed(tenant, subject, others[1:]):
                name = f"{template.id}:{unpack(subject)}"
                yield (tenant, subject, key, *said, tenant, name, tenant, subject, other)

    def _row(self, tenant: int, entry: Entry, lists: dict[str, list[int]]) -> tuple[Any, ...] | None:
        """None for an entry that is there as one of a list. `lists`: their numbers, by name."""
        subject = pack(entry.subject)
        parts = split(entry.id)
        said = values(entry)
        if parts is None:
            return tenant, subject, pack(entry.id), *said, None, None, None, None, None
        name = parts[0]
        if name not in lists:
            lists[name] = [key for key in self._people.keys(name) if key < 0]
        if self._listed(tenant, parts[1], lists[name]):
            return None
        if parts[1] == subject:
            return tenant, subject, self._number(name), *said, tenant, entry.id, None, None, None
        return tenant, subject, entry.id, *said, None, None, tenant, parts[1], self._known(name)

    def _listed(self, tenant: int, subject: bytes, keys: Sequence[int]) -> bool:
        """Whether somebody is on a list, by any of its numbers."""
        execute = self.connection.execute
        return any(execute(schema.BY_LIST, (tenant, subject, key)).fetchone() for key in keys)

    def _added(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
        before = self.connection.total_changes
        self.connection.executemany(statement, rows)
        return self.connection.total_changes - before

    def _known(self, text: str) -> int | None:
        row = self.connection.execute(schema.WORD, (text,)).fetchone()
        return None if row is None else int(row[0])

    def _list(self, text: str) -> int:
        """The number of a list and what it says."""
        execute = self.connection.execute
        row = execute(schema.LIST_WORD, (text,)).fetchone() or execute(schema.INTERN_LIST, (text,)).fetchone()
        return int(row[0])

    def _number(self, text: str) -> int:
        number = self._words.get(text)
        if number is None:
            number = self._known(text)
            if number is None:
                (number,) = self.connection.execute(schema.INTERN, (text,)).fetchone()
            if len(self._words) >= 1000:  # ids of events can share nothing: each would stay here
                self._words.clear()
            self._words[text] = number
        return number

    def link(self, tenant: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Note pairs, which are there once however often they are noted. Raises StoreError for nobody."""
        ones = [one for pair in pairs for one in pair]
        if not all(ones):
            raise StoreError("registry_unavailable", "a link was refused: it leads to nobody")
        number = self._number(tenant) if ones else 0
        for part in batched(pack_all(ones), 2 * ROW):
            self.execute(schema.NOTE, (number, encoded(part)))

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        """Count contacts within their caps; None, or when there is room."""
        if not wanted:
            return []
        number = self._number(tenant)
        self.connection.execute(schema.TIDY, (now - SLACK,))
        return [self._reserved(number, one, now) for one in wanted]

    def _reserved(self, tenant: int, wanted: Reservation, now: float) -> float | None:
        name, subject = pack(wanted.id), pack(wanted.subject)
        execute = self.connection.execute
        if not wanted.caps or execute(schema.RESERVED, (tenant, name)).fetchone():
            return None
        counted = self._counted(tenant, subject)
        full = [opens(counted.get(cap.name, ()), cap, now) for cap in wanted.caps]
        when = max((at for at in full if at is not None), default=None)
        if when is None:
            rows = [(tenant, name, cap.name, subject, now, now + cap.window) for cap in wanted.caps]
            self.connection.executemany(schema.RESERVE, rows)
        return when

    def reserved(self, tenant: str, ids: Sequence[str], now: float) -> list[str | None]:
        """For whom contacts are counted under these ids."""
        number, execute = self._known(tenant), self.connection.execute
        found = [execute(schema.RESERVED_FOR, (number, pack(each), now)).fetchone() for each in ids]
        return [None if row is None else unpack(row[0]) for row in found]

    def _counted(self, tenant: int, subject: Packed) -> dict[str, list[float]]:
        """When the person was contacted, by the names of the caps that counted it."""
        self._fresh.read(self.execute)
        circle = self._people.circle(tenant, subject)
        person = [subject, *circle.near, *circle.far]
        times: dict[str, list[float]] = {}
        for name, at in self._people.ask(schema.COUNTED, tenant, person):
            times.setdefault(name, []).append(at)
        return times

    def release(self, tenant: str, ids: Sequence[str]) -> None:
        """Count these contacts no longer."""
        number = self._known(tenant)
        self.connection.executemany(schema.RELEASE, [(number, pack(name)) for name in ids])
