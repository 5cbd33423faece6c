"""When a worker says that it is ready."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.contacts.books import open_books
from gateway.planes.reverse.worker import Worker
from gateway.service import boot, process
from gateway.service.process import Post
from gateway.service.slot import Slot
from tests.service.house import House


def test_a_worker_is_not_ready_before_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port refuses connections until then, and whoever read /readyz would be turned away."""
    loaded = boot.load(load_config(House(tmp_path, 9).config, {}))
    open_books(loaded.config.store).close()
    post = Post(loaded.config.listeners[0], 0, 0, Slot())
    listen, run, seen = Worker.listen, Worker.run, []

    async def late(*given: object) -> int:
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append(post.slot.read()[1])
        return await listen(*given)  # type: ignore[arg-type]  # as they came

    async def once(worker: Worker, stop: asyncio.Event) -> None:
        await asyncio.sleep(0)
        seen.append(post.slot.read()[1])
        stop.set()
        await run(worker, stop)

    monkeypatch.setattr(Worker, "listen", late)
    monkeypatch.setattr(Worker, "run", once)
    monkeypatch.setattr(process, "_settle_memory", lambda: None)
    asyncio.run(process._serve(loaded, post))
    assert seen == [False] * 5 + [True]
