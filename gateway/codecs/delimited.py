"""CSV and TSV (RFC 4180), columns selected by the names in the first row. Pure.

The dialect is found out and kept: a cell that was not changed keeps its exact bytes. An empty cell is no
value, as null is none in JSON, and what is removed leaves an empty cell. Where the first row names no column
that a program knows, nobody can tell what is where: every cell, of that row too, goes to the unmapped masker.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from gateway.codecs.columns import Column, Owned, at_once, column, moved, subjects, treat_row, treat_table
from gateway.codecs.program import Found, Limits, Program, Stream, Tally
from gateway.codecs.rows import DELIMITERS, Dialect, Group, Picker, Pieces, Rows, dialect_of
from gateway.codecs.steps import Compiled, compiled
from gateway.codecs.stream import placed, through
from gateway.errors import InternalError, PayloadError


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
        for group in chain(source.feed(body), source.finish()):
            if isinstance(group, tuple):  # without a finder no rows come in pieces
                rows += map(reader.cells, group[0])
                ends += [group[1]] * len(group[0])
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
                treat_row(cells, columns, document.dialect, tally)
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
        columns = [column(at, index, program) for at, index in enumerate(indexes)]
        columns = [each for each in columns if each.slot >= 0 or each.mask is not None]
        return named, Owned(columns, program.slots) if program.per_person else columns

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
        wanted = [each for each in columns if each.inner is not None or each.subject]
        hits: list[tuple[int, Found]] = []
        if not wanted or document.dialect is None:
            return hits
        for at, cells in enumerate(document.rows[start:], start):
            for each in wanted if cells else ():
                value = document.dialect.value(cells[each.at])
                for slot, text in subjects(each, value):
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
        self._at_once = False
        self._picked: Picker | None = None
        self._in_pieces: list[Column] = []
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        out = self._out(self._source.feed(data))
        return self._marked(out) if out else b""

    def finish(self) -> bytes:
        return self._marked(self._out(self._source.finish()))

    def _marked(self, out: list[str]) -> bytes:
        mark, self._source.mark = self._source.mark, b""
        return mark + "".join(out).encode()

    def _out(self, groups: Iterable[Group | Pieces]) -> list[str]:
        out: list[str] = []
        for group in groups:
            if isinstance(group, list):
                out += self._pieces(group)
                continue
            rows, end = group
            done = [] if self._begun else self._first(rows)
            done += self._rows(rows[len(done) :] if done else rows)
            out += [end.join(done), end]
        return out

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
        self._at_once = at_once(self._columns)
        picked = dialect.picker([each.at for each in self._columns])
        if picked is not None:
            self._picked, finder = picked
            self._source.finder = finder if self._at_once else None
        self._in_pieces = moved(self._columns, count(1, 2))
        if named or not treat_row(cells, self._columns, dialect, self._tally):
            return text
        return dialect.delimiter.join(cells)

    def _rows(self, rows: list[str]) -> list[str]:
        """Rows of values. Raises PayloadError."""
        dialect = self._reader.dialect
        if dialect is None:
            return rows
        if self._at_once and dialect.quote not in "".join(rows):
            split = [text.split(dialect.delimiter) for text in rows]
            if set(map(len, split)) == {dialect.width}:
                table: list[Sequence[str]] = list(zip(*split, strict=True))
                treat_table(table, self._columns, dialect, self._tally)
                self._reader.row += len(rows)
                return list(map(dialect.delimiter.join, zip(*table, strict=True)))
        return [self._row(text, dialect) for text in rows]

    def _pieces(self, rows: Pieces) -> Iterable[str]:
        """Rows that the source's finder found."""
        dialect = self._reader.dialect
        table: list[Sequence[str]] = list(zip(*rows, strict=True))
        if dialect is not None:
            treat_table(table, self._in_pieces, dialect, self._tally)
        self._reader.row += len(rows)
        return chain.from_iterable(zip(*table, strict=True))

    def _row(self, text: str, dialect: Dialect) -> str:
        pieces = self._picked(text) if self._picked is not None else None
        if pieces is None:
            cells = self._reader.cells(text)
            if not cells or not treat_row(cells, self._columns, dialect, self._tally):
                return text
            return dialect.delimiter.join(cells)
        self._reader.row += 1
        parts = list(pieces.groups())
        return "".join(parts) if treat_row(parts, self._in_pieces, dialect, self._tally) else text


def names(header: list[str], dialect: Dialect) -> list[str]:
    """What a first row calls its columns; white space around a name is not part of it."""
    return [dialect.value(cell).strip() for cell in header]


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
