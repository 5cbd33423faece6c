import hashlib
import json
import os
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


def test_rotation_adds_an_epoch_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keyring"
    main(["key", "new", "--keyring", str(file)])
    first = file.read_bytes()
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.OK
    assert file.read_bytes().startswith(first)
    assert main(["key", "rotate", "--keyring", str(file), "--json"]) == exits.OK
    assert keys.read(file).epochs == (1, 2, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["keyring"]
    output = capsys.readouterr().out
    assert json.loads(output.splitlines()[-1]) == {"keyring": str(file), "epoch": 3}
    assert first.decode().strip() not in output


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_rotation_keeps_the_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keyring"
    main(["key", "new", "--keyring", str(file)])
    file.chmod(mode)
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.OK
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_rotation_keeps_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root rotates for a service account: looked at is what the system is asked for."""
    file = tmp_path / "keyring"
    main(["key", "new", "--keyring", str(file)])
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _file, user, group: asked.append((user, group)))
    real = os.fstat
    monkeypatch.setattr(
        os, "fstat", lambda number: os.stat_result((*real(number)[:4], 4242, *real(number)[5:]))
    )
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.OK
    assert asked == [(file.stat().st_uid, file.stat().st_gid)]


@pytest.mark.parametrize(
    ("text", "mode", "found"),
    [("secret\n", 0o600, "another text"), (None, 0o644, "mode 0644"), (None, None, "No such file")],
)
def test_what_is_no_private_keyring_is_not_rotated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, mode: int | None, found: str
) -> None:
    file = tmp_path / "keyring"
    if mode is not None:
        file.write_bytes(text.encode() if text else keys.generate())
        file.chmod(mode)
    before = file.read_bytes() if mode is not None else None
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.CONFIG
    assert found in capsys.readouterr().err
    assert (file.read_bytes() if file.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == (mode is not None)


def test_two_rotations_at_once_do_not_lose_an_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keyring"
    main(["key", "new", "--keyring", str(file)])
    before = file.read_bytes()
    (tmp_path / "keyring.new").touch()
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.FAILED
    assert "another rotation is under way" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_rotation_that_cannot_be_written_leaves_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keyring"
    main(["key", "new", "--keyring", str(file)])
    before = file.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["key", "rotate", "--keyring", str(file)]) == exits.UNAVAILABLE
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["keyring"]


def test_rotation_of_a_variable_prints_what_it_should_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = keys.generate().decode().strip()
    monkeypatch.setenv("RING", first)
    assert main(["key", "rotate", "--env", "RING"]) == exits.OK
    value = capsys.readouterr().out
    assert value.startswith(first + " ")
    assert keys.load(value.encode()).epochs == (1, 2)
    assert main(["key", "rotate", "--env", "RING", "--json"]) == exits.OK
    made = json.loads(capsys.readouterr().out)
    assert (made["env"], made["epoch"], keys.load(made["value"].encode()).epochs) == ("RING", 2, (1, 2))


def test_rotation_of_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RING", raising=False)
    assert main(["key", "rotate", "--env", "RING"]) == exits.CONFIG


@pytest.mark.parametrize("words", [[], ["--keyring", "k", "--env", "E"]])
def test_rotation_wants_one_keyring(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["key", "rotate", *words])
