"""Where an IP address stands and who runs it. Pure.

What the operator's network table says beats what an upstream declares; where both speak and disagree, both
count. An address that is not globally routable is known only when the operator named it: a name that suddenly
resolves into the inside of the network (DNS rebinding) leads nowhere.
"""

import ipaddress
from collections.abc import Sequence
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import ConfigError, Problem
from gateway.model import Location, Upstream
from gateway.residency.law import FRAMEWORKS, WORDS, expand, inside

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Row = tuple[str, str, str]
"""CIDR block, country (a word of residency.law), operator (empty when not known)"""

NETWORK: Final = "network"
DECLARED: Final = "declared"
"""The two kinds of Location.evidence."""

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


class AddressTable:
    """Longest-prefix match over the deployment's networks. Raises ConfigError with every unusable row."""

    __slots__ = ("_blocks",)

    def __init__(self, networks: Sequence[Row]) -> None:
        problems: list[Problem] = []
        blocks: dict[tuple[int, int], dict[int, list[Location]]] = {}
        for line, (cidr, country, operator) in enumerate(networks, 1):
            network = _network(cidr)
            if network is None:
                problems.append(Problem("networks", line, 1, repr(cidr), "a CIDR block without host bits"))
            elif country.upper() not in WORDS:
                problems.append(
                    Problem("networks", line, 1, repr(country), "an ISO 3166 country or region word")
                )
            else:
                shift = network.max_prefixlen - network.prefixlen
                rows = blocks.setdefault((network.version, shift), {})
                found = rows.setdefault(int(network.network_address) >> shift, [])
                found.append(Location(country=country.upper(), operator=operator, evidence=NETWORK))
        if problems:
            raise ConfigError(tuple(problems))
        # Smallest blocks first, per IP version: (bits to drop, rows by what is left).
        self._blocks = {
            version: tuple((shift, rows) for (v, shift), rows in sorted(blocks.items()) if v == version)
            for version in (4, 6)
        }

    def find(self, address: Address) -> tuple[Location, ...]:
        """The rows of the smallest block that holds the address: more than one if rows contradict."""
        number = int(address)
        for shift, rows in self._blocks[address.version]:
            found = rows.get(number >> shift)
            if found is not None:
                return tuple(found)
        return ()


def locate(table: AddressTable, address: str, upstream: Upstream, on: date) -> tuple[Location, ...]:
    """Every place the address may stand at: all of them must be allowed. Empty when it is not known.

    The first is what the audit record names. `on` decides what a declared region word (`EU`) stands for.
    """
    parsed = parse(address)
    if parsed is None:
        return ()
    declared = Location(country=upstream.region, operator=upstream.operator, evidence=DECLARED)
    rows = table.find(parsed)
    if not rows:
        return (declared,) if is_routable(parsed) or parsed in named(upstream) else ()
    found = tuple(_precise(row, declared) for row in rows)
    return found if all(_agrees(row, declared, on) for row in rows) else (*found, declared)


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


def named(upstream: Upstream) -> frozenset[Address]:
    """The addresses the operator wrote down for an upstream: `connect`, and a URL with an address as host."""
    texts = [_host(upstream.url)]
    for entry in upstream.connect:
        texts += [entry, _host(f"//{entry}")]
    return frozenset(address for text in texts if (address := parse(text)) is not None)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _network(cidr: str) -> Network | None:
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return None
    # Such an address is looked up as IPv4, so the row would never be found.
    hidden = network.version == 6 and network.network_address.ipv4_mapped is not None
    return None if hidden else network


def _precise(row: Location, declared: Location) -> Location:
    """The row, completed by what only the declaration can know: certification, and an unnamed operator."""
    certified = FRAMEWORKS.get(declared.country.upper()) == row.country
    return Location(
        country=declared.country.upper() if certified else row.country,
        operator=row.operator or declared.operator,
        evidence=row.evidence,
    )


def _agrees(row: Location, declared: Location, on: date) -> bool:
    word = declared.country.upper()
    region = inside(row.country, expand((word,), False, on), on) or FRAMEWORKS.get(word) == row.country
    return region and (not row.operator or row.operator.casefold() == declared.operator.casefold())
