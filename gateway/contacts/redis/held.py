"""Standings that a worker remembers, and whose entries each follows from. Pure; holds no clock.

Bounded as `cached.Recent` is, by two halves. A standing that follows from linked subjects' entries is
forgotten with any of them, so what says so is kept in the same half for exactly as long.
"""

from collections.abc import Iterable
from typing import Final

from gateway.contacts.cached import DEFAULT_BOUND
from gateway.contacts.model import Standing

Key = tuple[str, str]
"""tenant, subject"""


class _Half:
    __slots__ = ("dependents", "others", "standings")

    def __init__(self) -> None:
        self.standings: dict[Key, Standing] = {}
        self.others: dict[Key, tuple[str, ...]] = {}
        self.dependents: dict[Key, set[Key]] = {}

    def put(self, key: Key, standing: Standing, others: tuple[str, ...]) -> None:
        self.standings[key] = standing
        if others:
            self.others[key] = others
            for other in others:
                self.dependents.setdefault((key[0], other), set()).add(key)

    def forget(self, key: Key) -> None:
        self.drop(key)
        for dependent in self.dependents.pop(key, ()):
            self.drop(dependent)

    def drop(self, key: Key) -> None:
        if self.standings.pop(key, None) is None:
            return
        for other in self.others.pop(key, ()):
            theirs = self.dependents.get((key[0], other))
            if theirs is not None:
                theirs.discard(key)
                if not theirs:
                    del self.dependents[key[0], other]


class Held:
    """The memory of one worker."""

    __slots__ = ("_bound", "_old", "_weight", "_young")

    def __init__(self, bound: int = DEFAULT_BOUND) -> None:
        self._bound: Final = bound
        self._weight = 0
        self._young = _Half()
        self._old = _Half()

    def get(self, key: Key) -> Standing | None:
        """What is remembered, or None."""
        standing = self._young.standings.get(key)
        if standing is None and self._old.standings:
            standing = self._old.standings.get(key)
            if standing is not None:
                self.put(key, standing, self._old.others.get(key, ()))
        return standing

    def put(self, key: Key, standing: Standing, others: tuple[str, ...] = ()) -> None:
        """Remember a standing that follows from the entries of the subject and of `others`."""
        if self._weight >= self._bound:
            self._old, self._young, self._weight = self._young, _Half(), 0
        self._young.drop(key)
        self._old.drop(key)
        self._young.put(key, standing, others)
        self._weight += 1 + len(others)

    def forget(self, tenant: str, subjects: Iterable[str]) -> None:
        """The entries or links of these changed."""
        for subject in subjects:
            key = tenant, subject
            self._young.forget(key)
            self._old.forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._weight = _Half(), _Half(), 0

    def __len__(self) -> int:
        return len(self._young.standings) + len(self._old.standings)
