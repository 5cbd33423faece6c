import hashlib
import json
import stat
from pathlib import Path

import pytest

from gateway import keys
from gateway.cli import exits
from gateway.cli.key import client_key
from gateway.cli.main import main


def test_a_client_key_and_its_line() -> None:
    key, line = client_key(lambda size: "x" * size)
    assert key == "hgk_" + "x" * 32
    assert line == "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def test_key_new_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new"]) == exits.OK
    first, second = capsys.readouterr().out.splitlines()
    key = first.split()[-1]
    assert second.endswith(f'key: "sha256:{hashlib.sha256(key.encode()).hexdigest()}"')
    assert len(key) == 47
    main(["key", "new"])
    assert key not in capsys.readouterr().out


def test_key_new_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new", "--json"]) == exits.OK
    made = json.loads(capsys.readouterr().out)
    assert made["rule"] == "sha256:" + hashlib.sha256(made["key"].encode()).hexdigest()


def test_a_keyring_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keyring"
    assert main(["key", "new", "--keyring", str(file)]) == exits.OK
    line = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.read(file).derive("t", "u") == keys.load(line).derive("t", "u")
    assert main(["key", "new", "--keyring", str(file), "--json"]) == exits.FAILED
    assert file.read_bytes() == line
    output = capsys.readouterr()
    assert "exists and is left as it is" in output.err
    assert line.decode().strip() not in output.out + output.err


def test_a_keyring_in_no_directory_is_unavailable(tmp_path: Path) -> None:
    assert main(["key", "new", "--keyring", str(tmp_path / "absent" / "keyring")]) == exits.UNAVAILABLE


def test_a_keyring_is_reported_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new", "--keyring", str(tmp_path / "k"), "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == {"keyring": str(tmp_path / "k")}
