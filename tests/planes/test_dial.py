"""New connections go only to an address that was permitted; idle ones are judged again."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import UpstreamError
from gateway.exchange.commands import NotPermitted
from gateway.http1.head import HeadLimits
from gateway.metrics import Metrics
from gateway.model import Location, Upstream
from gateway.planes.reverse.dial import Dialer, Origin
from gateway.planes.reverse.pool import MAX_IDLE, Pool
from gateway.planes.reverse.upstream import UpstreamConnection

HERE = Location(country="FR", operator="OVH", evidence="table")


def upstream(port: int = 1, **changes: Any) -> Upstream:
    given = {"url": f"http://crm.test:{port}", "region": "FR", "operator": "OVH", "prefix": "/crm"} | changes
    return Upstream(name="crm-1", provider="crm", **given)


def only(*addresses: str) -> Callable[[str], Location | None]:
    return lambda address: HERE if address in addresses else None


def test_origin_of_a_url() -> None:
    assert Origin.of("https://api.crm.test") == Origin("api.crm.test", 443, True)
    assert Origin.of("http://[::1]:81/base") == Origin("::1", 81, False)


def dial(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[list[str]],
    permit: Callable[[str], Location | None],
    listen: str = "127.0.0.1",
    **changes: Any,
) -> tuple[Any, list[str]]:
    """Dial `crm.test`, which resolves to each of `answers` in turn; the result, and who was connected to."""
    asked = iter(answers)
    reached: list[str] = []

    async def run() -> Any:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        server = await loop.create_server(asyncio.Protocol, listen, 0, family=family)
        port = server.sockets[0].getsockname()[1]
        real = loop.getaddrinfo

        async def resolve(host: str, where: Any, **options: Any) -> Any:
            if host != "crm.test":
                return await real(host, where, **options)
            return [(0, 1, 6, "", (address, port)) for address in next(asked)]

        async def connect(made: Any, host: str, *rest: Any, **options: Any) -> Any:
            reached.append(host)
            return await connects(made, host, *rest, **options)

        connects = loop.create_connection
        monkeypatch.setattr(loop, "getaddrinfo", resolve, raising=False)
        monkeypatch.setattr(loop, "create_connection", connect, raising=False)
        try:
            got = await Dialer(HeadLimits(), 2.0).dial(upstream(port, **changes), permit)
            if isinstance(got, UpstreamConnection):
                got.abandon()
            return got
        finally:
            server.close()
            await asyncio.sleep(0)

    return asyncio.run(run()), reached


def test_the_permitted_address_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    got, reached = dial(monkeypatch, [["10.9.9.9", "127.0.0.1"]], only("127.0.0.1"))
    assert got.address == "127.0.0.1" and reached == ["127.0.0.1"]


def test_a_name_that_answers_otherwise_later_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer of the name would lead elsewhere: what was judged is what is connected to."""
    got, reached = dial(monkeypatch, [["127.0.0.1"], ["10.9.9.9"]], only("127.0.0.1"))
    assert got.address == "127.0.0.1" and reached == ["127.0.0.1"]


def test_no_permitted_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    got, reached = dial(monkeypatch, [["10.9.9.9", "10.9.9.8"]], only("127.0.0.1"))
    assert got == NotPermitted(("10.9.9.9", "10.9.9.8")) and reached == []


def test_pinned_addresses_need_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    got, reached = dial(monkeypatch, [], only("127.0.0.1"), connect=("10.9.9.9", "127.0.0.1"))
    assert got.address == "127.0.0.1" and reached == ["127.0.0.1"]


def test_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    got, reached = dial(monkeypatch, [["::1"]], only("::1"), listen="::1")
    assert got.address == "::1" and reached == ["::1"]


def test_the_next_permitted_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    got, reached = dial(monkeypatch, [["127.0.0.9", "127.0.0.1"]], only("127.0.0.9", "127.0.0.1"))
    assert got.address == "127.0.0.1" and reached == ["127.0.0.9", "127.0.0.1"]


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(Dialer(HeadLimits(), 2.0).dial(upstream(url="http://crm.invalid:1"), only()))
    assert caught.value.reason == "upstream_unreachable"


# ---- pool ----------------------------------------


class Wire:
    """A transport that is only closed."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


def idle(pool: Pool, address: str, now: float = 0.0, of: Upstream | None = None) -> UpstreamConnection:
    connection = UpstreamConnection(of or upstream(), address, HeadLimits())
    connection.connection_made(Wire())  # type: ignore[arg-type]  # as much of a transport as is used
    pool.put(connection, now)
    return connection


def test_pool_gives_the_latest_that_is_permitted() -> None:
    pool = Pool(Metrics())
    first, second, third = (idle(pool, f"127.0.0.{n}") for n in (1, 2, 3))
    assert pool.take(upstream(), only("127.0.0.1", "127.0.0.2")) is second
    assert pool.take(upstream(), only("127.0.0.1", "127.0.0.2")) is first
    assert pool.take(upstream(), only("127.0.0.1")) is None
    assert pool.take(upstream(), only("127.0.0.3")) is third


def test_pool_drops_connections_of_another_configuration() -> None:
    pool = Pool(Metrics())
    old = idle(pool, "127.0.0.1", of=upstream(region="US"))
    assert pool.take(upstream(), only("127.0.0.1")) is None and not old.alive


def test_pool_expires_closes_and_is_bounded() -> None:
    metrics = Metrics()
    pool = Pool(metrics)
    old, young = idle(pool, "127.0.0.1", 1.0), idle(pool, "127.0.0.1", 5.0)
    pool.expire(3.0)
    assert (old.alive, young.alive) == (False, True)
    assert metrics.counts["hushgate_pool_idle", "crm-1"] == 1
    rest = [idle(pool, "127.0.0.1", 9.0) for _ in range(MAX_IDLE)]
    assert not rest[-1].alive and rest[0].alive
    young.connection_lost(None)
    taken = pool.take(upstream(), only("127.0.0.1"))
    assert taken is rest[-2], "neither one that has closed nor one that was too many"
    pool.close()
    assert [connection for connection in rest if connection.alive] == [taken]


def test_bytes_on_an_idle_connection_end_it() -> None:
    pool = Pool(Metrics())
    connection = idle(pool, "127.0.0.1")
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert pool.take(upstream(), only("127.0.0.1")) is None
