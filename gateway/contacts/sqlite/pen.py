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
from gateway.contacts.sqlite.people import People

SLACK: Final = 3600.0
"""seconds for which a contact that no longer counts is kept: clocks differ between instances"""


class Pen:
    """Adds to the tables. Raises StoreError, sqlite3.Error, ValueError for what SQLite cannot hold.

    After a rollback `forget` what was numbered in the meantime.
    """

    __slots__ = ("_connection", "_people", "_words", "execute")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.execute = connection.execute
        self._people = People(connection)
        self._words: dict[str, int] = {}

    def forget(self) -> None:
        """Nothing that was written since the transaction began is there."""
        self._words.clear()
        self._people = People(self._connection)

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries whose id the tenant has not yet; how many these were."""
        check(tenant, entries)
        if not entries:
            return 0
        number = self._number(tenant)
        return self._added(schema.ADD_UNLESS, [self._row(number, entry) for entry in entries])

    def listed(self, tenant: str, subjects: Sequence[bytes], template: Entry) -> int:
        """Add the template for each of many pseudonyms, which are fastest in their own order."""
        number, key = self._number(tenant), self._number(template.id)
        foreign = self._connection.execute(
            schema.FOREIGN, (number, f"{template.id}:", f"{template.id};")
        ).fetchone()
        if foreign:
            return self._added(schema.ADD_UNLESS, self._checked(number, key, subjects, template))
        values = _values(template)
        return self._added(schema.ADD, ((number, subject, key, *values) for subject in subjects))

    def _checked(
        self, tenant: int, key: int, subjects: Iterable[bytes], template: Entry
    ) -> Iterator[tuple[Any, ...]]:
        values = _values(template)
        for subject in subjects:
            name = f"{template.id}:{unpack(subject)}"
            yield (tenant, subject, key, *values, tenant, name, None, None, None)

    def _row(self, tenant: int, entry: Entry) -> tuple[Any, ...]:
        subject = pack(entry.subject)
        parts = split(entry.id)
        values = _values(entry)
        if parts is None:
            return tenant, subject, pack(entry.id), *values, None, None, None, None, None
        if parts[1] == subject:
            return tenant, subject, self._number(parts[0]), *values, tenant, entry.id, None, None, None
        return tenant, subject, entry.id, *values, None, None, tenant, parts[1], self._known(parts[0])

    def _added(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
        before = self._connection.total_changes
        self._connection.executemany(statement, rows)
        return self._connection.total_changes - before

    def _known(self, text: str) -> int | None:
        row = self._connection.execute(schema.WORD, (text,)).fetchone()
        return None if row is None else int(row[0])

    def _number(self, text: str) -> int:
        number = self._words.get(text)
        if number is None:
            number = self._known(text)
            if number is None:
                (number,) = self._connection.execute(schema.INTERN, (text,)).fetchone()
            if len(self._words) >= 1000:  # ids of events can share nothing: each would stay here
                self._words.clear()
            self._words[text] = number
        return number

    def link(self, tenant: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Add pairs that are not there yet."""
        ones = [one for pair in pairs for one in pair]
        if ones:
            number = self._number(tenant)
            rows = [(number, *pair) for pair in batched(pack_all(ones), 2)]
            self._connection.executemany(schema.LINK, rows)

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        """Count contacts within their caps; None, or when there is room."""
        if not wanted:
            return []
        number = self._number(tenant)
        self._connection.execute(schema.TIDY, (now - SLACK,))
        return [self._reserved(number, one, now) for one in wanted]

    def _reserved(self, tenant: int, wanted: Reservation, now: float) -> float | None:
        name, subject = pack(wanted.id), pack(wanted.subject)
        execute = self._connection.execute
        if not wanted.caps or execute(schema.RESERVED, (tenant, name)).fetchone():
            return None
        counted = self._counted(tenant, subject)
        full = [opens(counted.get(cap.name, ()), cap, now) for cap in wanted.caps]
        when = max((at for at in full if at is not None), default=None)
        if when is None:
            rows = [(tenant, name, cap.name, subject, now, now + cap.window) for cap in wanted.caps]
            self._connection.executemany(schema.RESERVE, rows)
        return when

    def _counted(self, tenant: int, subject: Packed) -> dict[str, list[float]]:
        """When the person was contacted, by the names of the caps that counted it."""
        circle = self._people.circle(tenant, subject)
        person = [subject, *circle.near, *circle.far]
        times: dict[str, list[float]] = {}
        for name, at in self._people.ask(schema.COUNTED, tenant, person):
            times.setdefault(name, []).append(at)
        return times

    def release(self, tenant: str, ids: Sequence[str]) -> None:
        """Count these contacts no longer."""
        number = self._known(tenant)
        self._connection.executemany(schema.RELEASE, [(number, pack(name)) for name in ids])


def _values(entry: Entry) -> tuple[Any, ...]:
    """What stands in a row after tenant, subject and key; texts that are empty take no room."""
    return (
        entry.act,
        entry.channel,
        entry.purpose,
        entry.sender,
        entry.source or None,
        entry.department or None,
        entry.text or None,
        entry.evidence or None,
        entry.detail or None,
        float(entry.at),
        None if entry.until is None else float(entry.until),
    )
