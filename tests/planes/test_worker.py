"""The worker's end: nothing it started outlives it."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from gateway import clock
from gateway.contacts.model import Standing
from tests.plane import TIMEOUTS, Gate, Upstream, answer, request


class Silent:
    """A registry that never answers."""

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> Awaitable[list[Standing]]:
        return asyncio.get_running_loop().create_future()

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_a_lookup_under_way_ends_with_the_worker() -> None:
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    with Upstream(lambda _: answer(b"{}")) as upstream:
        gate = Gate(upstream, registry=Silent())
        with gate:
            sock = gate.connect()
            sock.sendall(request("POST", "/crm/messages", b"To=%2B33639980001&Body=x", extra=form))
            while not gate.worker._tasks:
                gate.loop.run(asyncio.sleep(0.01))
            sock.close()
        assert not gate.worker._tasks and not upstream.requests


def test_a_stall_of_the_worker_is_not_charged_to_its_callers() -> None:
    """What arrived while the process did not run is read before its deadline is looked at."""
    with Upstream(lambda _: answer(b"{}")) as upstream:
        gate = Gate(upstream, timeouts=replace(TIMEOUTS, idle=0.5))
        with gate, gate.connect() as sock:
            sock.sendall(request("GET", "/crm/status"))
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
            gate.loop.run(_stall(gate, 60.0))
            sock.sendall(request("GET", "/crm/status"))
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


async def _stall(gate: Gate, seconds: float) -> None:
    """The worker finds that so much time has passed since it looked last."""
    worker = gate.worker
    assert worker._callers, "nobody is there to be charged"
    real, worker.tick = worker.tick, lambda: clock.monotonic() + seconds
    try:
        worker._look()
    finally:
        worker.tick = real
        worker.lately = worker._due = real()
        for caller in worker._callers:
            caller.since = worker.lately
