"""A bounded memory of recent answers. Pure; holds no clock: its owner says when everything is stale."""

from collections.abc import Sequence
from typing import Final

DEFAULT_BOUND: Final = 65_536
"""entries per half; a person takes about 200 bytes with the key, and as much for each who is linked to it"""


class Recent[K, V]:
    """A least-recently-used memory of between `bound` and twice `bound` entries, without a list to maintain.

    Two halves: what was asked for since the last turn, and what was before. A full young half becomes the old
    one and the old one is forgotten, so every entry outlives at least `bound` other ones.
    """

    __slots__ = ("_bound", "_old", "_young")

    def __init__(self, bound: int = DEFAULT_BOUND) -> None:
        self._bound = bound
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The remembered value, or None."""
        value = self._young.get(key)
        if value is None and self._old:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        if len(self._young) >= self._bound:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def forget(self, key: K) -> None:
        """Forget this one."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class Passed:
    """Pairs that went by before, by their hashes: between `bound` and twice as many are told again.

    A hash is a number of this process, salted anew in each: that two pairs share one is no matter of choice.
    """

    __slots__ = ("_bound", "_old", "_young")

    def __init__(self, bound: int = DEFAULT_BOUND) -> None:
        self._bound = bound
        self._young: set[int] = set()
        self._old: set[int] = set()

    def fresh(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[int]]:
        """Those of a tenant's pairs that did not go by, and their hashes, for `keep`."""
        salt, young, old = hash(tenant), self._young, self._old
        marked = [(pair, mark) for pair in pairs if (mark := hash(pair) ^ salt) not in young]
        if old:
            young.update([mark for _, mark in marked if mark in old])
            marked = [each for each in marked if each[1] not in old]
        return [pair for pair, _ in marked], [mark for _, mark in marked]

    def keep(self, marks: Sequence[int]) -> None:
        """These have gone by."""
        if len(self._young) >= self._bound:
            self._old, self._young = self._young, set()
        self._young.update(marks)

    def clear(self) -> None:
        """None has."""
        self._young, self._old = set(), set()
