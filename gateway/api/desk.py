"""The blocking side of the API: the books and its own state, in one thread, opened again when they fail."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.api.once import Answered, Asked, Once, opened
from gateway.contacts.formerly import Names, asked, merged
from gateway.contacts.model import Books, Entry, Standing
from gateway.errors import StoreError

Open = Callable[[], Books]


class Desk:
    """What handlers await. All behind it runs on its thread, one after the other. Raises StoreError."""

    def __init__(self, open_books: Open, file: Path) -> None:
        self._open_books = open_books
        self._path = file
        self._books: Books | None = None
        self._file: sqlite3.Connection | None = None
        self._pool = ThreadPoolExecutor(1, "api")

    async def standings(self, tenant: str, people: Sequence[Names]) -> list[Standing]:
        """One for each."""
        found = await self._run(lambda: self._held().standings(tenant, asked(people)))
        return merged(people, found)

    async def history(self, tenant: str, names: Names, *, linked: bool) -> list[Entry]:
        """A person's entries, with those of linked identifiers or without."""

        def read() -> list[Entry]:
            books = self._held()
            several = dict.fromkeys((*names, *(books.linked(tenant, names[0]) if linked else ())))
            return [entry for one in several for entry in books.history(tenant, one)]

        return await self._run(read)

    async def enter(
        self,
        tenant: str,
        entries: Sequence[Entry],
        asked: Asked | None,
        answer: Callable[[int], bytes],
        now: float,
    ) -> Answered:
        """Add them, once for each key. `answer` makes the body from how many were new. Raises ReusedError."""

        def write() -> Answered:
            once = Once(self._state()) if asked else None
            if once and asked and (before := once.begin(asked, now)):
                return before
            try:
                answered = Answered(200, answer(self._held().enter(tenant, entries)))
            except StoreError:
                if once and asked:
                    once.forget(asked)
                raise
            if once and asked:
                once.end(asked, answered)
            return answered

        return await self._run(write)

    async def ready(self) -> bool:
        """Whether a lookup would be answered now."""
        try:
            await self._run(lambda: self._held().standings("-", ["-"]))
        except StoreError:
            return False
        return True

    async def _run[T](self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except StoreError:
                self._drop()  # what failed may work when it is opened anew
                raise

        return await asyncio.get_running_loop().run_in_executor(self._pool, guarded)

    def _held(self) -> Books:
        if self._books is None:
            self._books = self._open_books()
        return self._books

    def _state(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = opened(self._path)
        return self._file

    def _drop(self) -> None:
        books, self._books = self._books, None
        file, self._file = self._file, None
        if books is not None:
            books.close()
        if file is not None:
            file.close()

    def close(self) -> None:
        """Release both; what is under way ends first."""
        self._pool.submit(self._drop).result()
        self._pool.shutdown()
