"""The UDP port of intercepted QUIC, on real sockets."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from gateway.planes.intercept import datagrams
from gateway.planes.intercept.datagrams import Datagrams, Peer, begins

PATIENCE = 30.0
Serve = Callable[[Any], Coroutine[Any, Any, None]]


class Application:
    """A socket on a port that stays its own."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.connect(to)
        self.name = self._sock.getsockname()

    async def ask(self, data: bytes) -> bytes:
        """Send; what comes back."""
        self._sock.send(data)
        return await self.hear()

    async def hear(self) -> bytes:
        """What comes."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().sock_recv(self._sock, 65536)

    def tell(self, data: bytes) -> None:
        """Send."""
        self._sock.send(data)

    def close(self) -> None:
        """No more."""
        self._sock.close()


def serving(serve: Serve, told: Callable[[Datagrams, Application], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        server = await Datagrams.listen("127.0.0.1", 0, serve)
        application = Application(server.sockname[:2])
        try:
            await told(server, application)
        finally:
            application.close()
            server.close()

    asyncio.run(run())


FIRST = b"\xc0\0\0\0\1".ljust(1200, b".")
"""what begins a connection"""


async def numbered(peer: Any) -> None:
    """Each datagram's number in the connection, and its length; ends on b"end"."""
    count = 0
    while (data := await peer.read(65535)) != b"end":
        count += 1
        peer.write(b"%d %d" % (count, len(data)))
        await peer.drain()
    peer.write(b"ended")
    peer.close()


def test_an_address_whose_connection_has_ended_begins_another_at_once() -> None:
    async def told(server: Datagrams, application: Application) -> None:
        del server
        for _ in range(3):
            assert await application.ask(FIRST) == b"1 1200"
            assert await application.ask(b"b") == b"2 1"
            assert await application.ask(b"end") == b"ended"

    serving(numbered, told)


def test_addresses_are_told_apart() -> None:
    async def told(server: Datagrams, application: Application) -> None:
        other = Application(server.sockname[:2])
        assert [await application.ask(FIRST), await other.ask(FIRST)] == [b"1 1200", b"1 1200"]
        assert [await application.ask(b"b"), await other.ask(b"b")] == [b"2 1", b"2 1"]
        other.close()

    serving(numbered, told)


NO_BEGINNINGS = {
    "short": FIRST[:-1],
    "nothing": b"",
    "a short header": b"\x40" + FIRST[1:],
    "a handshake packet": b"\xe0" + FIRST[1:],
    "0-RTT": b"\xd0" + FIRST[1:],
}


@pytest.mark.parametrize("data", NO_BEGINNINGS.values(), ids=NO_BEGINNINGS)
def test_only_what_can_begin_a_connection_does(data: bytes) -> None:
    async def told(server: Datagrams, application: Application) -> None:
        del server
        application.tell(data)
        assert await application.ask(FIRST) == b"1 1200"

    serving(numbered, told)


def test_another_version_begins_one_that_can_be_answered() -> None:
    assert begins(b"\xf0\x6b\x33\x43\xcf".ljust(1200, b"."))


def test_what_a_handler_is_told_of_an_address() -> None:
    async def serve(peer: Any) -> None:
        names = ("peername", "sockname", "transport_protocol", "socket")
        peer.write(repr([peer.get_extra_info(name) for name in names]).encode())

    async def told(server: Datagrams, application: Application) -> None:
        expected = [application.name, server.sockname, "udp", None]
        assert await application.ask(FIRST) == repr(expected).encode()

    serving(serve, told)


def test_one_that_is_closed_reads_and_writes_nothing() -> None:
    seen: list[bytes] = []

    async def serve(peer: Any) -> None:
        assert await peer.read(65535) == FIRST
        waiting = asyncio.ensure_future(peer.read(65535))
        await asyncio.sleep(0)
        peer.write(b"last")
        peer.close()
        peer.close()
        seen.append(await waiting)
        peer.write(b"after")
        assert peer.is_closing()

    async def told(server: Datagrams, application: Application) -> None:
        del server
        assert await application.ask(FIRST) == b"last"
        assert await application.ask(FIRST) == b"last", "not b'after' of the first"

    serving(serve, told)
    assert seen == [b"", b""]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "HELD", 2)

    async def told(server: Datagrams, application: Application) -> None:
        peer = Peer(server, application.name)
        for data in (b"a", b"b", b"lost"):
            peer.feed(data)
        got = [await peer.read(65535), await peer.read(65535)]
        peer.feed(b"c")
        assert [*got, await peer.read(65535)] == [b"a", b"b", b"c"]

    serving(numbered, told)


def test_a_handler_that_fails_leaves_nothing_behind() -> None:
    async def serve(peer: Any) -> None:
        peer.write(b"fails")
        raise RuntimeError

    async def told(server: Datagrams, application: Application) -> None:
        heard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: heard.append(context["exception"])
        )
        assert await application.ask(FIRST) == b"fails"
        assert await application.ask(FIRST) == b"fails", "the next one is served anew"
        await asyncio.sleep(0)
        assert [type(error) for error in heard] == [RuntimeError] * 2

    serving(serve, told)


def test_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MOST", 1)

    async def told(server: Datagrams, application: Application) -> None:
        other = Application(server.sockname[:2])
        assert await application.ask(FIRST) == b"1 1200"
        other.tell(FIRST)  # loopback keeps the order
        assert await application.ask(b"end") == b"ended"
        assert await other.ask(FIRST) == b"1 1200", "there is room again, and the first one was lost"
        other.close()

    serving(numbered, told)
