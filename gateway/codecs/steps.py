"""The path trie made deterministic: one step per place in a document, so that a walk never backtracks. Pure.

A trie with `*` and `**` can reach one value along several paths. Subset construction settles at compile time
which slot wins everywhere; a run then follows one link per key. Of several paths to one value the winner is
the one with the most links after its `**` (all of them where it has none); among equals the one whose `**`
stands further down; then, from the left, an exact key before `*`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.codecs.program import Codec, Masker, Node, Pattern, Program, Slot
from gateway.errors import InternalError

MAX_STEPS = 50_000
"""Steps of one program; far above any data map, below what would harm a worker."""


@dataclass(slots=True, eq=False, repr=False)
class Step:
    """What to do at one place: its slot (-1: none), and where each key or item leads.

    Steps form a graph with cycles: they are compared by identity and have no repr of their contents.
    """

    slot: int = -1
    mask: Masker | None = None
    subject: bool = False
    keys: "dict[str, Step]" = field(default_factory=dict)
    """Steps from which every key leads to the same share one: nobody writes to it."""
    any: "Step | None" = None
    items: "Step | None" = None
    finds: bool = False
    """Whether a subject's slot is here or anywhere below."""
    hunts: "dict[str, Step]" = field(default_factory=dict)
    """Those of `keys` that lead to a subject."""


