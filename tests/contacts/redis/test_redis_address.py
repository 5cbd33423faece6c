import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.redisaddress import Address, Misread, Shared, is_shared, read


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://cache", Address("single", (("cache", 6379),))),
        ("redis://10.0.0.1:6380/3", Address("single", (("10.0.0.1", 6380),), database=3)),
        ("rediss://[::1]:6380/0", Address("single", (("::1", 6380),), tls=True)),
        (
            "redis+sentinel://a,b:26380/mymaster",
            Address("sentinel", (("a", 26379), ("b", 26380)), service="mymaster"),
        ),
        ("rediss+sentinel://a/m/2", Address("sentinel", (("a", 26379),), tls=True, database=2, service="m")),
        ("redis+cluster://a,b:7000", Address("cluster", (("a", 6379), ("b", 7000)))),
        ("rediss+cluster://a", Address("cluster", (("a", 6379),), tls=True)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert is_shared(text)
    assert read(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://a", "scheme"),
        ("redis:a", "scheme"),
        ("redis://", "hosts"),
        ("redis://a,a", "hosts"),
        ("redis://a,b", "several hosts"),
        ("redis://a:0", "hosts"),
        ("redis://a:65536", "hosts"),
        ("redis://a/x", "number of a database"),
        ("redis://a/1024", "number of a database"),
        ("redis://user:hunter2@a", "user or password"),
        ("redis://a/0?ssl=true", "options"),
        ("redis+cluster://a/0", "one database"),
        ("redis+sentinel://a", "no service"),
        ("redis+sentinel://a/m/x", "/service/database"),
    ],
)
def test_what_is_no_address_is_told_without_its_text(text: str, why: str) -> None:
    found = read(text)
    assert isinstance(found, Misread) and why in found.why
    assert "hunter2" not in found.why


@given(st.text(max_size=60) | st.from_regex(r"rediss?(\+cluster|\+sentinel)?://[a-c:,/0-9\[\]]{0,12}"))
def test_any_text_is_read_or_misread(text: str) -> None:
    found = read(text)
    assert isinstance(found, Misread) or (found.nodes and all(0 < port < 65536 for _, port in found.nodes))


def test_servers_that_fail_over_must_have_a_copy() -> None:
    single, cluster = Address("single", (("a", 1),)), Address("cluster", (("a", 1),))
    assert (Shared(single).copies, Shared(cluster).copies, Shared(cluster, replicas=0).copies) == (0, 1, 0)
