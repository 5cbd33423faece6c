"""The stores that the contract is tested over: a name, and how one is opened, as often as a test likes.

Another kind of store adds itself to STORES. What is opened is closed after the test.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from gateway.contacts.model import UNKNOWN, Books, Entry, Ledger, Standing
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from tests.contract.memory import Memory

PATIENCE = 30.0
"""seconds until what comes soon must have come"""
T = "tenant"


class Store(Protocol):
    """One store, empty at first, that may be opened several times. `close` takes it away."""

    def ledger(self) -> Ledger:
        """Open it as a worker does."""

    def books(self) -> Books:
        """Open it as a tool does."""

    def close(self) -> None:
        """Take it away; what was opened is closed before."""


class InMemory:
    """The model itself, so that the suite is tested, too."""

    def __init__(self, _folder: Path) -> None:
        self._memory = Memory()

    def ledger(self) -> Ledger:
        return self._memory

    def books(self) -> Books:
        return self._memory

    def close(self) -> None:
        """Nothing to take away."""


class InSqlite:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"

    def ledger(self) -> Ledger:
        return SqliteRegistry(self.path)

    def books(self) -> Books:
        return SqliteBooks(self.path)

    def close(self) -> None:
        """The folder is the test's."""


def over_redis(_folder: Path) -> Store:
    """One server, emptied. The client library is loaded, and a server looked for, only where it is tested."""
    pytest.importorskip("redis")
    from tests.contract.overredis import OverRedis

    return OverRedis()


STORES: Mapping[str, Callable[[Path], Store]] = {"memory": InMemory, "sqlite": InSqlite, "redis": over_redis}
"""Name -> makes the store; given an empty folder. May call pytest.skip with a reason."""


class Opened:
    """A store of the table, and all that a test opened of it."""

    def __init__(self, store: Store, kind: str) -> None:
        self.store, self.kind = store, kind
        self._open: list[Ledger | Books] = []

    def ledger(self) -> Ledger:
        ledger = self.store.ledger()
        self._open.append(ledger)
        return ledger

    def books(self) -> Books:
        books = self.store.books()
        self._open.append(books)
        return books

    def close(self) -> None:
        for opened in self._open:
            opened.close()
        self.store.close()


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    kind: str = request.param
    with contextlib.closing(Opened(STORES[kind](tmp_path), kind)) as opened:
        yield opened


@pytest.fixture
def books(store: Opened) -> Books:
    return store.books()


async def settled[X](answer: X | Awaitable[X]) -> X:
    """What a ledger answers, at once or awaited."""
    if inspect.isawaitable(answer):
        return await answer
    return answer


def run[X](work: Callable[[], Awaitable[X]]) -> X:
    """Run a test's coroutine."""

    async def main() -> X:
        return await work()

    return asyncio.run(main())


async def one(ledger: Ledger, subject: str = "p", tenant: str = T) -> Standing:
    """The standing of one subject."""
    (standing,) = await settled(ledger.standings(tenant, [subject]))
    return standing


async def soon(ledger: Ledger, subject: str, wanted: Callable[[Standing], bool]) -> Standing:
    """The standing once it is as wanted; fails when it does not become so."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(standing := await one(ledger, subject)):
        assert time.monotonic() < deadline, standing
        await asyncio.sleep(0.005)
    return standing


def plain(standing: Standing) -> dict[str, object]:
    """What a standing says, without the order of it, and without `linked`."""
    return {
        name: frozenset(value) if isinstance(value, tuple) else value
        for name in standing.__struct_fields__
        if name != "linked" and (value := getattr(standing, name)) != getattr(UNKNOWN, name)
    }


def suppressed(number: int | str = 1, subject: str = "p", at: float = 1.0, **more: object) -> Entry:
    """A suppression, on every channel and for every purpose unless told otherwise."""
    return Entry(id=f"s{number}", subject=subject, act="suppressed", at=at, **more)  # type: ignore[arg-type]
