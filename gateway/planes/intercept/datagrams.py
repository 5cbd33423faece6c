"""QUIC's port: the datagrams of each application's address, as a connection that mitmproxy's handlers take.

mitmproxy's own server remembers an address for a minute after its connection has ended and answers nothing
that comes from it, so that an application whose system hands out the same port again is not served.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

HELD: Final = 256
"""datagrams that wait for a handler; what comes on top is lost, as the network loses it"""
MOST: Final = 8192
"""addresses at once in a worker; what others send is lost"""

SMALLEST: Final = 1200
"""bytes of a datagram that begins a connection (RFC 9000 14.1)"""
LONG: Final = 0xC0
V1: Final = b"\0\0\0\1"
INITIAL: Final = 0xF0, 0xC0
"""mask and first byte of an Initial packet of version 1, less what is protected (RFC 9000 17.2.2)"""

Address = tuple[Any, ...]
Take = Callable[[Any], Coroutine[Any, Any, None]]


def begins(data: bytes) -> bool:
    """Whether a datagram can begin a connection, which the last ones of an ended connection cannot."""
    if len(data) < SMALLEST or data[0] & LONG != LONG:
        return False
    return data[1:5] != V1 or data[0] & INITIAL[0] == INITIAL[1]


class Peer:
    """One address, both ways: mitmproxy's reader and writer."""

    __slots__ = ("_address", "_closed", "_come", "_server", "_waits")

    def __init__(self, server: "Datagrams", address: Address) -> None:
        self._server, self._address = server, address
        self._come: deque[bytes] = deque()
        self._waits: asyncio.Future[None] | None = None
        self._closed = False

    def feed(self, data: bytes) -> None:
        """A datagram has come."""
        if len(self._come) < HELD:
            self._come.append(data)
            self._wake()

    async def read(self, size: int) -> bytes:
        """A datagram, whole; b"" at the end."""
        del size
        while not self._come and not self._closed:
            self._waits = asyncio.get_running_loop().create_future()
            await self._waits
        return b"" if self._closed else self._come.popleft()

    def write(self, data: bytes) -> None:
        """Send a datagram."""
        if not self._closed:
            self._server.send(data, self._address)

    async def drain(self) -> None:
        """UDP has no back-pressure."""

    def write_eof(self) -> None:
        """UDP has no end of one direction."""

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def close(self) -> None:
        """End it: what comes from the address from now on begins another."""
        if not self._closed:
            self._closed = True
            self._server.forget(self._address)
            self._wake()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """asyncio.BaseTransport.get_extra_info, of what mitmproxy asks for."""
        if name == "peername":
            return self._address[:2]
        if name == "sockname":
            return self._server.sockname
        return "udp" if name == "transport_protocol" else default

    def _wake(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)


class Datagrams(asyncio.DatagramProtocol):
    """A UDP port, which several workers may share: the system gives all of an address to one of them."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._peers: dict[Address, Peer] = {}
        self._tasks: dict[asyncio.Task[None], Peer] = {}
        self._transport: Any = None
        self.sockname: Address = ()

    @classmethod
    async def listen(cls, host: str, port: int, take: Take) -> "Datagrams":
        """Listen; `take` serves a Peer to its end. Raises OSError."""
        loop = asyncio.get_running_loop()
        made = await loop.create_datagram_endpoint(
            lambda: cls(take), local_addr=(host, port), reuse_port=True
        )
        return made[1]

    def connection_made(self, transport: Any) -> None:
        """asyncio: it listens."""
        self._transport = transport
        self.sockname = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """asyncio: of somebody."""
        peer = self._peers.get(addr)
        if peer is None:
            if len(self._peers) >= MOST or not begins(data):
                return
            peer = self._peers[addr] = Peer(self, addr)
            task = asyncio.get_running_loop().create_task(self._take(peer))
            self._tasks[task] = peer
            task.add_done_callback(self._taken)
        peer.feed(data)

    def _taken(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task).close()
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a QUIC connection failed", "exception": error}
            task.get_loop().call_exception_handler(context)

    def send(self, data: bytes, address: Address) -> None:
        """To somebody."""
        self._transport.sendto(data, address)

    def forget(self, address: Address) -> None:
        """That one has ended."""
        self._peers.pop(address, None)

    def close(self) -> None:
        """Listen no more."""
        self._transport.close()
