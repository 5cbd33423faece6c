"""Address ranges: every address has the word of the shortest span that holds it."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PayloadError
from gateway.residency.addresses import CLOSED, is_routable
from gateway.residency.ranges import Span, ranges

SMALL = st.integers(0, 60)
SPANS = st.lists(
    st.tuples(SMALL, SMALL, st.sampled_from("abc")).map(lambda t: (min(t[:2]), max(t[:2]), t[2])), max_size=8
)


def brute(spans: list[Span], at: int) -> str:
    held = [(b - a, -n, word) for n, (a, b, word) in enumerate(spans) if a <= at <= b]
    return min(held)[2] if held else ""


@given(SPANS)
def test_the_shortest_span_speaks(spans: list[Span]) -> None:
    table = ranges({4: spans})
    assert [table.find(ip_address(n)) for n in range(64)] == [brute(spans, n) for n in range(64)]


@given(SPANS)
def test_ipv6_is_known_by_its_upper_half(spans: list[Span]) -> None:
    table = ranges({6: [(a << 64, (b << 64) + 2**64 - 1, word) for a, b, word in spans]})
    found = [table.find(ip_address((n << 64) + (n * 977) + 2**32)) for n in range(64)]
    assert found == [brute(spans, n) for n in range(64)]


def test_the_first_and_the_last_address_are_known() -> None:
    table = ranges({4: [(0, 2**32 - 1, "all")], 6: [(0, 2**128 - 1, "six")]})
    assert [table.find(ip_address(text)) for text in ("0.0.0.0", "255.255.255.255")] == ["all", "all"]
    assert [table.find(ip_address(text)) for text in ("::", "ffff:" * 7 + "ffff")] == ["six", "six"]


def test_less_than_a_64_is_left_out() -> None:
    assert len(ranges({6: [(5, 2**64 - 2, "a")]})) == 0


def test_what_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PayloadError):
        ranges({4: [(2, 1, "a")]})


def test_more_words_than_fit_are_refused() -> None:
    with pytest.raises(PayloadError):
        ranges({4: [(n, n, str(n)) for n in range(256)]})
    assert ranges({4: [(n, n, str(n)) for n in range(255)]}).find(ip_address(254)) == "254"


def test_the_closed_blocks_are_those_that_python_and_iana_know() -> None:
    """At the ends of every block: what `ipaddress` calls global, less what IANA and Azure keep."""
    special = [ip_network(b) for b in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
    ends = {int(end) for block in IPv4Network("0.0.0.0/0").subnets(8) for end in (block[0], block[-1])}
    for block in (*CLOSED[4], *special):
        ends |= edges(block)
    for number in sorted(end for end in ends if 0 <= end < 1 << 32):
        at = IPv4Address(number)
        closed = at.is_multicast or at.is_reserved or not at.is_global or any(at in b for b in special)
        assert is_routable(at) is not closed, at


def test_the_closed_blocks_of_ipv6_are_those_that_python_and_iana_know() -> None:
    """Python does not count all of 2001::/23, 6to4 and documentation as special."""
    special = [ip_network(b) for b in ("2001::/23", "2002::/16", "3fff::/20")]
    unicast = ip_network("2000::/3")
    known = (
        *CLOSED[6],
        "2001:2::/48",
        "2001:db8::/32",
        "2001:10::/28",
        "64:ff9b::/96",
        "fc00::/7",
        "fe80::/10",
    )
    ends = {int(end) for block in IPv6Network("::/0").subnets(8) for end in (block[0], block[-1])}
    for block in (*CLOSED[6], *map(ip_network, known), *special):
        ends |= edges(block)
    for number in sorted(end for end in ends if 0 <= end < 1 << 128):
        at = IPv6Address(number)
        closed = at not in unicast or not at.is_global or any(at in b for b in special)
        assert is_routable(at) is not closed, at


def edges(block: IPv4Network | IPv6Network) -> set[int]:
    """The first and last address, and their neighbours."""
    return {int(block[0]), int(block[-1]), int(block[0]) - 1, int(block[-1]) + 1}
