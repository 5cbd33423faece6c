"""A store in memory, as plain as can be: what every other store must answer like."""

import threading
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from gateway.contacts.caps import opens
from gateway.contacts.ledger import LINKED, LOOKED, fold, joined, strictest
from gateway.contacts.model import Entry, Reservation, Standing
from gateway.contacts.sound import check
from gateway.errors import StoreError


class Memory:
    """Ledger and Books in one: every opened store of a test is the same object."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._pairs: dict[tuple[str, str, str], None] = {}
        self._counted: dict[tuple[str, str], tuple[float, Reservation]] = {}
        self._closed = False
        self._lock = threading.Lock()

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        self._usable()
        check(tenant, entries)
        known = len(self._entries)
        for entry in entries:
            self._entries.setdefault((tenant, entry.id), entry)
        return len(self._entries) - known

    def suppress_many(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        return self.enter(tenant, [replace(template, id=f"{template.id}:{s}", subject=s) for s in subjects])

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._usable()
        self._pairs |= {(tenant, record, identifier): None for record, identifier in pairs}

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        self._usable()
        return [self._person(tenant, pseudonym) for pseudonym in pseudonyms]

    def _person(self, tenant: str, subject: str) -> Standing:
        near, far = self._near(tenant, subject), self._far(tenant, subject)
        standing = joined(
            fold(self.history(tenant, subject)),
            [fold(self.history(tenant, other)) for other in near],
            [fold(self.history(tenant, other)) for other in far],
        )
        many = len(near) + len(far)
        return standing if many <= LINKED else strictest(standing, crowded=many > LOOKED)

    def _near(self, tenant: str, subject: str) -> list[str]:
        pairs = [(r, i) for t, r, i in self._pairs if t == tenant and subject in (r, i)]
        return list(dict.fromkeys(r if i == subject else i for r, i in pairs))

    def _far(self, tenant: str, subject: str) -> list[str]:
        records = {r for t, r, i in self._pairs if t == tenant and i == subject}
        others = {i: None for t, r, i in self._pairs if t == tenant and r in records}
        return [other for other in others if other not in (subject, *self._near(tenant, subject))]

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        return [e for (t, _), e in self._entries.items() if t == tenant and e.subject == pseudonym]

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        return self._near(tenant, pseudonym) + self._far(tenant, pseudonym)

    def entries(self, tenant: str, after: str | None = None) -> Iterator[Entry]:
        if after is not None and (tenant, after) not in self._entries:
            raise StoreError("registry_unavailable", "no entry has this id")
        reached = after is None
        for (owner, name), entry in list(self._entries.items()):
            if owner == tenant and reached:
                yield entry
            reached = reached or (owner, name) == (tenant, after)

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        return iter([(r, i) for t, r, i in self._pairs if t == tenant])

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        self._usable()
        with self._lock:
            return [self._reserved(tenant, reservation, now) for reservation in wanted]

    def _reserved(self, tenant: str, wanted: Reservation, now: float) -> float | None:
        if (tenant, wanted.id) in self._counted:
            return None
        person = {wanted.subject, *self.linked(tenant, wanted.subject)}
        made = [(at, r) for (t, _), (at, r) in self._counted.items() if t == tenant and r.subject in person]
        full = [
            opens([at for at, r in made if cap.name in {c.name for c in r.caps}], cap, now)
            for cap in wanted.caps
        ]
        when = max((at for at in full if at is not None), default=None)
        if when is None:
            self._counted[tenant, wanted.id] = now, wanted
        return when

    def reserved(self, tenant: str, ids: Sequence[str], now: float) -> list[str | None]:
        self._usable()
        found = [self._counted.get((tenant, name)) for name in ids]
        return [each and each[1].subject for each in found]

    def release(self, tenant: str, ids: Sequence[str]) -> None:
        self._usable()
        for name in ids:
            self._counted.pop((tenant, name), None)

    def ready(self) -> bool:
        return not self._closed

    def close(self) -> None:
        """Nothing to release: the tests open it many times."""

    def _usable(self) -> None:
        if self._closed:
            raise StoreError("registry_unavailable", "closed")
