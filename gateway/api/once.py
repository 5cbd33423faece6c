"""Idempotency keys: what was answered to a request that is sent again (draft-ietf-httpapi-idempotency-key).

One SQLite file beside the registry, used by one thread. It holds answers, pseudonyms and keyed hashes.
"""

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import HushgateError, StoreError

KEPT: Final = 86_400.0
"""seconds an answer is kept"""
LEASE: Final = 60.0
"""seconds after which a request that never ended may be carried out again; its entries have the same ids"""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS request (
    tenant TEXT NOT NULL, client TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
    at REAL NOT NULL, status INTEGER, body BLOB, PRIMARY KEY (tenant, client, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS request_by_age ON request (at);
CREATE TABLE IF NOT EXISTS cursor (webhook TEXT PRIMARY KEY, after TEXT NOT NULL) WITHOUT ROWID, STRICT;
"""


class ReusedError(HushgateError):
    """The key was used for another request (422), or is being used just now (409)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's key, and the keyed hash of what it asks."""

    tenant: str
    client: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered."""

    status: int
    body: bytes


def opened(path: Path) -> sqlite3.Connection:
    """The file of the API's own state, made when it is missing (mode 0600). Raises StoreError."""
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        file = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        file.execute("PRAGMA journal_mode = WAL")
        file.executescript(_TABLES)
    except (sqlite3.Error, OSError) as error:
        raise _unavailable(error) from error
    return file


class Once:
    """The keys of requests, over an open file."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def begin(self, asked: Asked, now: float) -> Answered | None:
        """What was answered before, or None: it is to be carried out, and ended by `end` or `forget`.

        Raises ReusedError, StoreError.
        """
        try:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                self._file.execute("DELETE FROM request WHERE at < ?", (now - KEPT,))
                return self._begin(asked, now)
            finally:
                self._file.execute("COMMIT")
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _begin(self, asked: Asked, now: float) -> Answered | None:
        name = (asked.tenant, asked.client, asked.key)
        known = "SELECT digest, at, status, body FROM request WHERE tenant = ? AND client = ? AND key = ?"
        row = self._file.execute(known, name).fetchone()
        if row is not None:
            digest, at, status, body = row
            if digest != asked.digest:
                raise ReusedError("idempotency_key_reused", "another request was sent with this key")
            if status is not None:
                return Answered(status, body)
            if now - at < LEASE:
                raise ReusedError("idempotency_in_flight", "this request is being carried out")
        put = "INSERT OR REPLACE INTO request (tenant, client, key, digest, at) VALUES (?, ?, ?, ?, ?)"
        self._file.execute(put, (*name, asked.digest, now))
        return None

    def end(self, asked: Asked, answered: Answered) -> None:
        """Keep the answer. Raises StoreError."""
        put = "UPDATE request SET status = ?, body = ? WHERE tenant = ? AND client = ? AND key = ?"
        self._run(put, (answered.status, answered.body, asked.tenant, asked.client, asked.key))

    def forget(self, asked: Asked) -> None:
        """It was not carried out: the key is free again. Raises StoreError."""
        drop = "DELETE FROM request WHERE tenant = ? AND client = ? AND key = ? AND status IS NULL"
        self._run(drop, (asked.tenant, asked.client, asked.key))

    def _run(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._file.execute(statement, values)
        except sqlite3.Error as error:
            raise _unavailable(error) from error


class Cursors:
    """How far each webhook was told of the ledger, over an open file."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def read(self, webhook: str) -> str | None:
        """Id of the last entry that was told, "" for none yet; None for a webhook that is new."""
        row = self._file.execute("SELECT after FROM cursor WHERE webhook = ?", (webhook,)).fetchone()
        return None if row is None else str(row[0])

    def write(self, webhook: str, after: str) -> None:
        """It was told of all up to this entry. Raises StoreError."""
        try:
            self._file.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (webhook, after))
        except sqlite3.Error as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreError:
    return StoreError("registry_unavailable", f"the API's own state cannot be used: {type(error).__name__}")
