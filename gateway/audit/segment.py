"""The files of one chain, written by one process: appends that are whole or not there at all.

Owns the lock of the slot, the open segment and its last good offset. Knows nothing of records or of time.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import EIO, ENODATA, ESTALE
from itertools import islice

from gateway.audit.chain import Line, Link, backwards, decode
from gateway.audit.files import Files
from gateway.audit.names import segment_name, segments
from gateway.errors import StoreError

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Segments:
    """The segments of a chain, open for appending. Not for use by two threads at once."""

    __slots__ = (
        "_chain",
        "_directory",
        "_dirty",
        "_ending",
        "_fd",
        "_files",
        "_lock",
        "_path",
        "_status",
        "_sync",
        "good",
        "number",
    )

    def __init__(self, files: Files, directory: str, chain: str, sync: bool) -> None:
        self._files = files
        self._directory = directory
        self._chain = chain
        self._sync = sync
        self._lock = self._fd = -1
        self._dirty = False
        self._ending = b""
        self._path = ""
        self.number = 0
        self.good = 0
        """Bytes of the open segment that are whole lines; everything after them is to be cut off."""

    def open(self) -> tuple[Line | None, int]:
        """Lock the slot, mend a torn end. Gives the last line, if any, and the bytes that were torn off.

        Raises OSError; StoreError for a slot that is in use and for a chain that does not link.
        """
        self._files.makedirs(self._directory, 0o700)
        self._lock = self._open_file(f"{self._chain}.lock")
        try:
            self._files.lock(self._lock)
        except BlockingIOError:
            raise StoreError("audit_unavailable", "another process writes this chain", self._chain) from None
        numbers = segments(self._files.listdir(self._directory)).get(self._chain, [])
        if not numbers:
            self._start(1)
            return None, 0
        fd = self._open_file(self._name(numbers[-1]))
        self._adopt(fd, numbers[-1], self._files.fstat(fd))
        torn = self._mend()
        return self._last(numbers), torn

    def append(self, data: bytes) -> None:
        """Write whole lines, all of them or none. Raises OSError; the next call then tries to mend first."""
        if self._dirty:
            self._restore()
        self._dirty = True
        try:
            self._write(self._fd, data)
            self._check(self.good + len(data))
            if self._sync:
                self._files.fdatasync(self._fd)
        except OSError:
            with suppress(OSError):
                self._restore()
            raise
        self.good += len(data)
        self._ending = data[data.rfind(b"\n", 0, -1) + 1 :]
        self._dirty = False

    def rotate(self) -> None:
        """Go on in a new segment. Raises OSError, and then the old one stays in use."""
        if self._dirty:
            self._restore()
        self._files.fdatasync(self._fd)
        self._start(self.number + 1)

    def close(self) -> None:
        """Put everything on the disk, release the segment and the slot. Raises nothing."""
        with suppress(OSError):
            if self._fd >= 0:
                self._files.fdatasync(self._fd)
        for fd in (self._fd, self._lock):
            self._release(fd)
        self._fd = self._lock = -1

    def _name(self, number: int) -> str:
        return segment_name(self._chain, number)

    def _open_file(self, name: str, flags: int = _APPEND) -> int:
        return self._files.open(f"{self._directory}/{name}", flags, 0o600)

    def _release(self, fd: int) -> None:
        with suppress(OSError):
            if fd >= 0:
                self._files.close(fd)

    def _start(self, number: int) -> None:
        # without O_EXCL: an attempt that failed half-way may have left the file, empty
        fd = self._open_file(self._name(number))
        try:
            status = self._files.fstat(fd)
            if status.st_size:
                raise OSError(ESTALE, "the next segment is there already")
            self._sync_directory()
        except OSError:
            self._release(fd)
            raise
        self._adopt(fd, number, status)
        self.good, self._ending = 0, b""

    def _adopt(self, fd: int, number: int, status: os.stat_result) -> None:
        self._release(self._fd)
        self._fd, self.number, self._status = fd, number, status
        self._path = f"{self._directory}/{self._name(number)}"

    def _sync_directory(self) -> None:
        fd = self._files.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
        try:
            self._files.fsync(fd)
        finally:
            self._release(fd)

    def _write(self, fd: int, data: bytes) -> None:
        taken = self._files.write(fd, data)
        while taken < len(data):
            more = self._files.write(fd, data[taken:])
            if more <= 0:
                raise OSError(EIO, "the file takes no more bytes")
            taken += more

    def _check(self, size: int) -> None:
        """The path still leads to our file, and the file is as long as what we wrote."""
        there = self._files.stat(self._path)
        # a deleted or moved file takes bytes that nobody will find again
        if not os.path.samestat(there, self._status):
            raise OSError(ESTALE, "the segment was moved or deleted")
        if there.st_size != size:
            raise OSError(ESTALE, "the segment was changed from outside")

    def _restore(self) -> None:
        size = len(self._ending)
        # what was cut from outside must not be filled up, nor be replaced by what was refused
        if self._files.pread(self._fd, size, self.good - size) != self._ending:
            raise OSError(ENODATA, "the segment was changed from outside")
        self._files.ftruncate(self._fd, self.good)
        self._check(self.good)
        if self._sync:
            self._files.fdatasync(self._fd)
        self._dirty = False

    def _mend(self) -> int:
        """Move what follows the last newline to the `.torn` file. Gives its size in bytes."""
        size = self._files.fstat(self._fd).st_size
        rest = next(self._backwards(self._fd, size), b"\n")
        torn = 0 if rest.endswith(b"\n") else len(rest)
        self.good = size - torn
        self._ending = next(self._backwards(self._fd, self.good), b"")
        if torn:
            fd = self._open_file(f"{self._name(self.number)}.torn")
            try:
                self._write(fd, rest)
                self._files.fdatasync(fd)
            finally:
                self._release(fd)
            self._sync_directory()
            # cut off by the first append, as after any other write that failed
            self._dirty = True
        return torn

    def _backwards(self, fd: int, size: int) -> Iterator[bytes]:
        return backwards(lambda offset, count: self._files.pread(fd, count, offset), size)

    def _last(self, numbers: list[int]) -> Line | None:
        """The chain's last line, after checking that it links to the one before it."""
        lines = [decode(line.removesuffix(b"\n")) for line in islice(self._tail(numbers), 2)]
        if not lines and numbers[-1] == 1:
            return None
        if not lines:
            raise StoreError("audit_unavailable", "the segments before are missing", self._name(self.number))
        before = Link(lines[1].seq + 1, lines[1].digest) if lines[1:] else Link()
        if (lines[0].seq, lines[0].prev) != (before.seq, before.prev):
            raise StoreError("audit_unavailable", "the last line does not link", self._name(self.number))
        return lines[0]

    def _tail(self, numbers: list[int]) -> Iterator[bytes]:
        yield from self._backwards(self._fd, self.good)
        for number in reversed(numbers[:-1]):
            fd = self._open_file(self._name(number), _READ)
            try:
                yield from self._backwards(fd, self._files.fstat(fd).st_size)
            finally:
                self._release(fd)
