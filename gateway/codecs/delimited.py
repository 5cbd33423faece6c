"""CSV and TSV (RFC 4180), columns selected by the names in the first row. Pure.

The dialect is found out and kept: a cell that was not changed keeps its exact bytes. An empty cell is no
value, as null is none in JSON, and what is removed leaves an empty cell. Where the first row names no column
that a program knows, nobody can tell what is where: every cell, of that row too, goes to the unmapped masker.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.codecs import nested
from gateway.codecs.json import text_of
from gateway.codecs.program import REMOVED, Found, Limits, Masker, Program, Stream, Tally
from gateway.codecs.rows import DELIMITERS, Dialect, Group, Rows, dialect_of
from gateway.codecs.steps import Compiled, Inner, compiled
from gateway.codecs.stream import placed, through
from gateway.errors import InternalError, PayloadError


class Column(NamedTuple):
    """A column that something is done with: its position and slot (-1: none) and what is done."""

    at: int
    slot: int
    mask: Masker | None
    subject: bool
    inner: Inner | None
    path: str


@dataclass(frozen=True, slots=True)
class Table:
    """A whole body. Rows are cells as they are written, none for a blank line; `ends` are their line ends."""

    mark: bytes
    dialect: Dialect | None
    rows: list[list[str]]
    ends: list[str]


class DelimitedCodec:
    """The Codec of rows. `header`: whether the first row holds names; None leaves it to what they are."""

    def __init__(self, delimiters: str = DELIMITERS, header: bool | None = None) -> None:
        self.delimiters = delimiters
        self.header = header

    def parse(self, body: bytes, limits: Limits) -> Table:
        """Read all rows. Raises PayloadError with a row or line, and a column."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        source = Rows(limits)
        reader = Reader(self, source, limits)
        rows: list[list[str]] = []
        ends: list[str] = []
        for step in (lambda: source.feed(body), source.finish):
            groups = step()
            rows += [reader.cells(text) for lines, _ in groups for text in lines]
            ends += [end for lines, end in groups for _ in lines]
        return Table(source.mark, reader.dialect, rows, ends)

    def find(self, document: Table, program: Program) -> list[Found]:
        """Subjects in order; each is droppable, with its row."""
        return [found for _, found in self._hits(document, compiled(program))]

    def rewrite(self, document: Table, program: Program, tally: Tally, drop: Collection[int] = ()) -> Table:
        """A new table; rows of dropped subjects are left out and not tallied. Raises InternalError."""
        ready = compiled(program)
        gone: set[int] = set()
        if drop:
            hits = self._hits(document, ready)
            if not all(0 <= ordinal < len(hits) for ordinal in drop):
                raise InternalError("there is no such subject to drop", "body")
            gone = {hits[ordinal][0] for ordinal in drop}
        start, columns = self._columns(document, ready)
        rows: list[list[str]] = []
        for at, cells in enumerate(document.rows):
            if at in gone:
                continue
            if at >= start and cells and document.dialect is not None:
                cells = list(cells)
                _treat_row(cells, columns, document.dialect, tally)
            rows.append(cells)
        ends = [end for at, end in enumerate(document.ends) if at not in gone]
        return Table(document.mark, document.dialect, rows, ends)

    def dump(self, document: Table) -> bytes:
        """The rows with their own line ends."""
        delimiter = document.dialect.delimiter if document.dialect else ""
        lines = [delimiter.join(cells) + end for cells, end in zip(document.rows, document.ends, strict=True)]
        return document.mark + "".join(lines).encode()

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """A whole body through a stream."""
        return through(self.stream(program, tally, limits), body, limits)

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream that lets a row go once its end has come."""
        return _DelimitedStream(self, compiled(program), tally, limits)

    def columns(self, header: list[str], program: Compiled) -> tuple[bool, list[Column]]:
        """Whether the first row names columns, and the columns that something is done with."""
        named = self.header
        if named is None:
            named = not program.names.keys().isdisjoint(header)
        indexes = [program.names.get(name, program.rest) if named else program.rest for name in header]
        columns = [_column(at, index, program) for at, index in enumerate(indexes)]
        return named, [each for each in columns if each.slot >= 0 or each.mask is not None]

    def _columns(self, document: Table, program: Compiled) -> tuple[int, list[Column]]:
        """From which row on there are values, and the columns."""
        first = next((at for at, cells in enumerate(document.rows) if cells), None)
        if first is None or document.dialect is None:
            return 0, []
        named, columns = self.columns(names(document.rows[first], document.dialect), program)
        return first + named, columns

    def _hits(self, document: Table, program: Compiled) -> list[tuple[int, Found]]:
        """Every subject with the number of its row."""
        start, columns = self._columns(document, program)
        wanted = [column for column in columns if column.inner is not None or column.subject]
        hits: list[tuple[int, Found]] = []
        if not wanted or document.dialect is None:
            return hits
        for at, cells in enumerate(document.rows[start:], start):
            for column in wanted if cells else ():
                value = document.dialect.value(cells[column.at])
                for slot, text in _subjects(column, value):
                    hits.append((at, Found(slot, text, len(hits), True)))
        return hits


class Reader:
    """Splits rows into cells, once the first that is not blank has told the dialect."""

    def __init__(self, codec: DelimitedCodec, source: Rows, limits: Limits) -> None:
        self.dialect: Dialect | None = None
        self.row = 0
        """Number of the row at hand, from 1."""
        self._codec = codec
        self._source = source
        self._limits = limits

    def cells(self, text: str) -> list[str]:
        """The next row's cells as they are written. Raises PayloadError with its number."""
        self.row += 1
        try:
            if self.dialect is None:
                if not text:
                    return []
                self._settle(text)
            return self.dialect.row(text) if self.dialect is not None else []
        except PayloadError as error:
            raise placed(error, f"row {self.row}") from error

    def _settle(self, text: str) -> None:
        self.dialect = dialect_of(text, self._source.quote, self._codec.delimiters)
        if self.dialect.width > self._limits.max_fields:
            raise PayloadError("unparseable_body", "more columns than the limit")


