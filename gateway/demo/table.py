"""Tables for a terminal. Pure."""

from collections.abc import Sequence
from unicodedata import east_asian_width

WIDEST = 44
"""Characters of a cell that are shown."""


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table with a rule under its head; every row as long as the head. Long cells are cut.

    >>> table(("a", "b"), [("x", None)])
    ['a  b', '-  -', 'x  -']
    """
    cells = [[_cell(value) for value in row] for row in (head, *rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cell(value: object) -> str:
    text = "-" if value is None else " ".join(str(value).split()) or "(empty)"
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
