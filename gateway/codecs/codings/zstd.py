"""zstd (RFC 8878), with the window that RFC 9659 allows in a content coding. Pure."""

from collections.abc import Iterator

import zstandard

from gateway.codecs.codings.coding import Coding, Frames, steps, unreadable

LEVEL = 3
"""of 22, the library's own default; its window of 2 MiB is within WINDOW"""
WINDOW = 8 * 1024 * 1024
"""bytes of memory a frame may ask for (RFC 9659 section 3)"""

_STEP = 256
"""encoded bytes given to the library at once, which bounds nothing itself: 4 bytes make 128 KiB at most"""


class Unzstd:
    """Reads frames one after the other; skippable ones hold nothing of the body."""

    __slots__ = ("_frame", "_frames", "_library")

    def __init__(self) -> None:
        self._library = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        self._frames = Frames()
        self._frame: zstandard.ZstdDecompressionObj | None = None

    @property
    def ended(self) -> bool:
        """Whether a frame is complete; its length and checksum, where it has them, were right."""
        return self._frame is not None and self._frame.eof

    def read(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most 8 MiB."""
        for step in steps(data, _STEP):
            self._frames.taken += len(step)
            yield from self._read(step)

    def _read(self, rest: bytes | memoryview) -> Iterator[bytes]:
        while rest:
            frame = self._frame
            if frame is None or frame.eof:
                self._frames.begin()
                frame = self._frame = self._library.decompressobj()
            try:
                piece = frame.decompress(rest)
            except zstandard.ZstdError as error:
                raise unreadable() from error
            rest = frame.unused_data if frame.eof else b""
            if piece:
                yield piece


class Zstd:
    """Writes one frame, without checksum: TLS and the transport have theirs."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=LEVEL).compressobj()

    def write(self, data: bytes) -> bytes:
        """More of the body."""
        return self._stream.compress(data)

    def flush(self) -> bytes:
        """The block so far."""
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        """The last block."""
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


def _whole(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


ZSTD = Coding(Unzstd, Zstd, _whole)
