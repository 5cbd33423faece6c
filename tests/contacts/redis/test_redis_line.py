"""A line to a server ends when it is closed, and who closes it can be stopped meanwhile."""

import asyncio
from math import inf
from typing import Any, cast

import pytest
from redis.asyncio.connection import Connection

from gateway.contacts.redis.line import Line


class Parting:
    """A connection that takes its time to part."""

    def __init__(self) -> None:
        self.parts = asyncio.Event()
        self.parted = False
        self._parser = self

    def set_pubsub_push_handler(self, _: Any) -> None:
        pass

    async def connect(self) -> None:
        pass

    async def read_response(self, **_: Any) -> Any:
        await asyncio.sleep(inf)

    async def disconnect(self) -> None:
        await self.parts.wait()
        self.parted = True


async def closing() -> tuple[Parting, "asyncio.Task[None]"]:
    """A line that is being closed, and waits for the end of its reader."""
    connection = Parting()
    line = await Line(cast("Connection", connection)).open()
    await asyncio.sleep(0)
    task = asyncio.ensure_future(line.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    return connection, task


def test_it_ends() -> None:
    async def run() -> None:
        connection, task = await closing()
        connection.parts.set()
        await task
        assert connection.parted

    asyncio.run(run())


def test_whoever_closes_it_can_be_cancelled() -> None:
    """Else a keeper that is told to end while it hangs up would go on for ever."""

    async def run() -> None:
        connection, task = await closing()
        task.cancel()
        await asyncio.sleep(0)
        connection.parts.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
