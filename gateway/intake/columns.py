"""What the columns of a table mean, and a row's entries. Pure; reads no clock.

Entries' ids follow from the list (name, date, scopes), the subject and what is said of it: the same row of
the same list is the same entry, however often and from whichever file it is taken.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.contacts.model import Act, Entry
from gateway.errors import PayloadError
from gateway.intake.acts import TAKES, fault
from gateway.intake.moments import EXPECTED, moment
from gateway.intake.people import People
from gateway.intake.table import Fault
from gateway.model import SubjectKind

IDENTIFIERS: Final[Mapping[str, SubjectKind | None]] = {
    "identifier": None,
    "phone": "phone",
    "email": "email",
    "record": "record",
}
"""Columns that name a subject, and of which kind; an `identifier` is an e-mail address or a phone number."""
MEMBERS: Final = (
    *("act", "channel", "purpose", "sender", "at", "until"),
    *("source", "department", "text", "evidence", "detail"),
)
"""Columns that say something of it."""
FIELDS: Final = (*IDENTIFIERS, *MEMBERS)

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Told:
    """What a list says of everybody in it, unless a row says otherwise. `dated`: its own date."""

    name: str
    dated: float
    act: Act = "suppressed"
    channel: str | None = None
    purpose: str | None = None
    sender: str | None = None
    until: float | None = None
    department: str = ""
    text: str = ""
    evidence: str = ""
    kind: SubjectKind | None = None
    words: tuple[tuple[str, str], ...] = ()
    """What words of the file's own mean as acts: (`oui`, `granted`)."""

    @property
    def batch(self) -> str:
        """What the ids of its entries begin with: 16 characters."""
        members = [self.name, self.dated, self.act, self.channel, self.purpose, self.sender, self.until]
        return _short([*members, self.department, self.text, self.evidence])

    def members(self) -> dict[str, Any]:
        """The members of an Entry."""
        takes = TAKES[self.act]
        extra = {
            name: getattr(self, name)
            for name in ("channel", "purpose", "sender", "until", "text", "evidence")
        }
        return {
            "act": self.act,
            "at": self.dated,
            "source": f"list:{self.name}",
            "department": self.department,
            **{name: value for name, value in extra.items() if name in takes},
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What a row gave: its entries, and the (record, identifier) pairs that stand in it."""

    entries: tuple[Entry, ...]
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RowReader:
    """What reads the rows of one table.

    `read` answers a pseudonym of whom `template` is true (and nothing else is said), what else a row gave, or
    why it cannot be taken.
    """

    read: Callable[[Sequence[str]], str | Taken | Fault]
    template: Entry


def columns_of(header: Sequence[str], mapped: Mapping[str, str]) -> dict[str, int]:
    """Field -> place of its column. `mapped`: field -> name of a column, or its number from 1.

    Columns that are called like a field need not be mapped. Raises PayloadError for a column that is not
    there, or there twice, and for a table that names no subject.
    """
    names = [name.strip().lower() for name in header]
    found = {field: names.index(field) for field in FIELDS if names.count(field) == 1}
    for field, column in mapped.items():
        wanted = column.strip().lower()
        if names.count(wanted) == 1:
            found[field] = names.index(wanted)
        elif wanted.isdecimal() and 0 < int(wanted) <= len(header):
            found[field] = int(wanted) - 1
        else:
            why = "twice" if wanted in names else "not"
            raise PayloadError("unparseable_body", f"the column mapped to {field} is {why} in the header")
    if not found.keys() & IDENTIFIERS.keys():
        raise PayloadError("unparseable_body", f"no column is mapped to one of {', '.join(IDENTIFIERS)}")
    return found


def reader(columns: Mapping[str, int], width: int, told: Told, people: People, now: float) -> RowReader:
    """What reads the rows of a table of `width` columns. Raises PayloadError when `told` itself is wrong."""
    told = replace(told, sender=told.sender and people.sender(told.sender))
    template = Entry(id=told.batch, subject="", **told.members())
    if not columns.keys() & set(MEMBERS):
        if wrong := fault(template, now):
            raise PayloadError("unparseable_body", wrong)
        if len(columns) == 1:
            return RowReader(_one(columns, width, told, people), template)
    return RowReader(_Reader(columns, width, told, people, now), template)


def _one(
    columns: Mapping[str, int], width: int, told: Told, people: People
) -> Callable[[Sequence[str]], str | Fault]:
    """A list of identifiers, of which there may be millions."""
    [(field, place)] = columns.items()
    kind, named = IDENTIFIERS[field] or told.kind, people.named

    def read(cells: Sequence[str]) -> str | Fault:
        if len(cells) != width:
            return _uneven(cells, width)
        return named(kind, cells[place]) or people.unread(kind, cells[place])

    return read


def _uneven(cells: Sequence[str], width: int) -> Fault:
    return Fault(f"{len(cells)} cells in place of {width}")


class _Reader:
    """Rows that say something of their own, or name a person in several ways."""

    def __init__(
        self, columns: Mapping[str, int], width: int, told: Told, people: People, now: float
    ) -> None:
        self._who = [(name, columns[name]) for name in IDENTIFIERS if name in columns]
        self._what = [(name, columns[name]) for name in MEMBERS if name in columns]
        self._width = width
        self._told = told
        self._people = people
        self._now = now
        self._batch = told.batch
        self._default = told.members()
        self._words = {word.lower(): act for word, act in told.words}

    def __call__(self, cells: Sequence[str]) -> Taken | Fault:
        if len(cells) != self._width:
            return _uneven(cells, self._width)
        members = self._members(cells)
        if isinstance(members, Fault):
            return members
        subjects = self._subjects(cells)
        if isinstance(subjects, Fault):
            return subjects
        mark = f"{self._batch}.{_short(sorted(members.items()))[:12]}:"
        entries = tuple(Entry(id=mark + s, subject=s, **members) for s in subjects.values())
        wrong = fault(entries[0], self._now)
        return Fault(wrong) if wrong else Taken(entries, pairs(subjects))

    def _subjects(self, cells: Sequence[str]) -> dict[str, str] | Fault:
        """Field -> pseudonym, of those that are given."""
        found: dict[str, str] = {}
        for field, place in self._who:
            value = cells[place].strip()
            if not value:
                continue
            kind = IDENTIFIERS[field] or self._told.kind
            subject = self._people.named(kind, value)
            if subject is None:
                return self._people.unread(kind, value)
            found[field] = subject
        return found or Fault("nobody is named")

    def _members(self, cells: Sequence[str]) -> dict[str, Any] | Fault:
        """Members of the row's entries: an empty cell leaves what the list says."""
        own = {name: text for name, place in self._what if (text := cells[place].strip())}
        members = dict(self._default)
        for name, text in own.items():
            value = (
                _VALUES.get(name, str)(text) if name != "act" else self._words.get(text.lower(), text.lower())
            )
            if value is None:
                return Fault(f"{name} is not {EXPECTED}")
            members[name] = value
        if "sender" in own:
            members["sender"] = self._people.sender(own["sender"])
        if members["act"] not in TAKES:
            return Fault("act is none of those known; see --word")
        takes = TAKES[members["act"]]
        # what the list says of everybody is left out where this act has no such member
        return {k: v for k, v in members.items() if k in own or k in takes or k not in _EXTRA}


_VALUES: Final[Mapping[str, Callable[[str], Any]]] = {"at": moment, "until": moment}
_EXTRA: Final = frozenset().union(*TAKES.values())


def pairs(subjects: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A row's record id with each of its other identifiers."""
    record = subjects.get("record")
    if record is None:
        return ()
    return tuple((record, subject) for field, subject in subjects.items() if field != "record")


def _short(members: Iterable[object]) -> str:
    return base64.urlsafe_b64encode(sha256(_encode(list(members))).digest()[:12]).decode()


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line of an exported ledger: an entry as it was kept, or a link."""

    entry: Entry | None = None
    link: tuple[str, str] | None = None


_decode: Final = msgspec.json.Decoder(Line).decode


def exported(cells: Sequence[str]) -> Taken | Fault:
    """A line of an exported ledger, with the ids and pseudonyms it had."""
    try:
        line = _decode(cells[0])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return Fault("not a line of an exported ledger")
    if line.entry is not None and (not line.entry.id or not line.entry.subject):
        return Fault("an entry without id or subject")
    if (line.entry is None) == (line.link is None):
        return Fault("neither an entry nor a link")
    return Taken((line.entry,) if line.entry else (), (line.link,) if line.link else ())
