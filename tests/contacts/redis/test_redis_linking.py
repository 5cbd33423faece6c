"""Links that are seen while others are on their way to the server."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.contacts.redis import registry as registries
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Address, Shared
from gateway.errors import StoreError

T = "acme"
NOWHERE = Shared(Address("single", (("127.0.0.1", 9),)))


class Slow(RedisRegistry):
    """A registry whose server takes links one batch at a time, and not the first time it is asked."""

    def __init__(self) -> None:
        super().__init__(NOWHERE)
        self.taken: list[tuple[str, str]] = []
        self.on_its_way = asyncio.Event()
        self.go_on = asyncio.Event()
        self.both = asyncio.Event()
        self._broken = True

    async def link_now(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        if self._broken:
            self._broken = False
            raise StoreError("registry_unavailable", "away")
        self.on_its_way.set()
        await self.go_on.wait()
        self.taken += pairs
        if len(self.taken) == 2:
            self.both.set()


def test_no_link_is_lost_that_is_seen_while_another_is_kept() -> None:
    async def work() -> None:
        registry = Slow()
        registry.link(T, [("r1", "a")])
        await registry.on_its_way.wait()
        registry.link(T, [("r2", "b"), ("r1", "a")])
        registry.go_on.set()
        async with asyncio.timeout(30):
            await registry.both.wait()
        assert registry.taken == [("r1", "a"), ("r2", "b")]

    asyncio.run(work())


def test_links_that_cannot_wait_are_refused_and_taken_when_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registries, "_LINKS", 1)

    async def work() -> None:
        registry = Slow()
        registry.link(T, [("r1", "a"), ("r2", "b")])
        with pytest.raises(StoreError):
            registry.link(T, [("r3", "c")])
        registry.link(T, [("r1", "a")])
        registry.go_on.set()
        async with asyncio.timeout(10):
            await registry.both.wait()
        assert registry._linking is not None
        await registry._linking
        registry.link(T, [("r3", "c")])
        await registry._linking
        assert registry.taken == [("r1", "a"), ("r2", "b"), ("r3", "c")]

    asyncio.run(work())
