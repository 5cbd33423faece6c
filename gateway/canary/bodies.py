"""Bodies of every format a data map can speak of, with a seed for each of its lines. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from gateway.canary.places import ANYWHERE, Place, Spot, Ways, planted, shape
from gateway.canary.sower import Inside, Sower
from gateway.codecs.paths import ANY, DEEP, KEY, Link
from gateway.model import DataMap, Field

RECORDS: Final = 2
"""records of a format that is made of them"""
BOUNDARY: Final = "canary-boundary"


@dataclass(frozen=True, slots=True)
class Body:
    """How a body of one format is made. `carrier`: the part of a data map it is of; `endless`: it comes
    without its length, so that it is masked in pieces."""

    carrier: str
    type: str
    make: Callable[[Sower, DataMap], bytes]
    endless: bool = False


def _json(sower: Sower, data: DataMap) -> bytes:
    spot, ways = shape(data.json)
    if spot.items is None:
        spot.keys.setdefault("canary_also", Spot())
    return json.dumps(sower.tree(spot, (), ways)).encode()


def _csv(sower: Sower, data: DataMap) -> bytes:
    return _table(sower, data.csv).encode()


def _table(sower: Sower, columns: Sequence[Field]) -> str:
    rows = [sower.row(columns) for _ in range(2)]
    return "".join(",".join(cells) + "\r\n" for cells in (rows[0], *(row.values() for row in rows)))


def _form(sower: Sower, data: DataMap) -> bytes:
    return urlencode(sower.row(data.form)).encode()


def _text(sower: Sower, data: DataMap) -> bytes:
    return sower.note((), Ways((line, ()) for line in data.text)).encode()


def _xml(sower: Sower, data: DataMap) -> bytes:
    return _markup(sower, data.xml).encode()


def _markup(sower: Sower, lines: Sequence[Field]) -> str:
    every = [(line, _xml_links(line.path)) for line in lines]
    spot = planted(every)
    name = next((key for key in spot.keys if key[0] != "@"), ANYWHERE)
    return _element(sower, name, spot.keys.get(name, spot), (name,), Ways(every).onward(name))


_TEXT: Final = "text()"
_SIGNS: Final = {"*": (ANY, ""), "**": (DEEP, "")}


def _xml_links(path: str) -> tuple[Link, ...]:
    """A path as JSON has them: an element is a member of the one around it, so are attributes and text."""
    return () if path == "$" else tuple(_SIGNS.get(part, (KEY, part)) for part in path.split("/"))


def _element(sower: Sower, name: str, spot: Spot, place: Place, ways: Ways) -> str:
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


def _json_inside(sower: Sower, inner: list[Field]) -> str:
    spot, ways = shape(tuple(inner))
    return json.dumps(sower.tree(spot, (), ways))


def _form_inside(sower: Sower, inner: list[Field]) -> str:
    return urlencode(sower.row(inner))


INSIDE: Final[Mapping[str, Inside]] = {
    "json": _json_inside,
    "form": _form_inside,
    "csv": _table,
    "xml": _markup,
}
"""By format of a value that is a document itself."""


def _records(sower: Sower, data: DataMap) -> list[bytes]:
    return [_json(sower, data) for _ in range(RECORDS)]


def _lines(sower: Sower, data: DataMap) -> bytes:
    return b"".join(record + b"\n" for record in _records(sower, data))


def _sequence(sower: Sower, data: DataMap) -> bytes:
    return b"".join(b"\x1e" + record + b"\n" for record in _records(sower, data))


def _events(sower: Sower, data: DataMap) -> bytes:
    """Server-sent events: their data, and a name and an id of which no data map speaks."""
    made = (
        b"id: %d\nevent: person\ndata: %b\n\n" % (n, each) for n, each in enumerate(_records(sower, data))
    )
    return b": canary\n\n" + b"".join(made)


def _tsv(sower: Sower, data: DataMap) -> bytes:
    return _csv(sower, data).replace(b",", b"\t")


def _multipart(sower: Sower, data: DataMap) -> bytes:
    parts = sower.row(data.multipart)
    made = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    return f"{''.join(made)}--{BOUNDARY}--\r\n".encode()


BODIES: Final[Mapping[str, Body]] = {
    "json": Body("json", "application/json", _json),
    "lines": Body("json", "application/x-ndjson", _lines, endless=True),
    "events": Body("json", "text/event-stream", _events, endless=True),
    "sequence": Body("json", "application/json-seq", _sequence, endless=True),
    "csv": Body("csv", "text/csv", _csv),
    "rows": Body("csv", "text/tab-separated-values", _tsv, endless=True),
    "form": Body("form", "application/x-www-form-urlencoded", _form),
    "multipart": Body("multipart", f"multipart/form-data; boundary={BOUNDARY}", _multipart),
    "xml": Body("xml", "application/xml", _xml),
    "text": Body("text", "text/plain", _text),
}
"""By variant."""
