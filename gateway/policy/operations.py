"""Which operation of a provider a method and a path stand for. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.codecs.template import Segment, split_path, split_template, validate_template
from gateway.errors import InternalError, PayloadError
from gateway.model import Operation


@dataclass(slots=True)
class _Place:
    """One level of the tree of templates."""

    literals: "dict[str, _Place]" = field(default_factory=dict)
    params: "list[tuple[Segment, _Place]]" = field(default_factory=list)
    """Those with the most literal text first."""
    methods: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)
    """Operations that end here, with the names of their parameters in order."""


_Methods = Mapping[str, tuple[Operation, tuple[str, ...]]]
_NONE: _Methods = {}


class OperationIndex:
    """Finds operations by path. A literal beats a parameter, more literal text beats less.

    The path alone decides which template it is; then the method has to be one of that template's, or the
    operation is unknown. HEAD stands for GET (RFC 9110 section 9.3.2). `slash`: one at the end of a path
    that no template has is passed over.
    """

    def __init__(self, operations: Iterable[Operation], *, slash: bool = False) -> None:
        self._root = _Place()
        self._slash = slash
        self._plain = True
        """Whether all literals are read as they are written."""
        for operation in operations:
            self._add(operation)

    def match(self, method: str, path: bytes) -> tuple[Operation, dict[str, str]] | None:
        """The operation with its decoded path parameters, or None. Raises PayloadError for a bad path."""
        methods, values = self._find(path)
        found = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if found is None:
            return None
        return found[0], dict(zip(found[1], values, strict=True))

    def family(self, operation: Operation) -> frozenset[str] | None:
        """What the last segment of its path cannot be, where any other text there is its parameter.

        None where that is not its only parameter, or not the whole segment.
        """
        place = self._root
        *fixed, last = split_template(operation.path)
        for segment in fixed:
            below = place.literals.get(segment.prefix)
            if segment.name is not None or below is None:
                return None
            place = below
        whole = last.name is not None and not (last.prefix or last.suffix)
        return frozenset(place.literals) if whole and len(place.params) == 1 else None

    def leads(self, path: bytes) -> tuple[Operation, dict[str, str]] | None:
        """The operation a link leads to: by GET, else the first by any method. Raises PayloadError."""
        methods, values = self._find(path)
        found = _led(methods)
        return (found[0], dict(zip(found[1], values, strict=True))) if found else None

    def led(self, path: str) -> Operation | None:
        """That operation alone, where parameters are letters and digits; None: that takes a closer look."""
        place = self._root if self._plain else _Place()
        for text in path[1:].split("/"):
            below = place.literals.get(text)
            if below is None:
                if not place.params:
                    return None
                segment, below = place.params[0]
                value = segment.value(text) if segment.prefix or segment.suffix else text
                if not value or not value.isalnum() or not value.isascii():
                    return None
            place = below
        found = _led(place.methods)
        return found[0] if found else None

    def alike(self, path: str) -> str:
        """A regular expression of those paths, whole, that `led` finds in the way it found this one."""
        place, made = self._root, ""
        for text in path[1:].split("/"):
            below = place.literals.get(text)
            if below is None:
                segment, below = place.params[0]
                not_these = "|".join(map(re.escape, sorted(place.literals)))
                made += f"/(?!(?:{not_these})(?:/|\\Z))" if not_these else "/"
                made += f"{re.escape(segment.prefix)}[A-Za-z0-9]+{re.escape(segment.suffix)}"
            else:
                made += f"/{re.escape(text)}"
            place = below
        return made

    def _find(self, path: bytes) -> "tuple[_Methods, list[str]]":
        segments = split_path(path)
        found = self._place(segments)
        if found is None and self._slash and len(segments) > 1 and not segments[-1]:
            found = self._place(segments[:-1])
        return (_NONE, []) if found is None else (found[0].methods, found[1])

    def _place(self, segments: list[str]) -> tuple[_Place, list[str]] | None:
        values: list[str] = []
        place = _straight(self._root, segments, values)
        if place is None:
            values = []
            place = _walk(self._root, segments, 0, values)
        return None if place is None else (place, values)

    def _add(self, operation: Operation) -> None:
        wrong = validate_template(operation.path)
        if wrong:
            raise InternalError(wrong, operation.id)
        place = self._root
        names: list[str] = []
        for segment in split_template(operation.path):
            if segment.name is None:
                self._plain = self._plain and _plain(segment.prefix)
                place = place.literals.setdefault(segment.prefix, _Place())
            else:
                names.append(segment.name)
                place = _param(place, segment)
        if operation.method in place.methods:
            raise InternalError(f"the same call as {place.methods[operation.method][0].id}", operation.id)
        place.methods[operation.method] = (operation, tuple(names))


def _plain(literal: str) -> bool:
    try:
        return split_path(f"/{literal}".encode()) == [literal]
    except PayloadError:
        return False


def _led(methods: _Methods) -> tuple[Operation, tuple[str, ...]] | None:
    return methods.get("GET") or next(iter(methods.values()), None)


def _param(place: _Place, segment: Segment) -> _Place:
    for known, below in place.params:
        if (known.prefix, known.suffix) == (segment.prefix, segment.suffix):
            return below
    below = _Place()
    place.params.append((segment, below))
    place.params.sort(key=lambda each: -len(each[0].prefix) - len(each[0].suffix))
    return below


def _straight(place: _Place, segments: list[str], values: list[str]) -> _Place | None:
    """The first way `_walk` tries, without ways back: nearly every path is found by it."""
    for text in segments:
        below = place.literals.get(text)
        if below is None:
            params = place.params
            if not params:
                return None
            segment, below = params[0]
            value = segment.value(text) if segment.prefix or segment.suffix else text
            if not value:
                return None
            values.append(value)
        place = below
    return place if place.methods else None


def _walk(place: _Place, segments: list[str], at: int, values: list[str]) -> _Place | None:
    """Follow literals for as long as there is no choice; at a choice, take the first that leads to an end."""
    count = len(segments)
    while at < count:
        text = segments[at]
        at += 1
        literal = place.literals.get(text)
        if not place.params:
            if literal is None:
                return None
            place = literal
            continue
        if literal is not None and (found := _walk(literal, segments, at, values)):
            return found
        for segment, below in place.params:
            value = segment.value(text)
            if value is not None:
                values.append(value)
                if found := _walk(below, segments, at, values):
                    return found
                values.pop()
        return None
    return place if place.methods else None
