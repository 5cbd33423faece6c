from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import Limits
from gateway.config import load_config
from gateway.configschema import DOCUMENT
from gateway.deployment import Certificates
from gateway.errors import ConfigError
from gateway.http1.head import HeadLimits
from gateway.policy.check import check_paths
from gateway.secret import Missing, Secret, resolve
from gateway.strict.document import read
from gateway.strict.report import Report

CONFIG = """\
listeners:
  - {name: apps, plane: reverse, bind: 127.0.0.1:8080, workers: 4}
upstreams:
  - {name: hubspot-eu, provider: hubspot, url: https://api.hubapi.com, region: EU, operator: AWS, route: {prefix: /hubspot}, credential: {bearer: env:TOKEN}}
  - {name: twilio-ie1, provider: twilio, url: https://api.dublin.ie1.twilio.com, region: IE, route: {host: twilio.internal}}
rules: rules/
plugins: [plugins/]
state: sqlite://state.db
audit: {dir: /var/lib/hushgate/audit}
keyring: file:keyring
admin: {bind: 127.0.0.1:9090}
"""  # noqa: E501 - a flow mapping stays on one line
PACK = """\
provider: {name}
title: T
hosts: [{{name: api.example.com, region: US, operator: X}}]
operations: [{{id: a, call: GET /a}}]
"""
RULES = """\
tenant: acme
instruction: {by: a, ref: b, date: 2026-01-01}
clients: [{id: app, network: 10.0.0.0/8, role: r, purposes: [marketing]}]
views: {r: {}}
rules: [{id: it, access: {providers: [hubspot]}}]
"""
ENVIRON = {"TOKEN": "pat-1", "USER": "me", "PASSWORD": "hunter2"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("hubspot", "twilio"):
        (tmp_path / "plugins" / name).mkdir(parents=True)
        (tmp_path / "plugins" / name / "pack.yaml").write_text(PACK.format(name=name))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    (tmp_path / "keyring").write_text("hushgate-key-v1:abc\n")
    (tmp_path / "keyring").chmod(0o600)
    return tmp_path


def put(home: Path, text: str) -> Path:
    (home / "hushgate.yaml").write_text(text)
    return home / "hushgate.yaml"


def told(home: Path, text: str, environ: dict[str, str] | None = ENVIRON) -> list[str]:
    path = put(home, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_the_file_is_read_with_paths_relative_to_it(home: Path) -> None:
    it = load_config(put(home, CONFIG), ENVIRON)
    assert (it.rules, it.plugins, it.database) == (
        str(home / "rules"),
        (str(home / "plugins"),),
        str(home / "state.db"),
    )
    assert (it.listeners[0].workers, it.audit.dir, it.audit.durability) == (
        4,
        "/var/lib/hushgate/audit",
        "strict",
    )
    assert (it.admin and it.admin.port, it.keyring == "hushgate-key-v1:abc") == (9090, True)
    assert [(u.prefix, u.host, u.operator) for u in it.upstreams] == [
        ("/hubspot", None, "AWS"),
        (None, "twilio.internal", ""),
    ]


def test_the_defaults_are_those_of_the_code(home: Path) -> None:
    it = load_config(put(home, CONFIG), ENVIRON)
    assert (it.limits, it.head_limits, it.max_connections) == (Limits(), HeadLimits(), 4096)
    times = it.timeouts
    assert (times.head, times.body, times.idle, times.connect, times.answer, times.drain) == (
        10,
        60,
        75,
        5,
        60,
        30,
    )


def test_an_absolute_state_has_three_slashes(home: Path) -> None:
    it = load_config(put(home, CONFIG.replace("sqlite://state.db", "sqlite:///var/lib/state.db")), ENVIRON)
    assert (it.state, it.database) == ("sqlite:///var/lib/state.db", "/var/lib/state.db")


@pytest.mark.parametrize(
    ("credential", "header", "value"),
    [
        ("env:TOKEN", "Authorization", "pat-1"),
        ("{bearer: env:TOKEN}", "Authorization", "Bearer pat-1"),
        ("{value: env:TOKEN, header: X-Key}", "X-Key", "pat-1"),
        (
            "{basic: {user: env:USER, password: env:PASSWORD}}",
            "Authorization",
            "Basic " + b64encode(b"me:hunter2").decode(),
        ),
    ],
)
def test_credentials_become_header_values(home: Path, credential: str, header: str, value: str) -> None:
    it = load_config(put(home, CONFIG.replace("{bearer: env:TOKEN}", credential)), ENVIRON)
    assert (it.upstreams[0].credential_header, it.upstreams[0].credential) == (header, value)


def test_secrets_are_hidden_where_they_are_looked_at(home: Path) -> None:
    shown = repr(load_config(put(home, CONFIG), ENVIRON))
    assert "pat-1" not in shown
    assert "hushgate-key" not in shown
    assert shown.count("Secret(hidden)") == 2


def test_without_an_environment_no_secret_is_needed(home: Path) -> None:
    (home / "keyring").unlink()
    it = load_config(put(home, CONFIG), None)
    assert (it.upstreams[0].credential, it.keyring) == (None, "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "plane: reverse",
            "plane: envoy",
            "2:25: found 'envoy' which is not available yet, expected",
        ),
        ("plane: reverse", "plane: intercept", "2:25: found 'intercept' without certificates, expected"),
        ("workers: 4", "mode: proxy", "2:62: found 'mode' of plane 'reverse', expected plane: intercept"),
        ("workers: 4", "mode: sideways", "2:62: found 'sideways', expected proxy, transparent, socks5"),
        ("workers: 4", "others: pass", "2:64: found 'pass', expected one of refuse, tunnel"),
        ("workers: 4", "workers: 0", "2:65: found '0', expected auto, or a whole number from 1 to 256"),
        ("bearer: env:TOKEN", "bearer: pat-1", "4:147: found a text that is not shown, expected a reference"),
        ("env:TOKEN", "env:TOKN", "4:147: found the environment variable TOKN, which is not set, expected"),
        ("file:keyring", "file:kering", "10:10: found the file "),
        (
            "provider: twilio",
            "provider: twillio",
            "5:34: found unknown provider 'twillio', expected a provider",
        ),
        ("https://api.dub", "http://api.dub", "5:47: found 'http://api.dublin.ie1.twilio.com' without TLS"),
        ("{host: twilio.internal}", "{prefix: /hubspot/}", "5:110: found the route '/hubspot/' again"),
        (
            "{host: twilio.internal}",
            "{host: a, prefix: /b}",
            "5:101: found 'prefix' and 'host', expected exactly",
        ),
        ("name: twilio-ie1", "name: hubspot-eu", "5:12: found upstream 'hubspot-eu' again (first in line 4)"),
        (
            "state: sqlite://",
            "state: redis://:pw@",
            "8:8: found a user or password, which stand in 'user' and 'password' by reference, expected",
        ),
        ("127.0.0.1:9090", "127.0.0.1:8080", "11:15: found '127.0.0.1:8080' again (first in line 2)"),
        ("rules: rules/", "rules: rule/", "6:8: found 'rule/', which is no folder"),
        ("[plugins/]", "[plugin/, plugins]", "7:11: found 'plugin/', which is no folder"),
        (
            "operator: AWS",
            "tenants: [acmee]",
            "4:94: found unknown tenant 'acmee', expected a tenant with a rule",
        ),
        ("workers: 4", "tls: {cert: c, key: k}", "2:68: found 'c', which is no file"),
        ("admin:", "admn:", "11:1: found unknown key 'admn', expected a key of hushgate.yaml"),
        ("admin:", "limits: {body: 10MB}\nadmin:", "11:16: found '10MB', expected a size"),
    ],
)
def test_every_mistake_has_its_place(home: Path, old: str, new: str, message: str) -> None:
    assert CONFIG.count(old) == 1
    problems = told(home, CONFIG.replace(old, new))
    assert problems[0].startswith(message)
    assert not any("pat-1" in problem or ":pw@" in problem for problem in problems)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"])
