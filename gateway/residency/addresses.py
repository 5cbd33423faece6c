"""IP addresses as they are spelled, and which of them are on the public Internet. Pure."""

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAPPED: Final = "::ffff:"
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL: Final = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("2001::/23"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("3fff::/20"),
)
"""IANA special-purpose blocks that not every Python counts as such; Teredo and 6to4 hide an IPv4 address."""
_METADATA: Final = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Machine metadata services at addresses that look globally routable (Azure's wire server)."""


def parse(text: str) -> Address | None:
    """The address a canonical spelling (RFC 5952, dotted decimal) stands for; None for any other text.

    IPv4 inside IPv6 (mapped, RFC 4291 section 2.5.5.2; NAT64, RFC 6052) is the IPv4 address that is reached.
    """
    try:
        if text.startswith(_MAPPED) and "." in text:
            return ipaddress.IPv4Address(text[len(_MAPPED) :])
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # Upper case, or zeros that RFC 5952 leaves out: no resolver and no peer name is spelled so.
    if str(address) != text and not (address.version == 6 and address.ipv4_mapped and "." not in text):
        return None
    return _unwrap(address)


def _unwrap(address: Address) -> Address | None:
    if address.version == 4:
        return address
    if address.scope_id is not None:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def is_routable(address: Address) -> bool:
    """Whether the address is one of the public Internet's, with nothing hidden behind it."""
    if address.is_multicast or address.is_reserved or address in _METADATA:
        return False
    if address.version == 6 and address not in _UNICAST:
        return False
    return address.is_global and not any(address in block for block in _SPECIAL)


def on_loopback(url: str, connect: Sequence[str]) -> bool:
    """Whether every address connected to is this machine's: `connect` goes before the name in the URL."""
    hosts = connect or (urlsplit(url).hostname or "",)
    return all(host == "localhost" or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
