"""A tenant's whole registry from one store into another, and whether all of it arrived. Pure.

It can be broken off and run again: an entry or link that is there is not added again. What is entered into
the source meanwhile is taken along by the next run.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import batched
from typing import Final

import msgspec

from gateway.contacts.model import Books, Entry
from gateway.errors import StoreError
from gateway.model import Struct

BATCH: Final = 2000
_MODULUS: Final = 1 << 128
_encode: Final = msgspec.msgpack.Encoder().encode


class Copied(Struct):
    """What was read, and how much of it was new in the target."""

    entries: int
    new: int
    links: int


class _Sum:
    """Tells collections of entries apart, in whatever order they come."""

    def __init__(self) -> None:
        self.count = self.digest = 0

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.count += 1
            self.digest += int.from_bytes(blake2b(_encode(entry), digest_size=16).digest())

    def same(self, other: "_Sum") -> bool:
        return self.count == other.count and self.digest % _MODULUS == other.digest % _MODULUS


def copy(source: Books, target: Books, tenant: str, advance: Callable[[int], None]) -> Copied:
    """Copy and verify; `advance` is told how many were done. Raises StoreError, also when they differ."""
    given, new, links = _Sum(), 0, 0
    for batch in batched(source.entries(tenant), BATCH):
        new += target.enter(tenant, batch)
        given.add(batch)
        advance(len(batch))
    for pairs in batched(source.links(tenant), BATCH):
        target.link(tenant, pairs)
        links += len(pairs)
        advance(len(pairs))
    if not _arrived(given, source, target, tenant):
        raise StoreError("registry_unavailable", "not every entry arrived as it was")
    if sum(1 for _ in target.links(tenant)) < links:
        raise StoreError("registry_unavailable", "not every link arrived")
    return Copied(entries=given.count, new=new, links=links)


def _arrived(given: _Sum, source: Books, target: Books, tenant: str) -> bool:
    found = _Sum()
    found.add(target.entries(tenant))
    if found.count <= given.count:
        return found.same(given)
    # The target had more before: only then are ids looked at one by one, all of them in memory.
    names, among = {entry.id for entry in source.entries(tenant)}, _Sum()
    among.add(entry for entry in target.entries(tenant) if entry.id in names)
    return among.same(given)
