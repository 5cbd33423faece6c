"""Lists, mappings and choices of the schema vocabulary. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.strict.document import Items, Node, Pairs, Scalar, describe, read
from gateway.strict.kinds import INVALID, Invalid, Kind, wrong
from gateway.strict.report import Report, listed, nearest

Read = Literal[Invalid.INVALID]


@dataclass(frozen=True, slots=True)
class ListOf[T](Kind[tuple[T, ...]]):
    """A sequence, read as a tuple. `least` 1 by default: an empty list never means `any`."""

    item: Kind[T]
    least: int = 1
    one: bool = False
    """True: a single item may stand without the list."""
    unique: bool = True
    """An item written twice is a problem (scalars only)."""
    expected: str = field(init=False)

    def __post_init__(self) -> None:
        many = f"list of {self.item.expected}"
        object.__setattr__(
            self, "expected", f"{self.item.expected}, or a {many}" if self.one else f"a {many}"
        )

    def read(self, node: Node, report: Report) -> tuple[T, ...] | Read:
        """All items, or INVALID when one of them is."""
        if not isinstance(node, Items):
            return self._single(node, report)
        if len(node.items) < self.least:
            report.add(node, "an empty list", "at least one item; leave the key out if it does not apply")
            return INVALID
        if self.unique:
            self._repeated(node.items, report)
        values = [self.item.read(item, report) for item in node.items]
        good = tuple(value for value in values if value is not INVALID)
        return good if len(good) == len(values) else INVALID

    def _single(self, node: Node, report: Report) -> tuple[T, ...] | Read:
        if not self.one or (isinstance(node, Scalar) and node.plain and not node.text):
            return wrong(node, self.expected, report)
        value = self.item.read(node, report)
        return INVALID if value is INVALID else (value,)

    def _repeated(self, items: list[Node], report: Report) -> None:
        if len(items) > 1:
            seen: set[str] = set()
            for item in items:
                if isinstance(item, Scalar):
                    if item.text in seen:
                        report.add(item, f"{describe(item)} again", "each item once")
                    seen.add(item.text)

    def inner(self) -> Iterator[Kind[object]]:
        """The item's kind."""
        yield self.item


@dataclass(frozen=True, slots=True)
class MapOf[T](Kind[dict[str, T]]):
    """A mapping whose keys are data: names of roles, paths, members."""

    key: Kind[str]
    value: Kind[T]
    least: int = 0
    expected: str = field(init=False)

    def __post_init__(self) -> None:
        text = f"a mapping from {self.key.expected} to {self.value.expected}"
        object.__setattr__(self, "expected", text)

    def read(self, node: Node, report: Report) -> dict[str, T] | Read:
        """All entries, or INVALID when one of them is."""
        if not isinstance(node, Pairs):
            return wrong(node, self.expected, report)
        if len(node.pairs) < self.least:
            report.add(node, "an empty mapping", "at least one entry")
            return INVALID
        out: dict[str, T] = {}
        for name, value_node in node.pairs.values():
            key, value = self.key.read(name, report), self.value.read(value_node, report)
            if key is not INVALID and key in out:
                report.add(
                    name, f"{describe(name)}, which means the same as a key before it", "each key once"
                )
            elif key is not INVALID and value is not INVALID:
                out[key] = value
        return out if len(out) == len(node.pairs) else INVALID

    def inner(self) -> Iterator[Kind[object]]:
        """The kinds of key and value."""
        yield self.key
        yield self.value


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a Table. `doc` is its one line in the reference.

    `default` is YAML as in a file, read by the same kind, so what the reference says is what happens.
    `to` is the builder's parameter where it differs (`from` is a word of Python).
    """

    name: str
    kind: Kind[object]
    doc: str
    required: bool = False
    default: str | None = None
    to: str = ""

    @property
    def parameter(self) -> str:
        """The builder's parameter."""
        return self.to or self.name


@dataclass(frozen=True, slots=True)
class Fault:
    """A builder's answer when keys that are right alone do not fit together: at which key, and why."""

    key: str
    found: str
    expected: str
    near: str | None = None


