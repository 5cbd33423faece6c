"""Sequences of JSON texts: one a line (NDJSON, JSON Lines), or after record separators (RFC 7464). Pure.

Every record is a document of its own to a program. Line ends, blank lines and untouched records keep their
bytes. A subject outside of any array is dropped with its record.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.codecs.json import JSON
from gateway.codecs.program import Found, Limits, Program, Stream, Tally
from gateway.codecs.stream import (
    BLANKS,
    Cutter,
    json_record,
    placed,
    rewritten,
    slices,
    through,
    too_large,
)
from gateway.errors import InternalError, PayloadError

_whole = re.compile(rb'[ \t\r\n]*+(?:["{\[].*|.*[ \t\r\n])', re.DOTALL).fullmatch

Check = Callable[[bytes, int], None]
"""Refuses a record (its bytes, its number from 1) that its framing does not allow."""


@dataclass(slots=True)
class Record:
    """One record: its bytes, and what they say; a blank one says nothing."""

    raw: bytes
    document: Any = None
    blank: bool = False


class SequenceCodec:
    """The Codec of JSON texts with a byte between them. A document is a list of Records, owned by us."""

    def __init__(self, end: bytes, check: Check) -> None:
        self.end = end
        self.check = check

    def parse(self, body: bytes, limits: Limits) -> list[Record]:
        """Read all records. Raises PayloadError with the number of the record."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        records = []
        for number, raw in enumerate(body.split(self.end), 1):
            try:
                self.check(raw, number)
                records.append(_read(raw, limits))
            except PayloadError as error:
                raise placed(error, f"record {number}") from error
        return records

    def find(self, document: list[Record], program: Program) -> list[Found]:
        """Subjects in order; all are droppable, at least with their record."""
        hits: list[Found] = []
        for record in document:
            if not record.blank:
                found = JSON.find(record.document, program)
                hits += [Found(hit.slot, hit.value, at, True) for at, hit in enumerate(found, len(hits))]
        return hits

    def rewrite(
        self, document: list[Record], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> list[Record]:
        """Run the program over every record. Raises InternalError for an ordinal nobody has."""
        out: list[Record] = []
        first = 0
        for record in document:
            found = JSON.find(record.document, program) if drop and not record.blank else []
            gone = {hit.ordinal: hit.droppable for hit in found if first + hit.ordinal in drop}
            first += len(found)
            if not all(gone.values()):
                continue
            if not record.blank:
                record.raw = rewritten(record.raw, record.document, program, tally, gone)
            out.append(record)
        if drop and not all(0 <= ordinal < first for ordinal in drop):
            raise InternalError("there is no such subject to drop", "body")
        return out

    def dump(self, document: list[Record]) -> bytes:
        """All records with what stood between them."""
        return self.end.join([record.raw for record in document])

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """A whole body through a stream."""
        return through(self.stream(program, tally, limits), body, limits)

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream that lets a record go once the byte after it has come."""
        return _SequenceStream(self, program, tally, limits)


class _SequenceStream:
    def __init__(self, codec: SequenceCodec, program: Program, tally: Tally, limits: Limits) -> None:
        self._codec = codec
        self._run = program, tally, limits
        self._limits = limits
        self._cutter = Cutter(codec.end, limits)
        self._done = 0

    def feed(self, data: bytes) -> bytes:
        out = b""
        end = self._codec.end
        for part in slices(data, self._limits):
            try:
                block = self._cutter.cut(part)
            except PayloadError as error:
                raise self._placed(error) from error
            if block is not None:
                out += end.join(self._records(block.split(end))) + end
        return out

    def finish(self) -> bytes:
        return b"".join(self._records([self._cutter.rest()]))

    def _records(self, found: Iterable[bytes]) -> list[bytes]:
        out = []
        program, tally, limits = self._run
        check = self._codec.check
        try:
            for raw in found:
                check(raw, self._done + 1)
                out.append(json_record(raw, program, tally, limits) if raw.strip(BLANKS) else raw)
                self._done += 1
        except PayloadError as error:
            raise self._placed(error) from error
        return out

    def _placed(self, error: PayloadError) -> PayloadError:
        return placed(error, f"record {self._done + 1}")


def _read(raw: bytes, limits: Limits) -> Record:
    if len(raw) > limits.max_record:
        raise too_large()
    return Record(raw, JSON.parse(raw, limits)) if raw.strip(BLANKS) else Record(raw, blank=True)


def _any_line(_raw: bytes, _number: int) -> None:
    """Every line may be a record."""


def _framed(raw: bytes, number: int) -> None:
    """RFC 7464: nothing stands before the first separator, and a number has to be seen to have ended."""
    if (number == 1 and raw) or not (_whole(raw) or not raw):
        raise PayloadError("unparseable_body", "the record is cut off or not framed")


NDJSON = SequenceCodec(b"\n", _any_line)
JSON_SEQ = SequenceCodec(b"\x1e", _framed)
