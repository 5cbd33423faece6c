"""What is read of people from the registry file, through a connection of somebody else's."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any, Final

from gateway.contacts.compact import Packed, pack, pack_all, split, unpack
from gateway.contacts.ledger import LOOKED
from gateway.contacts.model import Entry, Standing
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.folds import STRANGER, Folds, Own, Person
from gateway.contacts.sqlite.fresh import Fresh
from gateway.contacts.sqlite.kin import Circle, Kin
from gateway.contacts.sqlite.lists import bounds, entry, name_of
from gateway.contacts.sqlite.single import Single
from gateway.errors import StoreError

EDGES: Final = 4096
"""links read at once for a list of subjects; of a list with more, each subject is asked for by itself"""
PAGE: Final = 2000
"""rows read at once of a whole ledger, so that no reading holds up the clearing of the log"""
FEW: Final = 8
"""subjects up to which it is quicker to tell some of it twice"""


class People:
    """Reads standings, links and entries. Raises sqlite3.Error, ValueError for what SQLite cannot hold.

    `fresh` is kept up to date by whoever owns it, before anything is asked.
    """

    __slots__ = ("_execute", "_folds", "_fresh", "_single", "_tenants")

    def __init__(self, connection: sqlite3.Connection, fresh: Fresh) -> None:
        self._execute = connection.execute
        self._fresh = fresh
        self._tenants: dict[str, int] = {}
        self._folds = Folds(self._execute)
        # A cursor for each statement costs a tenth of it.
        self._single = Single(connection.cursor().execute, fresh, self._folds)

    def tenant(self, name: str) -> int | None:
        """The number of a tenant; None: nothing was ever kept for it."""
        number = self._tenants.get(name)
        if number is None:
            row = self._execute(schema.WORD, (name,)).fetchone()
            if row is not None:
                number = self._tenants[name] = row[0]
        return number

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """One standing per pseudonym, in order."""
        return [standing for standing, _ in self.persons(tenant, pseudonyms)]

    def persons(self, tenant: str, pseudonyms: Sequence[str]) -> list[Person]:
        """One standing per pseudonym, in order, each with those whose entries it follows from, too."""
        if len(pseudonyms) == 1:
            return [self.person(tenant, pseudonyms[0])]
        number = self.tenant(tenant)
        if number is None:
            return [STRANGER] * len(pseudonyms)
        answer: list[Person] = []
        for part in batched(pseudonyms, schema.MOST):
            answer += self._persons(number, pack_all(part))
        return answer

    def person(self, tenant: str, pseudonym: str) -> Person:
        """The same of one."""
        number = self._tenants.get(tenant) or self.tenant(tenant)
        if number is None:
            return STRANGER
        subject = pack(pseudonym)
        return self._single.person(number, subject) or self._persons(number, [subject])[0]

    def _persons(self, tenant: int, asked: Sequence[Packed]) -> list[Person]:
        """By one statement; by one more where a link in the log leads to those of whom it did not tell."""
        fresh = self._fresh.of(tenant)
        kin = Kin(fresh)
        own: Own = {}
        everybody = kin.around(asked)
        for part in batched(everybody, schema.MOST):
            if not self._family(tenant, part, kin, own):
                return self._crowd(tenant, asked)
        if fresh is not None:
            _take(own, self.ask(schema.ENTRIES, tenant, kin.unread(asked, everybody)))
        standings = self._folds.each(own)
        return [self._folds.among(each, *kin.of(each), standings) for each in asked]

    def _family(self, tenant: int, asked: Sequence[Packed], kin: Kin, own: Own) -> bool:
        """Read links and entries; whether these are all."""
        if len(asked) <= FEW:
            rows = self.ask(schema.FEW, tenant, asked, EDGES)
            kin.read_few(rows)
            _take(own, [row[4:] for row in rows if row[5] is not None])
            return len(rows) < EDGES
        statement, size = schema.families(len(asked), EDGES)
        nobody = [None] * (size - len(asked))
        rows = self._execute(statement, (*asked, *nobody, tenant, tenant, tenant)).fetchall()
        at = kin.read(rows, EDGES)
        if at is None or len(rows) - at >= EDGES:
            return False
        _take(own, [row[3:] for row in rows[at:]])
        return True

    def _crowd(self, tenant: int, asked: Sequence[Packed]) -> list[Person]:
        """As above where there are very many links: each by itself, and no more of them than count."""
        answer = []
        for subject in asked:
            circle = self.circle(tenant, subject)
            own: Own = {}
            _take(own, self.ask(schema.ENTRIES, tenant, [subject, *circle.near, *circle.far]))
            answer.append(self._folds.joined(subject, circle, self._folds.each(own)))
        return answer

    def circle(self, tenant: int, subject: Packed) -> Circle:
        """Who counts for a subject."""
        # One more than may be looked at tells that there are more; a pair can stand both ways round.
        fresh = self._fresh.of(tenant)
        near = self.ask(schema.NEAR, tenant, [subject], 2 * LOOKED + 2)
        records = [other for way, other in near if way]
        others = [other for way, other in near if not way]
        if fresh is not None:
            records += fresh.records(subject)
            others += fresh.identifiers(subject)
        records, far = list(dict.fromkeys(records)), list[Packed]()
        if records and len(records) + len(others) <= 2 * LOOKED + 2:
            # The subject itself and those nearby may be among them.
            most = 2 * LOOKED + 2
            far = [other for (other,) in self.ask(schema.OTHERS, tenant, records, most)]
            if fresh is not None:
                far += [other for record in records for other in fresh.identifiers(record)]
        return Circle.of(subject, records + others, far)

    def ask(self, template: str, tenant: int, subjects: Sequence[Packed], limit: int = -1) -> list[Any]:
        """The rows of a statement about subjects (`schema.asking`); `limit` is for each part of a list."""
        rows: list[Any] = []
        for part in batched(subjects, schema.MOST):
            statement, times, size = schema.asking(template, len(part), limit)
            parameters = (tenant, *part, *part[:1] * (size - len(part)))
            rows += self._execute(statement, parameters * times).fetchall()
        return rows

    # ---- for tools --------------------------------------------------------------------------------------

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        """A subject's entries as they were added."""
        rows = self._execute(schema.HISTORY, (self.tenant(tenant), pack(pseudonym))).fetchall()
        return [_whole(row) for row in rows]

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        """Those who count for a subject."""
        number, subject = self.tenant(tenant), pack(pseudonym)
        circle = Circle([], []) if number is None else self.circle(number, subject)
        return [unpack(other) for other in circle.near + circle.far]

    def entries(self, tenant: str, after: str | None) -> Iterator[Entry]:
        """All entries of a tenant, in the order of their commits."""
        number, reached = self.tenant(tenant), 0
        if after is not None:
            reached = self._found(number, after)
        while rows := self._execute(schema.PAGE, (number, reached, PAGE)).fetchall():
            yield from map(_whole, rows)
            reached = rows[-1][0]

    def _found(self, tenant: int | None, name: str) -> int:
        row = self._execute(schema.BY_ID, (tenant, pack(name))).fetchone()
        parts = split(name) if row is None else None
        if parts is not None:
            keys = self.keys(parts[0])
            row = next(
                (
                    found
                    for key in keys
                    if (found := self._execute(schema.BY_LIST, (tenant, parts[1], key)).fetchone())
                ),
                None,
            )
        if row is None:
            raise StoreError("registry_unavailable", "no entry has this id")
        return int(row[0])

    def keys(self, name: str) -> list[int]:
        """The numbers under which a list of this name has people."""
        plain = self._execute(schema.WORD, (name,)).fetchall()
        taken = self._execute(schema.LISTS, bounds(name)).fetchall()
        return [number for (number,) in plain] + [number for number, text in taken if name_of(text) == name]

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        """All pairs of a tenant: those in the log, which may be moved meanwhile, and then the others."""
        number = self.tenant(tenant)
        fresh = None if number is None else self._fresh.of(number)
        noted = set() if fresh is None else fresh.links()
        yield from ((unpack(record), unpack(identifier)) for record, identifier in noted)
        reached: tuple[Packed, Packed] = ("", "")
        while rows := self._execute(schema.TIES, (number, *reached, PAGE)).fetchall():
            yield from ((unpack(record), unpack(one)) for record, one in rows if (record, one) not in noted)
            reached = rows[-1]


def _take(own: Own, rows: Iterable[Any]) -> None:
    for row in rows:
        own.setdefault(row[0], {})[row[1]] = row[2:]


def _whole(row: Any) -> Entry:
    _, shared, key, subject, department, *rest = row
    person = unpack(subject)
    if shared is None:
        name = unpack(key)
    else:
        name = f"{shared if key > 0 else name_of(shared)}:{person}"
    act, channel, purpose, sender, source, *others = rest
    return entry(name, person, act, channel, purpose, sender, source, department, *others)
