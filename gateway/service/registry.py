"""The contact registry of a worker: a file, refused once it is gone, or the servers that instances share."""

import logging
from asyncio import Future
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.contacts.model import Entry, Ledger, Reservation, Standing
from gateway.contacts.sqlite import SqliteRegistry
from gateway.deployment import Config
from gateway.errors import StoreError

Lookup = Callable[[str, Sequence[str]], list[Standing]]

log = logging.getLogger("hushgate.registry")


def open_registry(config: Config, crowded: Callable[[], None]) -> Ledger:
    """Open it in a worker's event loop. `crowded` is told of subjects with too many links to look at."""
    if config.shared is None:
        return Reopened(Path(config.database))
    from gateway.contacts.redis.registry import RedisRegistry  # loads a client that a file has no use for

    return RedisRegistry(config.shared, crowded=crowded)


def prepare(config: Config) -> None:
    """Before the first worker: make the file, or look whether the servers keep what they are given.

    Servers that are away may come yet: workers wait for them. Raises StoreError for a registry that is there
    and cannot be used.
    """
    if config.shared is None:
        SqliteRegistry(Path(config.database)).close()
        return
    from gateway.contacts.redis.books import RedisBooks

    if config.shared.persistence == "none":
        log.error("`persistence: none`: the shared registry may forget opt-outs")
    try:
        books = RedisBooks(config.shared)
    except StoreError as error:
        log.error("workers wait for the registry: %s", error)
        return
    try:
        books.keeps()
    finally:
        books.close()


class Reopened:
    """A Ledger that never makes a file: an empty one would forget every suppression. Raises StoreError.

    `standings` is that of the open registry itself, so that a lookup costs nothing more. A write to a file
    that is gone is refused by the open registry.
    """

    __slots__ = ("_file", "_open", "_path", "standings")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _identity(path)
        self._open = SqliteRegistry(path, create=False)
        self.standings: Lookup = self._open.standings

    def ready(self) -> bool:
        """Whether a lookup would be answered now. Asking notices what became of the file: ask often."""
        there = _identity(self._path)
        if there != self._file:
            # What is remembered of the old file may no longer be in force.
            self.standings = _refuse
            return there is not None and self._again(there)
        self.standings = self._open.standings
        return self._open.ready()

    def _again(self, there: tuple[int, int]) -> bool:
        try:
            fresh = SqliteRegistry(self._path, create=False)
        except StoreError:
            return False
        self._open.close()
        self._open, self._file, self.standings = fresh, there, fresh.standings
        return fresh.ready()

    def enter(self, tenant: str, entries: Sequence[Entry]) -> Future[int]:
        """As of Ledger."""
        return self._open.enter(tenant, entries)

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> Future[list[float | None]]:
        """As of Ledger."""
        return self._open.reserve(tenant, wanted, now)

    def reserved(self, tenant: str, ids: Sequence[str], now: float) -> Future[list[str | None]]:
        """As of Ledger."""
        return self._open.reserved(tenant, ids, now)

    def release(self, tenant: str, ids: Sequence[str]) -> Future[None]:
        """As of Ledger."""
        return self._open.release(tenant, ids)

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """As of Ledger."""
        self._open.link(tenant, pairs)

    def close(self) -> None:
        """Release the file."""
        self._open.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse(_tenant: str, _pseudonyms: Sequence[str]) -> list[Standing]:
    raise StoreError("registry_unavailable", "the registry file was removed or replaced")