def test_plain_http_stays_on_this_machine(home: Path, url: str) -> None:
    text = CONFIG.replace("https://api.hubapi.com", f"'{url}'")
    assert load_config(put(home, text), ENVIRON).upstreams[0].url == url


def test_plain_http_is_judged_by_the_address_connected_to(home: Path) -> None:
    text = CONFIG.replace("https://api.hubapi.com", "http://localhost:1, connect: [192.0.2.1]")
    assert "without TLS" in told(home, text)[0]


def test_tenants_apart_may_share_a_route(home: Path) -> None:
    (home / "rules" / "bob.yaml").write_text("")
    text = CONFIG.replace("operator: AWS", "tenants: [acme]")
    text = text.replace("route: {host: twilio.internal}", "tenants: [bob], route: {prefix: /hubspot}")
    assert len(load_config(put(home, text), ENVIRON).upstreams) == 2
    assert "the route '/hubspot' again" in told(home, text.replace("[bob]", "[bob, acme]"))[0]


@pytest.mark.parametrize("secret", ["a\nb", "a\r", "a\n\n", " a", "é", "a\x00"])
def test_a_credential_is_one_line_of_ascii(home: Path, secret: str) -> None:
    [problem] = told(home, CONFIG, {"TOKEN": secret})
    assert problem.startswith("4:147: found a secret with line ends or other unprintable signs")


def test_references_that_lead_nowhere_say_why(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "large").write_text("x" * 70_000)
    assert resolve("file:empty", {}, tmp_path) == Missing(f"the file {tmp_path}/empty, which is empty")
    assert isinstance(resolve("file:bytes", {}, tmp_path), Missing)
    assert isinstance(resolve("file:large", {}, tmp_path), Missing)
    assert isinstance(resolve("file:none", {}, tmp_path), Missing)
    assert resolve("env:A", {"A": "x\r\n"}, tmp_path) == Secret("x")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a file that cannot be read"):
        load_config(tmp_path / "none.yaml", {})


