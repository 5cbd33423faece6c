"""`inbound` and `unsubscribe` of the deployment file: read, with their secrets; every mistake told."""

import re
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.deployment import Config
from gateway.errors import ConfigError
from gateway.policy.check import check_paths
from gateway.webhooks.signing import Signing

BASE = """\
listeners: [{name: apps, plane: reverse, bind: "127.0.0.1:0"}]
upstreams:
  - {name: tw, provider: twilio, url: https://api.twilio.com, region: US, route: {prefix: /twilio}}
rules: rules
state: sqlite://state.db
audit: {dir: audit}
keyring: env:KEYRING
"""
INBOUND = """\
inbound:
  - name: sms
    tenant: acme
    client: app
    provider: twilio
    webhooks: [messages.received, messages.status]
    route: {prefix: /in/twilio}
    public_url: https://hooks.acme.example/in/twilio
    verify: {scheme: twilio, secret: [env:NEW, env:OLD]}
    forward: {url: "http://127.0.0.1:9000/app", region: FR, operator: OVH, credential: env:OLD}
    sign: {scheme: hmac, secret: env:OURS, header: X-Sign, timestamp: X-Time, signed: "{timestamp}.{body}",
           max_age: 1m, url: "http://127.0.0.1:9000/app"}
    department: campaigns
unsubscribe: {route: {prefix: /u}, public_url: https://hooks.acme.example/u}
"""
ENVIRON = {"KEYRING": "x", "NEW": "new", "OLD": "old", "OURS": "ours"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text("tenant: acme")
    return tmp_path


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    file = folder / "hushgate.yaml"
    file.write_text(BASE + text)
    return load_config(file, ENVIRON if environ is None else environ)


def told(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environ)
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_it_is_read_with_its_secrets(folder: Path) -> None:
    config = load(folder, INBOUND)
    [route] = config.inbound
    assert (route.name, route.provider, route.tenant, route.client) == ("sms", "twilio", "acme", "app")
    assert route.webhooks == ("messages.received", "messages.status")
    assert route.verify == Signing("twilio", ("new", "old"))
    assert route.sign == Signing(
        "hmac", ("ours",), "X-Sign", signed="{timestamp}.{body}", timestamp="X-Time", max_age=60.0
    )
    assert (route.public_url, route.sign_url) == (
        "https://hooks.acme.example/in/twilio",
        "http://127.0.0.1:9000/app",
    )
    assert (route.upstream.url, route.upstream.prefix) == ("http://127.0.0.1:9000/app", "/in/twilio")
    assert (route.upstream.credential, route.department, route.line) == ("old", "campaigns", 9)
    assert config.unsubscribe is not None
    assert config.unsubscribe.prefix == "/u"


def test_without_it_nothing_comes_in(folder: Path) -> None:
    config = load(folder, "")
    assert (config.inbound, config.unsubscribe) == ((), None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("tenant: acme", "tenant: acmee", "unknown tenant 'acmee'.*did you mean 'acme'"),
        ("provider: twilio\n    webh", "provider: twilo\n    webh", "unknown provider 'twilo'"),
        ("name: sms", "name: tw", "'tw' again"),
        ("prefix: /in/twilio", "prefix: /twilio", "the route '/twilio' again"),
        ("prefix: /u}", "prefix: /in/twilio}", "the route '/in/twilio' again"),
        ("scheme: twilio", "scheme: twillio", "did you mean 'twilio'"),
        ("scheme: hmac", "scheme: twilio", "beside 'scheme: twilio'"),
        ("{timestamp}.{body}", "{timestamp}", "signed without the body"),
        ("{timestamp}.{body}", "{body}", "'timestamp' that is not signed"),
        ("{timestamp}.{body}", "{timestamp}.{id}.{body}", "in what is signed"),
        ('http://127.0.0.1:9000/app", region', 'http://10.0.0.1/app", region', "without TLS"),
        ("webhooks: [messages.received, messages.status]", "webhooks: []", "an empty list"),
        ("    public_url", "    publik_url", "did you mean 'public_url'"),
    ],
)
def test_a_mistake_is_told_where_it_stands(folder: Path, old: str, new: str, problem: str) -> None:
    assert old in INBOUND
    assert re.search(problem, told(folder, INBOUND.replace(old, new, 1)))


def test_a_secret_that_is_not_there_is_told(folder: Path) -> None:
    assert "environment variable OURS" in told(folder, INBOUND, {**ENVIRON, "OURS": ""})


def test_a_route_that_leads_nowhere_is_told_by_check(folder: Path) -> None:
    (folder / "rules" / "acme.yaml").write_text(
        "tenant: acme\ninstruction: {by: a, ref: b, date: 2026-01-01}\n"
        "clients: [{id: apps, network: 10.0.0.0/8, role: r, purposes: [marketing]}]\nviews: {r: {}}\n"
    )
    file = folder / "hushgate.yaml"
    file.write_text(BASE + INBOUND.replace("messages.status", "messages.statuss"))
    problems = check_paths(file, None, None)
    assert [(p.line, p.found, p.nearest) for p in problems] == [
        (9, "unknown webhook 'messages.statuss'", "messages.status"),
        (9, "unknown client 'app'", "apps"),
    ]
