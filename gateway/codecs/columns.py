"""Columns of a table, and what a program does with their cells: row by row, or many rows at once. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.codecs import nested
from gateway.codecs.json import text_of
from gateway.codecs.program import REMOVED, Masker, Tally
from gateway.codecs.rows import Dialect
from gateway.codecs.steps import Compiled, Inner


class Column(NamedTuple):
    """A column that something is done with: its position and slot (-1: none) and what is done."""

    at: int
    slot: int
    mask: Masker | None
    subject: bool
    inner: Inner | None
    path: str


def column(at: int, index: int, program: Compiled) -> Column:
    """The column at a position, for a slot index or -1."""
    if index < 0:
        return Column(at, index, program.unmapped, False, None, "")
    slot = program.slots[index]
    return Column(at, index, slot.mask, slot.subject is not None, program.inner.get(index), slot.path)


def subjects(each: Column, value: str) -> list[tuple[int, str]]:
    """Slot and text of every subject in one cell."""
    if each.inner is not None:
        return [(hit.slot, hit.value) for hit in nested.found(each.inner, value, each.path)]
    return [(each.slot, value)] if value else []


def treat_row(cells: list[str], columns: list[Column], dialect: Dialect, tally: Tally) -> bool:
    """Run a program over the cells of one row as they are written, in place; whether any changed."""
    changed = False
    quote = dialect.quote
    for at, slot, mask, subject, inner, path in columns:
        old = cell = cells[at]
        if not cell:
            continue
        if cell[0] == quote:
            old = dialect.value(cell)
            if not old:
                continue
        if inner is not None:
            new: Any = nested.rewritten(inner, old, tally, path)
        elif slot < 0:
            new = old if mask is None else mask(old)
            tally.unmapped += new is not old
        else:
            tally.seen[slot] += 1
            if subject:
                tally.subjects.append((slot, old))
            if mask is None:
                continue
            new = mask(old)
            tally.masked[slot] += new is not old
        if new is not old:
            cells[at] = dialect.cell(_text(new), cell[0] == quote)
            changed = True
    return changed


def _text(value: Any) -> str:
    """A masked value as text; what has no text (null, REMOVED) leaves the cell empty."""
    return "" if value is None or value is REMOVED else value if value.__class__ is str else text_of(value)


def at_once(columns: Sequence[Column]) -> bool:
    """Whether `treat_table` finds subjects in the order in which `treat_row` does."""
    return sum(each.subject for each in columns) <= 1 and not any(each.inner for each in columns)


def treat_table(table: list[list[str]], columns: Sequence[Column], dialect: Dialect, tally: Tally) -> None:
    """The same as `treat_row` for many rows, in place, where nothing is quoted."""
    for at, slot, mask, subject, _, _ in columns:
        values = [cells[at] for cells in table]
        found = len(values) - values.count("")
        if slot >= 0:
            tally.seen[slot] += found
        if subject:
            tally.subjects += [(slot, value) for value in values if value]
        if mask is None or not found:
            continue
        changed = 0
        for cells, old in zip(table, values, strict=True):
            if old and (new := mask(old)) is not old:
                cells[at] = dialect.cell(_text(new), quoted=False)
                changed += 1
        if slot >= 0:
            tally.masked[slot] += changed
        else:
            tally.unmapped += changed
