"""Notices commits to a SQLite file, whoever made them. Owns the reading of the WAL index.

`PRAGMA data_version` answers exactly this, but opens a read transaction to do so (two file locks, about
2.5 us). In WAL mode the header of the shared-memory index changes with every commit, and reading it from a
mapping of our own costs a tenth of a microsecond (https://www.sqlite.org/walformat.html, section 2.1).
"""

import mmap
import os
import sqlite3
import struct
from pathlib import Path
from typing import Final

_HEADER: Final = 48
"""bytes of WalIndexHdr: version, change counter, initialised flag, frame count, checksums, salts"""
_VERSION: Final = 3007000
_FRAMES: Final = struct.Struct("=I")

# POSIX drops every lock a process holds on a file when any descriptor of that file is closed, SQLite's own
# among them: a mapping of an index is therefore kept until the process ends. One per opened registry.
_KEPT: Final[list[tuple[int, mmap.mmap]]] = []


class Watch:
    """Tells whether anything was committed since it was last asked. Raises sqlite3.Error."""

    __slots__ = ("_connection", "_index", "_seen")

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._index = _map_index(connection, path)
        self._seen: bytes | int = b""

    def changed(self) -> bool:
        """Whether another connection (or, in WAL mode, this one too) committed since the last call.

        Call it before reading: what is read afterwards is then never older than what it compared.
        """
        index = self._index
        now: bytes | int = index[:_HEADER] if index is not None else self._data_version()
        if now == self._seen:
            return False
        self._seen = now
        return True

    @property
    def frames(self) -> int | None:
        """How many frames the log has; None where no index tells."""
        index = self._index
        return None if index is None else int(_FRAMES.unpack_from(index, 16)[0])

    def forget(self) -> None:
        """Have the next call say that something was committed."""
        self._seen = b""

    def _data_version(self) -> int:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Stop looking at the index; call it before the connection is closed."""
        self._index = None


def _map_index(connection: sqlite3.Connection, path: Path) -> mmap.mmap | None:
    """The mapped WAL index, or None where there is none (another journal mode, another layout)."""
    # A read transaction makes SQLite create the index; while the connection lives nobody may remove it.
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        mapping = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    except (OSError, ValueError):
        return None
    _KEPT.append((descriptor, mapping))
    return mapping if len(mapping) > _HEADER and struct.unpack_from("=I", mapping)[0] == _VERSION else None