@dataclass(frozen=True, slots=True)
class Compiled(Program):
    """A Program with what codecs run: steps for nested formats, names for flat ones."""

    start: Step = field(default_factory=Step)
    names: dict[str, int] = field(default_factory=dict)
    """Slot index by parameter or header name, taken verbatim from the slots' paths."""
    rest: int = -1
    """Slot index of `*`: any name not in `names`."""
    templates: dict[tuple[str, ...], tuple[list[tuple[int, str]], Pattern]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """For path parameters by their names: subjects (slot, name) and what is seen: see codecs.params."""
    native: list[object] = field(default_factory=list, compare=False, repr=False)
    """What the compiled kernel made of this program, once it has been asked: see codecs.kernel."""
    seeks: list[tuple[Step, object]] = field(default_factory=list, compare=False, repr=False)
    """What is walked, from a first step, to find whose values are: see codecs.owners."""
    inner: "dict[int, Inner]" = field(default_factory=dict)
    """By slot index: values that are documents of their own (flat formats and multipart only)."""
    unread: tuple[tuple[str, bool], ...] = ()
    """Parts of a multipart body that are not read: glob of media types, and whether they pass."""


@dataclass(frozen=True, slots=True)
class Inner:
    """How a value that is itself a document is read. Its slots stand in the outer table from `offset` on."""

    offset: int
    codec: Codec
    program: Program


def compiled(program: Program) -> Compiled:
    """The program itself, once it is known to be one that codecs can run. Raises InternalError."""
    if not isinstance(program, Compiled):
        raise InternalError("a program has to come from compile_program")
    return program


_State = tuple[tuple[Node, ...], tuple[Node, ...], int]
"""Nodes reached, in order of precedence; `**` nodes met on the way; slot of the nearest selected one."""
_Key = tuple[tuple[int, ...], tuple[int, ...], int]


def determinise(root: Node, slots: tuple[Slot, ...], everywhere: bool) -> Step:
    """The first step. `everywhere`: also lead to what no path selects, because something is done there."""
    return _Builder(slots, everywhere).build(root)


def bound(start: Step, slots: tuple[Slot, ...]) -> Step:
    """The same steps with the maskers of other slots at the same paths: far cheaper than to start anew."""
    copies: dict[int, Step] = {}
    for step in reachable(start):
        mask = slots[step.slot].mask if step.slot >= 0 else None
        copies[id(step)] = Step(step.slot, mask, step.subject, step.keys, step.any, step.items, step.finds)
    shared: dict[int, tuple[dict[str, Step], dict[str, Step]]] = {}
    for step in copies.values():
        keys = shared.get(id(step.keys))
        if keys is None:
            to = {name: copies[id(below)] for name, below in step.keys.items()}
            keys = shared[id(step.keys)] = to, _hunted(to)
        step.keys, step.hunts = keys
        step.any = copies[id(step.any)] if step.any is not None else None
        step.items = copies[id(step.items)] if step.items is not None else None
    return copies[id(start)]


def reachable(start: Step) -> list[Step]:
    """Every step from a first one on, each once."""
    known = {id(start): start}
    todo, seen = [start], set[int]()
    for step in todo:
        below = [to for to in (step.any, step.items) if to is not None]
        if id(step.keys) not in seen:
            seen.add(id(step.keys))
            below += step.keys.values()
        for to in below:
            if id(to) not in known:
                known[id(to)] = to
                todo.append(to)
    return todo


def above(steps: Iterable[Step]) -> dict[int, list[list[Step]]]:
    """By the id of a step: those one link before it, in groups: steps that share their keys are one."""
    sharing: dict[int, list[Step]] = {}
    before: dict[int, list[list[Step]]] = {}
    for step in steps:
        for below in (step.any, step.items):
            before.setdefault(id(below), []).append([step])
        group = sharing.setdefault(id(step.keys), [])
        if not group:
            for below in step.keys.values():
                before.setdefault(id(below), []).append(group)
        group.append(step)
    return before


def _hunted(keys: "dict[str, Step]") -> "dict[str, Step]":
    return {name: below for name, below in keys.items() if below.finds}


def remasked(program: Program, change: Callable[[Masker | None], Masker | None]) -> Compiled:
    """The same program with other maskers, also within values, and for what no path selects."""
    ready = compiled(program)
    slots = tuple(replace(slot, mask=change(slot.mask)) for slot in ready.slots)
    return replace(
        ready,
        slots=slots,
        unmapped=change(ready.unmapped),
        start=bound(ready.start, slots),
        inner={
            index: Inner(each.offset, each.codec, remasked(each.program, change))
            for index, each in ready.inner.items()
        },
        summaries={},
        templates={},
        native=[],
    )


def shortened(program: Program, texts: Mapping[str, str]) -> Compiled:
    """The same program, by which these texts of recipients come to others before any masker has them."""
    ready = compiled(program)

    def change(slot: Slot) -> Slot:
        if slot.role != "recipient":
            return slot
        mask = slot.mask or _shown
        return replace(
            slot, mask=lambda value: mask(texts.get(value, value) if value.__class__ is str else value)
        )

    slots = tuple(map(change, ready.slots))
    start = bound(ready.start, slots)
    return replace(ready, slots=slots, start=start, summaries={}, templates={}, native=[])


def _shown(value: Any) -> Any:
    return value


@dataclass(slots=True)
class _Row:
    """Where the keys of some nodes lead, wherever these nodes are met."""

    keys: dict[str, Step]
    open: list[tuple[str, list[Node]]]
    """Those of `keys` at whose end stands no slot: the nearest above holds there."""
    other: list[Node]
    """What any other key leads to."""
    under: dict[int, dict[str, Step]]
    """`keys` by the slot above, where any is open."""


class _Builder:
    def __init__(self, slots: tuple[Slot, ...], everywhere: bool) -> None:
        self._slots = slots
        self._everywhere = everywhere
        self._steps: dict[_Key, Step] = {}
        self._rows: dict[tuple[tuple[int, ...], tuple[int, ...]], _Row] = {}
        self._todo: list[tuple[Step, _State]] = []

    def build(self, root: Node) -> Step:
        start = self._step([root], (), -1)
        while self._todo:
            self._link(*self._todo.pop())
        _mark_finds(list(self._steps.values()))
        return start

    def _step(self, nodes: Iterable[Node], deeps: tuple[Node, ...], inherited: int) -> Step:
        reached = tuple({id(n): n for n in nodes}.values())
        deeps = tuple({id(n): n for n in (*(n.deep for n in reached if n.deep), *deeps)}.values())
        slot = next((n.slot for n in reached if n.slot >= 0), inherited)
        key = (_ids(reached), _ids(deeps), slot)
        step = self._steps.get(key)
        if step is None:
            if len(self._steps) >= MAX_STEPS:
                raise InternalError("the paths of a data map combine into too many cases")
            step = self._steps[key] = self._new(slot)
            self._todo.append((step, (reached, deeps, slot)))
        return step

    def _new(self, index: int) -> Step:
        if index < 0:
            return Step()
        slot = self._slots[index]
        return Step(index, slot.mask, slot.subject is not None)

    def _link(self, step: Step, state: _State) -> None:
        nodes, deeps, slot = state
        row = self._row(tuple(n for n in nodes if n.keys or n.any), deeps)
        if row.open and slot not in row.under:
            closed = {name: self._step(below, deeps, slot) for name, below in row.open}
            row.under[slot] = {**row.keys, **closed}
        step.keys = row.under.get(slot, row.keys)
        step.any = self._other(row.other, deeps, slot)
        step.items = self._other([n.items for n in nodes if n.items], deeps, slot)

    def _other(self, nodes: list[Node], deeps: tuple[Node, ...], inherited: int) -> Step | None:
        """A step where something is selected, may be further down, or is done with what is not."""
        wanted = inherited >= 0 or nodes or deeps or self._everywhere
        return self._step(nodes, deeps, inherited) if wanted else None

    def _row(self, nodes: tuple[Node, ...], deeps: tuple[Node, ...]) -> _Row:
        # Wherever a `**` with hundreds of keys holds, each of them leads to the same.
        ids = (_ids(nodes), _ids(deeps))
        row = self._rows.get(ids)
        if row is None:
            row = self._rows[ids] = _Row({}, [], _under(nodes, deeps, None), {})
            for name in dict.fromkeys(k for n in (*nodes, *deeps) for k in n.keys):
                below = _under(nodes, deeps, name)
                if any(n.slot >= 0 for n in below):
                    row.keys[name] = self._step(below, deeps, -1)
                else:
                    row.keys[name] = Step()
                    row.open.append((name, below))
        return row


def _ids(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    return tuple(map(id, nodes))


def _under(nodes: tuple[Node, ...], deeps: tuple[Node, ...], name: str | None) -> list[Node]:
    """Nodes reached by a key, in order of precedence; None stands for a key nobody names."""
    found: list[Node | None] = []
    for node in (*nodes, *deeps):
        found += (node.keys.get(name) if name is not None else None, node.any)
    return [n for n in found if n]


def _mark_finds(steps: list[Step]) -> None:
    before = above(steps)
    todo = [step for step in steps if step.subject]
    while todo:
        step = todo.pop()
        if not step.finds:
            step.finds = True
            for group in before.get(id(step), ()):
                todo += group
                group.clear()
