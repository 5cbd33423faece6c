"""The line format of an audit chain: how a record becomes a line, and how lines hold together. Pure.

A chain is a sequence of lines, `{"seq":N,"prev":"<hex>","time":"<RFC 3339>",<members of the record>}`. `seq`
counts from 0. `prev` is the SHA-256 of the bytes of the line before, without its newline: 64 zeros for the
first. So `head -n 1 FILE | tr -d '\\n' | sha256sum` checks a link without any of this code.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from gateway.audit.record import Record
from gateway.errors import InternalError, StoreError
from gateway.native import load

GENESIS = "0" * 64
"""What the first line of a chain has for `prev`."""

_HEAD = re.compile(
    rb'\{"seq":(0|[1-9][0-9]{0,17}),"prev":"([0-9a-f]{64})",'
    rb'"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)",'
)
_BLOCK = 65_536
_kernel: Any = load("mackernel")
_text: Any = load("textkernel")


class Line(msgspec.Struct, frozen=True):
    """One line read back: its number, the hash it says the line before has, its record, its own bytes."""

    seq: int
    prev: str
    record: Record
    text: bytes

    @property
    def digest(self) -> str:
        """The line's hash, which the next line has for `prev`."""
        return digest(self.text)


class Link(msgspec.Struct, frozen=True):
    """Where a chain goes on: the number of its next line and the hash of its last one."""

    seq: int = 0
    prev: str = GENESIS

    def line(self, body: bytes) -> bytes:
        """The chain's next line, without its newline, around what `encode` gave."""
        return b'{"seq":%d,"prev":"%b",%b' % (self.seq, self.prev.encode(), body)

    def after(self, line: bytes) -> "Link":
        """The link after that line."""
        return Link(self.seq + 1, digest(line))


def chained(link: Link, bodies: Sequence[bytes]) -> tuple[bytes, Link]:
    """Lines around what `encode` gave, each with its newline, and the link after them."""
    if _kernel is not None:
        data, prev = _kernel.chain(link.seq, link.prev, bodies)
        return data, Link(link.seq + len(bodies), prev)
    return chained_by_rule(link, bodies)


def chained_by_rule(link: Link, bodies: Sequence[bytes]) -> tuple[bytes, Link]:
    """What chained does, in Python alone."""
    lines = []
    for body in bodies:
        line = link.line(body)
        link = link.after(line)
        lines.append(line + b"\n")
    return b"".join(lines), link


def digest(line: bytes) -> str:
    """Lower-case hex SHA-256 of a line's bytes, without its newline."""
    return sha256(line).hexdigest()


def _second(at: int) -> bytes:
    return datetime.fromtimestamp(at, UTC).isoformat()[:19].encode()


Moment = Callable[[float], tuple[bytes, int]]
"""Seconds since the epoch -> the second in RFC 3339 without its zone, and microseconds."""


def moments() -> Moment:
    """Raises ValueError, OverflowError, OSError for what is no time."""
    second = lru_cache(maxsize=4)(_second)

    def moment(at: float) -> tuple[bytes, int]:
        whole, micros = divmod(round(at * 1e6), 1_000_000)
        return second(whole), micros

    return moment


def _unstamped(at: float) -> None:
    """Where there is no kernel, `moments` says every moment."""


def encoder() -> Callable[[Record], bytes]:
    """A function from a record to the part of its line that does not depend on the chain.

    `at` becomes `time` (microseconds), members that have their default are left out. Raises InternalError for
    what has no text: lone surrogates, a time that is not a number.
    """
    encode_json = msgspec.json.Encoder().encode
    moment = moments()
    stamp = _unstamped if _text is None else _text.stamp

    def encode(record: Record) -> bytes:
        try:
            body = encode_json(record)
            time = stamp(record.at) or b"%b.%06dZ" % moment(record.at)
        except (ValueError, OverflowError, TypeError, OSError):
            raise InternalError("an audit record has no text form") from None
        # a quote inside a JSON string is escaped, so the first of these bytes are those of the member itself
        start = body.index(b',"at":')
        end = body.find(b",", start + 6)
        return b'"time":"%b",%b%b' % (time, body[1:start], body[end:] if end > 0 else b"}")

    return encode


_DECODER = msgspec.json.Decoder(Record)


def decode(line: bytes) -> Line:
    """The line (without its newline) that `Link.line` made. Raises StoreError without any of its text."""
    head = _HEAD.match(line)
    if head is None:
        raise StoreError("audit_unavailable", "not a line of an audit chain")
    try:
        at = datetime.fromisoformat(head[3].decode()).timestamp()
        record = _DECODER.decode(b'{"at":%b,%b' % (repr(at).encode(), line[head.end() :]))
    except (ValueError, RecursionError):
        raise StoreError("audit_unavailable", "not a line of an audit chain") from None
    return Line(int(head[1]), head[2].decode(), record, line)


def backwards(read_at: Callable[[int, int], bytes], end: int) -> Iterator[bytes]:
    """The lines of a file from its last to its first, each with its newline, if it has one.

    `read_at(offset, size)` gives exactly those bytes; `end` is the file's size.
    """
    tail = b""
    while end > 0:
        start = max(0, end - _BLOCK)
        *lines, rest = (read_at(start, end - start) + tail).split(b"\n")
        lines = [line + b"\n" for line in lines] + [rest] * bool(rest)
        end, tail = start, lines.pop(0) if start else b""
        yield from reversed(lines)
