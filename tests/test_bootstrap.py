"""The set-up script: the search for an interpreter, and what the stamp says."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bootstrap = load()


def fake(folder: Path, name: str, version: str | None) -> Path:
    """A program that answers the probe as a Python of this version does; None: one that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    answer = "exit 1" if version is None else f"""echo '[[{version.replace(".", ",")}], "{program}"]'"""
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def no_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "PREFIXES", ())


def found(env: dict[str, str]) -> str:
    return str(bootstrap.find_interpreter(env)[1])


def test_the_tested_version_on_path_comes_before_a_newer_one(tmp_path: Path) -> None:
    wanted = fake(tmp_path / "b", "python3.12", "3.12.1")
    fake(tmp_path / "a", "python3.14", "3.14.0")
    assert found({"PATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}"}) == str(wanted)


def test_what_calls_itself_new_but_is_old_or_broken_is_passed_over(tmp_path: Path) -> None:
    fake(tmp_path / "a", "python3.12", "3.11.9")
    fake(tmp_path / "b", "python3.12", None)
    wanted = fake(tmp_path / "c", "python3", "3.15.0")
    assert found({"PATH": ":".join(str(tmp_path / letter) for letter in "abc")}) == str(wanted)


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(lambda root: {"PYENV_ROOT": str(root)}, id="PYENV_ROOT"),
        pytest.param(lambda root: {"HOME": str(root.parent)}, id="home"),
        pytest.param(lambda root: {"PATH": f"/nowhere:{root / 'shims'}"}, id="shims on PATH"),
    ],
)
def test_versions_that_pyenv_keeps_inactive_are_found(
    tmp_path: Path, env: Callable[[Path], dict[str, str]]
) -> None:
    root = tmp_path / ".pyenv"
    fake(root / "versions" / "3.11.7" / "bin", "python3.11", "3.11.7")
    fake(root / "versions" / "3.12.9" / "bin", "python3.12", "3.12.9")
    newest = fake(root / "versions" / "3.12.10" / "bin", "python3.12", "3.12.10")
    assert found(env(root)) == str(newest)


def test_a_shim_is_never_run_itself(tmp_path: Path) -> None:
    fake(tmp_path / "shims", "python3.12", "3.12.1")
    with pytest.raises(bootstrap.SetupError):
        found({"PATH": str(tmp_path / "shims")})


def test_uv_is_asked_last(tmp_path: Path) -> None:
    wanted = fake(tmp_path / "uv-keeps", "python3.12", "3.12.4")
    uv = fake(tmp_path / "bin", "uv", "0.0")
    uv.write_text(f"#!/bin/sh\necho {wanted}\n")
    assert found({"PATH": str(tmp_path / "bin")}) == str(wanted)


def test_a_common_prefix_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = fake(tmp_path / "opt", "python3.13", "3.13.0")
    monkeypatch.setattr(bootstrap, "PREFIXES", (str(tmp_path / "opt"),))
    assert found({"PATH": ""}) == str(wanted)


def test_the_named_interpreter_goes_before_all(tmp_path: Path) -> None:
    fake(tmp_path, "python3.12", "3.12.1")
    wanted = fake(tmp_path / "mine", "snake", "3.13.2")
    assert found({"PATH": str(tmp_path), "HUSHGATE_PYTHON": str(wanted)}) == str(wanted)


def test_the_named_interpreter_is_never_silently_replaced(tmp_path: Path) -> None:
    fake(tmp_path, "python3.12", "3.12.1")
    old = fake(tmp_path / "mine", "snake", "3.9.0")
    with pytest.raises(bootstrap.SetupError, match="HUSHGATE_PYTHON"):
        found({"PATH": str(tmp_path), "HUSHGATE_PYTHON": str(old)})


def test_where_there_is_none_it_says_how_to_get_one() -> None:
    with pytest.raises(bootstrap.SetupError) as caught:
        found({"PATH": ""})
    for word in ("apt-get", "dnf", "brew", "pyenv", "uv python install", "HUSHGATE_PYTHON"):
        assert word in str(caught.value)


def test_this_very_interpreter_passes_the_probe() -> None:
    version, executable = bootstrap.probe(sys.executable, dict(os.environ))
    assert version[:2] >= (3, 12)
    assert executable


def test_what_misleads_pip_and_python_is_left_out() -> None:
    assert bootstrap.clean({"PIP_USER": "1", "PYTHONPATH": "x", "PIP_INDEX_URL": "u", "PATH": "p"}) == {
        "PIP_INDEX_URL": "u",
        "PATH": "p",
    }


# ---- the stamp ------------------------------------------------------------------------------------------


class Recording(bootstrap.Setup):  # type: ignore[misc, name-defined]  # the script is loaded by path
    """A set-up whose commands are recorded; `python -m venv` leaves an interpreter behind."""

    def __init__(self, root: Path, **env: str) -> None:
        base = root / "base" / "python3.12"
        # Written once: the stamp knows an interpreter by its modification time.
        self.base = base if base.exists() else fake(base.parent, base.name, "3.12.1")
        super().__init__(str(root), {"PATH": str(self.base.parent), **env})
        self.ran: list[str] = []
        self.fails = ""

    def run(self, command: list[str], what: str, show: bool = False) -> None:
        self.ran.append(what)
        if what == self.fails:
            raise bootstrap.SetupError(what)
        if "venv" in command:
            fake(Path(self.venv) / "bin", "python", "3.12.1")


