"""Who is calling: exactly one client, by every means it is configured with, or nobody."""

from hashlib import sha256

import pytest

from gateway.model import Client
from gateway.policy.identity import Directory, Identity, Peer


def client(name: str, key: str = "", san: str = "", *networks: str) -> Identity:
    digest = sha256(key.encode()).hexdigest() if key else None
    return Identity("acme", Client(id=name, role="r", key=digest, san=san or None, networks=networks))


DIRECTORY = Directory(
    [
        client("keyed", "k-1"),
        client("keyed at home", "k-2", "", "10.0.0.0/8", "2001:db8::/32"),
        client("certified", "", "app.example"),
        client("certified at home", "", "home.example", "10.0.0.0/8"),
        client("both", "k-3", "both.example"),
        client("near", "", "", "192.0.2.0/25"),
        client("one of two", "", "", "198.51.100.0/24"),
        client("two of two", "", "", "198.51.100.0/25"),
        client("same key", "k-4", "", "10.0.0.0/8"),
        client("same key elsewhere", "k-4", "", "192.0.2.0/24"),
        client("shared", "k-5"),
        client("shared too", "k-5"),
    ]
)


@pytest.mark.parametrize(
    ("key", "address", "sans", "name"),
    [
        (b"k-1", "203.0.113.1", (), "keyed"),
        (b"k-1", "not an address", (), "keyed"),
        (b"k-1 ", "203.0.113.1", (), None),
        (b"", "192.0.2.1", (), None),
        (b"wrong", "192.0.2.1", ("app.example",), None),
        (b"k-2", "10.1.2.3", (), "keyed at home"),
        (b"k-2", "::ffff:10.1.2.3", (), "keyed at home"),
        (b"k-2", "2001:db8::7%eth0", (), "keyed at home"),
        (b"k-2", "11.1.2.3", (), None),
        (b"k-2", "", (), None),
        (None, "203.0.113.1", ("app.example",), "certified"),
        (None, "203.0.113.1", ("other.example", "app.example"), "certified"),
        (None, "203.0.113.1", ("APP.example",), None),
        (None, "10.0.0.1", ("home.example",), "certified at home"),
        (None, "203.0.113.1", ("home.example",), None),
        (None, "10.0.0.1", ("home.example", "app.example"), None),
        (b"k-3", "203.0.113.1", ("both.example",), "both"),
        (b"k-3", "203.0.113.1", (), None),
        (None, "203.0.113.1", ("both.example",), None),
        (b"k-1", "203.0.113.1", ("app.example",), None),
        (b"k-1", "203.0.113.1", ("unknown.example",), "keyed"),
        (b"k-3", "203.0.113.1", ("both.example", "app.example"), "both"),
        (None, "192.0.2.1", (), "near"),
        (None, "::ffff:192.0.2.1", (), "near"),
        (None, "192.0.2.200", (), None),
        (None, "198.51.100.1", (), None),
        (None, "198.51.100.200", (), "one of two"),
        (b"k-4", "10.0.0.1", (), "same key"),
        (b"k-4", "192.0.2.1", (), "same key elsewhere"),
        (b"k-5", "10.0.0.1", (), None),
        (None, "203.0.113.1", (), None),
    ],
)
def test_who_is_calling(key: bytes | None, address: str, sans: tuple[str, ...], name: str | None) -> None:
    found = DIRECTORY.identify(key, Peer(address, sans))
    assert (found.client.id if found else None) == name


def test_a_client_without_any_means_is_nobody() -> None:
    assert Directory([client("bare")]).identify(None, Peer("10.0.0.1")) is None
