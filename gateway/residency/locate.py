"""Where an IP address stands and who runs it. Pure.

What is known of an address (the deployment's own network table, else other evidence) beats what an upstream
declares; where both speak and disagree, both count. An address that is not globally routable is known only
when the operator named it: a name that suddenly resolves into the inside of the network (DNS rebinding) leads
nowhere.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.errors import ConfigError, Problem
from gateway.model import AGAINST, Location, Upstream
from gateway.residency.addresses import Address, is_routable, parse
from gateway.residency.evidence import Source, silenced, weighed
from gateway.residency.law import FRAMEWORKS, WORDS, expand, inside

Row = tuple[str, str, str]
"""CIDR block, country (a word of residency.law), operator (empty when not known)"""

_BYTE: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DOTTED: Final = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}/(3[0-2]|[12]?[0-9])").fullmatch

NETWORK: Final = "network"
DECLARED: Final = "declared"
PACK: Final = "pack"
"""Kinds of Location.evidence; the others are those of sources."""


class AddressTable:
    """Longest-prefix match over the deployment's networks, and what other sources know beside them.

    `sources` come strongest first; `stated` is where a provider's pack says that an upstream's host is,
    by the upstream's name. Raises ConfigError with every unusable row.
    """

    __slots__ = ("_blocks", "_sources", "stated")

    def __init__(
        self,
        networks: Sequence[Row],
        sources: Sequence[Source] = (),
        stated: Mapping[str, Location] = MappingProxyType({}),
    ) -> None:
        self._sources = tuple(sources)
        self.stated = stated
        problems: list[Problem] = []
        blocks: dict[tuple[int, int], dict[int, tuple[Location, ...]]] = {}
        # A table has many rows and few places: each is kept once.
        places: dict[tuple[str, str], tuple[Location]] = {}
        for line, (cidr, country, operator) in enumerate(networks, 1):
            network = _block(cidr)
            if network is None:
                problems.append(Problem("networks", line, 1, repr(cidr), "a CIDR block without host bits"))
            elif country.upper() not in WORDS:
                problems.append(
                    Problem("networks", line, 1, repr(country), "an ISO 3166 country or region word")
                )
            else:
                version, shift, prefix = network
                place = places.get((country, operator))
                if place is None:
                    at = Location(country=country.upper(), operator=operator, evidence=NETWORK)
                    place = places[country, operator] = (at,)
                rows = blocks.get((version, shift))
                if rows is None:
                    rows = blocks[version, shift] = {}
                rows[prefix] = (*rows[prefix], *place) if prefix in rows else place
        if problems:
            raise ConfigError(tuple(problems))
        # Smallest blocks first, per IP version: (bits to drop, rows by what is left).
        self._blocks = {
            version: tuple((shift, rows) for (v, shift), rows in sorted(blocks.items()) if v == version)
            for version in (4, 6)
        }

    def find(self, address: Address, on: date | None = None) -> tuple[Location, ...]:
        """The rows of the smallest block that holds the address: more than one if rows contradict.

        Where there is none, what the other sources know of a globally routable one, as `weighed`.
        """
        rows = self._rows(address)
        if rows or not is_routable(address):
            return rows
        known = weighed(self._sources, address, on)
        return () if known is None else (known,)

    def stale(self, address: Address, on: date) -> bool:
        """Whether what is known of the address is too old to be used on a day, or cannot be read."""
        if self._rows(address) or not is_routable(address):
            return False
        return any(silenced(source, source.about(address), on) for source in self._sources)

    def _rows(self, address: Address) -> tuple[Location, ...]:
        number = int(address)
        for shift, rows in self._blocks[address.version]:
            found = rows.get(number >> shift)
            if found is not None:
                return found
        return ()


def locate(table: AddressTable, address: str, upstream: Upstream, on: date) -> tuple[Location, ...]:
    """Every place the address may stand at: all of them must be allowed. Empty when it is not known.

    The first is what the audit record names. `on` decides what a declared region word (`EU`) stands for.
    """
    parsed = parse(address)
    if parsed is None:
        return ()
    declared = Location(country=upstream.region, operator=upstream.operator, evidence=DECLARED)
    rows = table.find(parsed, on)
    if not rows:
        if table.stale(parsed, on):
            return ()
        known = is_routable(parsed) or parsed in named(upstream)
        return _stated(table, upstream, declared, on) if known else ()
    found = tuple(_precise(row, declared) for row in rows)
    if all(_agrees(row, declared, on) for row in rows):
        named_only = () if all(row.country for row in rows) else _stated(table, upstream, declared, on)[:-1]
        return (*named_only, *found)
    against = (replace(at, evidence=at.evidence + AGAINST) for at in found)
    return (*against, *_stated(table, upstream, declared, on))


def _stated(table: AddressTable, upstream: Upstream, declared: Location, on: date) -> tuple[Location, ...]:
    """What is declared; and before it what the provider's pack says of the host, where that is not the same.

    Providers answer at hosts of one region for callers that meant another: the name alone decides there.
    """
    host = table.stated.get(upstream.name)
    if host is None or _agrees(host, declared, on) or _agrees(declared, host, on):
        return (declared,)
    return replace(host, operator=declared.operator, evidence=PACK + AGAINST), declared


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


def _block(cidr: str) -> tuple[int, int, int] | None:
    """IP version, bits to drop, and what is left of every address of a block; None for what is none."""
    known = _DOTTED(cidr)
    if known is not None:
        a, b, c, d, length = map(int, known.groups())
        number, shift = a << 24 | b << 16 | c << 8 | d, 32 - length
        return None if number & ((1 << shift) - 1) else (4, shift, number >> shift)
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return None
    # Such an address is looked up as IPv4, so the row would never be found.
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        return None
    shift = network.max_prefixlen - network.prefixlen
    return network.version, shift, int(network.network_address) >> shift


def _precise(row: Location, declared: Location) -> Location:
    """The row, completed by what only the declaration can know: certification, and an unnamed operator."""
    certified = not row.country or FRAMEWORKS.get(declared.country.upper()) == row.country
    return Location(
        country=declared.country.upper() if certified else row.country,
        operator=row.operator or declared.operator,
        evidence=row.evidence,
        region=row.region,
    )


def _agrees(row: Location, declared: Location, on: date) -> bool:
    word = declared.country.upper()
    region = inside(row.country, expand((word,), False, on), on) or FRAMEWORKS.get(word) == row.country
    same = row.operator.casefold() == declared.operator.casefold()
    return (not row.country or region) and (not row.operator or not declared.operator or same)