def test_everything_is_checked_in_one_go(home: Path) -> None:
    assert check_paths(put(home, CONFIG), None, None) == []
    assert check_paths(None, home / "rules" / "acme.yaml", home / "plugins") == []
    (home / "rules" / "acme.yaml").write_text(RULES.replace("hubspot", "hubspott"))
    [problem] = check_paths(home / "hushgate.yaml", None, None)
    assert (Path(problem.file).name, problem.line, problem.nearest) == ("acme.yaml", 5, "hubspot")
    (home / "plugins" / "twilio" / "pack.yaml").write_text("provider: twilio")
    files = {Path(p.file).name for p in check_paths(home / "hushgate.yaml", None, None)}
    # a rule's names are not judged by packs that cannot be read
    assert files == {"pack.yaml"}
    put(home, CONFIG.replace("admin", "admn"))
    (home / "rules" / "acme.yaml").write_text(RULES.replace("views", "vews"))
    files = {Path(p.file).name for p in check_paths(home / "hushgate.yaml", home / "rules", home / "plugins")}
    assert files == {"hushgate.yaml", "pack.yaml", "acme.yaml"}


@given(st.integers(0, len(CONFIG)), st.integers(0, 30), st.text("ab: {}[]-,'\"/\n", max_size=6))
def test_a_damaged_file_gives_a_draft_or_problems(start: int, length: int, put_in: str) -> None:
    report = Report("hushgate.yaml")
    root = read((CONFIG[:start] + put_in + CONFIG[start + length :]).encode(), report)
    try:
        assert DOCUMENT.take(root, report)
    except ConfigError as error:
        assert error.problems


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o700])
def test_a_keyring_that_others_can_read_is_refused(home: Path, mode: int) -> None:
    (home / "keyring").chmod(mode)
    [problem] = told(home, CONFIG)
    assert f"a keyring of mode {mode:04o}, expected mode 0600" in problem


# ---- certificates ----------------------------------------

PIN = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
SECURE = (
    CONFIG.replace(
        "route: {prefix: /hubspot},",
        "route: {prefix: /hubspot}, pins: [" + PIN + "],"
        " client_certificate: {cert: c.pem, key: c.key, passphrase: env:OPENS},",
    )
    + "certificates: {dir: certs, passphrase: file:opens, validity: 12h, cache: 50}\n"
)


@pytest.fixture
def secure(home: Path) -> Path:
    (home / "certs").mkdir(0o700)
    for name in ("c.pem", "c.key", "opens"):
        (home / name).write_text("a long passphrase\n")
        (home / name).chmod(0o600)
    return home


OPENS = {**ENVIRON, "OPENS": "open sesame"}


def test_certificates_and_pins(secure: Path) -> None:
    it = load_config(put(secure, SECURE), OPENS)
    up = it.upstreams[0]
    assert (up.client_cert, up.client_key) == (str(secure / "c.pem"), str(secure / "c.key"))
    assert (up.client_passphrase, up.pins) == ("open sesame", (PIN,))
    assert it.certificates == Certificates(str(secure / "certs"), 12 * 3600, 50, Secret("a long passphrase"))
    assert "sesame" not in repr(it) and "a long" not in repr(it)
    assert it.upstreams[1].client_cert is None and it.upstreams[1].pins == ()


def test_without_an_environment_no_certificate_is_needed(home: Path) -> None:
    it = load_config(put(home, SECURE), None)
    assert it.certificates == Certificates(str(home / "certs"), 12 * 3600, 50)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("validity: 12h", "validity: 5m", "found '5m', expected a duration from 10m to 720h"),
        ("validity: 12h", "validity: 721h", "found '721h', expected a duration"),
        ("cache: 50", "cache: 0", "found '0', expected a whole number from 1"),
        ("cache: 50", "cache: 100001", "found '100001', expected a whole number from 1"),
        ("dir: certs", "dir: cert", "which is no folder, expected a folder that `hushgate ca init` made"),
        ("passphrase: file:opens", "passphrase: opens", "a text that is not shown, expected a reference"),
        (PIN, PIN.replace("//", ":"), "expected a pin such as sha256//"),
        (", key: c.key", "", "expected"),
        ("key: c.key", "key: d.key", "'d.key', which is no file"),
        ("env:OPENS", "env:OPEN", "the environment variable OPEN, which is not set"),
        ("https://api.hubapi.com", "http://127.0.0.1", "without TLS, expected https://, as pins"),
    ],
)
def test_mistakes_about_certificates(secure: Path, old: str, new: str, message: str) -> None:
    assert old in SECURE
    [problem] = told(secure, SECURE.replace(old, new), OPENS)
    assert message in problem


@pytest.mark.parametrize(("file", "what"), [("c.key", "key"), ("opens", "passphrase")])
def test_a_key_that_others_can_read_is_refused(secure: Path, file: str, what: str) -> None:
    (secure / file).chmod(0o644)
    [problem] = told(secure, SECURE, OPENS)
    assert f"a {what} of mode 0644, expected mode 0600" in problem
