"""Mode `wireguard`: connections come out of a tunnel that ends here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mitmproxy_rs.wireguard

from gateway import wireguard
from gateway.planes.intercept.handler import Handler
from gateway.planes.intercept.modes import Mode

if TYPE_CHECKING:
    import asyncio

    from gateway.planes.intercept.plane import Interceptor

SPEC: Final = "wireguard"


class WireGuard(Mode):
    """A WireGuard server on a UDP port. What is within is as what the kernel redirected."""

    resolves = True

    def __init__(self, spec: str, plane: "Interceptor") -> None:
        _, _, file = spec.partition(":")
        super().__init__(SPEC, plane)
        self._keys = wireguard.load(Path(file))
        self._server: Any = None

    async def listen(self, host: str, port: int, servers: "list[asyncio.Server]") -> int:
        """Listen; returns the port. The server is not among `servers`: closing it cuts every connection."""
        del servers
        clients = [client.public_key for client in self._keys.clients.values()]
        self._server = await mitmproxy_rs.wireguard.start_wireguard_server(
            host, port, self._keys.private, clients, self.take, self.take
        )
        return int(self._server.getsockname()[1])

    def socket_under(self, writer: Any) -> Any:
        """None: one socket is for all."""
        del writer

    def prepare(self, handler: Handler, writer: Any) -> bool:
        """The packets' own destination."""
        context = handler.layer.context
        context.server.address = writer.get_extra_info("remote_endpoint", context.client.sockname)
        return context.server.address is not None

    async def end(self, within: float) -> None:
        """Close what is still open, and the tunnels."""
        await super().end(within)
        if self._server is not None:
            self._server.close()
