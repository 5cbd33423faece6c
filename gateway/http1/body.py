"""Body readers: from bytes as they come to payload bytes and the exact end of the message. Pure.

Each reader takes `feed(data)` and returns the payload in it and how many bytes of `data` belong to this
message; what is left belongs to the next one. After an error a reader must not be used again.
"""

from typing import Final, Protocol

from gateway.http1.fault import FAULTS, Side
from gateway.http1.fields import Headers, refuse_shadows, split_general
from gateway.http1.grammar import CHUNK_LINE, OWN_PREFIX, TRAILER_IGNORED, TRAILER_REFUSED, TRAILERS
from gateway.http1.head import RequestHead, ResponseHead

MAX_CHUNK_LINE = 1024
"""Bytes of one chunk-size line with its extensions."""
MAX_EXTENSIONS = 16 * 1024
"""Bytes of chunk extensions in one body: dropped, so they must not cost more than a head."""
MAX_TRAILERS = 8 * 1024
"""Bytes of a trailer section."""


class Reader(Protocol):
    """A body being read; `trailers` is complete once `done`."""

    @property
    def done(self) -> bool:
        """Whether the message is complete."""
        ...

    @property
    def trailers(self) -> Headers:
        """Those that came after a chunked body."""
        ...

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Payload found in `data`, and the number of its bytes that were taken. Raises the side's error."""
        ...

    def eof(self) -> None:
        """The peer has closed: end of a body that closing delimits, else the side's error unless done."""
        ...


class NoBody:
    """A message without a body: done at once, takes nothing."""

    __slots__ = ()

    @property
    def done(self) -> bool:
        """Always."""
        return True

    @property
    def trailers(self) -> Headers:
        """None."""
        return []

    def feed(self, data: bytes) -> tuple[bytes, int]:  # noqa: ARG002 - takes nothing of it, by definition
        """Take nothing."""
        return b"", 0

    def eof(self) -> None:
        """Nothing was missing."""


NO_BODY: Final = NoBody()


class LengthReader:
    """A body of `length` bytes (RFC 9112 section 6.2)."""

    __slots__ = ("_left", "_side", "done", "trailers")

    def __init__(self, length: int, side: Side) -> None:
        self._left = length
        self._side = side
        self.done = length == 0
        self.trailers: Headers = []

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take up to the length."""
        left = self._left
        size = len(data)
        if size < left:
            self._left = left - size
            return data, size
        self._left = 0
        self.done = True
        return data if size == left else data[:left], left

    def eof(self) -> None:
        """Refuse a body that was cut short."""
        if not self.done:
            raise FAULTS[self._side]("closed before the end", "body")


class CloseReader:
    """An answer's body that ends where the connection does (RFC 9112 section 6.3, item 8)."""

    __slots__ = ("done", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.trailers: Headers = []

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take all."""
        return data, len(data)

    def eof(self) -> None:
        """Complete the body."""
        self.done = True


class ChunkedReader:
    """A chunked body (RFC 9112 section 7.1): extensions are checked and dropped, trailers checked."""

    __slots__ = ("_extensions", "_fault", "_held", "_left", "_step", "done", "trailers")

    def __init__(self, side: Side) -> None:
        self._fault = FAULTS[side]
        self._held = b""
        self._left = 0
        self._extensions = 0
        self._step = self._size
        self.done = False
        self.trailers: Headers = []

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take up to the end of the trailer section; an unfinished line is held back inside the reader."""
        if self.done:
            return b"", 0
        held = len(self._held)
        if held:
            data = self._held + data
            self._held = b""
        payload: list[bytes] = []
        position = 0
        while not self.done:
            after = self._step(data, position, payload)
            if after < 0:
                self._held = data[position:]
                position = len(data)
                break
            position = after
        return b"".join(payload), position - held

    def eof(self) -> None:
        """Refuse a body whose last chunk or trailer section did not come."""
        if not self.done:
            raise self._fault("closed before the end", "body")

    # Each step returns the position after what it understood, or -1 when it needs more bytes.

    def _size(self, data: bytes, position: int, payload: list[bytes]) -> int:  # noqa: ARG002 - a step's shape
        end = data.find(b"\r\n", position)
        line = data[position:end] if end >= 0 else data[position:].removesuffix(b"\r")
        if len(line) > MAX_CHUNK_LINE or b"\n" in line or b"\r" in line:
            raise self._fault("not a valid chunk size", "body")
        if end < 0:
            return -1
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise self._fault("not a valid chunk size", "body")
        self._extensions += match.end() - match.end(1)
        if self._extensions > MAX_EXTENSIONS:
            raise self._fault("more chunk extensions than the limit", "body")
        self._left = int(match[1], 16)
        self._step = self._data if self._left else self._trailers
        return end + 2

    def _data(self, data: bytes, position: int, payload: list[bytes]) -> int:
        piece = data[position : position + self._left]
        if not piece:
            return -1
        payload.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._step = self._data_end
        return position + len(piece)

    def _data_end(self, data: bytes, position: int, payload: list[bytes]) -> int:  # noqa: ARG002 - a step's shape
        found = data[position : position + 2]
        if not b"\r\n".startswith(found):
            raise self._fault("a chunk does not end where its size says", "body")
        if len(found) < 2:
            return -1
        self._step = self._size
        return position + 2

    def _trailers(self, data: bytes, position: int, payload: list[bytes]) -> int:  # noqa: ARG002 - a step's shape
        empty = data.startswith(b"\r\n", position)
        end = position - 2 if empty else data.find(b"\r\n\r\n", position)
        size = (end + 4 if end >= 0 or empty else len(data)) - position
        if size > MAX_TRAILERS:
            raise self._fault("longer than the limit", "trailers")
        if end < 0 and not empty:
            return -1
        self.trailers = self._checked_trailers(data[position : position + size])
        self.done = True
        return position + size

    def _checked_trailers(self, section: bytes) -> Headers:
        if TRAILERS.fullmatch(section) is None:
            raise self._fault("not valid field lines", "trailers")
        headers, index = split_general(section, 0)
        for name in index:
            if name in TRAILER_REFUSED or name.startswith(OWN_PREFIX):
                raise self._fault("a field that may not be in trailers", "trailers")
        refuse_shadows(index, self._fault)
        return [pair for pair in headers if pair[0].lower() not in TRAILER_IGNORED]


def reader_for(head: RequestHead | ResponseHead) -> Reader:
    """The reader of the body that follows `head`."""
    side: Side = "request" if isinstance(head, RequestHead) else "response"
    if head.chunked:
        return ChunkedReader(side)
    if head.length:
        return LengthReader(head.length, side)
    if isinstance(head, ResponseHead) and head.close_delimited:
        return CloseReader()
    return NO_BODY
