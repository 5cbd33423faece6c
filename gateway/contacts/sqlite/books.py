"""The registry for tools, which wait: every call is a transaction of its own, and durable when it returns."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import batched, takewhile
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway import clock
from gateway.contacts.compact import pack_all
from gateway.contacts.model import Entry, Standing
from gateway.contacts.sound import check
from gateway.contacts.sqlite.file import connect, forked, identity, replaced, unavailable
from gateway.contacts.sqlite.fold import folding, waiting
from gateway.contacts.sqlite.fresh import BOUND, Fresh
from gateway.contacts.sqlite.pen import Pen
from gateway.contacts.sqlite.people import People

BUSY: Final = 10.0
"""seconds to wait for somebody else who writes"""
CACHE: Final = 65_536
"""KiB of page cache: a list is added all over the index"""
SORTED: Final = 1_000_000
"""subjects that are put in order together: rows that are near each other are written once"""
PART: Final = 5_000
"""subjects of one transaction at most"""
STEP: Final = 500
"""subjects after which it is looked whether the transaction has taken long enough"""
TURN: Final = 0.03
"""seconds after which a transaction ends, so that a worker never waits long for its turn"""
PAUSE: Final = 0.005
"""seconds between two of them; more than a worker leaves between its attempts"""
LOG: Final = 8192
"""pages of the write-ahead log after which it is carried into the file"""


class SqliteBooks:
    """`contacts.model.Books` over a file. Open it in the process that uses it, after any fork.

    `create` makes a missing file (mode 0600). Raises StoreError when the file is missing, locked, damaged,
    not a registry, of another version, or cannot be written.
    """

    def __init__(self, path: Path, create: bool = True, *, busy: float = BUSY) -> None:
        self._path = path.resolve()
        self._process = os.getpid()
        with _failing():
            self._connection = connect(self._path, create, busy, CACHE)
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {LOG}")
            self._file = identity(self._path)
        self._fresh = Fresh()
        self._people = People(self._connection, self._fresh)
        self._pen = Pen(self._connection)

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries, all or none; how many were new. Durable and in force when it returns."""
        return self._written(lambda pen: pen.enter(tenant, entries))

    def suppress_many(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        """For each subject the template as its entry, as `template.id:subject`; how many were new."""
        check(tenant, [replace(template, subject="p")])
        return sum(self._listed(tenant, part, template) for part in batched(subjects, SORTED))

    def _listed(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        packed = pack_all(subjects)
        others = [
            replace(template, id=f"{template.id}:{subject}", subject=subject)
            for subject in packed
            if isinstance(subject, str)
        ]
        check(tenant, others)
        pseudonyms = sorted(subject for subject in packed if isinstance(subject, bytes))
        new = 0
        for several in batched(others, PART):
            new += self.enter(tenant, several)
        at = 0
        while at < len(pseudonyms):
            done, added = self._written(
                partial(_part, tenant=tenant, subjects=pseudonyms, at=at, template=template)
            )
            at, new = at + done, new + added
            time.sleep(PAUSE)
        return new

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Add (record, identifier) pairs, durably."""
        self._written(lambda pen: pen.link(tenant, pairs))
        with self._reading():
            many = waiting(self._connection) > BOUND
        if many:
            self.settle()

    def settle(self) -> None:
        """Move the links that were noted to where they are looked up soonest, unless others write."""
        with self._reading():
            for _ in takewhile(bool, folding(self._connection)):
                time.sleep(PAUSE)

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """One standing per pseudonym, in order."""
        with self._reading():
            self._fresh.read(self._connection.execute)
            return self._people.standings(tenant, pseudonyms)

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        """A subject's entries as they were added, its linked identifiers' not among them."""
        with self._reading():
            return self._people.history(tenant, pseudonym)

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        """The pseudonyms whose entries count for this one, itself not among them; at most ledger.LOOKED."""
        with self._reading():
            self._fresh.read(self._connection.execute)
            return self._people.linked(tenant, pseudonym)

    def entries(self, tenant: str, after: str | None = None) -> Iterator[Entry]:
        """All entries of a tenant in the order they were added, `after` the one with this id."""
        with self._reading():
            yield from self._people.entries(tenant, after)

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        """All (record, identifier) pairs of a tenant."""
        with self._reading():
            self._fresh.read(self._connection.execute)
            yield from self._people.links(tenant)

    def close(self) -> None:
        """Release the file; a call after it raises StoreError."""
        if os.getpid() == self._process:
            self._connection.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        if os.getpid() != self._process:
            raise forked()
        with _failing():
            if identity(self._path) != self._file:
                raise replaced()
            yield

    def _written[X](self, work: Callable[[Pen], X]) -> X:
        with self._reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._pen)
                self._connection.execute("COMMIT")
            except BaseException:
                self._pen.forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result


def _part(pen: Pen, tenant: str, subjects: Sequence[bytes], at: int, template: Entry) -> tuple[int, int]:
    """Add some of the subjects from there on, as time allows; how many these were, and how many were new."""
    over, done, new = clock.monotonic() + TURN, 0, 0
    while done < min(PART, len(subjects) - at) and (not done or clock.monotonic() < over):
        some = subjects[at + done : at + done + STEP]
        new += pen.listed(tenant, some, template)
        done += len(some)
    return done, new


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, KeyError) as error:
        raise unavailable(error) from error
