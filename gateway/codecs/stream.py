"""What streaming codecs share: cutting what arrives into records, and treating one of JSON exactly. Pure."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from gateway.codecs import kernel
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Program, Stream, Tally
from gateway.codecs.scalars import CONTAINERS
from gateway.codecs.steps import compiled
from gateway.errors import PayloadError

SLICE = 64 * 1024
"""bytes worked on at once; what is held above a record is a small multiple of it"""

BLANKS = b" \t\r\n"
"""White space of JSON (RFC 8259 section 2)."""

_strings = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\r\n]*+(:?)', re.DOTALL).findall


def through(stream: Stream, body: bytes, limits: Limits) -> bytes:
    """A whole body through a stream. Raises PayloadError."""
    if len(body) > limits.max_body:
        raise PayloadError("body_too_large", "the body is larger than the limit", "body")
    return stream.feed(body) + stream.finish()


def slices(data: bytes, limits: Limits) -> Iterator[bytes]:
    """What arrived, in parts of which none is larger than a record may be."""
    size = min(SLICE, limits.max_record)
    if len(data) <= size:
        yield data
        return
    for at in range(0, len(data), size):
        yield data[at : at + size]


class Cutter:
    """Cuts what arrives at a byte that ends records."""

    __slots__ = ("_end", "_held", "_limit")

    def __init__(self, end: bytes, limits: Limits) -> None:
        self._end = end
        self._limit = limits.max_record
        self._held = bytearray()

    def cut(self, part: bytes) -> bytes | None:
        """All whole records there are now, joined by their ends but without the last end; None: not one.

        `part` is one of `slices`. Raises PayloadError(body_too_large).
        """
        at = part.rfind(self._end)
        held = self._held
        if at < 0:
            held += part
            self._check(len(held))
            return None
        self._check(len(held) + part.find(self._end))
        block = bytes(held) + part[:at] if held else part[:at]
        self._held = bytearray(part[at + 1 :])
        return block

    def rest(self) -> bytes:
        """What came after the last end; empties the cutter."""
        held, self._held = bytes(self._held), bytearray()
        return held

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise too_large()


def too_large(place: str = "") -> PayloadError:
    """A record is larger than the limit."""
    return PayloadError("body_too_large", "a record is larger than the limit", place)


def placed(error: PayloadError, place: str) -> PayloadError:
    """The same error at a place, which takes the place of a record's `body`."""
    inner = "" if error.place in ("", "body") else f", {error.place}"
    return error.at(place + inner)


# ---- one JSON record ------------------------------------------------------------------------------------


def json_record(raw: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
    """One JSON text as the JSON codec leaves it; the very same bytes where that is what it came as.

    White space around it stays. A record that repeats a key is only sent on as it was understood.
    Raises PayloadError.
    """
    ready = compiled(program)
    out = kernel.transform(raw, ready, tally, limits.max_depth) if len(raw) <= limits.max_body else None
    return rewritten(raw, JSON.parse(raw, limits), ready, tally) if out is None else out


def rewritten(raw: bytes, document: Any, program: Program, tally: Tally, drop: Collection[int] = ()) -> bytes:
    """The same for a text that was parsed already. `drop` as in Codec.rewrite."""
    plain = JSON.dump(document)
    out = JSON.dump(JSON.rewrite(document, program, tally, drop))
    if out == plain and (plain == raw or unrepeated(raw, document)):
        return raw
    return around(raw, out)


def around(raw: bytes, out: bytes) -> bytes:
    """`out` within the white space that stood around `raw`."""
    core = raw.strip(BLANKS)
    at = raw.index(core)
    return raw[:at] + out.strip(BLANKS) + raw[at + len(core) :]


def unrepeated(raw: bytes, document: Any) -> bool:
    """Whether valid JSON names no key of an object twice: as many keys written as read."""
    members = 0
    todo = [document]
    for each in todo:
        if each.__class__ is dict:
            members += len(each)
            todo += [below for below in each.values() if below.__class__ in CONTAINERS]
        elif each.__class__ is list:
            todo += [below for below in each if below.__class__ in CONTAINERS]
    return _strings(raw).count(b":") == members
