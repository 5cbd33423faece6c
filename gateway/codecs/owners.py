"""Whose a value is: the nearest record around it that names a person. Pure.

A record is the document, or an item of an array (in XML: an element with siblings of its name). It is named
by the identifiers in it that no further record holds. Of several the one counts that changes least and is
always there: a provider's record id before an e-mail address before a phone number, a person before a
recipient before a sender, what stands nearer to the value before what stands further away, then the order of
the data map. A record that names nobody is the affair of the record around it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final

from gateway.codecs.program import Masker, PerPerson, Settled, Slot
from gateway.codecs.scalars import CONTAINERS, text_of
from gateway.codecs.steps import Compiled, Step, above, reachable
from gateway.model import SubjectKind, SubjectRole

Who = tuple[SubjectKind, str]
"""Kind of identifier, and the identifier as it stands in traffic."""
Trail = tuple[int, ...]
"""The containers between a record and a value in it, by any number that tells them apart."""

_KINDS: Final[Mapping[SubjectKind, int]] = {"record": 0, "email": 1, "phone": 2}
_ROLES: Final[Mapping[SubjectRole, int]] = {"person": 0, "recipient": 1, "sender": 2}


def rank(slot: Slot) -> int:
    """How well a subject's slot names the person whose the values around it are; less is better."""
    return len(_ROLES) * _KINDS[slot.subject or "record"] + _ROLES[slot.role]


_Met = tuple[int, int, Trail, Who]
"""Rank and slot index of an identifier, where it stands, and whom it names."""


class Scope:
    """One record: the record it stands in, and where there; and the identifiers met in it so far."""

    __slots__ = ("around", "met", "trail")

    def __init__(self, around: "Scope | None" = None, trail: Trail = ()) -> None:
        self.around = around
        self.trail = trail
        self.met: list[_Met] = []

    def name(self, order: int, index: int, trail: Trail, who: Who) -> None:
        """Take note of an identifier of a rank. An empty one names nobody."""
        if who[1].strip():
            self.met.append((order, index, trail, who))

    def owner(self, trail: Trail) -> Who | None:
        """Whose a value at `trail` is."""
        scope: Scope | None = self
        while scope is not None:
            if scope.met:
                return _best(scope.met, trail)
            trail, scope = scope.trail, scope.around
        return None


def _best(met: list[_Met], trail: Trail) -> Who:
    least = min(met)[0]
    best = [each for each in met if each[0] == least]
    return min(best, key=lambda each: (-_shared(each[2], trail), each[1]))[3] if len(best) > 1 else best[0][3]


def _shared(one: Trail, other: Trail) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


# ---- flat records: rows and forms -----------------------------------------------------------------------


def named(values: Iterable[tuple[int, str]], slots: Sequence[Slot]) -> Who | None:
    """Whose a flat record of (slot index, value) is. A slot that is met twice names nobody."""
    found = list(values)
    count = Counter(index for index, _ in found)
    scope = Scope()
    for index, text in found:
        kind = slots[index].subject
        if kind is not None and count[index] == 1:
            scope.name(rank(slots[index]), index, (), (kind, text))
    return scope.owner(())


def bound(program: Compiled, who: Who | None) -> Compiled:
    """The program with the maskers of one person; of nobody it stays as it is, and hides."""
    if who is None:
        return program
    return replace(program, slots=tuple(replace(slot, mask=masker(slot.mask, who)) for slot in program.slots))


def masker(mask: Masker | None, who: Who | None) -> Masker | None:
    """A masker as it is for one person."""
    return mask.of(*who) if mask.__class__ is PerPerson and who is not None else mask


# ---- JSON -----------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False)
class _Seek:
    """A Step, without what leads neither to an identifier nor to a value that is some person's."""

    index: int = -1
    kind: SubjectKind | None = None
    order: int = 0
    """Of an identifier: its kind, and its rank."""
    mask: PerPerson | None = None
    keys: "dict[str, _Seek | None]" = field(default_factory=dict)
    any: "_Seek | None" = None
    items: "_Seek | None" = None


