"""Tunnels through a parent proxy: CONNECT to an address that was already decided on, never to a name.

The proxy learns the address and sees what is on its way, which is TLS. There is no way around it: whatever it
answers but 2xx is an error.
"""

import asyncio
from typing import Any, Final

from gateway.errors import HushgateError, UpstreamError
from gateway.http1.head import HeadLimits, next_response
from gateway.parent import Parent
from gateway.planes.reverse.trust import Contexts

FAILED: Final = {
    502: ("upstream_unreachable", "the parent proxy did not reach it"),
    503: ("upstream_unreachable", "the parent proxy did not reach it"),
    504: ("upstream_timeout", "the parent proxy did not reach it in time"),
}
"""What a proxy says of this address alone: another one may do."""
SILENT: Final = "upstream_timeout", "the parent proxy did not answer in time"


class Asked(asyncio.Protocol):
    """Waits for the answer to a CONNECT; once it is there, not a byte more is read."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._buffer = b""
        self._transport: Any = None
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The status. Raises UpstreamError."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of the answer."""
        if self.answered.done():
            return
        self._buffer += data
        try:
            self._read()
        except HushgateError as error:
            self._fail(error.detail)

    def _read(self) -> None:
        while (found := next_response(self._buffer, "CONNECT", self._limits)) is not None:
            head, end = found
            self._buffer = self._buffer[end:]
            if not 100 <= head.status < 200 or head.status == 101:
                self._transport.pause_reading()
                if self._buffer and head.status < 300:
                    self._fail("bytes that nobody asked for")
                else:
                    self.answered.set_result(head.status)
                return

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: closed."""
        del exc
        self._fail("it closed the connection")

    def _fail(self, detail: str) -> None:
        if not self.answered.done():
            self.answered.set_exception(UpstreamError("parent_refused", f"the parent proxy: {detail}"))


async def tunnel(parent: Parent, address: str, port: int, contexts: Contexts, limits: HeadLimits) -> Any:
    """A transport to an address by way of a proxy; it reads nothing until it has a protocol and goes on.

    Raises UpstreamError: parent_unreachable, parent_refused; upstream_unreachable and upstream_timeout where
    the proxy says that of the address.
    """
    asked = Asked(limits)
    transport = await _reached(parent, asked, contexts)
    try:
        transport.write(_request(parent, address, port))
        status = await asked.answered
        if status in FAILED:
            raise UpstreamError(*FAILED[status])
        if not 200 <= status < 300:
            raise UpstreamError("parent_refused", f"the parent proxy answered {status}")
    except BaseException:
        transport.abort()
        raise
    return transport


async def _reached(parent: Parent, asked: Asked, contexts: Contexts) -> Any:
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_connection(
            lambda: asked,
            parent.host,
            parent.port,
            ssl=contexts.of_parent(parent) if parent.tls else None,
            server_hostname=parent.host if parent.tls else None,
        )
    except OSError as error:  # ssl.SSLError is one
        detail = f"connecting failed ({type(error).__name__}, errno {error.errno})"
        raise UpstreamError("parent_unreachable", detail) from error
    return transport


def _request(parent: Parent, address: str, port: int) -> bytes:
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    shown = f"Proxy-Authorization: {parent.authorization}\r\n" if parent.authorization else ""
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{shown}\r\n".encode()


def hand_over(transport: Any, protocol: asyncio.BaseProtocol) -> None:
    """Give a tunnel that goes on in clear to who reads it. Raises UpstreamError when it has ended already."""
    if transport.is_closing():
        raise UpstreamError("upstream_unreachable", "the tunnel closed at once")
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    transport.resume_reading()
