import ipaddress
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.model import Location, Upstream
from gateway.residency.addresses import is_routable, parse
from gateway.residency.locate import AddressTable, locate, named
from gateway.residency.networks import Networks

TODAY = date(2026, 11, 21)


def upstream(
    region: str = "EU", operator: str = "AWS", url: str = "https://api.example.com", *connect: str
) -> Upstream:
    return Upstream(name="u", provider="p", url=url, region=region, operator=operator, connect=connect)


TABLE = AddressTable(
    [
        ("52.0.0.0/8", "US", "AWS"),
        ("52.16.0.0/16", "IE", "AWS"),
        ("52.16.7.0/24", "IE", ""),
        ("10.1.0.0/16", "FR", "OVH"),
        ("2a05:d018::/32", "IE", "AWS"),
    ]
)


def where(address: str, up: Upstream | None = None) -> list[tuple[str, str, str]]:
    return [(at.country, at.operator, at.evidence) for at in locate(TABLE, address, up or upstream(), TODAY)]


def test_the_longest_prefix_wins() -> None:
    assert where("52.16.0.1") == [("IE", "AWS", "network")]
    assert where("52.17.0.1")[0] == ("US", "AWS", "network against declared")
    assert where("2a05:d018::1") == [("IE", "AWS", "network")]
    assert where("::ffff:52.16.0.1") == [("IE", "AWS", "network")]
    assert where("52.16.7.1", upstream(operator="Scaleway")) == [("IE", "Scaleway", "network")]


def test_without_a_row_the_declaration_counts() -> None:
    assert where("8.8.8.8") == [("EU", "AWS", "declared")]


def test_what_contradicts_counts_twice() -> None:
    assert where("52.17.0.1") == [("US", "AWS", "network against declared"), ("EU", "AWS", "declared")]
    assert where("52.16.0.1", upstream("FR")) == [
        ("IE", "AWS", "network against declared"),
        ("FR", "AWS", "declared"),
    ]
    assert where("52.16.0.1", upstream(operator="OVH")) == [
        ("IE", "AWS", "network against declared"),
        ("EU", "OVH", "declared"),
    ]
    assert where("52.16.0.1", upstream(operator="aws")) == [("IE", "AWS", "network")]


def test_a_certified_organisation_stays_certified_in_its_country() -> None:
    assert where("52.17.0.1", upstream("US-DPF")) == [("US-DPF", "AWS", "network")]
    assert where("52.16.0.1", upstream("US-DPF"))[1:] == [("US-DPF", "AWS", "declared")]


def test_rows_for_one_block_that_contradict_all_count() -> None:
    table = AddressTable([("52.0.0.0/8", "IE", "AWS"), ("52.0.0.0/8", "US", "AWS")])
    found = locate(table, "52.1.1.1", upstream(), TODAY)
    assert {at.country for at in found} == {"IE", "US", "EU"}


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "::",
    "::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "64:ff9b:1::1",
    "64:ff9b::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_of_the_inside_is_nowhere_unless_it_was_named(address: str) -> None:
    canonical = address if address.startswith("::ffff:") else str(ipaddress.ip_address(address))
    assert where(canonical) == []
    assert where(canonical, upstream("EU", "AWS", "https://api.example.com", canonical)) == [
        ("EU", "AWS", "declared")
    ]


def test_an_address_of_the_inside_may_be_in_the_table() -> None:
    assert where("10.1.2.3", upstream("FR", "OVH")) == [("FR", "OVH", "network")]


def test_named_addresses() -> None:
    up = upstream(
        "EU", "AWS", "http://[::1]:8080/x", "127.0.0.1:99", "10.0.0.1", "[fd00::1]:1", "fd00::2", "name"
    )
    expected = ("::1", "127.0.0.1", "10.0.0.1", "fd00::1", "fd00::2")
    assert named(up) == {ipaddress.ip_address(text) for text in expected}
    assert named(upstream(url="http://[")) == frozenset()
    assert where("127.0.0.1", upstream(url="http://localhost:80")) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "1.2.3",
        "010.0.0.1",
        "1.2.3.4 ",
        "1.2.3.4/32",
        "0x7f.1",
        "2130706433",
        "１.1.1.1",
        "2A00::1",
        "2a00:0:0:0:0:0:0:1",
        "2a00::0001",
        "fe80::1%eth0",
        "::ffff:1.2.3",
        "::FFFF:1.2.3.4",
        "[::1]",
    ],
)
def test_other_spellings_are_no_address(text: str) -> None:
    assert parse(text) is None
    assert where(text) == []


def test_ipv4_inside_ipv6_is_unwrapped() -> None:
    for text in ("::ffff:8.8.8.8", "::ffff:808:808", "64:ff9b::808:808"):
        assert parse(text) == ipaddress.IPv4Address("8.8.8.8")


