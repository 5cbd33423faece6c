"""gzip (RFC 1952) and deflate (RFC 1950, RFC 1951) on zlib. Pure."""

import zlib
from collections.abc import Callable, Iterator
from functools import partial

from gateway.codecs.codings.coding import PIECE, Coding, Frames, steps, unreadable

LEVEL = 3
"""of 9: the time to answer is worth more than the last tenth of the size"""

_STEP = 16 * 1024
"""encoded bytes given to zlib at once: what it leaves over is copied after every piece"""
_ZLIB, _GZIP, _RAW = 15, 31, -15


class Inflater:
    """Reads zlib streams: `wbits` says how the next one is wrapped, given its first byte."""

    __slots__ = ("_frames", "_many", "_stream", "_wbits")

    def __init__(self, wbits: Callable[[int], int], many: bool) -> None:
        """`many` allows one stream after the other (RFC 1952 section 2.2)."""
        self._wbits = wbits
        self._many = many
        self._frames = Frames()
        self._stream: zlib._Decompress | None = None

    @property
    def ended(self) -> bool:
        """Whether a stream is complete; its checksum and length were right (zlib sees to that)."""
        return self._stream is not None and self._stream.eof

    def read(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most PIECE bytes."""
        for step in steps(data, _STEP):
            self._frames.taken += len(step)
            yield from self._read(step)

    def _read(self, rest: bytes | memoryview) -> Iterator[bytes]:
        full = False
        # A full piece may leave decoded bytes inside zlib although all encoded ones are taken.
        while rest or (full and not self.ended):
            stream = self._stream
            if stream is None or stream.eof:
                stream = self._begin(rest[0])
            try:
                piece = stream.decompress(rest, PIECE)
            except zlib.error as error:
                raise unreadable() from error
            full = len(piece) == PIECE
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
            if piece:
                yield piece

    def _begin(self, first: int) -> "zlib._Decompress":
        if self._stream is not None and not self._many:
            raise unreadable()
        self._frames.begin()
        self._stream = zlib.decompressobj(self._wbits(first))
        return self._stream


class Deflater:
    """Writes one zlib stream. A gzip header has neither time nor name."""

    __slots__ = ("_stream",)

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.compressobj(LEVEL, zlib.DEFLATED, wbits)

    def write(self, data: bytes) -> bytes:
        """More of the body."""
        return self._stream.compress(data)

    def flush(self) -> bytes:
        """Up to a byte boundary (Z_SYNC_FLUSH)."""
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        """The last block, checksum and length."""
        return self._stream.flush()


def _wrapping(first: int) -> int:
    """RFC 9110 section 8.4.1.2 says zlib format; some senders leave its wrapping out.

    The first byte tells: a zlib header has 8 in its low half. As raw deflate that would be a stored block
    after padding that is not zero, which no encoder writes.
    """
    return _ZLIB if first & 0x0F == 8 else _RAW


def _gzip(_first: int) -> int:
    return _GZIP


def _once(wbits: Callable[[int], int], raw: bytes, bound: int) -> bytes | None:
    """What is one stream and no more."""
    if not raw:
        return None
    stream = zlib.decompressobj(wbits(raw[0]))
    try:
        body = stream.decompress(raw, bound + 1)
    except zlib.error:
        return None
    return body if stream.eof and not stream.unused_data and len(body) <= bound else None


def _coding(wbits: Callable[[int], int], written: int, many: bool) -> Coding:
    return Coding(
        reader=partial(Inflater, wbits, many),
        writer=partial(Deflater, written),
        encode=lambda body: zlib.compress(body, LEVEL, written),
        once=partial(_once, wbits),
    )


GZIP = _coding(_gzip, _GZIP, many=True)
DEFLATE = _coding(_wrapping, _ZLIB, many=False)
