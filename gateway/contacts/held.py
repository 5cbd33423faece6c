"""Standings that a worker remembers, and whose entries each follows from. Pure; holds no clock.

Bounded as `cached.Recent` is, by two halves. A standing that follows from linked subjects' entries is
forgotten with any of them, so what says so is kept in the same half for exactly as long.
"""

from collections.abc import Collection
from typing import Final

from gateway.contacts.cached import DEFAULT_BOUND
from gateway.contacts.compact import Packed
from gateway.contacts.model import Standing

Key = tuple[str, str]
"""tenant, subject"""


class _Half:
    """`dependents` may name who has been forgotten since: that one is then forgotten once more.

    They are by subject alone: two tenants have no pseudonym in common.
    """

    __slots__ = ("dependents", "others", "standings")

    def __init__(self) -> None:
        self.standings: dict[Key, Standing] = {}
        self.others: dict[Key, tuple[Packed, ...]] = {}
        # The one there mostly is stands for itself.
        self.dependents: dict[Packed, Key | list[Key]] = {}

    def put(self, key: Key, standing: Standing, others: tuple[Packed, ...]) -> None:
        self.standings[key] = standing
        if others:
            self.others[key] = others
            dependents = self.dependents
            for other in others:
                held = dependents.setdefault(other, key)
                if isinstance(held, list):
                    held.append(key)
                elif held is not key:
                    dependents[other] = [held, key]

    def forget(self, tenant: str, subjects: Collection[str], others: Collection[Packed]) -> None:
        # Of very many mostly none is remembered: all at once is asked sooner than one by one.
        if self.standings:
            for key in self.standings.keys() & [(tenant, subject) for subject in subjects]:
                self.drop(key)
        if self.dependents:
            for other in self.dependents.keys() & others:
                held = self.dependents.pop(other)
                for dependent in held if isinstance(held, list) else (held,):
                    self.drop(dependent)

    def drop(self, key: Key) -> None:
        if key in self.standings:
            del self.standings[key]
            self.others.pop(key, None)


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

    def put(self, key: Key, standing: Standing, others: tuple[Packed, ...] = ()) -> None:
        """Remember a standing that follows from the entries of the subject and of `others`."""
        if self._weight >= self._bound:
            self._old, self._young, self._weight = self._young, _Half(), 0
        young, old = self._young, self._old
        if key in young.standings:
            young.drop(key)
        if key in old.standings:
            old.drop(key)
        young.put(key, standing, others)
        self._weight += 1 + len(others)

    def forget(
        self, tenant: str, subjects: Collection[str], others: Collection[Packed] | None = None
    ) -> None:
        """The entries or links of these changed. `others`: how they stand where others depend on them."""
        for half in (self._young, self._old):
            half.forget(tenant, subjects, others or subjects)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._weight = _Half(), _Half(), 0

    def __len__(self) -> int:
        return len(self._young.standings) + len(self._old.standings)
