"""The thread that writes for a worker: what is asked for together is committed together.

An event loop must not wait for a disk. Work is queued, done in one transaction with whatever else has come by
then, and answered when it is durable. Owns the thread and its connection.
"""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway import clock
from gateway.contacts.sqlite.file import attach, forked, identity, replaced, unavailable
from gateway.contacts.sqlite.fold import folding, waiting
from gateway.contacts.sqlite.fresh import BOUND, Fresh
from gateway.contacts.sqlite.pen import Pen
from gateway.errors import StoreError

LINGER: Final = 0.1
"""seconds after the first of them at which links that came alone are written: the more at once the cheaper"""
AGAIN: Final = 1.0
"""seconds for which they wait after they could not be written"""
POLL: Final = 0.002
"""seconds between two attempts to be the one who writes: an import leaves little more between its parts"""
PATIENCE: Final = 5000
"""attempts"""
IDLE: Final = 0.5
"""seconds without work after which links are moved to where they are looked up (`fold`); many, sooner"""
PAUSE: Final = 0.005
"""seconds between two steps of that, so that others get their turn"""
KEPT_LINKS: Final = 100_000
"""pairs that wait while nothing can be written; more are refused, and said again when they are seen again"""

_CACHE: Final = 8192
"""KiB"""
_FAULTS: Final = (
    *(StoreError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    *(sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError),
)
"""What a single job can be at fault for; of other errors the whole batch fails."""

Work = Callable[[Pen], Any]


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    answer: "asyncio.Future[Any]"


_Links = tuple[str, Sequence[tuple[str, str]]]
_WAKE: Final = object()
"""What is queued for the first links that come alone."""
_Queued = object
"""A _Job, _WAKE, or None: there will be no more."""


class Writer:
    """Does work in the order it comes. Starts its thread with the first; `busy` attempts to get the lock."""

    def __init__(self, path: Path, file: tuple[int, int], patience: int = PATIENCE) -> None:
        self._path, self._file, self._patience = path, file, patience
        self._process = os.getpid()
        self._queue: queue.SimpleQueue[_Queued] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._links: list[_Links] = []
        # To wake the thread for each would cost the event loop more than all the rest of a link.
        self._coming: deque[_Links] = deque()
        self._woken = False
        # Counted by one side each: the event loop's, and the thread's.
        self._given = self._taken = 0
        self._due = 0.0
        self._connection: sqlite3.Connection | None = None
        self._fresh = Fresh()
        self._noted = False
        self._moving: Iterator[bool] | None = None
        self._move_at = 0.0
        # Workers that fall idle together do not all begin: the first one leaves nothing to the others.
        self._own = 1 + os.getpid() % 8 / 8

    def submit(self, work: Work) -> "asyncio.Future[Any]":
        """Queue work; its result once that is durable, or StoreError. For a running event loop."""
        answer = asyncio.get_running_loop().create_future()
        self._put(_Job(work, answer))
        return answer

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Queue links, which are written within a moment. Raises StoreError when closed, or too many wait."""
        if self._given - self._taken > KEPT_LINKS:
            raise StoreError("registry_unavailable", "too many links wait to be written")
        self._coming.append((tenant, pairs))
        if not self._woken or self._closed:
            self._woken = True
            self._put(_WAKE)
        self._given += len(pairs)

    def _put(self, queued: _Queued) -> None:
        if os.getpid() != self._process:
            raise forked()
        if self._closed:
            raise _closed()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="registry writer", daemon=True)
            self._thread.start()
        self._queue.put(queued)

    def close(self) -> None:
        """Do what is queued, and end."""
        if os.getpid() != self._process or self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    # ---- in the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        ended = False
        try:
            while not ended:
                jobs, ended = self._next()
                if jobs or (self._waits and (ended or clock.monotonic() >= self._due)):
                    _answer(jobs, self._batch(jobs))
                elif not ended and self._noted and clock.monotonic() >= self._move_at:
                    self._move()
        finally:
            # Nobody must wait for a thread that is no more.
            self._closed = True
            self._abandon()
            while not self._queue.empty():
                queued = self._queue.get()
                if isinstance(queued, _Job):
                    _answer([queued], [_closed()])

    def _next(self) -> tuple[list[_Job], bool]:
        """What is to be done together, and whether it is the last."""
        jobs: list[_Job] = []
        try:
            while True:
                if jobs:
                    queued = self._queue.get_nowait()
                else:
                    queued = self._queue.get(timeout=self._left())
                if queued is None:
                    return jobs, True
                if isinstance(queued, _Job):
                    jobs.append(queued)
                    continue
                if not self._links:
                    self._due = clock.monotonic() + LINGER
        except queue.Empty:
            return jobs, False

    @property
    def _waits(self) -> bool:
        """Whether links do."""
        return bool(self._links or self._coming)

    def _left(self) -> float | None:
        """Seconds until something is to be done unasked: links that came alone wait for others until then."""
        due = [at for at, so in ((self._due, self._waits), (self._move_at, self._noted)) if so]
        return max(0.0, min(due) - clock.monotonic()) if due else None

    def _batch(self, jobs: list[_Job]) -> list[Any]:
        """The result of every job, or its error."""
        self._woken = False  # before they are taken: whoever comes from now on says so
        while self._coming:
            self._links.append(self._coming.popleft())
        try:
            pen = self._begin(full=bool(jobs))
            results = [self._one(pen, job.work) for job in jobs]
            self._note(pen)
            pen.execute("COMMIT")
        except (sqlite3.Error, OSError, StoreError) as error:
            self._abandon()
            self._due = clock.monotonic() + AGAIN
            return [error if isinstance(error, StoreError) else unavailable(error)] * len(jobs)
        except BaseException as error:
            _answer(jobs, [StoreError("registry_unavailable", type(error).__name__)] * len(jobs))
            raise
        self._taken += sum(len(pairs) for _, pairs in self._links)
        if self._links:
            self._links.clear()
            self._noted = True
        if self._noted and self._moving is None:
            many = waiting(pen.connection) > BOUND
            self._move_at = clock.monotonic() + (0 if many else IDLE * self._own)
        return results

    def _move(self) -> None:
        """Move links on, a step. What goes wrong is tried again later: they are in the log as well."""
        try:
            if self._connection is None:
                self._connection = attach(self._path, 0.0, _CACHE)
            if self._moving is None:
                self._moving = folding(self._connection)
            self._connection.execute("PRAGMA synchronous = NORMAL")
            ended = next(self._moving, None) is None
            self._move_at = clock.monotonic() + (IDLE if ended else PAUSE)
            if ended:
                self._moving = None
                # Others came meanwhile.
                self._noted = waiting(self._connection) > 0
        except (sqlite3.Error, OSError):
            self._abandon()
            self._move_at = clock.monotonic() + IDLE

    def _note(self, pen: Pen) -> None:
        """Note the links that wait, each tenant's at once; where that fails, each by itself."""
        tied: dict[str, list[tuple[str, str]]] = {}
        for tenant, pairs in self._links:
            tied.setdefault(tenant, []).extend(pairs)
        for tenant, pairs in tied.items():
            if isinstance(self._one(pen, partial(Pen.link, tenant=tenant, pairs=pairs)), StoreError):
                for pair in pairs:
                    self._one(pen, partial(Pen.link, tenant=tenant, pairs=[pair]))

    def _begin(self, full: bool) -> Pen:
        if self._connection is None:
            self._connection = attach(self._path, 0.0, _CACHE)
        if identity(self._path) != self._file:
            raise replaced()
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        for attempt in range(self._patience):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == self._patience - 1:
                    raise
                time.sleep(POLL)
        return Pen(self._connection, self._fresh)

    def _one(self, pen: Pen, work: Work) -> Any:
        """A job's result; its error takes back nothing but its own."""
        pen.execute("SAVEPOINT job")
        try:
            result = work(pen)
        except _FAULTS as error:
            pen.execute("ROLLBACK TO job")
            pen.forget()
            result = error if isinstance(error, StoreError) else unavailable(error)
        pen.execute("RELEASE job")
        return result

    def _abandon(self) -> None:
        """Whatever went wrong with the connection, the next batch has a new one."""
        connection, self._connection, self._moving = self._connection, None, None
        self._fresh.clear()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _closed() -> StoreError:
    return StoreError("registry_unavailable", "the registry is closed")


def _answer(jobs: list[_Job], results: list[Any]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for job, result in zip(jobs, results, strict=True):
        by_loop.setdefault(job.answer.get_loop(), []).append((job.answer, result))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, answers)
        except RuntimeError:
            # The loop has ended; nobody waits.
            continue


def _settle(answers: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for answer, result in answers:
        if answer.done():
            continue
        if isinstance(result, StoreError):
            answer.set_exception(result)
        else:
            answer.set_result(result)
