"""The snapshot: it says what its columns say, damage is noticed, and it knows the usual places."""

from datetime import date
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.residency.ranges import ranges
from gateway.residency.snapshot import MAGIC, builtin, dump, load
from gateway.residency.tables import Source

SOURCE = Source(name="n", licence="CC0", attribution="a", dated=date(2026, 6, 1), rows=2, sha256=("00",))
COUNTRIES = ranges({4: [(10, 20, "FR"), (30, 40, "DE")], 6: [(1 << 64, (2 << 64) - 1, "SE")]})
OPERATORS = ranges({4: [(15, 35, "OVH")]})
RAW = dump(COUNTRIES, OPERATORS, (SOURCE, SOURCE))


def test_what_was_written_is_read() -> None:
    read = load(RAW)
    for number in range(50):
        address = ip_address(number)
        assert read.countries.find(address) == COUNTRIES.find(address)
        assert read.operators.find(address) == OPERATORS.find(address)
    assert read.countries.find(ip_address((1 << 64) + 7)) == "SE"
    assert read.head.countries.source == SOURCE


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_damage_is_noticed(at: int, change: int) -> None:
    with pytest.raises(InternalError):
        load(RAW[:at] + bytes((RAW[at] ^ change,)) + RAW[at + 1 :])


@pytest.mark.parametrize("raw", [b"", MAGIC, b"x" + RAW, RAW[:-1], RAW + b"x"])
def test_what_is_not_whole_is_refused(raw: bytes) -> None:
    with pytest.raises(InternalError):
        load(raw)


@pytest.mark.parametrize(
    ("address", "country", "operator"),
    [
        ("35.180.1.1", "FR", "AWS"),
        ("54.72.1.1", "IE", "AWS"),
        ("163.172.1.1", "FR", "Scaleway"),
        ("2001:41d0::1", "FR", "OVH"),
        ("104.16.1.1", None, "Cloudflare~"),
        ("127.0.0.1", "", ""),
        ("10.1.2.3", "", ""),
    ],
)
def test_it_knows_the_usual_places(address: str, country: str | None, operator: str) -> None:
    snapshot = builtin()
    assert snapshot.operators.find(ip_address(address)) == operator
    assert country is None or snapshot.countries.find(ip_address(address)) == country


def test_it_says_where_it_is_from() -> None:
    for layer in (builtin().head.countries, builtin().head.operators):
        assert layer.source.licence == "CC BY 4.0"
        assert "DB-IP" in layer.source.attribution
        assert layer.source.rows >= 10_000
