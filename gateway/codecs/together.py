"""Which identifiers of people stand in one record of a JSON document with that record's id. Pure.

A record is the document, or an item of an array that is an object. Only what stands in the record itself
counts, not in records within it: whoever is linked to another's id would be taken for that other person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, NamedTuple

from gateway.codecs.owners import Trail
from gateway.codecs.program import Program, Slot
from gateway.codecs.scalars import CONTAINERS, text_of
from gateway.codecs.steps import Step, compiled
from gateway.model import SubjectKind

_OWNER: Final = 4
"""bytes of a number in Tally.owners"""


class Pair(NamedTuple):
    """A record id and an identifier, as they stand in traffic; `space`: what goes before the id."""

    record: str
    kind: SubjectKind
    value: str
    space: str = ""


class _Met(NamedTuple):
    slot: int
    trail: Trail
    value: str


@dataclass(slots=True)
class _Record:
    ids: list[_Met] = field(default_factory=list)
    others: list[_Met] = field(default_factory=list)

    def pairs(self, slots: Sequence[Slot]) -> Iterable[Pair]:
        """Each identifier with the id that stands nearest; of several with the data map's first."""
        for other in self.others if self.ids else ():
            nearest = min(self.ids, key=lambda each: (_apart(each.trail, other.trail), each.slot))
            kind = slots[other.slot].subject or "record"
            yield Pair(nearest.value, kind, other.value, slots[nearest.slot].space)


def _apart(one: Trail, other: Trail) -> int:
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return len(one) + len(other) - 2 * shared


def grouped(program: Program, met: Sequence[tuple[int, str]], owners: bytes) -> list[tuple[int, int]] | None:
    """The pairs of what a run met (see Tally), a record id and an identifier, by where these stand in `met`.

    None where the document has to be read to know them.
    """
    if len(owners) != _OWNER * len(met):
        return None
    roles = program.linked
    ids: dict[int, int] = {}
    others: list[tuple[int, int]] = []
    for at, owner in enumerate(memoryview(owners).cast("I")):
        index, value = met[at]
        role = roles[index]
        if role == 1 and value:
            others.append((owner, at))
        elif role and value and met[ids.setdefault(owner, at)][1] != value:
            return None
    return [(ids[owner], at) for owner, at in others if owner in ids]


def together(document: Any, program: Program) -> list[Pair]:
    """The pairs of a parsed document."""
    records: list[_Record] = []
    start = compiled(program).start
    if start.finds and document.__class__ in CONTAINERS:
        _walk(document, start, _opened(records), (), records, program.slots)
    return [pair for record in records for pair in record.pairs(program.slots)]


def _opened(records: list[_Record]) -> _Record:
    records.append(_Record())
    return records[-1]


def _walk(
    value: Any, step: Step, record: _Record, trail: Trail, records: list[_Record], slots: Sequence[Slot]
) -> None:
    if value.__class__ is dict:
        inner = (*trail, id(value))
        for key, member in value.items():
            below = step.keys.get(key, step.any)
            if below is not None and below.finds:
                _walk(member, below, record, inner, records, slots)
    elif value.__class__ is list:
        items = step.items
        if items is not None and items.finds:
            for item in value:
                own = _opened(records) if item.__class__ in CONTAINERS else record
                _walk(item, items, own, () if own is not record else trail, records, slots)
    elif step.subject and value not in (None, "") and slots[step.slot].role == "person":
        met = _Met(step.slot, trail, text_of(value))
        (record.ids if slots[step.slot].subject == "record" else record.others).append(met)
