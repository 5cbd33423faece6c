"""Tunnels that are not looked into: to public addresses, directly or by way of the parent proxy."""

import asyncio
import socket
from ipaddress import ip_address

from gateway.deployment import Config
from gateway.errors import PayloadError, UpstreamError
from gateway.planes.reverse.parent import SILENT, hand_over, tunnel
from gateway.planes.reverse.trust import Contexts
from gateway.residency.addresses import is_routable, parse

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Outside:
    """Opens them, as the deployment says: never directly where it names a proxy."""

    def __init__(self, config: Config) -> None:
        self._parent = config.parent
        self._limits = config.head_limits
        self._timeout = config.timeouts.connect
        self._contexts = Contexts()

    async def open(self, address: str, port: int) -> Streams:
        """A connection to an address. Raises UpstreamError."""
        try:
            async with asyncio.timeout(self._timeout):
                if self._parent is None:
                    return await asyncio.open_connection(address, port)
                found = await tunnel(self._parent, address, port, self._contexts, self._limits)
                return _streams(found)
        except TimeoutError as error:
            late = "upstream_unreachable", "connecting took too long"
            raise UpstreamError(*(SILENT if self._parent else late)) from error
        except OSError as error:
            raise UpstreamError("upstream_unreachable", f"connecting failed (errno {error.errno})") from error


def _streams(transport: asyncio.Transport) -> Streams:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    hand_over(transport, protocol)
    return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())


def is_address(name: bytes) -> bool:
    """Whether a tunnel is asked for to an address instead of a name."""
    try:
        ip_address(name.decode().strip("[]"))
    except ValueError:
        return False
    return True


async def public(name: str, port: int) -> tuple[str, int]:
    """The first address of a name, when all of them are public. Raises PayloadError, UpstreamError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UpstreamError("upstream_unreachable", "the host name was not resolved") from error
    addresses = [str(row[4][0]) for row in found]
    if not all(_is_public(address) for address in addresses):
        raise PayloadError("host_not_allowed", "an address that is not public")
    return addresses[0], port


def _is_public(text: str) -> bool:
    """Whether an address is, whatever IPv6 it may be wrapped in (mapped, NAT64, 6to4, Teredo)."""
    address = parse(text)
    return address is not None and is_routable(address)
