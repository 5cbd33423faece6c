"""Plants seeds in values of all shapes, and keeps the list of what it planted. Pure.

In every object: a text that no line names, with a phone number and an e-mail address in it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.canary.allowed import Allowed
from gateway.canary.places import ANYWHERE, Place, Spot, Ways
from gateway.canary.seeds import Seed, Seeds
from gateway.model import Field

NOTE: Final = "canary_note"
"""The member that no data map names."""
OWN: Final = "canary_own"
"""A member no line names, of what a line selects as a whole."""
_NOTES: Final = 12
"""objects of one answer that have a note"""


@dataclass(frozen=True, slots=True)
class Planted:
    """One seed: where, of which category (empty: no line names it), and whether it may be seen."""

    seed: Seed
    place: str
    category: str
    hidden: bool


Inside = Callable[["Sower", list[Field]], str]
"""Makes a document of one format, of the lines of its own data map."""


@dataclass(slots=True)
class Sower:
    """Plants seeds in one answer and keeps the list. `inside`: how values are made that are documents."""

    allowed: Allowed
    seeds: Seeds
    inside: "Mapping[str, Inside]"
    numbers: bool = False
    planted: list[Planted] = field(default_factory=list)
    notes: int = 0

    def leaf(self, place: Place, ways: Ways, category: str) -> str | int:
        """A value at a place, of the form that a category wants."""
        seed = self.seeds.number() if self.numbers else self.seeds.of(category)
        self.plant(seed, written(place), ways.selecting())
        return int(seed.value) if self.numbers else seed.value

    def plant(self, seed: Seed, place: str, categories: list[str]) -> None:
        """Note a seed: it is hidden where none of the lines that select it lets it be seen."""
        visible = any(self.allowed.seen(category) >= len(seed.value) for category in categories)
        if not categories:
            visible = self.allowed.unmapped != "redact"
        self.planted.append(Planted(seed, place, min(categories, default=""), not visible))

    def note(self, place: Place, ways: Ways) -> str:
        """A text with a phone number and an address, which even `unmapped: detect` finds."""
        phone, mail = self.seeds.of("user.contact.phone_number"), self.seeds.of("user.contact.email")
        text = self.seeds.text()
        categories = ways.selecting()
        where = written(place)
        self.plant(text, where, categories)
        for seed in (phone, mail):
            if categories:
                self.plant(seed, where, categories)
            else:
                self.planted.append(Planted(seed, where, "", self.allowed.unmapped != "pass"))
        return f"call {phone.value} or write to {mail.value} about {text.value}"

    def tree(self, spot: Spot, place: Place, ways: Ways) -> Any:
        """A JSON value in which everything below a spot is there."""
        if spot.keys:
            return self._object(spot, place, ways)
        if spot.items is not None:
            below = ways.onward(None)
            return [self.tree(spot.items, (*place, None), below) for _ in range(2)]
        return self._value(spot, place, ways)

    def _object(self, spot: Spot, place: Place, ways: Ways) -> dict[str, Any]:
        out = {key: self.tree(inner, (*place, key), ways.onward(key)) for key, inner in spot.keys.items()}
        if spot.ends is not None:
            out[OWN] = self.leaf((*place, OWN), ways.onward(OWN), spot.ends.category)
        if self.notes < _NOTES and not self.numbers:
            self.notes += 1
            out[NOTE] = self.note((*place, NOTE), ways.onward(NOTE))
        return out

    def _value(self, spot: Spot, place: Place, ways: Ways) -> Any:
        line = spot.ends
        if line is None:
            return self.leaf(place, ways, "")
        document = self.document(line)
        return self.leaf(place, ways, line.category) if document is None else document

    def document(self, line: Field) -> str | None:
        """A value that is a document itself; None where it is none."""
        inside = self.inside.get(line.format or "")
        if inside is None:
            return None
        inner = list(line.inner)
        if not any(each.path in ("$", "*") for each in inner):
            inner.append(_rest(line))
        self.numbers, numbers = False, self.numbers
        try:
            return inside(self, inner)
        finally:
            self.numbers = numbers

    def row(self, fields: Iterable[Field]) -> dict[str, str]:
        """Names with values, for carriers that are flat."""
        named = [f for f in fields if f.path != "*"]
        rest = [f.category for f in fields if f.path == "*"]
        out: dict[str, str] = {}
        for line in named:
            document = self.document(line)
            out[line.path] = self.flat(line.path, [line.category]) if document is None else document
        out[ANYWHERE] = self.flat(ANYWHERE, rest)
        return out

    def flat(self, name: str, categories: list[str]) -> str:
        """The seed of a value that is no document."""
        seed = self.seeds.of(min(categories, default=""))
        self.plant(seed, name, categories)
        return seed.value


def _rest(line: Field) -> Field:
    """All that the inner map of a value does not name is of the value's own category."""
    return Field(path="*" if line.format in ("form", "csv") else "$", category=line.category)


def written(place: Place) -> str:
    """A place as data maps write it."""
    return "".join("[]" if key is None else f".{key}" for key in place).removeprefix(".") or "$"
