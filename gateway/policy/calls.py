"""How a call is written (`POST /contacts/{id}.json`), and which calls of a pack collide. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from gateway.strict.checks import scalars
from gateway.strict.document import Node, Scalar
from gateway.strict.kinds import Word
from gateway.strict.report import Report

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

_TEXT = r"[A-Za-z0-9._~!$&'()*+,;=:@%-]*"
_SEGMENT = re.compile(rf"({_TEXT})(?:\{{([A-Za-z][A-Za-z0-9_]*)\}}({_TEXT}))?")


@dataclass(frozen=True, slots=True)
class Segment:
    """One path segment: literal text, or a parameter between fixed texts (`name` None: all literal)."""

    before: str
    name: str | None = None
    after: str = ""

    @property
    def shape(self) -> str:
        """The segment without the parameter's name."""
        return self.before if self.name is None else f"{self.before}{{}}{self.after}"

    def covers(self, other: "Segment") -> bool:
        """Whether every text of `other` is one of this segment."""
        if self.name is None:
            return other.name is None and other.before == self.before
        fits = other.before.startswith(self.before) if other.name else False
        if other.name is None:
            longer = len(other.before) > len(self.before) + len(self.after)
            return longer and other.before.startswith(self.before) and other.before.endswith(self.after)
        return fits and other.after.endswith(self.after)

    def meets(self, other: "Segment") -> bool:
        """Whether some text is one of both segments."""
        if self.name is None or other.name is None:
            return self.covers(other) or other.covers(self)
        first, second = sorted((self.before, other.before), key=len)
        last, longer = sorted((self.after, other.after), key=len)
        return second.startswith(first) and longer.endswith(last)


@dataclass(frozen=True, slots=True)
class Call:
    """A method and a path template."""

    method: str
    path: str
    segments: tuple[Segment, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """What two calls share that no path can tell apart."""
        return (self.method, *(segment.shape for segment in self.segments))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the template's parameters, in order."""
        return tuple(segment.name for segment in self.segments if segment.name)

    def meets(self, other: "Call") -> bool:
        """Whether one request can be both."""
        pairs = zip(self.segments, other.segments, strict=False)
        same = self.method == other.method and len(self.segments) == len(other.segments)
        return same and all(a.meets(b) for a, b in pairs)

    def covers(self, other: "Call") -> bool:
        """Whether every request of `other` is one of this call too (it is the less exact one)."""
        return all(a.covers(b) for a, b in zip(self.segments, other.segments, strict=True))

    def common(self, other: "Call") -> tuple[str, ...] | None:
        """The shape of exactly what both calls share, where the templates can say it."""
        shape = [self.method]
        for a, b in zip(self.segments, other.segments, strict=True):
            if not a.covers(b) and not b.covers(a):
                return None
            shape.append((b if a.covers(b) else a).shape)
        return tuple(shape)


def parse_call(text: str) -> Call | None:
    """`METHOD /path/{parameter}`, or None.

    >>> parse_call("GET /a/{id}.json").shape
    ('GET', '', 'a', '{}.json')
    """
    method, _, path = text.partition(" ")
    if method not in METHODS or not path.startswith("/") or len(path) > 500:
        return None
    found = [_SEGMENT.fullmatch(part) for part in path.split("/")]
    segments = [Segment(m[1], m[2], m[3] or "") for m in found if m]
    names = [segment.name for segment in segments if segment.name]
    if len(segments) != len(found) or len(set(names)) != len(names):
        return None
    return Call(method, path, tuple(segments))


CALL: Final = Word("a method and a path template such as 'GET /contacts/{id}'", parse_call)


def _calls(root: Node) -> Iterator[tuple[Call, Scalar]]:
    for node in scalars(root, ("operations[].call",)):
        call = parse_call(node.text)
        if call:
            yield call, node


def collisions(root: Node, report: Report) -> None:
    """Note calls of the same shape, and pairs neither of which is the more exact one where they meet."""
    first: dict[tuple[str, ...], int] = {}
    groups: dict[tuple[str, int], list[tuple[Call, Scalar]]] = {}
    for call, node in _calls(root):
        if call.shape in first:
            found = f"{node.text!r}, the same call as in line {first[call.shape]}"
            report.add(node, found, "each call once")
        else:
            first[call.shape] = node.line
            groups.setdefault((call.method, len(call.segments)), []).append((call, node))
    for group in groups.values():
        _ambiguous(group, first, report)


def _ambiguous(group: list[tuple[Call, Scalar]], shapes: dict[tuple[str, ...], int], report: Report) -> None:
    for (a, where), (b, node) in combinations(group, 2):
        if a.meets(b) and not a.covers(b) and not b.covers(a) and a.common(b) not in shapes:
            found = f"{node.text!r}, which meets the call of line {where.line} on paths that fit both"
            report.add(node, found, "one call more exact than the other, or a third for the common path")
