"""Rows of comma-separated values (RFC 4180): the dialect of a body, and its rows as they arrive. Pure.

Quotes are strict: a quoted cell is quoted whole, with quotes in it doubled. So a row is complete where its
quotes are even in number, and no two readers see different cells.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from gateway.codecs.program import Limits
from gateway.codecs.stream import Cutter, placed, slices, too_large
from gateway.errors import PayloadError

DELIMITERS = ",;\t|"
MARK = "\ufeff".encode()

_row_end = {quote: re.compile(rb"[\r\n" + quote.encode() + rb"]").search for quote in "\"'"}


Picker = Callable[[str], "re.Match[str] | None"]

_MOST_PICKED = 30

Group = tuple[list[str], str]
"""Rows without their line ends, and the end they all have (which only the last row may lack)."""

Pieces = list[tuple[str, ...]]
"""Rows with their line ends, each in the pieces that a Finder makes of it."""

Finder = Callable[[str], Pieces]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are written. `width` is the number of cells of every row."""

    delimiter: str
    quote: str
    width: int = 0
    cells: "re.Pattern[str]" = field(init=False)
    special: "re.Pattern[str]" = field(init=False)
    """Finds what a cell without quotes cannot hold."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", re.compile(f"({self._cell}){re.escape(self.delimiter)}"))
        special = re.compile(f"[{self.quote}{re.escape(self.delimiter)}\r\n]")
        object.__setattr__(self, "special", special)

    @property
    def _cell(self) -> str:
        d, q = re.escape(self.delimiter), self.quote
        return f"(?:{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+{q}|[^{q}{d}\r\n]*+)"

    def picker(self, columns: Sequence[int]) -> tuple[Picker, Finder] | None:
        """Matches a whole row, and finds rows with their ends (LF, CRLF) in a text of many: groups are the
        cells of `columns`, and what lies around each.

        None for so many columns that it is no gain.
        """
        if not columns or len(columns) > _MOST_PICKED:
            return None
        d, cell = re.escape(self.delimiter), self._cell
        pattern, next_ = "", 0
        for at in columns:
            first = f"{cell}{d}" if next_ == 0 else f"{d}{cell}"
            apart = d if next_ else ""
            pattern += f"((?:{first}){{{at - next_}}}{apart})({cell})"
            next_ = at + 1
        rest = f"(?:{d}{cell}){{{self.width - next_}}}"
        return re.compile(f"{pattern}({rest})").fullmatch, re.compile(f"{pattern}({rest}\r?\n)").findall

    def split(self, text: str) -> list[str] | None:
        """The cells of a row as they are written; None where quotes are out of place."""
        if self.quote not in text:
            return text.split(self.delimiter)
        cells = self.cells.findall(text + self.delimiter)
        return cells if self.delimiter.join(cells) == text else None

    def row(self, text: str) -> list[str]:
        """The cells of a row; none of a blank line. Raises PayloadError."""
        if not text:
            return []
        cells = self.split(text)
        if cells is None:
            raise self.misquoted(text)
        if len(cells) != self.width:
            raise PayloadError("unparseable_body", "the row has not as many cells as the first row")
        return cells

    def misquoted(self, text: str) -> PayloadError:
        """What is wrong with a row that `split` refuses, at its column."""
        at = column = 0
        while match := self.cells.match(text, at):
            at = match.end()
            column += 1
        return PayloadError("unparseable_body", "a quote is out of place", f"column {column + 1}")

    def value(self, cell: str) -> str:
        """What a cell says."""
        q = self.quote
        return cell[1:-1].replace(q + q, q) if cell[:1] == q else cell

    def cell(self, value: str, quoted: bool) -> str:
        """A value as a cell: in quotes where it stood in quotes or has to."""
        q = self.quote
        if not quoted and not self.special.search(value):
            return value
        return q + value.replace(q, q + q) + q


def dialect_of(header: str, quote: str, delimiters: str) -> Dialect:
    """The dialect of a first row: the delimiter that gives it most cells. Without any there is one column.

    Raises PayloadError where it cannot be told.
    """
    rated = [(len(cells), each) for each in delimiters if (cells := Dialect(each, quote).split(header))]
    if not rated:
        raise Dialect(delimiters[0], quote).misquoted(header)
    width = max(rated)[0]
    found = [each for size, each in rated if size == width]
    if width > 1 and len(found) > 1:
        raise PayloadError("unparseable_body", "the delimiter cannot be told")
    return Dialect(found[0], quote, width)


class Rows:
    """Cuts a body into rows. The end of its first row settles what ends rows: LF (or CRLF), or CR alone."""

    def __init__(self, limits: Limits) -> None:
        self.mark = b""
        """The byte order mark the body opened with."""
        self.quote = '"'
        self.finder: Finder | None = None
        """Finds rows in a text with quotes, in pieces; without one all rows are split off one by one."""
        self._limits = limits
        self._first = bytearray()
        """What came before the end of the first row was known."""
        self._scanned = 0
        self._quoted = False
        self._cutter: Cutter | None = None
        self._end = "\n"
        self._open: list[str] = []
        """Lines of a row that ends further down, since a quote is open."""
        self._size = 0
        self._lines = 0

    def feed(self, data: bytes) -> Iterator[Group | Pieces]:
        """The rows that are complete now. Raises PayloadError with the number of a line."""
        for part in slices(data, self._limits):
            if self._cutter is not None:
                yield from self._cut(self._cutter, part)
            else:
                self._first += part
                yield from self._begin(final=False)

    def finish(self) -> Iterator[Group | Pieces]:
        """The last row, if there is one without an end. Raises PayloadError."""
        if self._cutter is None:
            yield from self._begin(final=True)
        last = self._text(self._cutter.rest()) if self._cutter is not None else ""
        if last or self._open:
            row = "".join([*self._open, last])
            if row.count(self.quote) % 2:
                raise self._refusal("a quote is not closed", -len(self._open))
            yield from self._clean([([row], "")], self._lines + 1 - len(self._open))
            self._close()

    # ---- the first row ----------------------------------------------------------------------------------

    def _begin(self, final: bool) -> Iterator[Group | Pieces]:
        first = self._first
        if self._scanned == 0:
            if not final and len(first) <= len(MARK):
                return
            if first.startswith(MARK):
                self.mark = MARK
            self._scanned = len(self.mark)
            self.quote = "'" if first[self._scanned : self._scanned + 1] == b"'" else '"'
        end = self._first_end(final)
        if not end:
            if len(first) - len(self.mark) > self._limits.max_record + 1:
                raise too_large("line 1")
            return
        self._end = end
        self._cutter = Cutter(end.encode(), self._limits)
        # The first row goes alone: what it says of columns decides how all others are read.
        start, row, self._first = len(self.mark), self._scanned + 1, bytearray()
        for data in (bytes(first[start:row]), bytes(first[row:])):
            for part in slices(data, self._limits):
                yield from self._cut(self._cutter, part)

    def _first_end(self, final: bool) -> str:
        """What ends the first row; nothing while that is not known."""
        first, search = self._first, _row_end[self.quote]
        while match := search(first, self._scanned):
            at = match.start()
            if match[0] == self.quote.encode():
                self._quoted = not self._quoted
            elif not self._quoted:
                self._scanned = at
                if match[0] == b"\n":
                    return "\n"
                if at + 1 < len(first) or final:
                    crlf = first[at + 1 : at + 2] == b"\n"
                    self._scanned += crlf
                    return "\n" if crlf else "\r"
                return ""
            self._scanned = at + 1
        self._scanned = max(self._scanned, len(first))
        return "\n" if final else ""

    # ---- all others -------------------------------------------------------------------------------------

    def _cut(self, cutter: Cutter, part: bytes) -> Iterator[Group | Pieces]:
        try:
            block = cutter.cut(part)
        except PayloadError as error:
            raise placed(error, f"line {self._lines + 1}") from error
        if block is None:
            return
        text = self._text(block)
        # No row of a block that is no larger than a record is.
        quick = self._end == "\n" and len(block) < self._limits.max_record and self.quote in text
        if quick and self.finder is not None:
            yield from self._found(text, self.finder)
        else:
            yield from self._split(text)

    def _found(self, text: str, finder: Finder) -> Iterator[Group | Pieces]:
        """Many rows at once, those that the finder finds one after another from the first on."""
        while self._open:
            line, more, text = text.partition("\n")
            yield from self._split(line)
            if not more:
                return
        text += "\n"
        rows = finder(text)
        found = "".join(chain.from_iterable(rows))
        if not text.startswith(found):
            rows = _unbroken(text, rows)
            found = "".join(chain.from_iterable(rows))
        if rows:
            self._lines += found.count("\n")
            yield rows
        if len(found) < len(text):
            yield from self._split(text[len(found) : -1])

    def _split(self, text: str) -> list[Group]:
        """The rows of whole lines without their last end."""
        first = self._lines + 1 - len(self._open)
        crlf = text.count("\r\n")
        returns = text.count("\r")
        ends = text.count("\n") + 1
        if self._end == "\r":
            return self._clean(self._several(text.split("\r"), "\r"), first)
        if returns == ends == crlf + 1 and text[-1] == "\r":
            return self._several(text[:-1].split("\r\n"), "\r\n")
        if not returns:
            return self._several(text.split("\n"), "\n")
        return self._clean([each for line in text.split("\n") for each in self._mixed(line)], first)

    def _several(self, lines: list[str], end: str) -> list[Group]:
        """Lines of one end, those of one row put together."""
        quote = self.quote
        if not self._open and not any(quote in line for line in lines):
            self._lines += len(lines)
            return [(lines, end)]
        rows: list[str] = []
        for line in lines:
            if line.count(quote) % 2 == (0 if self._open else 1):
                self._more(line + end)
            elif self._open:
                rows.append("".join([*self._open, line]))
                self._close()
            else:
                rows.append(line)
            self._lines += 1
        return [(rows, end)] if rows else []

    def _mixed(self, line: str) -> list[Group]:
        """One line of a body that ends some lines in LF and some in CRLF."""
        end = "\r\n" if line[-1:] == "\r" else "\n"
        return self._several([line[: -len(end) + 1] if end == "\r\n" else line], end)

    def _more(self, line: str) -> None:
        self._open.append(line)
        self._size += len(line.encode())
        if self._size > self._limits.max_record:
            raise self._refusal("a quote is not closed within the size of a record", 1 - len(self._open))

    def _close(self) -> None:
        self._open = []
        self._size = 0

    def _clean(self, groups: list[Group], line: int) -> list[Group]:
        """Refuse a line break that ends no row here, though it may end one to others. From a line on."""
        for row in (row for rows, _ in groups for row in rows):
            if ("\r" in row or "\n" in row) and self.quote not in row:
                raise self._refusal("a line break of another kind", line - self._lines - 1)
            line += 1 + row.count(self._end)
        return groups

    def _text(self, block: bytes) -> str:
        """The text of whole lines. Raises PayloadError for what is no UTF-8, and for NUL."""
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            raise self._refusal("the body is not UTF-8", self._ends(block[: error.start])) from error
        if "\0" in text:
            raise self._refusal("a NUL", self._ends(block[: block.index(0)]))
        return text

    def _ends(self, block: bytes) -> int:
        return block.count(self._end.encode())

    def _refusal(self, detail: str, further: int) -> PayloadError:
        """Something wrong some lines further than the next; fewer than none for one before."""
        return PayloadError("unparseable_body", detail, f"line {self._lines + 1 + further}")


def _unbroken(text: str, rows: Pieces) -> Pieces:
    """The rows that a text begins with, without those that were found behind something else."""
    at = 0
    for number, row in enumerate(rows):
        whole = "".join(row)
        if not text.startswith(whole, at):
            return rows[:number]
        at += len(whole)
    return rows
