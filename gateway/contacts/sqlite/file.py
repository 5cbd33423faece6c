"""The registry's file: opened, checked, laid out or brought to the current version. Owns nothing open.

An error is always a StoreError: "nothing is known" is only ever an answer that was read.
"""

import contextlib
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Final

from gateway.contacts.sqlite import migration, schema
from gateway.errors import StoreError

CHECKED: Final = 16 * 1024 * 1024
"""bytes up to which a file is checked whole when it is opened (half a second); damage in a larger one is met,
and refused, by the lookup that reads it"""
_SET_UP_TRIES: Final = 40


def connect(path: Path, create: bool, busy: float, cache: int = 8192) -> sqlite3.Connection:
    """A connection to the file, `busy` seconds patient, with so many KiB of page cache.

    `create` makes a missing file (mode 0600). Raises StoreError, sqlite3.Error or OSError.
    """
    if create and not path.exists():
        # SQLite gives its side files the mode of the file itself. Only a new file is opened here: closing an
        # existing one would drop the locks that another connection of this process has on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if not stat.S_ISREG(path.stat().st_mode):
        raise StoreError("registry_unavailable", "the registry is not a regular file")
    connection = attach(path, busy, cache)
    try:
        _set_up(connection, create)
    except BaseException:
        connection.close()
        raise
    return connection


def attach(path: Path, busy: float, cache: int) -> sqlite3.Connection:
    """One more connection to a file that was checked before."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=busy, isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{cache}")
    # The few links of a person are put together in a table of the statement: in a file that costs 70 us.
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def identity(path: Path | str) -> tuple[int, int]:
    """What tells this file from another one at the same place. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116 - Path.stat costs twice as much on the lookup path
    return status.st_dev, status.st_ino


def unavailable(error: Exception) -> StoreError:
    """What the callers of the registry are told of an error."""
    # SQLite's own words name tables and conditions, never values.
    return StoreError("registry_unavailable", f"the registry cannot be used: {type(error).__name__}: {error}")


def forked() -> StoreError:
    """The error of a process that uses its parent's connection."""
    return StoreError("registry_unavailable", "the registry was opened before a fork")


def replaced() -> StoreError:
    """The error of a file that still answers, with what no longer is in force."""
    return StoreError("registry_unavailable", "the registry file was removed or replaced")


def _set_up(connection: sqlite3.Connection, create: bool) -> None:
    """Create the tables if asked to, check the version, and switch to WAL with full synchronisation."""
    for attempt in range(_SET_UP_TRIES):
        try:
            if create:
                _create(connection)
            _check(connection)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # Switching the journal mode does not wait for other starting workers by itself.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == _SET_UP_TRIES - 1:
                raise
            time.sleep(0.005)
            continue
        break
    if mode != "wal":
        raise StoreError("registry_unavailable", "the file system does not allow a write-ahead log")
    for pragma in ("synchronous = FULL", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _create(connection: sqlite3.Connection) -> None:
    """Lay out an empty file; a file that holds anything is left as it is."""
    if _marks(connection) != (0, 0, 0):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another worker may have been first.
        if _marks(connection) == (0, 0, 0):
            for statement in schema.CREATE:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version, number of tables and indices."""
    values = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_application_id, pragma_user_version"
    )
    application, version, objects = values.fetchone()
    return application, version, objects


def _check(connection: sqlite3.Connection) -> None:
    application, version, _ = _marks(connection)
    if application != schema.APPLICATION_ID:
        raise StoreError("registry_unavailable", "the file is not a contact registry")
    if version in migration.FROM:
        _whole(connection)
        migration.migrate(connection)
        application, version, _ = _marks(connection)
    if version != schema.VERSION:
        raise StoreError("registry_unavailable", f"the registry has version {version}, not {schema.VERSION}")
    _whole(connection)


def _whole(connection: sqlite3.Connection) -> None:
    size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if connection.execute(size).fetchone()[0] > CHECKED:
        return
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError("registry_unavailable", "the registry file is damaged")
