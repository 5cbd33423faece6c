"""How connections come in: mitmproxy's modes, listened for on a port that several workers share."""

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from mitmproxy import platform
from mitmproxy.connection import Client
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.modes import Socks5Proxy
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode

from gateway.planes.intercept.datagrams import Datagrams
from gateway.planes.intercept.handler import Handler
from gateway.planes.intercept.session import Session

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

BACKLOG: Final = 1024
PASSWORD: Final = 2
"""SOCKS5's method of user and password."""


class Mode:
    """One of mitmproxy's modes on a TCP port."""

    explicit = False
    routed = False
    """Whether the network led the connection to where its application could have gone without the gateway."""

    resolves = False
    """Whether names are asked for by way of it."""

    def __init__(self, spec: str, plane: "Interceptor") -> None:
        self._spec = ProxyMode.parse(spec)
        self._instance = ServerInstance.make(self._spec, plane)
        self._plane = plane
        self._handlers: dict[Handler, asyncio.Task[Any] | None] = {}
        self._sockets: dict[str, Any] = {}

    async def listen(self, host: str, port: int, servers: list[asyncio.Server]) -> int:
        """Listen; returns the port."""
        server = await asyncio.start_server(self.take, host, port, reuse_port=True, backlog=BACKLOG)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def top(self, context: Context) -> layer.Layer:
        """What reads a connection's first bytes."""
        return self._instance.make_top_layer(context)

    def begin(self, session: Session) -> None:
        """What this mode says of every connection."""
        session.explicit = self.explicit

    async def take(self, reader: Any, writer: Any = None) -> None:
        """Serve a connection to its end. Without a writer, the reader is both."""
        writer = writer or reader
        handler = Handler(self._plane, reader, writer, self._spec)
        handler.layer = self.top(handler.layer.context)
        if not self.prepare(handler, writer):
            writer.close()
            return
        self._handlers[handler] = asyncio.current_task()
        self._sockets[handler.client.id] = self.socket_under(writer)
        try:
            await handler.handle_client()
        finally:
            del self._handlers[handler], self._sockets[handler.client.id]

    @property
    def handlers(self) -> list[Handler]:
        """Of the connections that are open."""
        return list(self._handlers)

    def socket_of(self, client: Client) -> Any:
        """The socket of an application's connection."""
        return self._sockets.get(client.id)

    def socket_under(self, writer: Any) -> Any:
        """The socket of a connection, where it has one of its own."""
        return writer.get_extra_info("socket")

    def prepare(self, handler: Handler, writer: Any) -> bool:
        """Find out where it was to go; False: that cannot be known."""
        del handler, writer
        return True

    async def end(self, within: float) -> None:
        """Close what is still open, and wait for it."""
        tasks = [task for task in self._handlers.values() if task is not None]
        for handler in list(self._handlers):
            handler.end()
        if tasks:
            await asyncio.wait(tasks, timeout=within)


class Explicit(Mode):
    """Applications know of the proxy: CONNECT, and absolute-form."""

    explicit = True


class Greeted(Socks5Proxy):
    """SOCKS5 (RFC 1928): with user and password (RFC 1929) for who offers them, without for who does not."""

    buf: bytes
    state: Any

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.state = self.state_greet

    def state_greet(self) -> Generator[commands.Command, Any, None]:
        """mitmproxy: the methods that an application offers."""
        count = self.buf[1] if len(self.buf) > 1 else 255
        offered = self.buf[2 : 2 + count]
        if self.buf[:1] == b"\x05" and len(offered) == count and PASSWORD in offered:
            yield commands.SendData(self.context.client, bytes([5, PASSWORD]))
            self.buf = self.buf[2 + len(offered) :]
            self.state = self.state_auth
            yield from self.state()
        else:
            yield from super().state_greet()


class Socks5(Mode):
    """SOCKS5."""

    def top(self, context: Context) -> layer.Layer:
        """What greets."""
        return Greeted(context)


class Transparent(Mode):
    """The kernel redirected it; it says where it was to go."""

    routed = True

    def prepare(self, handler: Handler, writer: Any) -> bool:
        """From the socket (Linux: SO_ORIGINAL_DST)."""
        found = platform.original_addr
        try:
            address = found(writer.get_extra_info("socket")) if found else None
        except OSError:
            address = None
        context = handler.layer.context
        context.server.address = context.client.sockname = address
        return address is not None


class Reverse(Mode):
    """Every request is for one host, whatever it says: mode reverse:URL."""

    _udp: Datagrams | None = None

    async def listen(self, host: str, port: int, servers: list[asyncio.Server]) -> int:
        """Listen, for QUIC too where it is taken; returns the port."""
        port = await super().listen(host, port, servers)
        if self._plane.interception.quic == "intercept":
            self._udp = await Datagrams.listen(host, port, self.take)
        return port

    def socket_under(self, writer: Any) -> Any:
        """None of QUIC: one socket is for all."""
        datagrams = writer.get_extra_info("transport_protocol", "tcp") == "udp"
        return None if datagrams else super().socket_under(writer)

    async def end(self, within: float) -> None:
        """Close what is still open."""
        await super().end(within)
        if self._udp is not None:
            self._udp.close()

    def begin(self, session: Session) -> None:
        """The host of the URL."""
        super().begin(session)
        host, port = self._spec.address
        session.means = f"[{host}]:{port}".encode() if ":" in host else f"{host.lower()}:{port}".encode()
