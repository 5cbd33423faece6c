"""`hushgate oneclick`: a link that this gateway answers, with nobody's address in it."""

import json
from pathlib import Path

import pytest

from gateway import clock, keys
from gateway.cli import exits
from gateway.cli.main import main
from gateway.webhooks.links import read

CONFIG = """\
listeners: [{name: apps, plane: reverse, bind: "127.0.0.1:0"}]
upstreams: [{name: tw, provider: twilio, url: https://api.twilio.com, region: US, route: {prefix: /twilio}}]
rules: rules
state: sqlite://state.db
audit: {dir: audit}
keyring: file:keyring
"""
CLICKS = "unsubscribe: {route: {prefix: /u}, public_url: https://hooks.acme.example/u}\n"
RULES = """\
tenant: acme
instruction: {by: a, ref: b, date: 2026-01-01}
country: FR
clients: [{id: app, network: 10.0.0.0/8, role: r, purposes: [marketing]}]
views: {r: {}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    (tmp_path / "keyring").write_bytes(keys.generate())
    (tmp_path / "keyring").chmod(0o600)
    file = tmp_path / "hushgate.yaml"
    file.write_text(CONFIG + CLICKS)
    return file


def test_a_link_is_minted_for_a_person(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["oneclick", "A@b.fr", "-c", str(config), "--tenant", "acme", "--sender", "news", "--json"]
    assert main(given) == exits.OK
    made = json.loads(capsys.readouterr().out)
    assert made["headers"] == {
        "List-Unsubscribe": f"<{made['url']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    ring = keys.read(config.parent / "keyring")
    base, _, token = made["url"].rpartition("/")
    assert base == "https://hooks.acme.example/u"
    link = read(token, lambda tenant: ring.derive(tenant, "unsubscribe"), clock.now())
    assert link.subject == ring.pseudonymiser("acme")("email", "a@b.fr")
    assert (link.channel, link.purpose, link.sender) == ("email", None, "news")
    assert 399 < (link.until - clock.now()) / 86_400 <= 400


def test_a_number_of_the_tenants_country(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["oneclick", "06 39 98 00 01", "-c", str(config), "--tenant", "acme", "--channel", "sms"]
    assert main(given) == exits.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"List-Unsubscribe: <{lines[0]}>"


@pytest.mark.parametrize("value", ["", "nobody"])
def test_what_is_no_identifier_has_no_link(config: Path, value: str) -> None:
    assert main(["oneclick", value, "-c", str(config), "--tenant", "acme"]) == exits.USAGE


def test_without_a_place_or_a_tenant_there_is_none(config: Path) -> None:
    assert main(["oneclick", "a@b.fr", "-c", str(config), "--tenant", "other"]) == exits.USAGE
    config.write_text(CONFIG)
    assert main(["oneclick", "a@b.fr", "-c", str(config), "--tenant", "acme"]) == exits.USAGE
