"""A bounded memory of recent answers. Pure; holds no clock: its owner says when everything is stale."""

from typing import Final

DEFAULT_BOUND: Final = 32_768
"""entries per half; an unknown person takes about 250 bytes with the key"""


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
