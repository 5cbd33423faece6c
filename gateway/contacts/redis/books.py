"""The registry over Redis for tools, which wait: `contacts.model.Books`. Owns a thread with an event loop."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final

from gateway.contacts.model import Entry, Standing
from gateway.contacts.redis import layout
from gateway.contacts.redis.fleet import Fleet
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Shared
from gateway.errors import StoreError

PATIENCE: Final = 30.0
"""seconds that a tool waits for entries to be kept"""
_PAGE: Final = 1000
_TURNS: Final = 10
"""turns of the loop in which closed sockets are let go"""


class RedisBooks:
    """Open from any thread, used by one at a time. Raises StoreError when no server is reached at once."""

    def __init__(self, shared: Shared) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="registry", daemon=True)
        self._thread.start()
        self._registry = RedisRegistry(shared, cached=1, patience=PATIENCE)
        self._open = True
        try:
            self._run(self._reach())
        except BaseException:
            self.close()
            raise

    def keeps(self) -> None:
        """Raises StoreError unless the servers keep what they are given."""
        self._run(self._kept())

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """As of Ledger."""
        return self._run(self._registry.enter(tenant, entries))

    def suppress_many(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        """An entry like the template for each subject, in parts; how many were new."""
        return self._run(self._registry.suppress_many(tenant, subjects, template))

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """As of Ledger, kept when it returns."""
        for at in range(0, len(pairs), _PAGE):
            self._run(self._registry.link_now(tenant, pairs[at : at + _PAGE]))

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """As of Registry, never from memory."""
        return self._run(self._registry.asked(tenant, pseudonyms))

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        """A subject's entries as they were added."""
        lines = self._ask(tenant, "GET", f"{layout.prefix(tenant)}s:{pseudonym}")
        return layout.entries(pseudonym, lines)

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        """Those whose entries count for this one."""
        return [one.decode() for one in self._call(tenant, layout.LINKED_TO, pseudonym)]

    def entries(self, tenant: str, after: str | None = None) -> Iterator[Entry]:
        """All entries of a tenant in the order they came. Raises StoreError when none has the id `after`."""
        start = "-"
        if after is not None:
            number = self._ask(tenant, "HGET", layout.prefix(tenant) + "ids", after)
            if number is None:
                raise StoreError("registry_unavailable", "no entry has this id")
            start = f"({number.decode()}-1"
        while page := self._call(tenant, layout.LEDGER, start, _PAGE):
            yield from layout.page(page)
            start = f"({page[-1][0].decode()}"

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        """All (record, identifier) pairs of a tenant, in the order they came."""
        start = "-"
        while page := self._ask(
            tenant, "XRANGE", layout.prefix(tenant) + "edges", start, "+", "COUNT", _PAGE
        ):
            for _, pair in page:
                yield pair[1].decode(), pair[3].decode()
            start = f"({page[-1][0].decode()}"

    def tenants(self) -> list[str]:
        """Every tenant with an entry or a link."""
        return self._run(self._known())

    def close(self) -> None:
        """Hang up."""
        if not self._open or os.getpid() != self._process:
            return
        self._registry.close()
        self._open = False
        asyncio.run_coroutine_threadsafe(_settled(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _reach(self) -> None:
        await self._registry.fleet().reached()

    async def _kept(self) -> None:
        await self._registry.fleet().keeps()

    async def _known(self) -> list[str]:
        return await self._registry.fleet().tenants()

    def _call(self, tenant: str, script: str, *args: str | bytes | float) -> Any:
        async def call() -> Any:
            return await self._fleet().call(tenant, script, *args)

        return self._run(call())

    def _ask(self, tenant: str, *command: str | bytes | float) -> Any:
        async def ask() -> Any:
            return await self._fleet().ask(tenant, *command)

        return self._run(ask())

    def _fleet(self) -> Fleet:
        return self._registry.fleet()

    def _run[X](self, work: Coroutine[Any, Any, X]) -> X:
        if not self._open or os.getpid() != self._process:
            work.close()
            why = "it was opened before a fork" if self._open else "it is closed"
            raise StoreError("registry_unavailable", f"the shared registry cannot be used: {why}")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _settled() -> None:
    """Wait for every other task of the loop: they hang up."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
