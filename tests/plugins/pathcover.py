"""Which data-map path decides about a document's JSON path, for the truth checks of packs."""

import re
from collections.abc import Iterable

from gateway.model import Field, Operation

Segments = tuple[str, ...]


def segments(path: str) -> Segments:
    """`results[].properties.*` -> ('results', '[]', 'properties', '*'); `$` is the empty tuple."""
    found = re.findall(r"'([^']+)'|(\[\])|([^.\[\]'$]+)", path)
    return tuple(quoted or items or plain for quoted, items, plain in found)


def selects(pattern: Segments, path: Segments) -> bool:
    """Whether a pattern selects a path: `*` stands for one key, `**` for any depth."""
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "**":
        return any(selects(pattern[1:], path[n:]) for n in range(len(path)))
    same = pattern[0] == path[0] or (pattern[0] == "*" and path[0] != "[]")
    return same and selects(pattern[1:], path[1:])


def deciding(fields: Iterable[Field], path: str) -> Field | None:
    """The field that decides about `path`: the longest selected prefix, an exact key before a wildcard."""
    table = [(segments(f.path), f) for f in fields]
    wanted = segments(path)
    for length in range(len(wanted), 0, -1):
        found = [
            (pattern.count("*"), n)
            for n, (pattern, _) in enumerate(table)
            if selects(pattern, wanted[:length])
        ]
        if found:
            return table[min(found)[1]][1]
    return None


def call(operation: Operation) -> str:
    """`METHOD path`, as documents and packs both write it."""
    return f"{operation.method} {operation.path}"


def names(fields: Iterable[Field]) -> set[str]:
    """Parameter names of a carrier."""
    return {f.path for f in fields}