def test_unusable_rows_are_all_named() -> None:
    rows = [
        ("10.0.0.0/8", "FR", "x"),
        ("10.0.0.1/8", "FR", "x"),
        ("nonsense", "FR", "x"),
        ("10.0.0.0/8", "Atlantis", "x"),
        ("::ffff:10.0.0.0/104", "FR", "x"),
    ]
    with pytest.raises(ConfigError) as error:
        AddressTable(rows)
    assert [problem.line for problem in error.value.problems] == [2, 3, 4, 5]


@given(st.text())
def test_any_text_is_located_or_not(text: str) -> None:
    assert isinstance(locate(TABLE, text, upstream(), TODAY), tuple)


_WIDTHS = {4: 32, 6: 128}


@st.composite
def _networks(draw: st.DrawFn, version: int) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Blocks in one another, beside one another and twice."""
    bits = _WIDTHS[version]
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    numbers = st.one_of(
        st.integers(0, 2**bits - 1), st.integers(0, 7).map(lambda n: (n << bits - 3) - (n & 1))
    )
    drawn = draw(st.lists(st.tuples(numbers, st.integers(0, bits)), min_size=1, max_size=8))
    made = [kind((max(number, 0), size), strict=False) for number, size in drawn]
    made += [made[0].supernet(1)] if made[0].prefixlen else []
    return [*made, *made[: draw(st.integers(0, 2))]]


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.data())
def test_the_table_finds_what_a_search_finds(version: int, data: st.DataObject) -> None:
    networks = data.draw(_networks(version))
    plain = [net for net in networks if net.version == 4 or net.network_address.ipv4_mapped is None]
    table = Networks([(str(net), "FR", f"{n}") for n, net in enumerate(plain)])
    ends = [int(end) for net in networks for end in (net[0], net[-1])]
    ends = [*ends, *(end + by for end in ends for by in (-1, 1)), 0, 2 ** _WIDTHS[version] - 1]
    for number in (end for end in ends if 0 <= end < 2 ** _WIDTHS[version]):
        wanted = ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
        holding = [(net.prefixlen, str(n)) for n, net in enumerate(plain) if wanted in net]
        longest = max(holding, default=(0, ""))[0]
        assert [at.operator for at in table.find(wanted)] == [n for size, n in holding if size == longest]


@pytest.mark.parametrize("version", [4, 6])
def test_a_large_table_finds_what_a_search_finds(version: int) -> None:
    """Large enough for the index: blocks of all lengths, many of them next to and within one another."""
    bits = _WIDTHS[version]
    drawn = [int.from_bytes(sha256(f"{n}".encode()).digest()[:17]) for n in range(6000)]
    wide = {(each & 31 or 3, each >> 8 & (1 << bits) - 1) for each in drawn}
    blocks = {(size, number >> bits - size) for size, number in wide}
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    table = Networks([(f"{kind(top << bits - size)}/{size}", "FR", f"{size} {top}") for size, top in blocks])
    edges = [end for size, top in blocks for end in (top << bits - size, (top + 1 << bits - size) - 1)]
    for number in {0, (1 << bits) - 1, *edges[::5], *(end + 1 for end in edges[::7] if end + 1 < 1 << bits)}:
        sizes = (size for size in range(31, 0, -1) if (size, number >> bits - size) in blocks)
        longest = next(sizes, None)
        expected = [] if longest is None else [f"{longest} {number >> bits - longest}"]
        assert [at.operator for at in table.find(kind(number))] == expected


@given(
    st.one_of(
        st.text("0123456789./ abcf:", max_size=22), st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}")
    )
)
@example("10.0.0.0")
@example("10.0.0.0/255.0.0.0")
@example("2a00::/029")
@example("::ffff:1.2.3.0/120")
@example("fe80::%1/64")
@example("fe80::%1/128")
def test_a_row_is_a_block_or_a_mistake(cidr: str) -> None:
    try:
        network = ipaddress.ip_network(cidr)
        good = network.version == 4 or network.network_address.ipv4_mapped is None
    except ValueError:
        good = False
    if not good:
        with pytest.raises(ConfigError):
            Networks([(cidr, "FR", "")])
    else:
        table = Networks([(cidr, "FR", "")])
        assert table.find(network[0]) and table.find(network[-1])


@given(
    st.one_of(
        st.text("0123456789.", max_size=16), st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True)
    )
)
@example("1.2.3.4")
@example("1.2.3.256")
@example("01.2.3.4")
@example("1.2.3.٤")
def test_an_ipv4_address_has_one_spelling(text: str) -> None:
    try:
        expected = ipaddress.IPv4Address(text)
    except ValueError:
        assert parse(text) is None
    else:
        assert parse(text) == expected


@given(st.ip_addresses())
def test_a_routable_address_is_global_and_parses(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_routable(address):
        assert address.is_global and not address.is_private and not address.is_multicast
        assert parse(str(address)) == address


def test_a_location_is_a_location() -> None:
    (found,) = locate(TABLE, "52.16.0.1", upstream(), TODAY)
    assert isinstance(found, Location)
