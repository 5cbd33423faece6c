"""The frame of the command: verbs, errors, exit codes."""

import io
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gateway import __version__
from gateway.cli import exits, verbs
from gateway.cli.main import main
from gateway.errors import ConfigError, HushgateError, InternalError, Problem, StoreError, UpstreamError

PROBLEMS = (Problem("a.yaml", 1, 2, "x", "y", "z"), Problem("b.yaml", 3, 4, "p", "q"))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Puts a verb in the place of `run` whose run raises `failing.error`."""
    verb = SimpleNamespace(error=None)

    def run(args: object) -> int:
        raise verb.error

    def load(name: str) -> SimpleNamespace:
        return SimpleNamespace(register=lambda subparsers: subparsers.add_parser("run"), run=run)

    monkeypatch.setattr(verbs, "load", load)
    return verb


def test_version_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == exits.OK
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"hushgate {re.escape(__version__)} \((pure Python|native: [a-z0-9, ]+)\)\n", out)
    assert err == ""


def test_version_says_when_the_kernels_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUSHGATE_NATIVE", "0")
    assert main(["version"]) == exits.OK
    assert capsys.readouterr().out == f"hushgate {__version__} (pure Python)\n"


def test_version_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["hushgate"] == __version__


def test_help_lists_every_verb_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == exits.OK
    out = capsys.readouterr().out
    for name in verbs.VERBS:
        assert f"\n    {name} " in out
    for code, meaning in exits.MEANINGS.items():
        assert f"{code} " in out
        assert meaning in out


@pytest.mark.parametrize("arguments", [[], ["vers"], ["version", "--nonsense"], ["--vers"]])
def test_what_is_not_understood_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == exits.USAGE
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError(PROBLEMS), exits.CONFIG, ["a.yaml:1:2", "did you mean 'z'", "b.yaml:3:4", "2 mistakes"]),
        (ConfigError(PROBLEMS[:1]), exits.CONFIG, ["1 mistake;"]),
        (StoreError("registry_unavailable", "locked"), exits.UNAVAILABLE, ["locked"]),
        (UpstreamError("upstream_unreachable", "away"), exits.UNAVAILABLE, ["away"]),
        (InternalError("broken", "here"), exits.FAILED, ["here: broken"]),
        (HushgateError("access_denied", "no"), exits.FAILED, ["no"]),
        (FileNotFoundError(2, "No such file or directory", "x.yaml"), exits.UNAVAILABLE, ["x.yaml: No such"]),
        (OSError("odd"), exits.UNAVAILABLE, ["odd"]),
        (KeyboardInterrupt(), exits.INTERRUPTED, ["interrupted"]),
        (ModuleNotFoundError("no", name="twilio"), exits.UNAVAILABLE, ["`run` needs the package twilio"]),
        (ModuleNotFoundError("no", name="gateway.cli.run"), exits.UNAVAILABLE, ["`run` is not part"]),
    ],
)
def test_every_error_has_its_exit_code_and_a_line(
    failing: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: list[str],
) -> None:
    failing.error = error
    assert main(["run"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("hushgate: ") for line in err.splitlines())
    for word in words:
        assert word in err


def test_an_error_of_ours_that_is_a_bug_is_not_hidden(failing: SimpleNamespace) -> None:
    failing.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        main(["run"])


def test_a_verb_is_imported_only_when_it_is_called() -> None:
    code = "import sys; from gateway.cli.main import main; main(['version']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout
    for module in ("gateway.cli.test", "gateway.exchange", "gateway.policy", "asyncio", "yaml"):
        assert f"'{module}'" not in loaded


def test_a_reader_that_goes_away_is_met_quietly() -> None:
    code = "import sys; from gateway.cli.main import main; sys.stdin.read(); sys.exit(main(['version']))"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=buffered
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == exits.BROKEN_PIPE


def test_a_broken_pipe_has_its_code(failing: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    failing.error = BrokenPipeError()
    assert main(["run"]) == exits.BROKEN_PIPE
