"""br: brotli (RFC 7932). Windows beyond the 16 MiB of the RFC ("large window") are refused. Pure."""

from collections.abc import Iterator

import brotli

from gateway.codecs.codings.coding import PIECE, Coding, steps, unreadable

QUALITY = 3
"""of 11: beside zstd at its default level; from 5 on it takes several times as long"""


class Unbrotli:
    """Reads one brotli stream."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def ended(self) -> bool:
        """Whether the stream is complete. Brotli has no checksum."""
        return bool(self._stream.is_finished())

    def read(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most twice PIECE bytes (the library's buffer grows in steps)."""
        for step in steps(data, PIECE):
            if self.ended:
                raise unreadable()
            yield from self._read(step)

    def _read(self, rest: bytes | memoryview) -> Iterator[bytes]:
        stream = self._stream
        more = True
        while more:
            try:
                piece: bytes = stream.process(rest, output_buffer_limit=PIECE)
            except brotli.error as error:
                raise unreadable() from error
            rest = b""
            if piece:
                yield piece
            more = not stream.is_finished() and (bool(piece) or not stream.can_accept_more_data())


class Brotli:
    """Writes one brotli stream."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=QUALITY)

    def write(self, data: bytes) -> bytes:
        """More of the body."""
        return bytes(self._stream.process(data))

    def flush(self) -> bytes:
        """Up to a byte boundary, by an empty metadata block."""
        return bytes(self._stream.flush())

    def finish(self) -> bytes:
        """The last block."""
        return bytes(self._stream.finish())


def _whole(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=QUALITY))


def _once(raw: bytes, bound: int) -> bytes | None:
    stream = brotli.Decompressor()
    try:
        body: bytes = stream.process(raw, output_buffer_limit=bound + 1)
        return body if stream.is_finished() and len(body) <= bound else None
    except brotli.error:
        return None


BR = Coding(Unbrotli, Brotli, _whole, _once)
