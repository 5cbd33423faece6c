"""The registry of a worker over Redis: `contacts.model.Ledger`, answered from memory where that is recent.

Owns the memory. What is remembered is used for as long as `staleness` after the moment up to which every
change was heard; a connection that comes back finds it empty.
"""

import asyncio
import logging
import math
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from gateway import clock
from gateway.contacts.cached import DEFAULT_BOUND, Passed
from gateway.contacts.held import Held
from gateway.contacts.ledger import LINKED, fold, joined, strictest
from gateway.contacts.model import UNKNOWN, Entry, Reservation, Standing
from gateway.contacts.redis import layout
from gateway.contacts.redis.asking import Asking
from gateway.contacts.redis.fleet import Fleet
from gateway.contacts.redisaddress import Shared
from gateway.contacts.sound import check
from gateway.errors import StoreError

log = logging.getLogger("hushgate.registry")

PATIENCE: Final = 5.0
"""seconds that an entry may take until it is kept"""
PART: Final = 2000
"""entries that are added at once: a server does nothing else meanwhile, some 10 ms"""
ABREAST: Final = 8
"""parts on their way at a time"""
_SOON: Final = 0.02
"""seconds in which links are gathered"""
_LINKS: Final = 100_000
"""pairs that wait while the servers are away; more are refused, and said again when they are seen again"""


