from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.contacts.redisaddress import Address, Login, Shared
from gateway.errors import ConfigError
from gateway.secret import Secret

CONFIG = """\
listeners:
  - {{name: apps, plane: reverse, bind: 127.0.0.1:8080}}
upstreams:
  - {{name: hubspot-eu, provider: hubspot, url: https://api.hubapi.com, region: EU, route: {{prefix: /hs}}}}
rules: .
state: {state}
audit: {{dir: log/audit}}
keyring: file:keyring
"""
ENVIRON = {"USER": "gateway", "PASSWORD": "hunter2"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, mode in (("keyring", 0o600), ("ca.pem", 0o644), ("cert.pem", 0o644), ("key.pem", 0o600)):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(mode)
    return tmp_path


def put(home: Path, state: str) -> Path:
    (home / "hushgate.yaml").write_text(CONFIG.format(state=state))
    return home / "hushgate.yaml"


def test_a_bare_url_has_the_defaults(home: Path) -> None:
    it = load_config(put(home, "redis://cache:6380/1"), ENVIRON)
    assert it.shared == it.store == Shared(Address("single", (("cache", 6380),), database=1))
    assert (it.state, it.database, it.caches) == ("", "", str(home / "log"))
    assert (it.shared and it.shared.persistence, it.shared and it.shared.staleness) == ("strict", 5.0)


@pytest.mark.parametrize("url", ["redis://cache", "sqlite://state.db"])
def test_ids_alone_are_looked_for_unless_it_is_said_that_there_are_none(home: Path, url: str) -> None:
    assert load_config(put(home, url), ENVIRON).bare
    assert load_config(put(home, f"{{url: '{url}'}}"), ENVIRON).bare
    assert not load_config(put(home, f"{{url: '{url}', bare_record_ids: false}}"), ENVIRON).bare


def test_a_file_stays_a_file(home: Path) -> None:
    it = load_config(put(home, "{url: sqlite://state/state.db, folder: caches}"), ENVIRON)
    assert (it.shared, it.store) == (None, f"sqlite://{home}/state/state.db")
    assert it.caches == str(home / "caches")
    assert load_config(put(home, "sqlite://state/state.db"), ENVIRON).caches == str(home / "state")


def test_every_key_of_a_shared_one(home: Path) -> None:
    state = (
        "{url: rediss+sentinel://a/m, user: env:USER, password: env:PASSWORD, "
        "sentinel_password: env:PASSWORD, "
        "ca: ca.pem, client_cert: cert.pem, client_key: key.pem, staleness: 2s, timeout: 300ms, "
        "persistence: written, replicas: 2}"
    )
    it = load_config(put(home, state), ENVIRON)
    assert it.shared == Shared(
        Address("sentinel", (("a", 26379),), tls=True, service="m"),
        Login(Secret("gateway"), Secret("hunter2")),
        Login(None, Secret("hunter2")),
        ca=str(home / "ca.pem"),
        client_cert=str(home / "cert.pem"),
        client_key=str(home / "key.pem"),
        staleness=2.0,
        timeout=0.3,
        persistence="written",
        replicas=2,
    )
    assert "hunter2" not in repr(it)
    assert load_config(put(home, state), None).shared is not None


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("redis://:hunter2@a", "6:8: found a user or password, which stand in"),
        ("postgres://me:hunter2@a", "6:8: found a text that is not shown, expected sqlite://"),
        ("redis://a,b", "6:8: found several hosts"),
        ("{url: redis://a/x}", "6:14: found a path that is no number of a database"),
        ("{url: redis://a, password: hunter2}", "6:35: found a text that is not shown, expected a reference"),
        (
            "{url: redis://a, password: env:NONE}",
            "6:35: found the environment variable NONE, which is not",
        ),
        ("{url: redis://a, ca: ca.pem}", "6:14: found files for TLS, and a scheme without it"),
        ("{url: rediss://a, ca: none.pem}", "6:30: found 'none.pem', which is no file"),
        ("{url: rediss://a, client_cert: cert.pem}", "6:39: found half of a certificate and key"),
        ("{url: redis://a, sentinel_password: env:PASSWORD}", "6:14: found a login for Sentinel"),
        ("{url: redis://a, staleness: 2m}", "6:36: found '2m', expected a duration from 500ms to 1m"),
        ("{url: redis://a, persistence: strct}", "6:38: found 'strct'"),
        ("{url: sqlite://a, staleness: 2s}", "6:37: found 'staleness' of a file"),
        ("{url: redis://a, stalness: 2s}", "6:25: found unknown key 'stalness'"),
    ],
)
def test_every_mistake_has_its_place_and_no_secret(home: Path, state: str, found: str) -> None:
    path = put(home, state)
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENVIRON)
    (problem,) = [str(one).removeprefix(f"{path}:") for one in caught.value.problems]
    assert problem.startswith(found)
    assert "hunter2" not in problem


def test_a_key_that_others_may_read_is_a_problem(home: Path) -> None:
    (home / "key.pem").chmod(0o644)
    path = put(home, "{url: rediss://a, client_cert: cert.pem, client_key: key.pem}")
    with pytest.raises(ConfigError, match="mode 0644"):
        load_config(path, ENVIRON)
