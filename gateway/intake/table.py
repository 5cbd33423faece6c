"""The rows of a file: CSV, TSV, JSON lines or one identifier a line; plain or gzip, in a declared encoding.

Owns reading. What cannot be read is answered as a Fault with its line, and reading goes on behind it: neither
a wrong byte nor a quote that nobody closed costs more than its own line. Memory is that of one row.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from gateway.errors import PayloadError

ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
}
"""What may be declared, and Python's name for it. Undeclared: what a byte order mark says, else UTF-8."""
DELIMITERS: Final[Mapping[str, str]] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
FORMS: Final = ("csv", "tsv", "lines", "jsonl")
SUFFIXES: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

LONGEST: Final = 65_536
"""characters of a line"""
QUOTED: Final = 64
"""lines one row may have; a quote that opens and never closes would take the whole file"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line cannot be taken; nothing of the line is in it."""

    reason: str


Row = tuple[int, list[str] | Fault]
"""Number of the row's first line, from 1, and its cells."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read; None is found out."""

    form: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


def form_of(path: Path, layout: Layout) -> str:
    """The form: declared, or by the file's name without `.gz`."""
    name = path.with_suffix("") if path.suffix == ".gz" else path
    return layout.form or SUFFIXES.get(name.suffix.lower(), "lines")


def digest(path: Path) -> str:
    """SHA-256 of the file as it is on disk, hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Source:
    """An open file. `position` of `size` bytes have been read."""

    def __init__(self, raw: IO[bytes], size: int, path: Path, layout: Layout) -> None:
        self.form = form_of(path, layout)
        self.size = size
        self._raw = raw
        self._layout = layout
        head = raw.read(4)
        raw.seek(0)
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if head[:2] == b"\x1f\x8b" else raw
        start = _start(plain)
        encoding = ENCODINGS[layout.encoding] if layout.encoding else _marked(start)
        # surrogates mark what could not be decoded, so that only its own row is lost
        errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
        self._lines = _Lines(io.TextIOWrapper(plain, encoding, errors, newline=""))

    @property
    def position(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.tell()

    @property
    def line(self) -> int:
        """Number of the last line of the row that was given last."""
        return self._lines.number

    def skip(self, line: int) -> None:
        """Go on behind this line; for a reader of rows, too, that is between two of them."""
        self._lines.skip(line)

    def rows(self) -> Iterator[Row]:
        """The rows. Raises PayloadError for damaged compression."""
        try:
            reading = {"csv": self._split, "tsv": self._split}.get(self.form, _whole)
            yield from reading(self._lines)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise PayloadError("unparseable_body", "the compressed data is damaged") from error

    def _split(self, lines: "_Lines") -> Iterator[Row]:
        delimiter = self._layout.delimiter or ("\t" if self.form == "tsv" else _guessed(lines.peek()))
        while True:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            try:
                for cells in reader:
                    row, lines.held = lines.first, []
                    if cells:
                        yield row, _checked(cells)
                return
            except csv.Error:
                row = lines.first
                lines.again()
                yield row, Fault("quotes that do not match, or a line that is too long")


class _Lines:
    """Lines with their number; those of the row being read are held, so that it can be begun again."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._waiting: list[str] = []
        self.held: list[str] = []
        self.number = self.first = 0

    def skip(self, line: int) -> None:
        """Pass over what there is up to a line."""
        while self.number < line and (self._waiting.pop() if self._waiting else self._line()):
            self.number += 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else self._line()
        if not line:
            raise StopIteration
        self.number += 1
        if not self.held:
            self.first = self.number
        self.held.append(line)
        if len(self.held) > QUOTED or len(line) >= LONGEST:
            raise csv.Error
        return line

    def _line(self) -> str:
        line = self._text.readline(LONGEST)
        last = line
        while len(last) == LONGEST and last[-1] not in "\r\n":
            last = self._text.readline(LONGEST)
        return line

    def peek(self) -> str:
        """The next line, which stays the next."""
        line = self._waiting[-1] if self._waiting else self._line()
        if line and not self._waiting:
            self._waiting.append(line)
        return line

    def again(self) -> None:
        """Go on with the line behind the row's first."""
        self._waiting += reversed(self.held[1:])
        self.number -= len(self.held) - 1
        self.held = []


def _whole(lines: _Lines) -> Iterator[Row]:
    """Every line is one cell; empty ones are none."""
    while True:
        try:
            for line in lines:
                lines.held.clear()
                text = line.strip()
                if text:
                    yield lines.number, _checked([text])
            return
        except csv.Error:
            yield lines.number, Fault("a line that is too long")
            lines.held.clear()


def _checked(cells: list[str]) -> list[str] | Fault:
    for cell in cells:
        if not cell.isascii() and any("\ud800" <= c <= "\udfff" or c == "\ufffd" for c in cell):
            return Fault("bytes that are not of the file's encoding; see --encoding")
        if "\0" in cell:
            return Fault("a zero byte: the file may be of another encoding; see --encoding")
    return cells


def _start(plain: IO[bytes]) -> bytes:
    """The first bytes, read and put back. Raises PayloadError for damaged compression."""
    try:
        start = plain.read(4)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PayloadError("unparseable_body", "the compressed data is damaged") from error
    plain.seek(0)
    return start


def _marked(start: bytes) -> str:
    return "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _guessed(line: str) -> str:
    """The sign that stands in the first line most often."""
    return max(DELIMITERS.values(), key=line.count)


@contextmanager
def opened(path: Path, layout: Layout) -> Iterator[Source]:
    """The file, ready to be read. Raises OSError, PayloadError."""
    with path.open("rb") as raw:
        yield Source(raw, path.stat().st_size, path, layout)