class _DelimitedStream:
    def __init__(self, codec: DelimitedCodec, program: Compiled, tally: Tally, limits: Limits) -> None:
        self._codec = codec
        self._program = program
        self._tally = tally
        self._source = Rows(limits)
        self._reader = Reader(codec, self._source, limits)
        self._columns: list[Column] = []
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        groups = self._source.feed(data)
        return self._out(groups) if groups else b""

    def finish(self) -> bytes:
        return self._out(self._source.finish())

    def _out(self, groups: list[Group]) -> bytes:
        out: list[str] = []
        for rows, end in groups:
            done = [] if self._begun else self._first(rows)
            done += self._rows(rows[len(done) :] if done else rows)
            out += [end.join(done), end]
        mark, self._source.mark = self._source.mark, b""
        return mark + "".join(out).encode()

    def _first(self, rows: list[str]) -> list[str]:
        """All rows up to the one that tells the columns."""
        done: list[str] = []
        while not self._begun and len(done) < len(rows):
            done.append(self._begin(rows[len(done)]))
        return done

    def _begin(self, text: str) -> str:
        cells = self._reader.cells(text)
        dialect = self._reader.dialect
        if dialect is None:
            return text
        self._begun = True
        named, self._columns = self._codec.columns(names(cells, dialect), self._program)
        if named or not _treat_row(cells, self._columns, dialect, self._tally):
            return text
        return dialect.delimiter.join(cells)

    def _rows(self, rows: list[str]) -> list[str]:
        reader, columns, tally = self._reader, self._columns, self._tally
        dialect = reader.dialect
        if dialect is None:
            return rows
        delimiter, quote, width = dialect.delimiter, dialect.quote, dialect.width
        out: list[str] = []
        for number, text in enumerate(rows, reader.row):
            cells = [] if quote in text else text.split(delimiter)
            if len(cells) != width:
                reader.row = number
                cells = reader.cells(text)
            if cells and _treat_row(cells, columns, dialect, tally):
                out.append(delimiter.join(cells))
            else:
                out.append(text)
        reader.row += len(rows)
        return out


def names(header: list[str], dialect: Dialect) -> list[str]:
    """What a first row calls its columns; white space around a name is not part of it."""
    return [dialect.value(cell).strip() for cell in header]


def _column(at: int, index: int, program: Compiled) -> Column:
    if index < 0:
        return Column(at, index, program.unmapped, False, None, "")
    slot = program.slots[index]
    return Column(at, index, slot.mask, slot.subject is not None, program.inner.get(index), slot.path)


def _subjects(column: Column, value: str) -> list[tuple[int, str]]:
    """Slot and text of every subject in one cell."""
    if column.inner is not None:
        return [(hit.slot, hit.value) for hit in nested.found(column.inner, value, column.path)]
    return [(column.slot, value)] if value else []


def _treat_row(cells: list[str], columns: list[Column], dialect: Dialect, tally: Tally) -> bool:
    """Run a program over the cells of one row, in place; whether any changed."""
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


def with_parameters(codec: DelimitedCodec, parameters: Mapping[str, str]) -> DelimitedCodec:
    """The codec for `header=present` or `header=absent` (RFC 4180 section 3). Raises PayloadError."""
    header = parameters.get("header")
    if header is None:
        return codec
    if header.lower() not in _HEADERS:
        raise PayloadError("unsupported_media_type", "`header` is neither present nor absent", "content-type")
    return DelimitedCodec(codec.delimiters, _HEADERS[header.lower()])


_HEADERS = {"present": True, "absent": False}

CSV = DelimitedCodec()
TSV = DelimitedCodec("\t")
