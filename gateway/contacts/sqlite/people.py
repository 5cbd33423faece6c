"""What is read of people from the registry file, through a connection of somebody else's."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from operator import itemgetter
from typing import Any, Final

from gateway.contacts.cached import Recent
from gateway.contacts.compact import Packed, pack, split, unpack
from gateway.contacts.ledger import LINKED, LOOKED, fold, joined, strictest
from gateway.contacts.model import UNKNOWN, Entry, Standing
from gateway.contacts.sqlite import schema
from gateway.errors import StoreError

EDGES: Final = 4096
"""links read at once for a list of subjects; of a list with more, each subject is asked for by itself"""
PAGE: Final = 2000
"""rows read at once of a whole ledger, so that no reading holds up the clearing of the log"""
ALIKE: Final = 1024
"""standings remembered by the rows they follow from"""
_AROUND: Final = schema.AROUND.format(limit=2 * LOOKED + 2)
_SEQ: Final = itemgetter(0)
_LINKED: Final = joined(UNKNOWN, [UNKNOWN])


@dataclass(frozen=True, slots=True)
class Circle:
    """Who counts for a subject, directly and else; `more`: there are others, too many to look at."""

    near: list[Packed]
    far: list[Packed]
    more: bool = False

    @classmethod
    def of(cls, subject: Packed, near: Iterable[Packed], far: Iterable[Packed]) -> "Circle":
        """Each of them once, and no more than may be looked at."""
        close = list(dict.fromkeys(near))
        wide = [other for other in dict.fromkeys(far) if other != subject and other not in close]
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
        number = self.tenant(tenant)
        if number is None:
            return [UNKNOWN] * len(pseudonyms)
        if len(pseudonyms) == 1:
            return [self._standing(number, pack(pseudonyms[0]))]
        answer: list[Standing] = []
        for part in batched(pseudonyms, schema.MOST):
            answer += self._standings(number, [pack(pseudonym) for pseudonym in part])
        return answer

    def _standing(self, tenant: int, subject: Packed) -> Standing:
        """That of one, who is mostly a stranger: with one statement, unless there are links."""
        rows = self._execute(schema.ONE, (tenant, subject) * 3).fetchall()
        if not rows:
            return UNKNOWN
        rows.sort(key=_SEQ)
        if rows[0][0]:
            return self._fold(rows)
        around = self._execute(_AROUND, (tenant, subject, tenant, subject, tenant, tenant)).fetchall()
        near = [row[1] for row in around if not row[-1]]
        circle = Circle.of(subject, near, [row[1] for row in around if row[-1]])
        own = self._each([row[:-1] for row in around if row[0]])
        if len(rows) > 1:
            own[subject] = self._fold(rows[1:])
        return _joined(subject, own, circle)

    def _standings(self, tenant: int, asked: list[Packed]) -> list[Standing]:
        circles = self.circles(tenant, asked)
        everybody = dict.fromkeys(asked)
        for circle in circles.values():
            everybody |= dict.fromkeys(circle.near + circle.far)
        own = self._own(tenant, list(everybody))
        return [_joined(subject, own, circles.get(subject)) for subject in asked]

    def _own(self, tenant: int, subjects: list[Packed]) -> dict[Packed, Standing]:
        """The standings of those that have entries, by these alone."""
        return self._each(self.ask(schema.ENTRIES, tenant, subjects))

    def _each(self, rows: list[Any]) -> dict[Packed, Standing]:
        # Those who are both near and far have their rows twice.
        its: dict[Packed, dict[int, Any]] = {}
        for row in sorted(rows, key=_SEQ):
            its.setdefault(row[1], {})[row[0]] = row
        return {subject: self._fold(list(own.values())) for subject, own in its.items()}

    def _fold(self, rows: list[Any]) -> Standing:
        """The standing of one subject's rows, remembered: millions are on one list, and stand alike."""
        key = rows[0][2:] if len(rows) == 1 else tuple(row[2:] for row in rows)
        standing = self._folded.get(key)
        if standing is None:
            standing = fold(map(_folded, rows))
            self._folded.put(key, standing)
        return standing

    def circles(self, tenant: int, asked: list[Packed]) -> dict[Packed, Circle]:
        """Who counts for each subject, of those that are linked at all."""
        if len(asked) == 1:
            return self._circle(tenant, asked[0])
        near = self.ask(schema.NEAR, tenant, asked, EDGES)
        if not near:
            return {}
        far: list[Any] = []
        if len(near) < EDGES:
            records = dict.fromkeys(record for _, record, is_record in near if is_record)
            far = self.ask(schema.FAR, tenant, list(records), EDGES)
        if len(near) < EDGES and len(far) < EDGES:
            return _circles(near, far)
        found: dict[Packed, Circle] = {}
        for subject in asked:
            found |= self._circle(tenant, subject)
        return found

    def _circle(self, tenant: int, subject: Packed) -> dict[Packed, Circle]:
        # One more than may be looked at tells that there are more; a pair can stand both ways round.
        near = self.ask(schema.NEAR, tenant, [subject], 2 * LOOKED + 2)
        if not near:
            return {}
        others = list(dict.fromkeys(other for _, other, _ in near))
        records = [record for _, record, is_record in near if is_record]
        far: list[Packed] = []
        if records and len(others) <= LOOKED:
            # The subject itself and those nearby may be among them.
            most = 2 * LOOKED + 2
            far = [other for (other,) in self.ask(schema.OTHERS, tenant, records, most)]
        return {subject: Circle.of(subject, others, far)}

    def ask(self, template: str, tenant: int, subjects: list[Packed], limit: int = -1) -> list[Any]:
        """The rows of a statement about subjects (`schema.asking`); `limit` is for each part of a list."""
        rows: list[Any] = []
        for part in batched(subjects, schema.MOST):
            size = schema.sized(len(part))
            statement, times = schema.asking(template, size, limit)
            parameters = (tenant, *part, *part[:1] * (size - len(part)))
            rows += self._execute(statement, parameters * times).fetchall()
        return rows

    # ---- for tools --------------------------------------------------------------------------------------

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        """A subject's entries as they were added."""
        rows = self._execute(schema.HISTORY, (self.tenant(tenant), pack(pseudonym))).fetchall()
        return [_entry(row) for row in rows]

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        """Those who count for a subject."""
        number, subject = self.tenant(tenant), pack(pseudonym)
        circle = None if number is None else self._circle(number, subject).get(subject)
        return [] if circle is None else [unpack(other) for other in circle.near + circle.far]

    def entries(self, tenant: str, after: str | None) -> Iterator[Entry]:
        """All entries of a tenant, in the order of their commits."""
        number, reached = self.tenant(tenant), 0
        if after is not None:
            reached = self._found(number, after)
        while rows := self._execute(schema.PAGE, (number, reached, PAGE)).fetchall():
            yield from map(_entry, rows)
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