@dataclass(frozen=True, slots=True)
class Table[T](Kind[T]):
    """A mapping with named keys, given to `build` as keyword arguments; absent optional keys are left out.

    `exactly` and `some` name keys of which exactly one, or at least one, must be there. `lines` also passes
    the table's `line`. `title` heads its section in the reference.
    """

    title: str
    keys: tuple[Key, ...]
    build: Callable[..., T | Fault]
    exactly: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    lines: bool = False
    doc: str = ""
    expected: str = field(init=False)
    by_name: Mapping[str, Key] = field(init=False, repr=False)
    defaults: Mapping[str, object] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", f"a mapping ({self.title})")
        object.__setattr__(self, "by_name", {key.name: key for key in self.keys})
        object.__setattr__(
            self, "defaults", dict(map(_default, (k for k in self.keys if k.default is not None)))
        )

    def read(self, node: Node, report: Report) -> T | Read:
        """What `build` makes of the keys, or INVALID."""
        if not isinstance(node, Pairs):
            return wrong(node, self.expected, report)
        values: dict[str, object] = dict(self.defaults)
        good = self._complete(node, report)
        for name, (key_node, value_node) in node.pairs.items():
            key = self.by_name.get(name)
            if key is None:
                report.add(
                    key_node,
                    f"unknown key {describe(key_node)}",
                    f"a key of {self.title}: {self._names()}",
                    nearest(name, self.by_name),
                )
                good = False
                continue
            value = key.kind.read(value_node, report)
            good = good and value is not INVALID
            values[key.to or name] = value
        return self._built(node, values, report) if good else INVALID

    def _built(self, node: Pairs, values: dict[str, object], report: Report) -> T | Read:
        if self.lines:
            values["line"] = node.line
        value = self.build(**values)
        if not isinstance(value, Fault):
            return value
        place = node.pairs[value.key][1] if value.key in node.pairs else node
        report.add(place, value.found, value.expected, value.near)
        return INVALID

    def _complete(self, node: Pairs, report: Report) -> bool:
        missing = [key.name for key in self.keys if key.required and key.name not in node.pairs]
        for name in missing:
            report.add(node, f"{self.title} without {name!r}", f"the required key {name!r}")
        given = [name for name in self.exactly if name in node.pairs]
        if self.exactly and len(given) != 1:
            found = " and ".join(map(repr, given)) or f"{self.title} without a kind"
            report.add(node, found, f"exactly {listed(self.exactly)}")
        lacks = bool(self.some) and not any(name in node.pairs for name in self.some)
        if lacks:
            report.add(node, f"{self.title} without any of them", f"at least {listed(self.some)}")
        return not missing and not lacks and (not self.exactly or len(given) == 1)

    def _names(self) -> str:
        return ", ".join(self.by_name)

    def inner(self) -> Iterator[Kind[object]]:
        """The kinds of the keys."""
        return (key.kind for key in self.keys)


def _default(key: Key) -> tuple[str, object]:
    report = Report("default")
    value = key.kind.read(read((key.default or "").encode(), report), report)
    if value is INVALID:
        raise ValueError(f"default of {key.name!r} is not {key.kind.expected}")
    return key.parameter, value


@dataclass(frozen=True, slots=True)
class ByShape[T](Kind[T]):
    """A shorthand: one kind where a scalar stands, another where a mapping does."""

    scalar: Kind[T]
    mapping: Kind[T]
    expected: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", f"{self.scalar.expected}, or {self.mapping.expected}")

    def read(self, node: Node, report: Report) -> T | Read:
        """What the kind for this shape reads."""
        if isinstance(node, Items):
            return wrong(node, self.expected, report)
        return (self.mapping if isinstance(node, Pairs) else self.scalar).read(node, report)

    def inner(self) -> Iterator[Kind[object]]:
        """Both kinds."""
        yield self.scalar
        yield self.mapping


@dataclass(frozen=True, slots=True)
class Variant[T](Kind[T]):
    """A mapping with exactly one key, which says of what kind its value is: `{partial: {keep_last: 4}}`."""

    table: Mapping[str, Kind[T]]
    expected: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", f"a mapping with exactly {listed(self.table)}")

    def read(self, node: Node, report: Report) -> T | Read:
        """The value under the one key."""
        if not isinstance(node, Pairs) or len(node.pairs) != 1:
            return wrong(node, self.expected, report)
        [(key_node, value_node)] = node.pairs.values()
        kind = self.table.get(key_node.text)
        if kind is None:
            near = nearest(key_node.text, self.table)
            report.add(key_node, f"unknown key {describe(key_node)}", listed(self.table), near)
            return INVALID
        return kind.read(value_node, report)

    def inner(self) -> Iterator[Kind[object]]:
        """The kinds of all keys."""
        return iter(self.table.values())


@dataclass(frozen=True, slots=True)
class Document[T]:
    """A kind of file: what its root is, and what must agree across it (see `checks`)."""

    root: Kind[T]
    checks: tuple[Callable[[Node, Report], None], ...] = ()

    def take(self, node: Node, report: Report) -> T:
        """The value of a whole document. Raises ConfigError with every problem found."""
        value = self.root.read(node, report)
        for check in self.checks:
            check(node, report)
        report.fail()
        if value is INVALID:
            raise ValueError("a kind answered INVALID without a problem")
        return value
