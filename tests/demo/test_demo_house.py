"""What the tour writes is what the gateway reads."""

import hashlib
import re
from pathlib import Path

from gateway import keys
from gateway.config import load_config
from gateway.contacts.normalise import normalise
from gateway.contacts.sqlite import SqliteRegistry
from gateway.demo.house import CLIENTS, CONSENTING, SECRETS, SUPPRESSED, House, furnish, shipped_rules
from gateway.policy.identity import Directory, Identity, Peer
from gateway.policy.rulefile import read_rules

URLS = {"hubspot": "http://127.0.0.1:1", "hubspot-us": "http://127.0.0.2:2", "twilio": "http://127.0.0.3:3"}
URLS["replies"] = "http://127.0.0.1:4"


def _furnished(folder: Path) -> House:
    return furnish(folder, URLS, "127.0.0.1:8080", "127.0.0.1:9090")


def test_configuration_is_accepted_with_the_secrets_and_only_with_them(tmp_path: Path) -> None:
    house = _furnished(tmp_path)
    config = load_config(house.config, SECRETS)
    assert {u.name: u.url for u in config.upstreams} == {
        "hubspot-fr": URLS["hubspot"],
        "hubspot-us": URLS["hubspot-us"],
        "twilio-ie": URLS["twilio"],
    }
    assert not any(secret in house.config.read_text() for secret in SECRETS.values())


def test_every_client_is_known_by_its_key_and_nobody_by_a_shipped_one(tmp_path: Path) -> None:
    house = _furnished(tmp_path)
    file = house.folder / "rules/demo.yaml"
    policy = read_rules(file.read_bytes(), str(file))
    directory = Directory(Identity(policy.tenant, client) for client in policy.clients)
    for name, key in house.keys.items():
        found = directory.identify(key.encode(), Peer("127.0.0.1"))
        assert found
        assert found.client.id == name
    shipped = set(re.findall(r"sha256:(\w+)", shipped_rules()))
    assert len(shipped) == len(CLIENTS)
    assert not shipped & {c.key for c in policy.clients}
    assert {hashlib.sha256(k.encode()).hexdigest() for k in house.keys.values()} == {
        c.key for c in policy.clients
    }


def test_registry_knows_the_suppressed_and_the_consenting(tmp_path: Path) -> None:
    house = _furnished(tmp_path)
    pseudonymise = keys.read(house.folder / "keyring").pseudonymiser("demo")
    people = [
        ("phone", SUPPRESSED.mobilephone),
        ("email", SUPPRESSED.email),
        ("phone", CONSENTING.mobilephone),
    ]
    registry = SqliteRegistry(house.folder / "state.db")
    named = [pseudonymise(kind, normalise(kind, value, None) or "") for kind, value in people]  # type: ignore[arg-type]  # literal kinds
    first, second, third = registry.standings("demo", named)
    registry.close()
    assert first.suppressions
    assert second.suppressions
    assert not third.suppressions
    assert third.consents[0].state == "granted"


def test_two_tours_share_no_key(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _furnished(tmp_path / "a"), _furnished(tmp_path / "b")
    assert not set(first.keys.values()) & set(second.keys.values())
    assert (first.folder / "keyring").read_bytes() != (second.folder / "keyring").read_bytes()
    assert (first.folder / "keyring").stat().st_mode & 0o777 == 0o600


def test_the_forward_proxy_is_in_the_configuration_where_there_is_one(tmp_path: Path) -> None:
    house = furnish(tmp_path, URLS, "127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:3128")
    config = load_config(house.config, SECRETS)
    assert [(it.name, it.plane) for it in config.listeners] == [("apps", "reverse"), ("proxy", "intercept")]
    assert {u.host for u in config.upstreams if u.host} == {"api.hubapi.com", "api.twilio.com"}
    first = house.trust.read_bytes()
    assert b"BEGIN CERTIFICATE" in first
    furnish(tmp_path, URLS, "127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:3128")
    assert house.trust.read_bytes() == first
