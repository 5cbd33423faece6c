"""Columns of a table, and what a program does with their cells: row by row, or many rows at once. Pure."""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from gateway.codecs import nested
from gateway.codecs.owners import masker, named
from gateway.codecs.program import REMOVED, Masker, Slot, Tally
from gateway.codecs.rows import Dialect
from gateway.codecs.scalars import text_of
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


class Owned(list[Column]):
    """Columns of which some hold values that are some person's: the one whom the row names."""

    __slots__ = ("slots",)

    def __init__(self, columns: Iterable[Column], slots: tuple[Slot, ...]) -> None:
        super().__init__(columns)
        self.slots = slots

    def of(self, cells: list[str], dialect: Dialect) -> list[Column]:
        """The columns with the maskers of one row's person."""
        values = [(each.slot, dialect.value(cells[each.at])) for each in self if each.slot >= 0]
        who = named(values, self.slots)
        return [each._replace(mask=masker(each.mask, who)) for each in self]


def moved(columns: list[Column], positions: Iterable[int]) -> list[Column]:
    """The same columns at other positions."""
    made = [each._replace(at=at) for each, at in zip(columns, positions, strict=False)]
    return Owned(made, columns.slots) if isinstance(columns, Owned) else made


def treat_row(cells: list[str], columns: list[Column], dialect: Dialect, tally: Tally) -> bool:
    """Run a program over the cells of one row as they are written, in place; whether any changed."""
    changed = False
    quote = dialect.quote
    if columns.__class__ is Owned:
        columns = columns.of(cells, dialect)
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
    """Whether `treat_table` can do what `treat_row` does."""
    return not isinstance(columns, Owned) and not any(each.inner for each in columns)


def treat_table(
    table: list[Sequence[str]], columns: Sequence[Column], dialect: Dialect, tally: Tally
) -> None:
    """The same as `treat_row` for many rows, given by columns, in place. A cell met twice is masked once."""
    met: list[tuple[int, Sequence[str]]] = []
    for at, slot, mask, subject, _, _ in columns:
        cells = table[at]
        found = len(cells) - cells.count("") - cells.count(dialect.quote * 2)
        if slot >= 0:
            tally.seen[slot] += found
        if not found:
            continue
        said = list(map(dialect.value, cells)) if dialect.quote in "".join(cells) else cells
        if subject:
            met.append((slot, said))
        changed = 0
        if mask is not None and (made := _masked(cells, said, mask, dialect)):
            table[at] = list(map(made.get, cells, cells))
            changed = sum(map(made.__contains__, cells))
        if slot >= 0:
            tally.masked[slot] += changed
        else:
            tally.unmapped += changed
    if met:
        # In the order of the rows, and in a row of its columns.
        rows = zip(*(zip(repeat(slot), said, strict=False) for slot, said in met), strict=True)
        tally.subjects += [hit for hit in chain.from_iterable(rows) if hit[1]]


def _masked(cells: Sequence[str], said: Sequence[str], mask: Masker, dialect: Dialect) -> dict[str, str]:
    """By each cell that is changed, what is written in its place."""
    quote = dialect.quote
    made = {}
    for cell, old in dict(zip(cells, said, strict=True)).items():
        if old and (new := mask(old)) is not old:
            text = new if new.__class__ is str else _text(new)
            made[cell] = dialect.cell(text, cell[0] == quote)
    return made
