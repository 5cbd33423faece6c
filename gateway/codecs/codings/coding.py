"""What a content coding is: a reader in pieces, a writer that can flush, and whole bodies at once. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import PayloadError

PIECE = 64 * 1024
"""bytes asked of a library at once; what is read further on is read in the same steps"""
FREE_FRAMES = 100
"""gzip members or zstd frames of a body, whatever its size"""
FRAME = 1024
"""encoded bytes per further member or frame: each costs more to begin than its first bytes to send"""


class Reader(Protocol):
    """Takes a coding away, in order. Raises PayloadError: unparseable_body."""

    @property
    def ended(self) -> bool:
        """Whether the body may end after what was read."""

    def read(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes that `data` completes, in pieces of bounded size.

        Run to its end before anything else is read. What is held back is bounded by the coding's window.
        """


class Writer(Protocol):
    """Puts a coding on, in order. What it writes depends on nothing but what it was given."""

    def write(self, data: bytes) -> bytes:
        """More of the body: what of the encoded bytes is ready, perhaps nothing yet."""

    def flush(self) -> bytes:
        """All that is held back, so that a reader can decode everything written so far."""

    def finish(self) -> bytes:
        """The end of the body; nothing can be written after it."""


def _never(_raw: bytes, _bound: int) -> None:
    """No body is read at once."""


@dataclass(frozen=True, slots=True)
class Coding:
    """One coding: how it is read and written in pieces, and how whole bodies are."""

    reader: Callable[[], Reader]
    writer: Callable[[], Writer]
    encode: Callable[[bytes], bytes]
    once: Callable[[bytes, int], bytes | None] = _never
    """(raw, bound in bytes) -> the decoded body, where one call makes it. None: it is to be read in pieces.

    Saves most of the time that a small body takes, and decides nothing.
    """


@dataclass(slots=True)
class Frames:
    """Counts members or frames, each of which has a price that its bytes have to be worth."""

    taken: int = 0
    """encoded bytes so far"""
    begun: int = 0

    def begin(self) -> None:
        """One more. Raises PayloadError: unparseable_body."""
        self.begun += 1
        if self.begun > FREE_FRAMES + self.taken // FRAME:
            raise unreadable()


class Plain:
    """No coding at all (identity), as a reader and a writer."""

    __slots__ = ()
    ended = True

    def read(self, data: bytes) -> Iterator[bytes]:
        """The data as it is."""
        yield data

    def write(self, data: bytes) -> bytes:
        """The data as it is."""
        return data

    def flush(self) -> bytes:
        """Nothing is held back."""
        return b""

    finish = flush


def unreadable() -> PayloadError:
    """The error for bytes that are not what their coding says."""
    return PayloadError("unparseable_body", "the body does not decode as its content coding says", "body")


def steps(data: bytes, size: int) -> Iterator[memoryview]:
    """The data in steps of a size, without copies."""
    view = memoryview(data)
    for start in range(0, len(view), size):
        yield view[start : start + size]