def _circles(near: list[Any], far: list[Any]) -> dict[Packed, Circle]:
    of: dict[Packed, list[tuple[Packed, int]]] = {}
    for subject, other, is_record in near:
        of.setdefault(subject, []).append((other, is_record))
    members: dict[Packed, list[Packed]] = {}
    for record, identifier in far:
        members.setdefault(record, []).append(identifier)
    return {
        subject: Circle.of(
            subject,
            [other for other, _ in its],
            [member for other, is_record in its if is_record for member in members.get(other, ())],
        )
        for subject, its in of.items()
    }


def _joined(subject: Packed, own: dict[Packed, Standing], circle: Circle | None) -> Standing:
    standing = own.get(subject, UNKNOWN)
    if circle is None:
        return standing
    near = [own.get(other, UNKNOWN) for other in circle.near]
    far = [own[other] for other in circle.far if other in own]
    if not circle.more and not far and standing is UNKNOWN and all(other is UNKNOWN for other in near):
        return _LINKED
    standing = joined(standing, near, far)
    many = len(circle.near) + len(circle.far) > LINKED
    return strictest(standing, crowded=circle.more) if many else standing


def _folded(row: Any) -> Entry:
    """What a standing needs of a row: everything but its id and subject."""
    _, _, act, channel, purpose, sender, source, text, evidence, detail, at, until = row
    return Entry(
        id="",
        subject="",
        act=act,
        at=at,
        channel=channel,
        purpose=purpose,
        sender=sender,
        source=source or "",
        text=text or "",
        evidence=evidence or "",
        detail=detail or "",
        until=until,
    )


def _entry(row: Any) -> Entry:
    _, shared, key, subject, act, channel, purpose, sender, source, department, *rest = row
    text, evidence, detail, at, until = rest
    person = unpack(subject)
    return Entry(
        id=unpack(key) if shared is None else f"{shared}:{person}",
        subject=person,
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
