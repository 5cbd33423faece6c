"""IP addresses as they are spelled, and which of them are on the public Internet. Pure."""

import ipaddress
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAPPED: Final = "::ffff:"
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL: Final = (
    ipaddress.ip_network("2001::/23"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("3fff::/20"),
)
"""IANA special-purpose blocks that not every Python counts as such; Teredo and 6to4 hide an IPv4 address."""


def parse(text: str) -> Address | None:
    """The address a canonical spelling (RFC 5952, dotted decimal) stands for; None for any other text.

    IPv4 inside IPv6 (mapped, RFC 4291 section 2.5.5.2; NAT64, RFC 6052) is the IPv4 address that is reached.
    """
    try:
        if ":" not in text:
            return ipaddress.IPv4Address(text)  # takes one spelling only
        if text.startswith(_MAPPED) and "." in text:
            return ipaddress.IPv4Address(text[len(_MAPPED) :])
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # Upper case, or zeros that RFC 5952 leaves out: no resolver and no peer name is spelled so.
    if str(address) != text and not (address.version == 6 and address.ipv4_mapped and "." not in text):
        return None
    return _unwrap(address)


CLOSED: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
)
"""Every IPv4 block that is not the public Internet's, in order; Azure's metadata service only looks as if."""
_FIRST: Final = tuple(int(block[0]) for block in CLOSED)
_LAST: Final = tuple(int(block[-1]) for block in CLOSED)


def _unwrap(address: Address) -> Address | None:
    if address.version == 4:
        return address
    if address.scope_id is not None:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


@lru_cache(maxsize=4096)
def is_routable(address: Address) -> bool:
    """Whether the address is one of the public Internet's, with nothing hidden behind it."""
    if address.version == 4:
        number = int(address)
        return number > _LAST[bisect_right(_FIRST, number) - 1]
    if address not in _UNICAST or not address.is_global:
        return False
    return not any(address in block for block in _SPECIAL)


def on_loopback(url: str, connect: Sequence[str]) -> bool:
    """Whether every address connected to is this machine's: `connect` goes before the name in the URL."""
    hosts = connect or (urlsplit(url).hostname or "",)
    return all(host == "localhost" or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
