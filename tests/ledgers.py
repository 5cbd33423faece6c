"""A contact registry in memory that takes entries. One process, one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Sequence

from gateway.contacts.ledger import fold, joined
from gateway.contacts.model import Entry, Reservation, Standing
from gateway.errors import StoreError


class MemoryLedger:
    """`contacts.model.Ledger`. `late`: entries are acknowledged after that many rounds of the event loop."""

    def __init__(self, late: int = 0) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.links: set[tuple[str, str, str]] = set()
        self.late = late
        self.broken = False

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        own: dict[str, list[Entry]] = defaultdict(list)
        for (owner, _), entry in self.entries.items():
            if owner == tenant:
                own[entry.subject].append(entry)
        return [self._joined(tenant, own, pseudonym) for pseudonym in pseudonyms]

    def _joined(self, tenant: str, own: dict[str, list[Entry]], subject: str) -> Standing:
        near = {b if a == subject else a for t, a, b in self.links if t == tenant and subject in (a, b)}
        far = {b for t, a, b in self.links if t == tenant and a in near} - {subject}
        return joined(fold(own[subject]), (fold(own[n]) for n in near), (fold(own[f]) for f in far))

    def enter(self, tenant: str, entries: Sequence[Entry]) -> Awaitable[int] | int:
        if self.broken:
            raise StoreError("registry_unavailable", "broken")
        return self._later(tenant, entries) if self.late else self._add(tenant, entries)

    async def _later(self, tenant: str, entries: Sequence[Entry]) -> int:
        for _ in range(self.late):
            await asyncio.sleep(0)
        if self.broken:
            raise StoreError("registry_unavailable", "broken")
        return self._add(tenant, entries)

    def _add(self, tenant: str, entries: Sequence[Entry]) -> int:
        new = [entry for entry in entries if (tenant, entry.id) not in self.entries]
        self.entries.update({(tenant, entry.id): entry for entry in new})
        return len(new)

    def reserved(self, tenant: str, ids: Sequence[str], now: float) -> list[str | None]:
        return [None] * len(ids)

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        return [None for _ in wanted]

    def release(self, tenant: str, ids: Sequence[str]) -> None:
        pass

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        self.links |= {(tenant, record, identifier) for record, identifier in pairs}

    def ready(self) -> bool:
        return not self.broken

    def close(self) -> None:
        pass
