"""A worker stays awake for an answer that is about to come, and for nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import pytest

from gateway.planes.reverse.vigil import AWAKE, Vigil


@dataclass
class Asked:
    """A request that is out until it is answered."""

    waiting: bool = True


class Turns:
    """How often the loop was kept from sleeping; the clock stands still but for `now`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.kept: list[Callable[[], None]] = []
        patch.setattr(asyncio, "get_running_loop", lambda: self)
        self.vigil = Vigil(lambda: self.now)

    def call_soon(self, step: Callable[[], None]) -> None:
        self.kept.append(step)

    def turn(self) -> int:
        """What was put off, once; how much is put off again."""
        steps, self.kept = self.kept, []
        for step in steps:
            step()
        return len(self.kept)


@pytest.fixture(name="turns")
def _turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    return Turns(monkeypatch)


def test_until_it_is_answered(turns: Turns) -> None:
    asked = Asked()
    turns.vigil.keep(asked, AWAKE / 2, turns.now)
    assert [turns.turn() for _ in range(3)] == [1, 1, 1]
    asked.waiting = False
    assert turns.turn() == 0
    turns.vigil.keep(Asked(), AWAKE / 2, turns.now)
    assert turns.turn() == 1


def test_not_for_long(turns: Turns) -> None:
    turns.vigil.keep(Asked(), AWAKE / 2, turns.now)
    turns.now = AWAKE * 0.99
    assert turns.turn() == 1
    turns.now = AWAKE
    assert turns.turn() == 0


@pytest.mark.parametrize("takes", [AWAKE, 0.02, inf])
def test_not_for_who_takes_long(turns: Turns, takes: float) -> None:
    turns.vigil.keep(Asked(), takes, turns.now)
    assert turns.kept == []


def test_not_for_several(turns: Turns) -> None:
    first, second = Asked(), Asked()
    turns.vigil.keep(first, AWAKE / 2, turns.now)
    turns.vigil.keep(second, AWAKE / 2, turns.now)
    assert turns.turn() == 0
    second.waiting = False
    turns.vigil.keep(Asked(), AWAKE / 2, turns.now)
    assert turns.turn() == 1 and len(turns.kept) == 1
