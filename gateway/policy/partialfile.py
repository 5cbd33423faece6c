"""`partials` of a provider pack: how an answer tells of records that were left out. Pure."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.codecs.paths import ITEMS, KEY, links_of, validate_path
from gateway.model import Operation, Partial
from gateway.policy.packtypes import canonical
from gateway.strict.document import Items, Node, Pairs, Scalar, describe
from gateway.strict.kinds import INVALID, Kind, Number, wrong
from gateway.strict.report import Report, nearest
from gateway.strict.shapes import Fault, Key, Read, Table

Json = str | int | bool | dict[str, "Json"] | list["Json"]

PLACEHOLDERS: Final = ("detail", "status", "reason", "id")
_INPUT: Final = re.compile(r"\{input\.([^{}]+)\}")
_MARK: Final = re.compile(r"\{(.*?)\}")


def inputs_named(entry: str) -> tuple[str, ...]:
    """The members of an input that an entry (JSON text) repeats.

    >>> inputs_named('{"ids":["{input.id}"],"from":"{input.from.id}"}')
    ('id', 'from.id')
    """
    return tuple(dict.fromkeys(_INPUT.findall(entry)))


@dataclass(frozen=True, slots=True)
class KeysPath(Kind[str]):
    """A JSON path of keys alone; `items`: with `[]` at its end, and there alone."""

    items: bool
    expected: str = ""

    def __post_init__(self) -> None:
        example = "an array such as results[]" if self.items else "a member such as data.total"
        object.__setattr__(self, "expected", f"the path of {example}")

    def read(self, node: Node, report: Report) -> str | Read:
        """The path in its canonical form."""
        if not isinstance(node, Scalar):
            return wrong(node, self.expected, report)
        if validate_path(node.text) is None:
            kinds = [kind for kind, _ in links_of(canonical(node.text))]
            keys = kinds[:-1] if self.items and kinds[-1:] == [ITEMS] else kinds
            if (len(keys) < len(kinds)) == self.items and all(kind is KEY for kind in keys) and kinds:
                return canonical(node.text)
        report.add(node, describe(node), self.expected)
        return INVALID


@dataclass(frozen=True, slots=True)
class Template(Kind[str]):
    """A JSON value with placeholders, as compact JSON text."""

    expected: str = "an entry with {detail}, {status}, {reason}, {id} or {input.member}"

    def read(self, node: Node, report: Report) -> str | Read:
        """The text of the whole value, which is a mapping."""
        if not isinstance(node, Pairs):
            return wrong(node, self.expected, report)
        made = self._value(node, report)
        return INVALID if made is None else msgspec.json.encode(made).decode()

    def _value(self, node: Node, report: Report) -> Json | None:
        if isinstance(node, Pairs):
            members = {name: self._value(value, report) for name, (_, value) in node.pairs.items()}
            good = {name: value for name, value in members.items() if value is not None}
            return good if len(good) == len(members) else None
        if isinstance(node, Items):
            items = [self._value(item, report) for item in node.items]
            kept = [item for item in items if item is not None]
            return kept if len(kept) == len(items) else None
        if not isinstance(node, Scalar) or (node.plain and not node.text):
            wrong(node, self.expected, report)
            return None
        return self._scalar(node, report)

    def _scalar(self, node: Scalar, report: Report) -> Json | None:
        if node.plain and node.text in ("true", "false"):
            return node.text == "true"
        if node.plain and re.fullmatch(r"0|-?[1-9][0-9]{0,14}", node.text):
            return int(node.text)
        for name in _MARK.findall(node.text):
            if name.startswith("input."):
                whole = _INPUT.fullmatch(node.text)
                member = KeysPath(items=False).read(
                    Scalar(node.line, node.column, name[6:]), Report("member")
                )
                if whole and member is not INVALID:
                    continue
                report.add(node, describe(node), "'{input.member}' alone, with the path of a member")
            elif name in PLACEHOLDERS:
                continue
            else:
                report.add(node, f"placeholder {{{name}}}", self.expected, nearest(name, PLACEHOLDERS))
            return None
        return node.text


def _partial(**given: str | int) -> Partial | Fault:
    made = msgspec.convert(given, Partial)
    for key, needs in _NEEDS.items():
        missing = [name for name in needs if getattr(made, name) is None]
        if getattr(made, key) is not None and missing:
            return Fault(key, f"{key!r} without {missing[0]!r}", f"{missing[0]!r} beside {key!r}")
    if made.entry and made.errors and _scattered(msgspec.json.decode(made.entry)):
        found = "'{input.member}' outside of a list"
        return Fault("entry", found, "a list for it: one of `errors` tells of several records")
    return made


_NEEDS: Final = {
    "inputs": ("entry",),
    "entry": ("inputs", "results"),
    "errors": ("entry",),
    "status": ("entry",),
    "count": ("errors",),
    "total": ("results",),
}


def _scattered(value: Json) -> bool:
    """Whether a member of the input stands where there is room for one record only."""
    if isinstance(value, dict):
        return any(_scattered(each) for each in value.values())
    if isinstance(value, list):
        return any(_scattered(each) for each in value if not isinstance(each, str))
    return isinstance(value, str) and _INPUT.fullmatch(value) is not None


def misplaced(operations: tuple[Operation, ...]) -> str | None:
    """The first operation whose partial speaks of JSON that its data maps do not have."""
    for each in operations:
        partial = each.partial
        if partial and (
            (partial.inputs and not each.request.json) or (partial.results and not each.response.json)
        ):
            return each.id
    return None


PARTIAL: Final = Table(
    "partial",
    (
        Key("inputs", KeysPath(items=True), "The records of the request, any of which can be left out."),
        Key("results", KeysPath(items=True), "The records of the answer."),
        Key("status", Number(200, 299), "The answer's status when somebody was left out."),
        Key(
            "errors",
            KeysPath(items=False),
            "An array an entry is added to, one for each reason. Without it an entry stands among `results`, "
            "in the place of each record.",
        ),
        Key("count", KeysPath(items=False), "The number of `errors`."),
        Key("total", KeysPath(items=False), "The number of all results, those of other pages included."),
        Key(
            "entry",
            Template(),
            "What tells of records. `{input.member}` is what the caller wrote there, in a list repeated "
            "for each record. An empty list of these, or a member that was not written, is left out.",
        ),
    ),
    _partial,
    some=("inputs", "results"),
    doc="How an answer tells of records that were left out.",
)
