"""JSON inside a case file, and how two JSON texts are compared: exactly. Pure.

In a case JSON is written as YAML. A scalar without quotes is a number, true, false or null where JSON reads
it as one, and text otherwise; a number keeps the digits it was written with.
"""

import json
import re
from typing import Final, Literal

from gateway.strict.document import Bad, Items, Node, Pairs, Scalar
from gateway.strict.kinds import INVALID, Invalid, Kind
from gateway.strict.report import Report

# RFC 8259 section 6, and the three literal names of section 3.
_BARE: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null")


class JsonText(Kind[str]):
    """A JSON document written as YAML, read as JSON text."""

    expected = "a JSON document"

    def read(self, node: Node, report: Report) -> str | Literal[Invalid.INVALID]:
        """The JSON text of a node."""
        before = len(report.problems)
        text = _text(node, report)
        return text if len(report.problems) == before and not isinstance(node, Bad) else INVALID


def _text(node: Node, report: Report) -> str:
    match node:
        case Scalar(text=text, plain=True) if _BARE.fullmatch(text):
            return text
        case Scalar(text="", plain=True):
            report.add(node, "nothing", 'null, "" or a value')
        case Scalar(text=text):
            return json.dumps(text, ensure_ascii=False)
        case Items(items=items):
            return "[" + ", ".join(_text(item, report) for item in items) + "]"
        case Pairs(pairs=pairs):
            members = (
                f"{json.dumps(key, ensure_ascii=False)}: {_text(v, report)}" for key, (_, v) in pairs.items()
            )
            return "{" + ", ".join(members) + "}"
        case Bad():
            pass
    return "null"


class _Number(str):
    """The text of a number: `1.0` and `1` are different, and neither is the text "1"."""

    __slots__ = ()


def canonical(text: str) -> str | None:
    """One member or item a line, members sorted, numbers as they were written; None when it is not JSON.

    >>> print(canonical('{"b": [1.10, "1.10"], "a": null}'))
    {
      "a": null,
      "b": [
        1.10,
        "1.10"
      ]
    }
    """
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_refuse)
        return "\n".join(_lines(value, ""))
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> object:
    raise ValueError(name)


def _lines(value: object, margin: str) -> list[str]:
    if isinstance(value, dict) and value:
        members = [_keyed(key, _lines(value[key], margin + "  "), margin) for key in sorted(value)]
        return _bracketed("{", members, "}", margin)
    if isinstance(value, list) and value:
        items = [_keyed(None, _lines(item, margin + "  "), margin) for item in value]
        return _bracketed("[", items, "]", margin)
    return [value if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)]


def _keyed(key: str | None, lines: list[str], margin: str) -> list[str]:
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    return [f"{margin}  {name}{lines[0]}", *lines[1:]]


def _bracketed(start: str, parts: list[list[str]], end: str, margin: str) -> list[str]:
    out = [start]
    for number, part in enumerate(parts):
        out += part
        if number < len(parts) - 1:
            out[-1] += ","
    return [*out, margin + end]
