"""`hushgate wireguard`: keys in a file nobody else reads, and what clients get."""

import json
from pathlib import Path

import pytest

from gateway import wireguard
from gateway.cli.main import main
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.service import interception
from tests.test_config import CONFIG, ENVIRON, home

__all__ = ("home",)


def test_a_client_is_let_in_and_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wg"
    assert main(["wireguard", "init", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["wireguard", "init", str(file)]) == 1, "never over another"
    capsys.readouterr()
    assert main(["wireguard", "add", str(file), "laptop", "--endpoint", "gw.example:51820"]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    lines = dict(line.split(" = ") for line in capsys.readouterr().out.splitlines() if " = " in line)
    held = wireguard.load(file)
    assert wireguard.public_key(lines["PrivateKey"]) == held.clients["laptop"].public_key
    assert lines["PublicKey"] == wireguard.public_key(held.private)
    assert (lines["Endpoint"], lines["AllowedIPs"]) == ("gw.example:51820", "0.0.0.0/0, ::/0")
    assert lines["PrivateKey"] not in file.read_text(), "kept nowhere"

    assert main(["wireguard", "show", str(file), "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["clients"]["laptop"]["addresses"] == ["10.77.0.2", "fd77::2"]
    assert held.private not in shown + repr(held)
    assert main(["wireguard", "remove", str(file), "laptop"]) == 0
    assert wireguard.load(file).clients == {}


def test_addresses_are_given_once(tmp_path: Path) -> None:
    file = tmp_path / "wg"
    wireguard.create(file)
    numbers = [wireguard.add(file, name)[1].number for name in ("a", "b", "c")]
    wireguard.remove(file, "a")
    assert [*numbers, wireguard.add(file, "a")[1].number] == [2, 3, 4, 5]


@pytest.mark.parametrize("name", ["laptop", "Laptop", "", "a b", "../x"])
def test_names_are_new_and_plain(tmp_path: Path, name: str) -> None:
    file = tmp_path / "wg"
    wireguard.create(file)
    wireguard.add(file, "laptop")
    with pytest.raises(ConfigError, match="new name"):
        wireguard.add(file, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"private_key": "c2VjcmV0", "clients": {}}',
        '{"private_key": "KEY", "clients": {"a": {"public_key": "c2VjcmV0", "number": 2}}}',
        '{"private_key": "KEY", "clients": {"a": {"public_key": "KEY", "number": 1}}}',
        '{"private_key": "KEY", "clients": {}, "more": 1}',
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wg"
    wireguard.create(file)
    key = wireguard.load(file).private
    file.write_text(text.replace("KEY", key))
    with pytest.raises(ConfigError) as caught:
        wireguard.load(file)
    assert "c2VjcmV0" not in str(caught.value) and key not in str(caught.value)


# ---- the deployment file ----------------------------------------


def config(home: Path, listener: str) -> Path:
    (home / "ca").mkdir(exist_ok=True)
    text = CONFIG + "certificates: {dir: ca}\n"
    first = "  - {name: apps, plane: reverse, bind: 127.0.0.1:8080, workers: 4}"
    assert first in text
    (home / "hushgate.yaml").write_text(text.replace(first, f"  - {{name: it, {listener}}}"))
    return home / "hushgate.yaml"


def test_the_mode_names_its_file(home: Path) -> None:
    wireguard.create(home / "wg")
    file = config(home, "plane: intercept, mode: wireguard:wg, bind: 0.0.0.0:51820, workers: 1")
    how = load_config(file, ENVIRON).listeners[0].interception
    assert how is not None and how.mode == f"wireguard:{home / 'wg'}"
    (home / "wg").chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640"):
        load_config(file, ENVIRON)
    (home / "wg").unlink()
    with pytest.raises(ConfigError, match="wg"):
        load_config(file, ENVIRON)


def test_a_tunnel_ends_in_one_process(home: Path) -> None:
    wireguard.create(home / "wg")
    file = config(home, "plane: intercept, mode: wireguard:wg, bind: 0.0.0.0:51820, workers: 2")
    with pytest.raises(ConfigError, match="workers: 1"):
        load_config(file, ENVIRON)


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        ("mode: wireguard:wg, workers: 1", ""),
        ("mode: 'reverse:https://api.example.com', workers: 1", ""),
        ("mode: 'reverse:https://api.example.com', workers: 2", ""),
        ("mode: wireguard:wg, workers: 2", "workers: 1"),
        ("mode: transparent, workers: 1", "mode wireguard or reverse"),
        ("workers: 1", "mode wireguard or reverse"),
    ],
)
def test_where_http3_can_be_had(home: Path, how: str, wrong: str) -> None:
    wireguard.create(home / "wg")
    file = config(home, f"plane: intercept, {how}, quic: intercept, bind: 127.0.0.1:8443")
    if wrong:
        with pytest.raises(ConfigError, match=wrong):
            load_config(file, ENVIRON)
    else:
        how_read = load_config(file, ENVIRON).listeners[0].interception
        assert how_read is not None and how_read.quic == "intercept"


def test_certificates_over_http3_need_what_asks_for_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing starts where applications would be let in without being asked."""
    pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")
    for name in ("c.pem", "k.pem", "ca.pem"):
        (home / name).touch()
    how = "plane: intercept, mode: 'reverse:https://api.example.com', quic: intercept, bind: 127.0.0.1:8443"
    file = config(home, how + ", workers: 2, tls: {cert: c.pem, key: k.pem, client_ca: ca.pem}")
    monkeypatch.setattr("gateway.planes.intercept.quic.can_ask", lambda: False)
    with pytest.raises(ConfigError, match="cannot ask for certificates"):
        interception.check(load_config(file, ENVIRON))
