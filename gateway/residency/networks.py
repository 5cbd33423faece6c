"""The deployment's own networks: what is said of the smallest block that holds an address. Pure.

Blocks are laid out flat when they are read: where each begins, and what holds from there on. So a lookup is
one bisection, whatever the lengths of the blocks, and a short one where an index of upper bits pays.
"""

import ipaddress
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.errors import ConfigError, Problem
from gateway.model import Location
from gateway.residency.addresses import Address, dotted
from gateway.residency.law import WORDS

Row = tuple[str, str, str]
"""CIDR block, country (a word of residency.law), operator (empty when not known)"""

NETWORK: Final = "network"
"""What Location.evidence says of it."""

_BITS: Final = {4: 32, 6: 128}
_LENGTH: Final = {str(n): n for n in range(129)}
_ALL: Final = (1 << 128) - 1
_MAPPED: Final = 0xFFFF
"""the upper bits of IPv4 within IPv6 (RFC 4291 section 2.5.5.2)"""
_INDEXED: Final = 16
_FEW: Final = 4096
"""places in a table that needs no index"""
_KEY: Final = 8
"""bits of a block's length in its key: keys in order are blocks in order, each before those within it"""


class Networks:
    """Longest-prefix match over rows. Raises ConfigError with every unusable one."""

    __slots__ = ("_flat", "_places")

    def __init__(self, rows: Iterable[Row]) -> None:
        problems: list[Problem] = []
        blocks: dict[int, dict[int, int]] = {4: {}, 6: {}}
        # A table has many rows and few places: each is kept once, and known by its number.
        self._places: list[tuple[Location, ...]] = [()]
        numbers: dict[tuple[str, str], int] = {}
        for line, (cidr, country, operator) in enumerate(rows, 1):
            block = _colons(cidr) if ":" in cidr else _dotted(cidr)
            number = numbers.get((country, operator))
            if block is None:
                problems.append(Problem("networks", line, 1, repr(cidr), "a CIDR block without host bits"))
            elif number is None and country.upper() not in WORDS:
                problems.append(
                    Problem("networks", line, 1, repr(country), "an ISO 3166 country or region word")
                )
            else:
                if number is None:
                    at = Location(country=country.upper(), operator=operator, evidence=NETWORK)
                    number = numbers[country, operator] = self._number((at,))
                version, key = block
                same = blocks[version]
                if key in same:
                    number = self._number(self._places[same[key]] + self._places[number])
                same[key] = number
        if problems:
            raise ConfigError(tuple(problems))
        self._flat = {version: _flattened(rows, _BITS[version]) for version, rows in blocks.items()}

    def _number(self, place: tuple[Location, ...]) -> int:
        self._places.append(place)
        return len(self._places) - 1

    def find(self, address: Address) -> tuple[Location, ...]:
        """What the rows of that block say: more than one if rows contradict, none if there is none."""
        starts, numbers, index, shift = self._flat[address.version]
        number = int(address)
        top = number >> shift
        return self._places[numbers[bisect_right(starts, number, index[top], index[top + 1]) - 1]]


def _dotted(cidr: str) -> tuple[int, int] | None:
    """(4, key) of an IPv4 block; None for what is none."""
    try:
        text, size = cidr.split("/")
        first = dotted(text)
        length = _LENGTH[size]
    except (ValueError, KeyError):
        return _spelled(cidr)
    if length > 32 or first & (0xFFFF_FFFF >> length):
        return None
    return 4, first << _KEY | length


def _colons(cidr: str) -> tuple[int, int] | None:
    """(6, key) of an IPv6 block; None for what is none."""
    text, _, size = cidr.partition("/")
    length = _LENGTH.get(size)
    if length is None or "%" in text:
        return _spelled(cidr)
    try:
        first = int(ipaddress.IPv6Address(text))
    except ValueError:
        return None
    # Such an address is looked up as IPv4, so the row would never be found.
    if first & (_ALL >> length) or first >> 32 == _MAPPED:
        return None
    return 6, first << _KEY | length


def _spelled(cidr: str) -> tuple[int, int] | None:
    """(IP version, key) of a block that is written in another way: without a length, with a mask."""
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return None
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        return None
    return network.version, int(network.network_address) << _KEY | network.prefixlen


_Flat = tuple[Sequence[int], Sequence[int], Sequence[int], int]
"""Where something else begins, in order from 0 on; the number of what that is; by the upper bits of an
address, where to look for it among the first; and how many bits are not upper ones."""


def _flattened(blocks: dict[int, int], bits: int) -> _Flat:
    starts, numbers = [0], [0]
    ends, around = [1 << bits], [0]
    """of the blocks that hold the place, the smallest last: their ends and numbers; the first is no block"""

    def close(before: int) -> None:
        while ends[-1] <= before and len(ends) > 1:
            at = ends.pop()
            around.pop()
            begin(at, around[-1])

    def begin(at: int, number: int) -> None:
        if starts[-1] == at:
            numbers[-1] = number
        elif numbers[-1] != number:
            starts.append(at)
            numbers.append(number)

    for key in sorted(blocks):
        first, number = key >> _KEY, blocks[key]
        if ends[-1] <= first:
            close(first)
        begin(first, number)
        ends.append(first + (1 << bits - (key & (1 << _KEY) - 1)))
        around.append(number)
    close(1 << bits)
    shift = bits - (_INDEXED if len(starts) > _FEW else 0)
    index = [bisect_left(starts, top << shift) for top in range((1 << bits - shift) + 1)]
    return array("Q", starts) if bits == 32 else starts, array("I", numbers), index, shift