class RedisRegistry:
    """Answers at once what is remembered, else with an awaitable. Raises StoreError.

    `crowded` is told of each subject with more links than are looked at.

    Lives in the event loop that it is first used in; opened in the process that uses it, after any fork.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        cached: int = DEFAULT_BOUND,
        patience: float = PATIENCE,
        crowded: Callable[[], None] = lambda: None,
    ) -> None:
        self._shared = shared
        self._staleness = shared.staleness
        self._patience = patience
        self._crowded = crowded
        self._held = Held(cached)
        self._marks: dict[str, bytes] = {}
        self._process = os.getpid()
        self._fleet: Fleet | None = None
        self._verified: Fleet | _Never = _NEVER
        self._passed = Passed()
        self._links: dict[str, list[tuple[str, str]]] = {}
        self._linking: asyncio.Task[None] | None = None
        self._closed = False
        self._asking: dict[str, Asking] = {}

    # ---- standings ----------------------------------------

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing] | Awaitable[list[Standing]]:
        """One standing per pseudonym, in order. At once when all are remembered and recent enough."""
        if clock.monotonic() - self._verified.verified < self._staleness and os.getpid() == self._process:
            get = self._held.get
            known = [get((tenant, pseudonym)) for pseudonym in pseudonyms]
            if None not in known:
                return known  # type: ignore[return-value]  # the test above leaves no None
        return self.asked(tenant, pseudonyms)

    async def asked(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """Standings as the server has them, in one round trip."""
        self.fleet()
        asking = self._asking.get(tenant)
        if asking is None:
            asking = self._asking[tenant] = Asking(partial(self._fetch, tenant))
        found = await asking.about(pseudonyms)
        return [found[pseudonym] for pseudonym in pseudonyms]

    async def _fetch(self, tenant: str, wanted: list[str]) -> dict[str, Standing]:
        found: dict[str, Standing] = await self.fleet().call(
            tenant, layout.STANDINGS, *wanted, convert=lambda reply: self._read(tenant, wanted, reply)
        )
        return found

    def _read(self, tenant: str, wanted: list[str], reply: list[Any]) -> dict[str, Standing]:
        self._same(tenant, reply[0])
        found = {}
        for subject, row in zip(wanted, reply[1:], strict=True):
            if isinstance(row, list):
                standing, others = self._person(subject, row)
            else:
                standing, others = fold(layout.entries(subject, row)) if row else UNKNOWN, ()
            self._held.put((tenant, subject), standing, others)
            found[subject] = standing
        return found

    def _person(self, subject: str, row: list[Any]) -> tuple[Standing, tuple[str, ...]]:
        own, near, far, lines, full = row
        others = tuple(one.decode() for one in (*near, *far))
        theirs = [fold(layout.entries(*one)) for one in zip(others, lines, strict=True)]
        standing = joined(fold(layout.entries(subject, own)), theirs[: len(near)], theirs[len(near) :])
        if full or len(others) > LINKED:
            self._crowded()
            standing = strictest(standing, crowded=bool(full))
        return standing, others

    def _same(self, tenant: str, mark: bytes | None) -> None:
        """A server that was emptied knows nobody; it must not pass for one where nobody is suppressed."""
        known = self._marks.get(tenant)
        if known is not None and known != mark:
            raise StoreError("registry_unavailable", "the shared registry no longer holds what it held")
        if mark is not None:
            self._marks[tenant] = mark

    # ---- entries ----------------------------------------

    async def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries, all or none; how many were new. Kept, and in force here, once answered."""
        check(tenant, entries)
        if not entries:
            return 0
        fleet = self.fleet()
        packed = layout.batch(entries)
        return int(
            await fleet.write(tenant, layout.ENTER, packed, tenant, fleet.mark, patience=self._patience)
        )

    async def suppress_many(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        """As of Books; subjects that JSON writes otherwise are entered one by one."""
        check(tenant, [replace(template, subject=template.subject or "-")])
        if not layout.verbatim(subjects):
            own = [replace(template, id=f"{template.id}:{one}", subject=one) for one in subjects]
            parts = [self.enter(tenant, own[at : at + PART]) for at in range(0, len(own), PART)]
            return sum([await part for part in parts])
        head, tail = layout.around(template)
        fleet = self.fleet()
        rest = (tenant, fleet.mark, f"{template.id}:", head, tail)
        new = 0
        for start in range(0, len(subjects), ABREAST * PART):
            group = subjects[start : start + ABREAST * PART]
            packs = [layout.packed(group[at : at + PART]) for at in range(0, len(group), PART)]
            new += sum(
                await asyncio.gather(
                    *(
                        fleet.write(tenant, layout.SUPPRESS, pack, *rest, patience=self._patience)
                        for pack in packs
                    )
                )
            )
        return new

    # ---- contacts ----------------------------------------

    async def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        """Count contacts, each atomically; one that is counted already is within its caps."""
        rows = [(r.id, r.subject, [(c.name, c.limit, c.window) for c in r.caps]) for r in wanted]
        found = await self.fleet().call(tenant, layout.RESERVE, layout.packed(rows), repr(float(now)))
        return [float(when) if when else None for when in found]

    async def reserved(self, tenant: str, ids: Sequence[str], _now: float) -> list[str | None]:
        """For whom contacts are counted; the server forgets them an hour after they no longer are."""
        found = await self.fleet().call(tenant, layout.RESERVED, *ids)
        return [subject.decode() if subject else None for subject in found]

    async def release(self, tenant: str, ids: Sequence[str]) -> None:
        """Give reservations back."""
        await self.fleet().call(tenant, layout.RELEASE, *ids)

    # ---- links ----------------------------------------

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Kept within moments, in the background. Raises StoreError when too many wait."""
        fresh, marks = self._passed.fresh(tenant, pairs)
        if not fresh:
            return
        if sum(map(len, self._links.values())) > _LINKS:
            raise StoreError("registry_unavailable", "too many links wait to be written")
        self._passed.keep(marks)
        self._links.setdefault(tenant, []).extend(fresh)
        if self._linking is None or self._linking.done():
            self._linking = asyncio.ensure_future(self._link())

    async def _link(self) -> None:
        while self._links:
            await asyncio.sleep(_SOON)
            for tenant, pairs in [*self._links.items()]:
                part = pairs[: layout.MANY]
                try:
                    await self.link_now(tenant, part)
                except StoreError:
                    continue  # they wait for the server, like everybody
                del pairs[: len(part)]  # meanwhile others have joined the queue
                if not pairs:
                    self._links.pop(tenant, None)

    async def link_now(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Kept once answered."""
        await self.fleet().write(tenant, layout.LINK, layout.packed(pairs), tenant, patience=self._patience)

    # ---- life ----------------------------------------

    def ready(self) -> bool:
        """Whether a lookup would be answered now."""
        try:
            up = self.fleet().up
        except StoreError:
            return False
        return up and clock.monotonic() - self._verified.verified < self._staleness

    def fleet(self) -> Fleet:
        """The servers, as reached from the running event loop. Raises StoreError once closed."""
        if self._closed or os.getpid() != self._process:
            why = "it is closed" if self._closed else "it was opened before a fork"
            raise StoreError("registry_unavailable", f"the shared registry cannot be used: {why}")
        if self._fleet is None or not self._fleet.here:
            self._held.clear()
            self._asking.clear()
            self._fleet = self._verified = Fleet(self._shared, self._held.forget, self._held.clear)
        return self._fleet

    def close(self) -> None:
        """Hang up; a lookup after it raises StoreError."""
        own = os.getpid() == self._process
        links, self._links = self._links, {}
        if links and own and not self._closed:
            _keep(self._shared, links)
        self._closed = True
        self._held.clear()
        self._verified = _NEVER
        if self._fleet is not None and own:
            self._fleet.end()


class _Never:
    verified = -math.inf


_NEVER: Final = _Never()


def _keep(shared: Shared, links: dict[str, list[tuple[str, str]]]) -> None:
    """Keep links of a worker that ends, which has no time to wait for its own loop."""

    async def keep() -> None:
        last = RedisRegistry(shared, cached=1, patience=shared.timeout)
        try:
            for tenant, pairs in links.items():
                await last.link_now(tenant, pairs)
        except StoreError as error:
            log.warning("%d links are not kept: %s", sum(map(len, links.values())), error)
        finally:
            last.close()

    thread = threading.Thread(target=lambda: asyncio.run(keep()), name="links")
    thread.start()
    thread.join()
