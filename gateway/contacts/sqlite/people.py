"""What is read of people from the registry file, through a connection of somebody else's."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final

from gateway.contacts.cached import Recent
from gateway.contacts.compact import Packed, pack, pack_all, split, unpack
from gateway.contacts.ledger import LINKED, LOOKED, fold, joined, strictest
from gateway.contacts.model import UNKNOWN, Entry, Standing
from gateway.contacts.sqlite import schema
from gateway.errors import StoreError

EDGES: Final = 4096
"""rows read at once for a list of subjects; of a list with more, each subject is asked for by itself"""
PAGE: Final = 2000
"""rows read at once of a whole ledger, so that no reading holds up the clearing of the log"""
ALONE: Final = 4 * LINKED
"""of one subject: with more rows it is asked for in steps"""
ALIKE: Final = 1024
"""standings remembered by the rows they follow from"""
_ALONE: Final = schema.asking(schema.KNOWN, 1, ALONE)[0]
_LINKED: Final = joined(UNKNOWN, [UNKNOWN])
Person = tuple[Standing, tuple[Packed, ...]]
"""A standing, and others whose entries it follows from, too."""
_STRANGER: Final[Person] = (UNKNOWN, ())


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


class People:
    """Reads standings, links and entries. Raises sqlite3.Error, ValueError for what SQLite cannot hold."""

    __slots__ = ("_execute", "_folded", "_tenants")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._tenants: dict[str, int] = {}
        self._folded: Recent[tuple[Any, ...], Standing] = Recent(ALIKE)

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
        number = self.tenant(tenant)
        if number is None:
            return [_STRANGER] * len(pseudonyms)
        if len(pseudonyms) == 1:
            subject = pack(pseudonyms[0])
            rows = self._execute(_ALONE, (number, subject) * 3).fetchall()
            return self._persons(number, [subject], rows, ALONE) if rows else [_STRANGER]
        answer: list[Person] = []
        for part in batched(pseudonyms, schema.MOST):
            asked = pack_all(part)
            answer += self._persons(number, asked, self.ask(schema.KNOWN, number, asked, EDGES), EDGES)
        return answer

    def _persons(self, tenant: int, asked: list[Packed], rows: list[Any], most: int) -> list[Person]:
        """From the rows of KNOWN, of which there were to be no more than so many."""
        own: dict[Packed, dict[int, Any]] = {}
        near: dict[Packed, list[Packed]] = {}
        records: dict[Packed, None] = {}
        others: dict[Packed, None] = {}
        for row in rows:
            if row[0]:
                own.setdefault(row[1], {})[row[0]] = row[2:]
            else:
                near.setdefault(row[1], []).append(row[2])
                (records if row[3] else others)[row[2]] = None
        beyond = self.ask(schema.BEYOND, tenant, list(records), most) if records else []
        # Of a list, most of these were asked for themselves: their entries are among the rows.
        if rest := others.keys() - asked:
            beyond += self.ask(schema.ENTRIES, tenant, list(rest), most)
        if len(rows) >= most or len(beyond) >= most:
            return self._crowd(tenant, asked)
        members: dict[Packed, list[Packed]] = {}
        for row in beyond:
            if row[0] is not None:
                members.setdefault(row[0], []).append(row[1])
            if row[2] is not None:
                own.setdefault(row[1], {})[row[2]] = row[3:]
        folded = {subject: self._fold(its) for subject, its in own.items()}
        return [_person(each, folded, near.get(each), members) for each in asked]

    def _crowd(self, tenant: int, asked: list[Packed]) -> list[Person]:
        """As above where there are very many links: each by itself, and no more of them than count."""
        answer = []
        for subject in asked:
            circle = self.circle(tenant, subject)
            own: dict[Packed, dict[int, Any]] = {}
            for row in self.ask(schema.ENTRIES, tenant, [subject, *circle.near, *circle.far]):
                own.setdefault(row[1], {})[row[2]] = row[3:]
            answer.append(_joined(subject, {each: self._fold(its) for each, its in own.items()}, circle))
        return answer

    def _fold(self, rows: dict[int, Any]) -> Standing:
        """The standing of one subject's entries, remembered: millions are on one list, and stand alike."""
        key = next(iter(rows.values())) if len(rows) == 1 else tuple([rows[seq] for seq in sorted(rows)])
        standing = self._folded.get(key)
        if standing is None:
            standing = fold([_entry("", "", "", *rows[seq]) for seq in sorted(rows)])
            self._folded.put(key, standing)
        return standing

    def circle(self, tenant: int, subject: Packed) -> Circle:
        """Who counts for a subject."""
        # One more than may be looked at tells that there are more; a pair can stand both ways round.
        near = self.ask(schema.NEAR, tenant, [subject], 2 * LOOKED + 2)
        others = list(dict.fromkeys(other for _, other, _ in near))
        records = [record for _, record, is_record in near if is_record]
        far: list[Packed] = []
        if records and len(others) <= LOOKED:
            # The subject itself and those nearby may be among them.
            most = 2 * LOOKED + 2
            far = [other for (other,) in self.ask(schema.OTHERS, tenant, records, most)]
        return Circle.of(subject, others, far)

    def ask(self, template: str, tenant: int, subjects: list[Packed], limit: int = -1) -> list[Any]:
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
            key = self._execute(schema.WORD, (parts[0],)).fetchone()
            row = key and self._execute(schema.BY_LIST, (tenant, parts[1], key[0])).fetchone()
        if row is None:
            raise StoreError("registry_unavailable", "no entry has this id")
        return int(row[0])

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        """All pairs of a tenant, in the order of their commits."""
        number, reached = self.tenant(tenant), 0
        while rows := self._execute(schema.LINKS, (number, reached, PAGE)).fetchall():
            yield from ((unpack(record), unpack(identifier)) for _, record, identifier in rows)
            reached = rows[-1][0]


def _person(
    subject: Packed,
    own: dict[Packed, Standing],
    near: list[Packed] | None,
    members: dict[Packed, list[Packed]],
) -> Person:
    """From everybody's own standing, the subject's links, and the identifiers of its records."""
    if near is None:
        return own.get(subject, UNKNOWN), ()
    far = [one for other in near for one in members.get(other, ())]
    if own or len(near) + len(far) > LINKED:
        return _joined(subject, own, Circle.of(subject, near, far))
    # Mostly nothing is known of anybody around.
    return _LINKED, tuple(dict.fromkeys(near + far))


def _joined(subject: Packed, own: dict[Packed, Standing], circle: Circle) -> Person:
    around = (*circle.near, *circle.far)
    near = [own.get(other, UNKNOWN) for other in circle.near]
    far = [own[other] for other in circle.far if other in own]
    standing = joined(own.get(subject, UNKNOWN), near, far)
    many = len(around) > LINKED
    return strictest(standing, crowded=circle.more) if many else standing, around


def _entry(name: str, subject: str, department: str | None, *rest: Any) -> Entry:
    """An entry of a row's values; of a standing's, its name, subject and department are not asked for."""
    act, channel, purpose, sender, source, text, evidence, detail, at, until = rest
    return Entry(
        id=name,
        subject=subject,
        act=act,
        at=at,
        channel=channel,
        purpose=purpose,
        sender=sender,
        source=source or "",
        department=department or "",
        text=text or "",
        evidence=evidence or "",
        detail=detail or "",
        until=until,
    )


def _whole(row: Any) -> Entry:
    _, shared, key, subject, department, *rest = row
    person = unpack(subject)
    return _entry(unpack(key) if shared is None else f"{shared}:{person}", person, department, *rest)
