"""The file system as the log uses it: one seam, so that a test can make any single call fail."""

import fcntl
import os
from typing import Protocol


class Files(Protocol):
    """The calls of `os` that a log makes. All raise OSError."""

    def makedirs(self, path: str, mode: int) -> None:
        """Create the directory and its parents, if it is not there."""

    def listdir(self, path: str) -> list[str]:
        """The names in a directory."""

    def open(self, path: str, flags: int, mode: int) -> int:
        """A descriptor."""

    def lock(self, fd: int) -> None:
        """Take the exclusive lock of an open file, or raise BlockingIOError at once."""

    def stat(self, path: str) -> os.stat_result:
        """What is at a path now."""

    def fstat(self, fd: int) -> os.stat_result:
        """What a descriptor is of."""

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Bytes of a file."""

    def write(self, fd: int, data: bytes) -> int:
        """Append; the number of bytes taken."""

    def ftruncate(self, fd: int, size: int) -> None:
        """Cut a file to a size."""

    def fdatasync(self, fd: int) -> None:
        """Return when a file's bytes and size are on the disk."""

    def fsync(self, fd: int) -> None:
        """Return when a file or directory is on the disk."""

    def close(self, fd: int) -> None:
        """Release a descriptor."""


class OsFiles:
    """The real file system."""

    listdir = staticmethod(os.listdir)
    open = staticmethod(os.open)
    stat = staticmethod(os.stat)
    fstat = staticmethod(os.fstat)
    pread = staticmethod(os.pread)
    write = staticmethod(os.write)
    ftruncate = staticmethod(os.ftruncate)
    fdatasync = staticmethod(os.fdatasync)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)

    @staticmethod
    def makedirs(path: str, mode: int) -> None:
        """Create the directory and its parents, if it is not there."""
        os.makedirs(path, mode, exist_ok=True)  # noqa: PTH103 - this is the seam over os

    @staticmethod
    def lock(fd: int) -> None:
        """Take the exclusive lock of an open file, or raise BlockingIOError at once."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
