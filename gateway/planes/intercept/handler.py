"""One intercepted connection in mitmproxy, whose servers are links to the core or pinned addresses."""

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, server_hooks
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionIO

from gateway.errors import UpstreamError
from gateway.planes.intercept.link import HIGH, Link
from gateway.planes.intercept.refusal import refused

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

REFUSED = "refused"
LOOK = 0.5
"""seconds between two looks whether the Caller has given up"""


class Paced:
    """A link that is read no faster than the application reads."""

    def __init__(self, link: Link, handler: "Handler", server: Server) -> None:
        self._link, self._handler, self._server = link, handler, server

    async def read(self, size: int) -> bytes:
        """mitmproxy: what the core has written."""
        await self._handler.room(self._server)
        return await self._link.read(size)


class Handler(ProxyConnectionHandler):
    """mitmproxy's handler of a connection, but that it opens nothing unless the add-on has found a way."""

    def __init__(self, plane: "Interceptor", reader: Any, writer: Any, mode: Any) -> None:
        super().__init__(plane.master, reader, writer, plane.master.options, mode)
        self._plane = plane
        self._moved = asyncio.Event()

    async def server_event(self, event: events.Event) -> None:
        """mitmproxy: something has come. Of the application, it may make room."""
        await super().server_event(event)
        if isinstance(event, events.ConnectionEvent) and event.connection is self.client:
            self._moved.set()

    async def room(self, server: Server) -> None:
        """Wait until the application has taken of an answer (HTTP/2, HTTP/3) what mitmproxy holds for it.

        Whether it does so in time is watched by the Caller, which cannot write meanwhile, and gives up.
        """
        while (streams := self._plane.streams.get(self.client.id)) and streams.gathered(server) > HIGH:
            if self._plane.link_is_closed(server):
                return
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._moved.wait()

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """mitmproxy: connect to command.connection. What nobody foresaw ends the application's own."""
        try:
            await self._open(command)
        finally:
            error = sys.exception()
            if error is not None and not isinstance(error, asyncio.CancelledError):
                self._plane.broken(self.client, error)
                self.end()

    async def _open(self, command: commands.OpenConnection) -> None:
        server = command.connection
        data = server_hooks.ServerConnectionHookData(client=self.client, server=server)
        await self.handle_hook(server_hooks.ServerConnectHook(data))
        way = self._plane.ways.pop(server.id, None)
        try:
            if way is None:
                raise UpstreamError("internal_error", "")
            reader, writer = await way()
        except UpstreamError as error:
            server.error = REFUSED
            session = self._plane.sessions[self.client.id]
            await refused(self._plane, session, error)
            session.refused = True
            await self.handle_hook(server_hooks.ServerConnectErrorHook(data))
            await self.server_event(events.OpenConnectionCompleted(command, REFUSED))
            return
        await self._opened(command, reader, writer)

    async def _opened(self, command: commands.OpenConnection, reader: Any, writer: Any) -> None:
        server = command.connection
        server.timestamp_start = server.timestamp_tcp_setup = self._plane.tick()
        server.state = ConnectionState.OPEN
        server.peername = server.address
        task = asyncio.current_task()
        paced = Paced(reader, self, server) if isinstance(reader, Link) else reader
        self.transports[server] = ConnectionIO(handler=task, reader=paced, writer=writer)
        await self.server_event(events.OpenConnectionCompleted(command, None))
        try:
            await self.handle_connection(server)
        finally:
            self._plane.links.pop(server.id, None)
            self._forget()
            if isinstance(reader, Link):
                reader.close()

    def _forget(self) -> None:
        """An HTTP/2 connection has a link for every request: mitmproxy would keep them all to its end.

        One whose request has been answered early is still written to, and stays until that has ended.
        """
        layer = self._plane.streams.get(self.client.id)
        if layer is None:
            return
        used = {stream.context.server for stream in layer.streams.values()}
        used |= set(layer.waiting_for_establishment)
        for server in [one for one in layer.connections if isinstance(one, Server)]:
            if not server.connected and server not in used:
                del layer.connections[server]

    def end(self) -> None:
        """Close the application's connection."""
        io = self.transports.get(self.client)
        if io is not None and io.handler is not None:
            io.handler.cancel("ended")

    @property
    def busy(self) -> bool:
        """Whether a request is under way on any of its links."""
        return any(link.busy for server in self.transports if (link := self._plane.links.get(server.id)))

    @property
    def talking(self) -> bool:
        """Whether it is a WebSocket, which has a deadline of its own."""
        links = (self._plane.links.get(server.id) for server in self.transports)
        return any(link.caller.turn.talk is not None for link in links if link)

    def log(self, message: str, level: int = 0, exc_info: Any = None) -> None:
        """Mitmproxy's own words quote traffic: nothing of them is written. After a crash nothing goes on."""
        del level
        if "crashed" in message:
            self._plane.broken(
                self.client, sys.exception() if exc_info is True else (exc_info or (0, None))[1]
            )
            self.end()
