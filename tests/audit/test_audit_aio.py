import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import clock
from gateway.audit.aio import appended, open_log
from gateway.audit.log import Durability
from gateway.audit.record import Accepted, Record
from gateway.errors import StoreError
from tests.audit import audit_world
from tests.audit.audit_world import assert_verified

BOTH = pytest.mark.parametrize("durability", ["strict", "written"])


def record(name: str) -> Record:
    return audit_world.record(name, at=clock.now())


@BOTH
def test_many_writers_on_one_loop(tmp_path: Path, durability: Durability) -> None:
    async def main() -> str:
        log = open_log(str(tmp_path), 3, durability)
        for turn in range(5):
            await asyncio.gather(*(appended(log, record(f"{turn}.{n}")) for n in range(50)))
        log.close()
        return log.head

    head = asyncio.run(main())
    report = assert_verified(tmp_path)
    assert report.records == 252
    assert report.heads == {"worker-03": head}


@BOTH
def test_a_refusal_is_raised_where_it_is_awaited(tmp_path: Path, durability: Durability) -> None:
    async def main() -> None:
        log = open_log(str(tmp_path / "here"), 0, durability)
        (tmp_path / "here").rename(tmp_path / "away")
        with pytest.raises(StoreError, match="No such file"):
            await appended(log, record("a"))
        (tmp_path / "away").rename(tmp_path / "here")
        await appended(log, record("b"))
        log.close()

    asyncio.run(main())
    assert assert_verified(tmp_path / "here").records == 4


@BOTH
def test_close_does_not_need_the_loop(tmp_path: Path, durability: Durability) -> None:
    async def main() -> list["asyncio.Future[None]"]:
        log = open_log(str(tmp_path), 0, durability)
        waiting = [appended(log, record("a"))]
        await asyncio.sleep(0)
        waiting.append(appended(log, record("b")))
        log.close()
        return waiting

    assert all(future.done() and future.exception() is None for future in asyncio.run(main()))
    assert assert_verified(tmp_path).records == 4


def test_a_waiter_that_left_is_not_told(tmp_path: Path) -> None:
    async def main() -> None:
        log = open_log(str(tmp_path), 0, "written")
        appended(log, record("a")).cancel()
        await appended(log, record("b"))
        log.close()

    asyncio.run(main())
    assert assert_verified(tmp_path).records == 4


class Late:
    """A log that answers when told to."""

    def __init__(self) -> None:
        self.answer: Callable[[Exception | None], None] = lambda error: None

    def append(self, record: Record, accepted: Accepted) -> None:
        self.answer = accepted

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        return


def test_any_log_can_be_awaited() -> None:
    async def main() -> None:
        log = Late()
        future = appended(log, record("a"))
        assert not future.done()
        log.answer(None)
        await future

    asyncio.run(main())
