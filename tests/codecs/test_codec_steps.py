"""Steps that share what their keys lead to, against a construction in which none do."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Node, Slot
from gateway.codecs.steps import Step, compiled, reachable
from gateway.model import DataMap
from gateway.policy.packfile import read_pack

PACKS = Path(__file__).parents[2] / "plugins"

_keys = st.sampled_from(["a", "b", "c"])
_part = st.builds(lambda part, items: part + "[]" * items, st.one_of(_keys, st.just("*")), st.integers(0, 1))


@st.composite
def _paths(draw: st.DrawFn) -> str:
    parts = draw(st.lists(_part, min_size=1, max_size=3))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts) - 1)), "**")
    return ".".join(parts)


_places = st.lists(st.tuples(_paths(), st.booleans()), max_size=7, unique_by=lambda place: place[0])


def plain(root: Node, subjects: list[bool], everywhere: bool) -> Step:
    """Subset construction as the textbooks have it: every step with links of its own."""
    made: dict[Any, Step] = {}

    def step(nodes: list[Node | None], deeps: list[Node], inherited: int) -> Step | None:
        reached = list({id(n): n for n in nodes if n}.values())
        below = [n.deep for n in reached if n.deep] + deeps
        below = list({id(n): n for n in below}.values())
        slot = next((n.slot for n in reached if n.slot >= 0), inherited)
        if slot < 0 and not (reached or below or everywhere):
            return None
        key = (*map(id, reached), -1, *map(id, below), slot)
        if key not in made:
            it = made[key] = Step(slot, None, slot >= 0 and subjects[slot])
            every = [*reached, *below]
            for name in dict.fromkeys(k for n in every for k in n.keys):
                to = step([each for n in every for each in (n.keys.get(name), n.any)], below, slot)
                assert to is not None
                it.keys[name] = to
            it.any = step([n.any for n in every], below, slot)
            it.items = step([n.items for n in reached], below, slot)
        return made[key]

    start = step([root], [], -1)
    assert start is not None
    return start


def dumped(start: Step) -> list[tuple[Any, ...]]:
    """A graph of steps by numbers, in the order of its links."""
    number = {id(start): 0}
    todo = [start]

    def to(step: Step | None) -> int:
        if step is None:
            return -1
        if id(step) not in number:
            number[id(step)] = len(todo)
            todo.append(step)
        return number[id(step)]

    return [
        (
            step.slot,
            step.subject,
            [(name, to(below)) for name, below in step.keys.items()],
            to(step.any),
            to(step.items),
        )
        for step in todo
    ]


def agree(places: list[tuple[str, bool]], everywhere: bool) -> list[Step]:
    """The steps, once they are known to be those of the plain construction."""
    slots = [Slot(path, "c", subject="record" if subject else None) for path, subject in places]
    program = compiled(compile_program(slots, str if everywhere else None))
    assert dumped(program.start) == dumped(plain(program.root, [s for _, s in places], everywhere))
    return reachable(program.start)


def finding(steps: list[Step]) -> set[int]:
    """Steps with a subject at or below them, by looking until nothing is new."""
    found = {id(step) for step in steps if step.subject}
    while True:
        more = {
            id(step)
            for step in steps
            if any(id(below) in found for below in (*step.keys.values(), step.any, step.items) if below)
        }
        if more <= found:
            return found
        found |= more


@given(_places, st.booleans())
def test_shared_steps_are_those_of_the_plain_construction(
    places: list[tuple[str, bool]], everywhere: bool
) -> None:
    steps = agree(places, everywhere)
    found = finding(steps)
    for step in steps:
        assert step.finds == (id(step) in found)
        assert list(step.hunts.items()) == [(n, to) for n, to in step.keys.items() if id(to) in found]


@pytest.mark.parametrize("provider", ["hubspot", "salesforce", "twilio"])
def test_the_steps_of_a_large_map(provider: str) -> None:
    pack = read_pack((PACKS / provider / "pack.yaml").read_bytes(), f"{provider}/pack.yaml")
    maps: list[DataMap] = [operation.response for operation in pack.operations]
    largest = max((data.json for data in maps), key=len)
    agree([(field.path, field.subject is not None) for field in largest[-100:]], everywhere=True)


def test_steps_share_where_their_keys_lead() -> None:
    slots = [Slot(f"**.k{n}", "c", subject="email" if n else None) for n in range(60)]
    steps = reachable(compiled(compile_program(slots, None)).start)
    assert len(steps) > 100
    assert len({id(step.keys) for step in steps}) == len({id(step.hunts) for step in steps}) == 1


def test_steps_share_what_is_open_only_under_the_same_slot() -> None:
    slots = [*(Slot(f"**.k{n}", "c") for n in range(60)), Slot("**.k.in", "c")]
    steps = reachable(compiled(compile_program(slots, None)).start)
    # What stands in `k` is of the slot around it: one for each, one for none, and as many within `k`.
    assert len({id(step.keys) for step in steps}) == 2 * (len(slots) + 1)