ALL = [
    "making the virtual environment",
    "installing the locked packages",
    "installing hushgate",
    "building the native kernels",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("one==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def made(root: Path) -> Recording:
    setup = Recording(root)
    setup.ensure()
    setup.ran.clear()
    return setup


def test_a_fresh_clone_is_set_up_once(root: Path) -> None:
    setup = Recording(root)
    setup.ensure()
    setup.ensure()
    assert setup.ran == ALL


def test_another_lock_file_makes_everything_anew(root: Path) -> None:
    setup = made(root)
    (root / "requirements.lock").write_text("one==2\n")
    setup.ensure()
    assert setup.ran == ALL


def test_another_project_file_installs_only_the_project(root: Path) -> None:
    setup = made(root)
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    setup.ensure()
    assert setup.ran == ALL[2:]


def test_another_kernel_source_builds_only_the_kernels(root: Path) -> None:
    setup = made(root)
    native = root / "gateway" / "native"
    native.mkdir(parents=True)
    for name in ("a.c", "a.h", "build.py"):
        (native / name).write_text("1")
        setup.ensure()
        setup.ensure()
        assert setup.ran == ALL[3:]
        setup.ran.clear()
    (native / "a.so").write_text("built")
    setup.ensure()
    assert setup.ran == []


def test_kernels_that_cannot_be_built_stop_nothing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    setup = Recording(root)
    setup.fails = ALL[3]
    setup.ensure()
    assert setup.stale() is None
    assert "pure Python" in capfd.readouterr().err


def test_another_interpreter_in_the_same_place_makes_everything_anew(root: Path) -> None:
    setup = made(root)
    setup.base.write_text(setup.base.read_text() + "# a newer build\n")
    setup.ensure()
    assert setup.ran == ALL


def test_naming_another_interpreter_makes_everything_anew(root: Path) -> None:
    made(root)
    other = fake(root / "other", "python", "3.13.0")
    setup = Recording(root, HUSHGATE_PYTHON=str(other))
    setup.ensure()
    assert setup.ran == ALL
    again = Recording(root)
    again.ensure()
    assert again.ran == []


def test_a_moved_folder_makes_everything_anew(root: Path) -> None:
    setup = made(root)
    stamp = Path(setup.stamp_file)
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"root": "/elsewhere"}))
    setup.ensure()
    assert setup.ran == ALL


@pytest.mark.parametrize("stage", ALL[:2])
def test_an_interrupted_set_up_starts_over(root: Path, stage: str) -> None:
    setup = Recording(root)
    setup.fails = stage
    with pytest.raises(bootstrap.SetupError):
        setup.ensure()
    again = Recording(root)
    again.ensure()
    assert again.ran == ALL


def test_a_set_up_that_stopped_at_the_project_goes_on_there(root: Path) -> None:
    setup = Recording(root)
    os.utime(setup.base, (1, 1))
    setup.fails = ALL[2]
    with pytest.raises(bootstrap.SetupError):
        setup.ensure()
    again = Recording(root)
    again.ensure()
    assert again.ran == ALL[2:]


def test_an_environment_made_by_hand_is_completed_not_thrown_away(root: Path) -> None:
    setup = Recording(root)
    kept = root / ".venv" / "precious"
    fake(root / ".venv" / "bin", "python", "3.12.1")
    kept.write_text("mine")
    setup.ensure()
    assert setup.ran == ALL[1:]
    assert kept.exists()


def test_two_at_once_make_it_once(root: Path) -> None:
    setups = [Recording(root), Recording(root)]
    threads = [threading.Thread(target=setup.ensure) for setup in setups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(setup.ran for setup in setups) == [[], ALL]


def test_a_failing_command_shows_its_output_and_a_next_step(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    setup = bootstrap.Setup(str(root), {"PATH": os.environ["PATH"]})
    with pytest.raises(bootstrap.SetupError, match="run make again"):
        setup.run(["sh", "-c", "echo the reason; exit 3"], "a stage")
    assert "the reason" in capfd.readouterr().err
    setup.run(["sh", "-c", "echo chatter"], "a stage")
    assert capfd.readouterr() == ("", "")
    setup.run(["sh", "-c", "echo a word to the user"], "a stage", show=True)
    assert capfd.readouterr() == ("", "a word to the user\n")


def test_the_script_needs_nothing_newer_than_python_3_6() -> None:
    import ast

    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_an_absent_interpreter_ends_with_1_and_no_traceback(tmp_path: Path) -> None:
    for name in ("bootstrap.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    env = {"PATH": "", "HUSHGATE_PYTHON": "/nowhere/python"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "bootstrap.py")], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "HUSHGATE_PYTHON" in done.stderr
    assert "Traceback" not in done.stderr
