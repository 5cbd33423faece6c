"""Which lines of a data map select a place, read from the syntax alone and not from compiled programs. Pure.

Written a second time and as plainly as can be: the canary must not believe the code it watches.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.codecs.paths import ANY, DEEP, ITEMS, KEY, Link, links_of
from gateway.model import Field

Place = tuple[str | None, ...]
"""From the root to a value: keys, and None for an item of an array."""
Way = tuple[Field, tuple[Link, ...]]
"""A line of a data map, and what of its path is still to come: nothing, where it has selected a place."""


class Ways:
    """The ways that lead on from one place, some perhaps more than once; their order means nothing."""

    def __init__(self, ways: Iterable[Way]) -> None:
        self._named: dict[str, list[Way]] = {}
        self._open: list[Way] = []
        self._below: dict[str | None, Ways] = {}
        for way in ways:
            named = way[1] and way[1][0][0] is KEY
            (self._named.setdefault(way[1][0][1], []) if named else self._open).append(way)

    def onward(self, key: str | None) -> "Ways":
        """Those that go on below a key (None: an item). Remembered: all items of an array have the same."""
        below = self._below.get(key)
        if below is None:
            below = self._below[key] = self._made(key)
        return below

    def _made(self, key: str | None) -> "Ways":
        out: list[Way] = (
            [] if key is None else [(line, links[1:]) for line, links in self._named.get(key, ())]
        )
        for line, links in self._open:
            _step(line, links, key, out)
        return Ways(out)

    def selecting(self) -> list[str]:
        """Categories of the lines that have selected this place, or something around it."""
        return [line.category for line, links in self._open if not links]


def _step(line: Field, links: tuple[Link, ...], key: str | None, out: list[Way]) -> None:
    if not links:
        out.append((line, links))  # what is in a place that was selected is selected
        return
    kind, name = links[0]
    if kind is DEEP:
        out.append((line, links))
        _step(line, links[1:], key, out)
    elif key is None if kind is ITEMS else key is not None and (kind is ANY or key == name):
        out.append((line, links[1:]))


@dataclass(slots=True)
class Spot:
    """Somewhere in a document: what is below it, and the line of the data map that ends here."""

    keys: "dict[str, Spot]" = field(default_factory=dict)
    items: "Spot | None" = None
    ends: Field | None = None


ANYWHERE = "canary_any"
"""A key that no data map names, for `*` and `**`."""


def planted(fields: Iterable[Way]) -> Spot:
    """A document's shape in which every line of a data map selects something."""
    root = Spot()
    for line, links in fields:
        spot = root
        for kind, name in links:
            if kind is ITEMS:
                spot.items = spot = spot.items or Spot()
            else:
                spot = spot.keys.setdefault(name if kind is KEY else ANYWHERE, Spot())
        spot.ends = line
    return root


def lines(fields: Iterable[Field]) -> Iterator[Way]:
    """The lines of a JSON data map with their paths read."""
    for line in fields:
        yield line, tuple(links_of(line.path))


@lru_cache(maxsize=256)
def shape(fields: tuple[Field, ...]) -> tuple[Spot, Ways]:
    """What is planted for a JSON data map, and the ways through it: the same for everybody."""
    every = list(lines(fields))
    return planted(every), Ways(every)