_Waiting = tuple[Any, Any, PerPerson, Scope, Trail]
"""A container, the key or index of a value in it, its masker, and where it stands."""


def settle(document: Any, program: Compiled) -> None:
    """Put the masked value in place of every one whose owner is known, in place; its masker takes it there.

    Two steps, because an identifier may come after the values that are its person's.
    """
    seek = _sought(program)
    waiting: list[_Waiting] = []
    if seek is not None and document.__class__ in CONTAINERS:
        _walk(document, seek, Scope(), (), waiting)
    made: dict[tuple[int, Who], Masker] = {}
    for container, key, mask, scope, trail in waiting:
        who = scope.owner(trail)
        if who is not None:
            theirs = made.get((id(mask), who))
            if theirs is None:
                theirs = made[id(mask), who] = mask.of(*who)
            container[key] = Settled(theirs(container[key]))


def _walk(value: Any, seek: _Seek, scope: Scope, trail: Trail, waiting: list[_Waiting]) -> None:
    if value.__class__ is dict:
        inner = (*trail, id(value))
        for key in seek.keys if seek.any is None else value:
            below, member = seek.keys.get(key, seek.any), value.get(key)
            if below is not None and member is not None:
                _meet(value, key, member, below, scope, inner, waiting)
    elif seek.items is not None:
        for at, item in enumerate(value):
            if item is not None:
                _meet(value, at, item, seek.items, Scope(scope, trail), (), waiting)


def _meet(
    container: Any, key: Any, value: Any, seek: _Seek, scope: Scope, trail: Trail, waiting: list[_Waiting]
) -> None:
    if value.__class__ in CONTAINERS:
        _walk(value, seek, scope, trail, waiting)
    elif seek.kind is not None:
        scope.name(seek.order, seek.index, trail, (seek.kind, text_of(value)))
    elif seek.mask is not None:
        waiting.append((container, key, seek.mask, scope, trail))


def _sought(program: Compiled) -> _Seek | None:
    """The first of a program's seeks; made once, and anew for another first step."""
    known = program.seeks
    if not known or known[0][0] is not program.start:
        known[:] = [(program.start, _sift(program))]
    seek = known[0][1]
    return seek if isinstance(seek, _Seek) else None


def _sift(program: Compiled) -> _Seek | None:
    steps = reachable(program.start)
    before = above(steps)
    made: dict[int, _Seek] = {}
    todo = [step for step in steps if step.subject or step.mask.__class__ is PerPerson]
    while todo:
        step = todo.pop()
        if id(step) not in made:
            made[id(step)] = _seek(step, program)
            for group in before.get(id(step), ()):
                todo += group
                group.clear()
    shared: dict[tuple[int, bool], dict[str, _Seek | None]] = {}
    for step in steps:
        if id(step) in made:
            _link(made[id(step)], step, made, shared)
    return made.get(id(program.start))


def _seek(step: Step, program: Compiled) -> _Seek:
    mask = step.mask if isinstance(step.mask, PerPerson) else None
    if not step.subject:
        return _Seek(step.slot, mask=mask)
    slot = program.slots[step.slot]
    return _Seek(step.slot, slot.subject, rank(slot))


def _link(
    seek: _Seek,
    step: Step,
    made: Mapping[int, _Seek],
    shared: dict[tuple[int, bool], dict[str, _Seek | None]],
) -> None:
    seek.any, seek.items = made.get(id(step.any)), made.get(id(step.items))
    same = id(step.keys), seek.any is not None
    if same not in shared:
        below = {name: made.get(id(to)) for name, to in step.keys.items()}
        # A key that leads nowhere is kept where it would otherwise be any key.
        shared[same] = below if seek.any else {name: to for name, to in below.items() if to}
    seek.keys = shared[same]
