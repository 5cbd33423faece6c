"""IP addresses as they are spelled, and which of them are on the public Internet. Pure."""

import ipaddress
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAPPED: Final = "::ffff:"
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def parse(text: str) -> Address | None:
    """The address a canonical spelling (RFC 5952, dotted decimal) stands for; None for any other text.

    IPv4 inside IPv6 (mapped, RFC 4291 section 2.5.5.2; NAT64, RFC 6052) is the IPv4 address that is reached.
    """
    try:
        if ":" not in text:
            return ipaddress.IPv4Address(dotted(text))
        if text.startswith(_MAPPED) and "." in text:
            return ipaddress.IPv4Address(text[len(_MAPPED) :])
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    # Upper case, or zeros that RFC 5952 leaves out: no resolver and no peer name is spelled so.
    if str(address) != text and not (address.ipv4_mapped and "." not in text):
        return None
    return _unwrap(address)


_OCTET: Final = {str(n): n for n in range(256)}


def dotted(text: str) -> int:
    """The number of an IPv4 address in its one spelling. Raises ValueError."""
    try:
        a, b, c, d = text.split(".")
        return _OCTET[a] << 24 | _OCTET[b] << 16 | _OCTET[c] << 8 | _OCTET[d]
    except KeyError:
        raise ValueError("no IPv4 address") from None


_CLOSED: Final = {
    4: (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    ),
    6: ("::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"),
}
CLOSED: Final = {version: tuple(map(ipaddress.ip_network, blocks)) for version, blocks in _CLOSED.items()}
"""By version, every block that is not the public Internet's, in order (IANA's registries of special-purpose
addresses). Teredo and 6to4 hide an IPv4 address; Azure's metadata service only looks public."""
_FIRST: Final = {version: [int(block[0]) for block in blocks] for version, blocks in CLOSED.items()}
_LAST: Final = {version: [int(block[-1]) for block in blocks] for version, blocks in CLOSED.items()}


def _unwrap(address: ipaddress.IPv6Address) -> Address | None:
    if address.scope_id is not None:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def is_routable(address: Address) -> bool:
    """Whether the address is one of the public Internet's, with nothing hidden behind it."""
    number, version = int(address), address.version
    return number > _LAST[version][bisect_right(_FIRST[version], number) - 1]


def on_loopback(url: str, connect: Sequence[str]) -> bool:
    """Whether every address connected to is this machine's: `connect` goes before the name in the URL."""
    hosts = connect or (urlsplit(url).hostname or "",)
    return all(host == "localhost" or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
