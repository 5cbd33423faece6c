"""YAML text as located nodes, without anything YAML does behind an author's back. Pure.

Read from parser events and not from PyYAML's `compose`: only events still show aliases, anchors and tags,
and they come one by one, so that a hostile file is stopped at its 51st level and not after it is built.
Scalars stay text: what `NO`, `1.10` or `0755` mean is said by the schema at that place, never guessed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, cast

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gateway.strict.report import Place, Report

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_DEPTH: Final = 50
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# NEL, LS and PS end a line for YAML 1.1 but not for editors; bidi controls reorder what a reviewer sees.
_UNWELCOME = re.compile(
    "[^\t\n\r -~\u00a0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """One scalar as text; `plain` when it was written without quotes."""

    line: int
    column: int
    text: str
    plain: bool = True


class Items(msgspec.Struct, frozen=True):
    """A sequence."""

    line: int
    column: int
    items: list["Node"]


class Pairs(msgspec.Struct, frozen=True):
    """A mapping in file order: key text -> (key, value)."""

    line: int
    column: int
    pairs: dict[str, tuple[Scalar, "Node"]]


class Bad(msgspec.Struct, frozen=True, gc=False):
    """Stands where a problem has been noted already; says nothing more."""

    line: int
    column: int


Node = Scalar | Items | Pairs | Bad


def describe(node: Node) -> str:
    """What a node is, for the `found` part of a problem.

    >>> describe(Scalar(1, 1, "abc")), describe(Items(1, 1, [])), describe(Scalar(1, 1, ""))
    ("'abc'", 'a list', 'nothing')
    """
    match node:
        case Scalar(text="", plain=True):
            return "nothing"
        case Scalar(text=text):
            return repr(text if len(text) <= 60 else text[:57] + "...")
        case Items():
            return "a list"
        case _:
            return "a mapping"


class _Frame:
    """A container being filled; `key` waits for its value."""

    __slots__ = ("items", "key", "pairs")

    def __init__(self, node: Items | Pairs) -> None:
        self.items = node.items if isinstance(node, Items) else None
        self.pairs = node.pairs if isinstance(node, Pairs) else {}
        self.key: Scalar | Bad | None = None

    def attach(self, node: Node, report: Report) -> None:
        if self.items is not None:
            self.items.append(node)
            return
        key = self.key
        if key is None:
            if type(node) is Scalar and node.text not in self.pairs and node.text not in ("", "<<"):
                self.key = node
            else:
                self.key = self._checked(node, report)
            return
        if type(key) is Scalar:
            self.pairs[key.text] = (key, node)
        self.key = None

    def _checked(self, node: Node, report: Report) -> Scalar | Bad:
        if not isinstance(node, Scalar):
            if not isinstance(node, Bad):
                report.add(node, f"{describe(node)} as a key", "a word as a key")
        elif node.text == "<<" and node.plain:
            report.add(node, "a merge key '<<'", "every key written out")
        elif node.text in self.pairs:
            first = self.pairs[node.text][0].line
            report.add(node, f"key {node.text!r} again (first in line {first})", "each key once")
        elif node.text == "":
            report.add(node, "an empty key", "a word as a key")
        else:
            return node
        return Bad(node.line, node.column)


def read(data: bytes, report: Report) -> Node:
    """The one document of a file. Problems go to `report`; what cannot be read is a Bad node."""
    text = _decode(data, report)
    if text is None:
        return Bad(1, 1)
    try:
        return _build(yaml.parse(text, Loader=_LOADER), report)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Bad(mark.line + 1, mark.column + 1) if mark else Bad(1, 1)
        why = ": ".join(filter(None, (error.context, error.problem)))
        report.add(place, f"a syntax error ({why})", "valid YAML")
    except yaml.YAMLError:
        report.add(Bad(1, 1), "characters that cannot be read", "valid YAML")
    return Bad(1, 1)


def _decode(data: bytes, report: Report) -> str | None:
    if len(data) > MAX_BYTES:
        report.add(Bad(1, 1), f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
        return None
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        report.add(_place(data[: error.start].decode("utf-8")), "bytes that are not UTF-8", "UTF-8 text")
        return None
    odd = _UNWELCOME.search(text)
    if odd:
        report.add(_place(text[: odd.start()]), f"the character U+{ord(odd[0]):04X}", "visible text")
        return None
    return text


def _place(before: str) -> Bad:
    lines = before.split("\n")
    return Bad(len(lines), len(lines[-1]) + 1)


class _NodeEvent(Protocol):
    """What scalars, aliases and starts of containers share; the stubs have no name for it."""

    start_mark: Place
    anchor: str | None
    tag: str | None
    value: str
    style: str | None


def _scalar(event: _NodeEvent, line: int, column: int) -> Scalar:
    return Scalar(line, column, event.value, not event.style)


def _items(_event: _NodeEvent, line: int, column: int) -> Items:
    return Items(line, column, [])


def _pairs(_event: _NodeEvent, line: int, column: int) -> Pairs:
    return Pairs(line, column, {})


def _alias(_event: _NodeEvent, line: int, column: int) -> Bad:
    return Bad(line, column)


_MAKERS: Final[Mapping[type, Callable[[_NodeEvent, int, int], Node]]] = {
    ScalarEvent: _scalar,
    SequenceStartEvent: _items,
    MappingStartEvent: _pairs,
    AliasEvent: _alias,
}
_CLOSERS = frozenset((MappingEndEvent, SequenceEndEvent))


def _build(events: Iterator[Event], report: Report) -> Node:
    root: Node | None = None
    stack: list[_Frame] = []
    for event in events:
        kind = type(event)
        make = _MAKERS.get(kind)
        if make:
            node = _made(make, cast("_NodeEvent", event), report)
            if stack:
                stack[-1].attach(node, report)
            elif root is None:
                root = node
            if type(node) is Pairs or type(node) is Items:
                if len(stack) == MAX_DEPTH:
                    report.add(node, f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels")
                    return Bad(node.line, node.column)
                stack.append(_Frame(node))
        elif kind in _CLOSERS:
            stack.pop()
        elif isinstance(event, DocumentStartEvent) and not _only(event, root, report):
            break
    if root is None:
        report.add(Bad(1, 1), "an empty file", "a document")
    return root or Bad(1, 1)


def _made(make: Callable[[_NodeEvent, int, int], Node], event: _NodeEvent, report: Report) -> Node:
    mark = event.start_mark
    node = make(event, mark.line + 1, mark.column + 1)
    if type(node) is Bad:
        report.add(node, f"an alias '*{event.anchor}'", "plain values without aliases")
        return node
    if event.anchor is not None:
        report.add(node, f"an anchor '&{event.anchor}'", "plain values without anchors")
    if event.tag is not None:
        report.add(node, "a tag ('!...')", "plain values without tags")
    return node


def _only(event: DocumentStartEvent, root: Node | None, report: Report) -> bool:
    """Whether this is the first document, and without directives."""
    mark = event.start_mark
    place = Bad(mark.line + 1, mark.column + 1) if mark else Bad(1, 1)
    if root is not None:
        report.add(place, "a second document", "one document per file")
        return False
    if event.version or event.tags:
        report.add(place, "a directive ('%...')", "a document without directives")
    return True
