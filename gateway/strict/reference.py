"""The documentation of a schema, written from the schema itself. Pure."""

from collections.abc import Iterator
from typing import cast

from gateway.strict.kinds import Kind
from gateway.strict.report import listed
from gateway.strict.shapes import Key, Table


def reference(root: Kind[object]) -> str:
    """Markdown: a section per table of the schema, the root first, each table once, a line per key."""
    return "\n".join(section for table in tables(root) for section in _section(table))


def tables(root: Kind[object]) -> list[Table[object]]:
    """Every table a kind is made of, in the order in which a reader meets them."""
    seen: dict[int, Table[object]] = {}
    _collect(root, seen)
    return list(seen.values())


def _collect(kind: Kind[object], seen: dict[int, Table[object]]) -> None:
    if isinstance(kind, Table):
        if id(kind) in seen:
            return
        seen[id(kind)] = cast("Table[object]", kind)
    for inner in kind.inner():
        _collect(inner, seen)


def _section(table: Table[object]) -> Iterator[str]:
    yield f"## {table.title}\n"
    if table.doc:
        yield table.doc
    if table.exactly:
        yield f"Exactly {listed(f'`{name}`' for name in table.exactly)}."
    if table.some:
        yield f"At least {listed(f'`{name}`' for name in table.some)}."
    if table.doc or table.exactly or table.some:
        yield ""
    if table.keys:
        yield "| key | value | default | meaning |\n|---|---|---|---|"
        yield from (_row(key) for key in table.keys)
        yield ""


def _row(key: Key) -> str:
    default = "required" if key.required else f"`{key.default}`" if key.default is not None else ""
    return f"| `{key.name}` | {_cell(key.kind.expected)} | {default} | {_cell(key.doc)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*.", "\\*.").replace("<", "&lt;")
