"""The registry for workers: standings at once, from memory or the file; writes by way of a thread.

Owns the connection that reads, and a memory of recent standings. A commit of anybody is noticed by the next
lookup, which forgets those whom it is about.
"""

import os
import sqlite3
from asyncio import Future
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway import clock
from gateway.contacts.cached import DEFAULT_BOUND, Passed
from gateway.contacts.compact import Packed, unpack_all
from gateway.contacts.held import Held, Key
from gateway.contacts.model import Entry, Reservation, Standing
from gateway.contacts.sqlite import schema
from gateway.contacts.sqlite.file import connect, forked, identity, replaced, unavailable
from gateway.contacts.sqlite.fresh import SIZE, Fresh, Row, decoded
from gateway.contacts.sqlite.people import People
from gateway.contacts.sqlite.view import View
from gateway.contacts.sqlite.watch import Watch
from gateway.contacts.sqlite.writer import PATIENCE, POLL, Writer

BUSY: Final = 0.05
"""seconds a reader waits for a lock; it holds up its worker, so it is short"""
MOMENT: Final = 0.01
"""seconds for which the file is taken to be there still, and lookups that follow each other share one view"""
FORGOTTEN: Final = 4096
"""entries and links added since the last lookup, beyond which everybody is forgotten"""


class SqliteRegistry:
    """`contacts.model.Ledger` over a file. Open it in the process that uses it, after any fork.

    `create` makes a missing file (mode 0600). `busy` is in seconds; a write waits longer (`patience`). Raises
    StoreError when the file is missing, locked, damaged, not a registry, of another version, or cannot be
    written.
    """

    def __init__(
        self,
        path: Path,
        create: bool = True,
        *,
        busy: float = BUSY,
        patience: float = PATIENCE * POLL,
        cached: int = DEFAULT_BOUND,
    ) -> None:
        self._path = path.resolve()
        self._name = str(self._path)  # what is asked for on the lookup path
        self._held = Held(cached)
        self._passed = Passed(cached)
        self._process = os.getpid()
        self._due, self._first = 0.0, False
        try:
            self._connection = connect(self._path, create, busy)
            self._watch = Watch(self._connection, self._path)
            self._view = View(self._connection, self._watch)
            self._file = identity(self._path)
            self._fresh = Fresh()
            self._people = People(self._connection, self._fresh)
            self._watch.changed()
            self._seen = self._newest()
            self._fresh.read(self._connection.execute)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error
        self._writer = Writer(self._path, self._file, max(1, round(patience / POLL)))

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """One standing per pseudonym, in order, as of the latest commit of anybody. Raises StoreError."""
        if os.getpid() != self._process:
            raise forked()
        get = self._held.get
        try:
            if self._watch.changed():
                self._refresh()
            if len(pseudonyms) == 1:
                key = tenant, pseudonyms[0]
                standing = get(key)
                return [self._one(key) if standing is None else standing]
            known = [get((tenant, pseudonym)) for pseudonym in pseudonyms]
            if None in known:
                return self._read(tenant, pseudonyms)
        except (sqlite3.Error, OSError, ValueError, KeyError) as error:
            self._view.drop()
            raise unavailable(error) from error
        return known  # type: ignore[return-value]  # the test above leaves no None

    def _one(self, key: Key) -> Standing:
        self._look()
        standing, others = self._people.person(*key)
        self._held.put(key, standing, others)
        return standing

    def _look(self) -> None:
        """See that the file is the one that is there; of what follows within a moment, read in one view."""
        now = clock.monotonic()
        if now < self._due:
            if self._first:
                # It is worth its while for several lookups, and is not begun again at each commit.
                self._first = False
                self._view.keep()
            return
        self._view.end()
        # A file that was deleted or replaced under us still answers, with what no longer is in force.
        if identity(self._name) != self._file:
            raise replaced()
        self._due, self._first = now + MOMENT, True

    def _read(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        self._look()
        answer = self._people.persons(tenant, pseudonyms)
        for pseudonym, person in zip(pseudonyms, answer, strict=True):
            self._held.put((tenant, pseudonym), *person)
        return [standing for standing, _ in answer]

    # ---- what others committed --------------------------------------------------------------------------

    def _newest(self) -> int:
        (entry,) = self._connection.execute(schema.NEWEST).fetchone()
        return entry or 0

    def _refresh(self) -> None:
        """Forget those about whom something was added. If that fails, everybody, and links that are fresh.

        It is then tried again by the next lookup, which must not go without these.
        """
        execute = self._connection.execute
        try:
            self._view.end()
            rows = execute(schema.SINCE, (self._seen, FORGOTTEN + 1, self._fresh.last)).fetchall()
            *rows, (_, first, _, _) = rows
            entries = [row for row in rows if not row[0]]
            links = self._fresh.add(execute, [row[1:] for row in rows if row[0]], first)
            if links is None or len(entries) + sum(len(pairs) // SIZE for _, _, pairs in links) > FORGOTTEN:
                self._held.clear()
                self._seen = self._newest()
                return
            self._forget(entries, links)
        except BaseException:
            self._held.clear()
            self._fresh.clear()
            self._watch.forget()
            raise
        self._seen = max((row[1] for row in entries), default=self._seen)

    def _forget(self, entries: Sequence[tuple[int, int, int, Packed]], links: Sequence[Row]) -> None:
        """Forget those whose entries or links these rows are, and whoever's standing follows from theirs."""
        if not len(self._held):
            return
        touched: dict[int, set[Packed]] = {}
        for _, _, tenant, subject in entries:
            touched.setdefault(tenant, set()).add(subject)
        for _, tenant, pairs in links:
            if pairs:
                touched.setdefault(tenant, set()).update(*decoded(pairs))
        for tenant, subjects in touched.items():
            (name,) = self._connection.execute(schema.WORD_OF, (tenant,)).fetchone()
            self._held.forget(name, unpack_all(list(subjects)), subjects)

    # ---- writing ----------------------------------------------------------------------------------------

    def enter(self, tenant: str, entries: Sequence[Entry]) -> "Future[int]":
        """Add entries, all or none; how many were new. Durable and in force once awaited."""
        return self._writer.submit(lambda pen: pen.enter(tenant, entries))

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> "Future[list[float | None]]":
        """Count contacts, each under all of its caps or under none: None, or when there is room."""
        return self._writer.submit(lambda pen: pen.reserve(tenant, wanted, now))

    def reserved(self, tenant: str, ids: Sequence[str], now: float) -> "Future[list[str | None]]":
        """For whom contacts are counted under these ids."""
        return self._writer.submit(lambda pen: pen.reserved(tenant, ids, now))

    def release(self, tenant: str, ids: Sequence[str]) -> "Future[None]":
        """Give back reservations of contacts that were surely not made."""
        return self._writer.submit(lambda pen: pen.release(tenant, ids))

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """(record, identifier) pairs seen together: written within a moment, together with others."""
        new, marks = self._passed.fresh(tenant, pairs)
        if new:
            self._writer.link(tenant, new)
            self._passed.keep(marks)

    def ready(self) -> bool:
        """Whether a lookup would be answered now."""
        try:
            self._view.end()
            self._due = 0.0
            self._connection.execute("SELECT 1 FROM ledger LIMIT 1").fetchone()
            return os.getpid() == self._process and identity(self._path) == self._file
        except (sqlite3.Error, OSError):
            return False

    def close(self) -> None:
        """Write what is queued and release the file; a call after it raises StoreError."""
        if os.getpid() == self._process:
            self._writer.close()
            self._held.clear()
            self._view.drop()
            self._watch.close()
            self._connection.close()
