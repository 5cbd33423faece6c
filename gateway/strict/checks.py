"""What must agree across a document, as tables of path pairs. Pure.

A path selects nodes from the root: `clients[].role` the values, `views{}` the keys of a mapping. `[]` on a
scalar is that scalar, so a list and its shorthand are checked alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from gateway.strict.document import Items, Node, Pairs, Scalar
from gateway.strict.report import Report, listed, nearest


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.replace("[]", ".[]").replace("{}", ".{}").split("."))


def select(root: Node, path: str) -> list[Node]:
    """Nodes at a path, in file order; what is not there, or of another shape, selects nothing."""
    nodes: list[Node] = [root]
    for step in _steps(path):
        nodes = [found for node in nodes for found in _step(node, step)]
    return nodes


def _step(node: Node, step: str) -> Iterator[Node]:
    if step == "[]":
        yield from node.items if isinstance(node, Items) else (node,)
    elif isinstance(node, Pairs):
        if step == "{}":
            yield from (key for key, _ in node.pairs.values())
        elif step == "*":
            yield from (value for _, value in node.pairs.values())
        elif step in node.pairs:
            yield node.pairs[step][1]


def scalars(root: Node, paths: Iterable[str]) -> Iterator[Scalar]:
    """The non-empty scalars at any of the paths."""
    for path in paths:
        for node in select(root, path):
            if isinstance(node, Scalar) and node.text:
                yield node


@dataclass(frozen=True, slots=True)
class Unique:
    """No two scalars at these paths are the same."""

    what: str
    path: str

    def __call__(self, root: Node, report: Report) -> None:
        """Note each repetition where it stands."""
        first: dict[str, int] = {}
        for node in scalars(root, (self.path,)):
            if node.text in first:
                found = f"{self.what} {node.text!r} again (first in line {first[node.text]})"
                report.add(node, found, f"each {self.what} once")
            first.setdefault(node.text, node.line)


@dataclass(frozen=True, slots=True)
class Refers:
    """Every scalar at `paths` is one of those at `to`."""

    what: str
    paths: tuple[str, ...]
    to: str

    def __call__(self, root: Node, report: Report) -> None:
        """Note each scalar that names nothing, with the nearest that exists."""
        known: list[str] | None = None
        for node in scalars(root, self.paths):
            if known is None:
                known = [scalar.text for scalar in scalars(root, (self.to,))]
            if node.text not in known:
                expected = f"a {self.what} of this file: {listed(known)}" if known else f"a {self.what}"
                report.add(node, f"unknown {self.what} {node.text!r}", expected, nearest(node.text, known))
