"""New connections to upstreams: resolve, permit, connect to exactly the permitted address, verify TLS."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.ca.pins import agree
from gateway.errors import UpstreamError
from gateway.exchange.commands import NotPermitted, Permit
from gateway.http1.head import HeadLimits
from gateway.model import Upstream
from gateway.planes.reverse.parent import FAILED, SILENT, hand_over, tunnel
from gateway.planes.reverse.trust import Contexts, chain_of
from gateway.planes.reverse.upstream import UpstreamConnection

_PORTS = {"http": 80, "https": 443}
_OF_ADDRESS = frozenset(reason for reason, _ in FAILED.values())
"""What a parent proxy says of one address: the next one is tried."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream's URL points: host name, port, and whether TLS is spoken."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> "Origin":
        """From an http or https URL."""
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https")


class Dialer:
    """Opens connections. Verification is always on."""

    def __init__(self, limits: HeadLimits, timeout: float) -> None:
        self._limits = limits
        self._timeout = timeout
        self._contexts = Contexts()
        self.names: dict[str, tuple[str, ...]] = {}
        """What else the certificate stood for that an upstream's host last showed, and that was verified."""

    async def dial(self, upstream: Upstream, permit: Permit) -> UpstreamConnection | NotPermitted:
        """Connect to the first permitted address that answers.

        Raises UpstreamError: upstream_unreachable, upstream_untrusted; parent_unreachable, parent_refused and
        upstream_timeout by way of a proxy.
        """
        origin = Origin.of(upstream.url)
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._addresses(upstream, origin)
                permitted = [address for address in addresses if permit(address) is not None]
                if not permitted:
                    return NotPermitted(addresses)
                return await self._first(upstream, origin, permitted, permit)
        except TimeoutError as error:
            if upstream.parent is not None:
                raise UpstreamError(*SILENT) from error
            raise UpstreamError("upstream_unreachable", "connecting took too long") from error

    async def _addresses(self, upstream: Upstream, origin: Origin) -> tuple[str, ...]:
        if upstream.connect:
            return upstream.connect
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(origin.host, origin.port, type=1)
        except (OSError, UnicodeError) as error:  # a name that DNS cannot hold
            raise UpstreamError("upstream_unreachable", "the host name was not resolved") from error
        return tuple(dict.fromkeys(str(row[4][0]) for row in found))

    async def _first(
        self, upstream: Upstream, origin: Origin, addresses: list[str], permit: Permit
    ) -> UpstreamConnection | NotPermitted:
        last = UpstreamError("upstream_unreachable", "the host name has no address")
        for address in addresses:
            try:
                return await self._open(upstream, origin, address, permit)
            except ssl.SSLCertVerificationError as error:
                raise UpstreamError("upstream_untrusted", error.verify_message or "certificate") from error
            except ssl.SSLError as error:
                last = UpstreamError("upstream_untrusted", f"the TLS handshake failed ({error.reason})")
            except UpstreamError as error:
                if error.reason not in _OF_ADDRESS:
                    raise
                last = error
            except OSError as error:
                last = UpstreamError("upstream_unreachable", f"connecting failed (errno {error.errno})")
        raise last

    async def _open(
        self, upstream: Upstream, origin: Origin, address: str, permit: Permit
    ) -> UpstreamConnection | NotPermitted:
        made = UpstreamConnection(upstream, address, self._limits)
        transport = await self._connected(made, origin, address)
        peer = address if upstream.parent else str(transport.get_extra_info("peername")[0])
        if peer != address and permit(peer) is None:
            transport.abort()
            return NotPermitted((peer,))
        if upstream.pins and not agree(chain_of(transport.get_extra_info("ssl_object")), upstream.pins):
            transport.abort()
            raise UpstreamError("upstream_untrusted", "no key of its certificates is one that is pinned")
        if origin.tls:
            self.names[origin.host] = _names(transport.get_extra_info("ssl_object"))
        made.address = peer
        return made

    async def _connected(self, made: UpstreamConnection, origin: Origin, address: str) -> Any:
        """The transport of a new connection to exactly this address, TLS verified."""
        loop = asyncio.get_running_loop()
        upstream, name = made.upstream, origin.host if origin.tls else None
        context = self._contexts.of(upstream) if origin.tls else None
        if upstream.parent is None:
            transport, _ = await loop.create_connection(
                lambda: made, address, origin.port, ssl=context, server_hostname=name
            )
            return transport
        raw = await tunnel(upstream.parent, address, origin.port, self._contexts, self._limits)
        if context is None:
            hand_over(raw, made)
            return raw
        try:
            secured = await loop.start_tls(raw, made, context, server_hostname=name)
        except BaseException:
            raw.abort()
            raise
        if secured is None:
            raise UpstreamError("upstream_unreachable", "the connection closed within the handshake")
        made.connection_made(secured)
        return secured


def _names(connection: ssl.SSLObject) -> tuple[str, ...]:
    """The host names in the certificate of the other end."""
    found: Any = (connection.getpeercert() or {}).get("subjectAltName", ())
    return tuple(name for kind, name in found if kind == "DNS")
