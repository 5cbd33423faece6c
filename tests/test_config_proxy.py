"""The proxy of a deployment file: a default, an upstream's own, none."""

from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.parent import Parent
from tests.test_config import CONFIG, ENVIRON, home

__all__ = ("home",)

FULL = "{url: https://proxy.test:3129, credential: {basic: {user: env:USER, password: env:PASSWORD}}}"
DEFAULT = Parent("proxy.test", 3128)
OWN = Parent("proxy.test", 3129, tls=True, authorization="Basic bWU6aHVudGVyMg==")


def config(home: Path, *, default: str = "", own: str = "", url: str = "") -> Path:
    text = CONFIG + (f"proxy: {default}\n" if default else "")
    text = text.replace("route: {host: twilio.internal}", f"route: {{host: twilio.internal}}{own}")
    (home / "hushgate.yaml").write_text(
        text.replace("https://api.dublin.ie1.twilio.com", url) if url else text
    )
    return home / "hushgate.yaml"


def parents(file: Path) -> list[Parent | None]:
    """Of what is tunnelled, and of both upstreams."""
    read = load_config(file, ENVIRON)
    return [read.parent, *(upstream.parent for upstream in read.upstreams)]


def test_upstreams_have_the_default_their_own_or_none(home: Path) -> None:
    assert parents(config(home)) == [None, None, None]
    assert parents(config(home, default="http://proxy.test:3128")) == [DEFAULT] * 3
    assert parents(config(home, default="http://proxy.test:3128", own=f", proxy: {FULL}")) == [
        DEFAULT,
        DEFAULT,
        OWN,
    ]
    assert parents(config(home, default=FULL, own=", proxy: direct")) == [OWN, OWN, None]
    assert parents(config(home, own=", proxy: http://proxy.test:3128")) == [None, None, DEFAULT]


def test_what_stands_on_this_machine_needs_none(home: Path) -> None:
    here = "http://127.0.0.1:9000"
    assert parents(config(home, default="http://proxy.test:3128", url=here)) == [DEFAULT, DEFAULT, None]
    with pytest.raises(ConfigError, match="loopback"):
        parents(config(home, url=here, own=", proxy: http://proxy.test:3128"))


def test_no_secret_is_shown(home: Path) -> None:
    assert "hunter2" not in repr(load_config(config(home, default=FULL), ENVIRON))
    assert "aHVudGVyMg" not in repr(load_config(config(home, default=FULL), ENVIRON))


@pytest.mark.parametrize(
    "bad",
    [
        "http://me:hunter2@proxy.test:3128",
        "socks5://proxy.test:1080",
        "http://proxy.test",
        "http://proxy.test:3128/path",
        "direct",
        "{url: http://proxy.test:3128, credential: hunter2}",
        "{url: http://proxy.test:3128, credential: {bearer: hunter2}}",
        "{url: http://proxy.test:3128, credential: {bearer: env:MISSING}}",
        "{url: http://proxy.test:3128, ca: missing.pem}",
        "{}",
    ],
)
def test_what_is_no_proxy(home: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parents(config(home, default=bad))
    assert "hunter2" not in str(caught.value)
