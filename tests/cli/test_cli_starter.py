"""`hushgate init`, and `check` and `test` on what it writes."""

import json
import re
import stat
from pathlib import Path

import pytest

from gateway import keys
from gateway.cli import exits
from gateway.cli.init import starter
from gateway.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["init", str(tmp_path / "gw"), "--tenant", "acme"]) == exits.OK
    capsys.readouterr()
    return tmp_path / "gw"


def test_it_writes_what_it_says_and_prints_the_key_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--tenant", "acme", "--json"]) == exits.OK
    printed = json.loads(capsys.readouterr().out)
    assert {Path(file) for file in printed["files"]} == {f for f in tmp_path.rglob("*") if f.is_file()}
    digest = starter("x", "sha256:0", 0.0)["rules/x.yaml"][0]
    assert b"sha256:0" in digest
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert printed["key"].encode() not in everything


def test_the_keyring_is_good_and_only_its_owner_can_read_it(folder: Path) -> None:
    keyring = folder / "keyring"
    assert stat.S_IMODE(keyring.stat().st_mode) == 0o600
    keys.read(keyring)
    assert keyring.name in (folder / ".gitignore").read_text().split()


@pytest.mark.parametrize("there", ["hushgate.yaml", "rules/acme.yaml", "keyring"])
def test_nothing_is_overwritten_and_nothing_half_written(
    tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    assert main(["init", str(tmp_path), "--tenant", "acme"]) == exits.FAILED
    assert there in capsys.readouterr().err
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == [tmp_path / there]
    assert (tmp_path / there).read_text() == "mine"


def test_an_ignore_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")
    assert main(["init", str(tmp_path)]) == exits.OK
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "../up", "UPPER", "a b"])
def test_a_tenant_that_is_no_name_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["init", str(tmp_path), "--tenant", name])
    assert stop.value.code == exits.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["hushgate.yaml", "rules", "rules/acme.yaml"])
def test_what_it_writes_passes_the_check(folder: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder / path)]) == exits.OK
    assert capsys.readouterr().out == ""


def test_the_commented_examples_pass_the_check_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A comment that holds a key (`# name: ...`, `# - {...}`) is taken in; prose comments are not."""
    for file in (folder / "hushgate.yaml", folder / "rules" / "acme.yaml"):
        text = re.sub(r"^(\s*)# (- |  ?\w+: |credential: )", r"\1\2", file.read_text(), flags=re.MULTILINE)
        assert text != file.read_text()
        file.write_text(text)
    assert main(["check", str(folder / "hushgate.yaml")]) == exits.OK, capsys.readouterr().out


def test_its_case_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(folder / "rules")]) == exits.OK
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_case_that_does_not_hold_shows_what_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = folder / "rules" / "acme.yaml"
    rules.write_text(rules.read_text().replace("keep_last: 2", "keep_last: 4"))
    assert main(["test", str(folder / "rules")]) == exits.FAILED
    out = capsys.readouterr().out
    assert '-    "phone": "**********78"' in out
    assert '+    "phone": "********5678"' in out
    assert out.splitlines()[-1] == "0 passed, 1 failed"
    assert main(["test", str(folder / "rules"), "--json"]) == exits.FAILED
    printed = json.loads(capsys.readouterr().out)
    assert (printed["passed"], printed["failed"]) == (0, 1)
    assert printed["cases"][0]["differences"]


@pytest.mark.parametrize("narrowing", [["--tenant", "nobody"], ["-k", "no such case"]])
def test_no_case_at_all_is_no_success(
    folder: Path, narrowing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(folder / "rules"), *narrowing]) == exits.FAILED
    assert "no case" in capsys.readouterr().err


def test_a_case_that_names_nobody_fails_and_the_others_still_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = next(folder.glob("rules/acme/cases/*.yaml"))
    case.with_name("other.yaml").write_text(case.read_text().replace("helpdesk", "nobody"))
    assert main(["test", str(folder / "rules")]) == exits.FAILED
    out = capsys.readouterr().out
    assert "could not be run" in out
    assert out.splitlines()[-1] == "1 passed, 1 failed"


def test_mistakes_in_several_case_files_come_in_one_go(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = next(folder.glob("rules/acme/cases/*.yaml"))
    for name in ("one.yaml", "two.yaml"):
        case.with_name(name).write_text("nonsense: 1\n")
    assert main(["test", str(folder / "rules")]) == exits.CONFIG
    err = capsys.readouterr().err
    assert "one.yaml:1:1" in err
    assert "two.yaml:1:1" in err


def test_mistakes_of_config_and_rules_come_in_one_go(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, right, wrong in (("hushgate.yaml", "plane:", "plain:"), ("rules/acme.yaml", "show:", "shov:")):
        path = folder / file
        path.write_text(path.read_text().replace(right, wrong, 1))
    assert main(["check", str(folder / "hushgate.yaml")]) == exits.CONFIG
    out = capsys.readouterr().out
    assert re.search(r"hushgate\.yaml:6:\d+: found unknown key 'plain'.*did you mean 'plane'", out)
    assert re.search(r"acme\.yaml:\d+:\d+: found unknown key 'shov'.*did you mean 'show'", out)
    assert main(["check", str(folder / "hushgate.yaml"), "--json"]) == exits.CONFIG
    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is False
    assert {"file", "line", "column", "found", "expected", "nearest"} <= printed["problems"][0].keys()


def test_a_path_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.yaml")]) == exits.UNAVAILABLE
    assert "none.yaml: No such file" in capsys.readouterr().err
