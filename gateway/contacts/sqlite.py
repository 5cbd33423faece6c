"""The embedded contact registry: one SQLite file, shared by all workers and the command line.

Owns the file, its connection, and a memory of recent standings that any commit empties. An error is always a
StoreError: "nothing is known" is only ever an answer that was read.
"""

import contextlib
import json
import math
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.contacts import schema
from gateway.contacts.cached import DEFAULT_BOUND, Recent
from gateway.contacts.model import UNKNOWN, Consent, ConsentState, Standing, Suppression
from gateway.contacts.watch import Watch
from gateway.errors import StoreError
from gateway.model import Channel

BUSY: Final = 0.05
"""seconds a reader waits for a lock; it holds up its worker, so it is short. Writers may ask for more."""
CHECKED: Final = 16 * 1024 * 1024
"""bytes up to which a file is checked whole when it is opened (half a second); damage in a larger one is met,
and refused, by the lookup that reads it"""
_SET_UP_TRIES: Final = 40

Row = tuple[str, str, Channel | None, str | None, str, str, float]
"""table (`s` or `c`), pseudonym, channel, purpose, state, source, at"""


class SqliteRegistry:
    """`contacts.model.Registry` over a file. Open it in the process that uses it, after any fork.

    `create` makes a missing file (mode 0600). `busy` is in seconds. Raises StoreError when the file is
    missing, locked, damaged, not a registry, of another version, or cannot be written.
    """

    def __init__(
        self, path: Path, create: bool = True, *, busy: float = BUSY, cached: int = DEFAULT_BOUND
    ) -> None:
        self._path = path.resolve()
        self._recent: Recent[tuple[str, str], Standing] = Recent(cached)
        self._process = os.getpid()
        try:
            self._connection = _connect(self._path, create, busy)
            self._watch = Watch(self._connection, self._path)
            self._file = _identity(self._path)
        except (sqlite3.Error, OSError) as error:
            raise _unavailable(error) from error

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """One standing per pseudonym, in order, as of the latest commit of anybody. Raises StoreError."""
        if os.getpid() != self._process:
            raise StoreError("registry_unavailable", "the registry was opened before a fork")
        recent = self._recent
        try:
            if self._watch.changed():
                recent.clear()
            known = [recent.get((tenant, pseudonym)) for pseudonym in pseudonyms]
            if None in known:
                return self._read(tenant, pseudonyms)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise _unavailable(error) from error
        return known  # type: ignore[return-value]  # the test above leaves no None

    def _read(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        # A file that was deleted or replaced under us still answers, with what no longer is in force.
        if _identity(self._path) != self._file:
            raise StoreError("registry_unavailable", "the registry file was removed or replaced")
        execute = self._connection.execute
        if len(pseudonyms) == 1:
            rows = execute(schema.READ_ONE, (tenant, pseudonyms[0]) * 2).fetchall()
        else:
            wanted = json.dumps(list(set(pseudonyms)), ensure_ascii=False)
            rows = execute(schema.READ_MANY, (tenant, wanted) * 2).fetchall()
        found = fold(rows) if rows else {}
        answer = [found.get(pseudonym, UNKNOWN) for pseudonym in pseudonyms]
        for pseudonym, standing in zip(pseudonyms, answer, strict=True):
            self._recent.put((tenant, pseudonym), standing)
        return answer

    def ready(self) -> bool:
        """Whether a lookup would be answered now."""
        try:
            self._connection.execute("SELECT 1 FROM suppression LIMIT 1").fetchone()
            return os.getpid() == self._process and _identity(self._path) == self._file
        except (sqlite3.Error, OSError):
            return False

    def close(self) -> None:
        """Release the file; a lookup after it raises StoreError."""
        if os.getpid() == self._process:
            self._recent.clear()
            self._watch.close()
            self._connection.close()

    def suppress(
        self,
        tenant: str,
        pseudonym: str,
        channel: Channel | None,
        purpose: str | None,
        source: str,
        at: float,
    ) -> None:
        """Do not contact from `at` (seconds since the epoch) on; None means every channel or purpose."""
        self._write("suppression", (tenant, pseudonym, channel, purpose, "on", source, at))

    def unsuppress(
        self,
        tenant: str,
        pseudonym: str,
        channel: Channel | None,
        purpose: str | None,
        source: str,
        at: float,
    ) -> None:
        """Lift the suppression of exactly this channel and purpose; others stay in force."""
        self._write("suppression", (tenant, pseudonym, channel, purpose, "off", source, at))

    def consent(
        self,
        tenant: str,
        pseudonym: str,
        channel: Channel | None,
        purpose: str | None,
        state: ConsentState,
        source: str,
        at: float,
    ) -> None:
        """Record a consent, or its end, for exactly this channel and purpose."""
        self._write("consent", (tenant, pseudonym, channel, purpose, state, source, at))

    def _write(self, table: str, row: tuple[str, str, Channel | None, str | None, str, str, float]) -> None:
        if os.getpid() != self._process:
            raise StoreError("registry_unavailable", "the registry was opened before a fork")
        if not math.isfinite(row[-1]):
            raise StoreError("registry_unavailable", "the time of an entry is not a number")
        try:
            if _identity(self._path) != self._file:
                raise StoreError("registry_unavailable", "the registry file was removed or replaced")
            self._connection.execute(schema.INSERT[table], (*row[:-1], float(row[-1])))
        except (sqlite3.Error, OSError, ValueError) as error:
            raise _unavailable(error) from error
        finally:
            self._recent.clear()


def fold(rows: Iterable[Row]) -> dict[str, Standing]:
    """The standing of every pseudonym that has rows: per channel and purpose, the row in force."""
    force: dict[tuple[str, str, str | None, str | None], Row] = {}
    for row in rows:
        kind, pseudonym, channel, purpose, state, _, at = row
        key = (pseudonym, kind, channel, purpose)
        held = force.get(key)
        if held is None or (at, schema.RANK[state]) >= (held[6], schema.RANK[held[4]]):
            force[key] = row
    suppressions: dict[str, list[Suppression]] = {}
    consents: dict[str, list[Consent]] = {}
    for kind, pseudonym, channel, purpose, state, source, _ in force.values():
        if kind == "c":
            entry = Consent(channel=channel, purpose=purpose, state=state)  # type: ignore[arg-type]  # CHECKed
            consents.setdefault(pseudonym, []).append(entry)
        elif state == "on":
            suppression = Suppression(channel=channel, purpose=purpose, source=source)
            suppressions.setdefault(pseudonym, []).append(suppression)
    return {
        pseudonym: Standing(
            suppressions=tuple(suppressions.get(pseudonym, ())), consents=tuple(consents.get(pseudonym, ()))
        )
        for pseudonym in suppressions.keys() | consents.keys()
    }


def _connect(path: Path, create: bool, busy: float) -> sqlite3.Connection:
    if create and not path.exists():
        # SQLite gives its side files the mode of the file itself. Only a new file is opened here: closing an
        # existing one would drop the locks that another connection of this process has on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if not stat.S_ISREG(path.stat().st_mode):
        raise StoreError("registry_unavailable", "the registry is not a regular file")
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=busy, isolation_level=None)
    try:
        _set_up(connection, create)
    except BaseException:
        connection.close()
        raise
    return connection


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
    for pragma in ("synchronous = FULL", "trusted_schema = OFF", "cache_size = -8192"):
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
    if version != schema.VERSION:
        raise StoreError("registry_unavailable", f"the registry has version {version}, not {schema.VERSION}")
    size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if connection.execute(size).fetchone()[0] > CHECKED:
        return
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError("registry_unavailable", "the registry file is damaged")


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - Path.stat costs twice as much on the lookup path
    return status.st_dev, status.st_ino


def _unavailable(error: Exception) -> StoreError:
    # SQLite's own words name tables and conditions, never values.
    return StoreError("registry_unavailable", f"the registry cannot be used: {type(error).__name__}: {error}")
