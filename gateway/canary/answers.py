"""What an upstream answers about the made-up person: a value of its own for every line of a data map. Pure.

Beside them, in every object: a text that no line names, with a phone number and an e-mail address in it.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from gateway.canary.allowed import Allowed
from gateway.canary.places import ANYWHERE, Place, Spot, Ways, planted, shape
from gateway.canary.seeds import Seed, Seeds
from gateway.codecs.paths import ANY, DEEP, KEY, Link
from gateway.model import DataMap, Field

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


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `plain` is the body before any content coding."""

    variant: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    plain: bytes
    planted: tuple[Planted, ...]


@dataclass(slots=True)
class _Sower:
    """Plants seeds in one answer and keeps the list."""

    allowed: Allowed
    seeds: Seeds
    numbers: bool = False
    planted: list[Planted] = field(default_factory=list)
    notes: int = 0

    def leaf(self, place: Place, ways: Ways, category: str) -> str | int:
        """A value at a place, of the form that a category wants."""
        seed = self.seeds.number() if self.numbers else self.seeds.of(category)
        self.plant(seed, _written(place), ways.selecting())
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
        where = _written(place)
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
            out["canary_own"] = self.leaf(
                (*place, "canary_own"), ways.onward("canary_own"), spot.ends.category
            )
        if self.notes < _NOTES and not self.numbers:
            self.notes += 1
            out[NOTE] = self.note((*place, NOTE), ways.onward(NOTE))
        return out

    def _value(self, spot: Spot, place: Place, ways: Ways) -> Any:
        line = spot.ends
        if line is None:
            return self.leaf(place, ways, "")
        inside = _INSIDE.get(line.format or "")
        if inside is None:
            return self.leaf(place, ways, line.category)
        inner = (
            list(line.inner) if any(f.path in ("$", "*") for f in line.inner) else [*line.inner, _rest(line)]
        )
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
            out[line.path] = self.flat(line.path, [line.category])
        out[ANYWHERE] = self.flat(ANYWHERE, rest)
        return out

    def flat(self, name: str, categories: list[str]) -> str:
        """The seed of a value that is no document."""
        seed = self.seeds.of(min(categories, default=""))
        self.plant(seed, name, categories)
        return seed.value


def _rest(line: Field) -> Field:
    """All that the inner map of a value does not name is of the value's own category."""
    return Field(path="$" if line.format != "form" else "*", category=line.category)


def _json_inside(sower: _Sower, inner: list[Field]) -> str:
    spot, ways = shape(tuple(inner))
    return json.dumps(sower.tree(spot, (), ways))


def _form_inside(sower: _Sower, inner: list[Field]) -> str:
    return urlencode(sower.row(inner))


_INSIDE: Final[Mapping[str, Callable[[_Sower, list[Field]], str]]] = {
    "json": _json_inside,
    "form": _form_inside,
}
"""Formats of values that are documents themselves; a value of any other is a text."""


def _written(place: Place) -> str:
    """A place as data maps write it."""
    return "".join("[]" if key is None else f".{key}" for key in place).removeprefix(".") or "$"


# ---- bodies ---------------------------------------------------------------------------------------------


def _json(sower: _Sower, data: DataMap) -> bytes:
    spot, ways = shape(data.json)
    if spot.items is None:
        spot.keys.setdefault("canary_also", Spot())
    return json.dumps(sower.tree(spot, (), ways)).encode()


def _csv(sower: _Sower, data: DataMap) -> bytes:
    rows = [sower.row(data.csv) for _ in range(2)]
    return "".join(",".join(cells) + "\r\n" for cells in (rows[0], *(row.values() for row in rows))).encode()


def _form(sower: _Sower, data: DataMap) -> bytes:
    return urlencode(sower.row(data.form)).encode()


def _text(sower: _Sower, data: DataMap) -> bytes:
    return sower.note((), Ways((line, ()) for line in data.text)).encode()


def _xml(sower: _Sower, data: DataMap) -> bytes:
    every = [(line, _xml_links(line.path)) for line in data.xml]
    spot = planted(every)
    name = next((key for key in spot.keys if key[0] != "@"), ANYWHERE)
    return _element(sower, name, spot.keys.get(name, spot), (name,), Ways(every).onward(name)).encode()


_TEXT: Final = "text()"
_SIGNS: Final = {"*": (ANY, ""), "**": (DEEP, "")}


def _xml_links(path: str) -> tuple[Link, ...]:
    """A path as JSON has them: an element is a member of the one around it, so are attributes and text."""
    return () if path == "$" else tuple(_SIGNS.get(part, (KEY, part)) for part in path.split("/"))


def _element(sower: _Sower, name: str, spot: Spot, place: Place, ways: Ways) -> str:
    attributes, below = "", ""
    for key, inner in spot.keys.items():
        category = inner.ends.category if inner.ends else ""
        if key.startswith("@"):
            attributes += (
                f" {key[1:]}={quoteattr(str(sower.leaf((*place, key), ways.onward(key), category)))}"
            )
        elif key != _TEXT:
            below += _element(sower, key, inner, (*place, key), ways.onward(key))
    own = spot.keys.get(_TEXT, spot).ends
    text = escape(str(sower.leaf((*place, _TEXT), ways.onward(_TEXT), own.category if own else "")))
    return f"<{name}{attributes}>{text}{below}</{name}>"


_Body = Callable[[_Sower, DataMap], bytes]
_BODIES: Final[Mapping[str, tuple[str, _Body]]] = {
    "json": ("application/json", _json),
    "csv": ("text/csv", _csv),
    "form": ("application/x-www-form-urlencoded", _form),
    "xml": ("application/xml", _xml),
    "text": ("text/plain", _text),
}
"""By part of a data map: the media type that is read by it, and how a body is made."""


def answers(data: DataMap, allowed: Allowed, seeds: Seeds) -> Iterator[Answer]:
    """Every answer to try: JSON as text, numbers, compressed, and an error; others as the map has them."""
    for status in (200, 422):
        yield _answer("json" if status == 200 else "error", "json", data, _Sower(allowed, seeds), status)
    if data.json:
        yield _answer("numbers", "json", data, _Sower(allowed, seeds, numbers=True), 200)
        yield _answer("gzip", "json", data, _Sower(allowed, seeds), 200)
    for carrier in _BODIES:
        if carrier != "json" and getattr(data, carrier):
            yield _answer(carrier, carrier, data, _Sower(allowed, seeds), 200)


def _answer(variant: str, carrier: str, data: DataMap, sower: _Sower, status: int) -> Answer:
    kind, make = _BODIES[carrier]
    plain = make(sower, data)
    headers = [(b"Content-Type", kind.encode()), *_heads(sower, data)]
    body = plain
    if variant == "gzip":
        body = gzip.compress(plain, mtime=0)
        headers.append((b"Content-Encoding", b"gzip"))
    headers.append((b"Content-Length", b"%d" % len(body)))
    return Answer(variant, status, tuple(headers), body, plain, tuple(sower.planted))


def _heads(sower: _Sower, data: DataMap) -> Iterator[tuple[bytes, bytes]]:
    """Header fields and cookies that the map names."""
    sower.numbers = False
    for line in data.headers:
        if line.path != "*" and line.format is None:
            yield line.path.encode(), sower.flat(line.path, [line.category]).encode()
    for line in data.cookies:
        if line.path != "*":
            value = sower.flat(line.path, [line.category])
            yield b"Set-Cookie", f"{line.path}={value}; Path=/".encode()
