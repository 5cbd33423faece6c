"""The optional build: what it makes, when it makes it again, and that nothing needs it."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gateway import native
from gateway.native import build
from tests.native.kernels import compilable

ENV = dict(os.environ)
SOURCE = """
#include "value.h"
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "one", NULL, 0, NULL};
PyMODINIT_FUNC PyInit_one(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddIntConstant(module, "VALUE", VALUE) < 0)
        Py_CLEAR(module);
    return module;
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources with one kernel, in place of the real one."""
    (tmp_path / "one.c").write_text(SOURCE)
    (tmp_path / "value.h").write_text("#define VALUE 1\n")
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    monkeypatch.setattr(native, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "gateway.native.one", raising=False)
    monkeypatch.delenv("HUSHGATE_NATIVE", raising=False)
    return tmp_path


@pytest.fixture
def buildable(folder: Path) -> Path:
    compilable()
    return folder


def test_what_was_built_is_loaded_and_not_built_again(buildable: Path) -> None:
    assert native.load("one") is None
    assert build.build(ENV) == ["one"]
    assert build.build(ENV) == []
    module = native.load("one")
    assert module is not None and module.VALUE == 1
    assert native.loaded() == ("one",)
    assert sorted(file.suffix for file in buildable.iterdir()) == [".c", ".h", ".so", ".stamp"]


def test_the_switch_leaves_kernels_out(buildable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build(ENV)
    monkeypatch.setenv("HUSHGATE_NATIVE", "0")
    assert native.load("one") is None
    assert native.loaded() == ()
    monkeypatch.setenv("HUSHGATE_NATIVE", "1")
    assert native.load("one") is not None


@pytest.mark.parametrize("name", ["one.c", "value.h"])
def test_a_kernel_of_an_older_source_is_not_used(buildable: Path, name: str) -> None:
    build.build(ENV)
    file = buildable / name
    file.write_text(file.read_text() + "/* changed */\n")
    assert native.load("one") is None
    assert build.main(["--check"]) == 1
    assert build.build(ENV) == ["one"]
    assert native.load("one") is not None
    assert build.main(["--check"]) == 0


@pytest.mark.parametrize("change", [{"compiler": "cc 0"}, {"python": "2.7"}, {"flags": "-O0"}])
def test_another_compiler_or_python_builds_again(buildable: Path, change: dict[str, str]) -> None:
    build.build(ENV)
    stamp = native.stamp("one")
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | change))
    assert build.build(ENV) == ["one"]


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b"\xff", b"null"])
def test_a_damaged_stamp_is_no_kernel_and_no_error(buildable: Path, damage: bytes) -> None:
    build.build(ENV)
    native.stamp("one").write_bytes(damage)
    assert native.load("one") is None
    assert build.build(ENV) == ["one"]


@pytest.mark.parametrize("damage", [b"", b"not a library", b"\x7fELF"])
def test_a_damaged_kernel_is_no_kernel_and_no_error(folder: Path, damage: bytes) -> None:
    native.built("one").write_bytes(damage)
    native.stamp("one").write_text(json.dumps({"source": native.source_hash("one")}))
    assert native.load("one") is None


def test_a_kernel_there_is_no_source_of_is_none(folder: Path) -> None:
    assert native.load("two") is None
    assert native.kernels() == ("one",)


def test_one_that_does_not_compile_keeps_no_other_from_it(
    buildable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (buildable / "broken.c").write_text("int main(void) { return nothing; }\n")
    assert build.main([]) == 0
    err = capsys.readouterr().err
    assert "broken.c" in err and "pure Python" in err
    assert native.loaded() == ("one",)
    assert not list(buildable.glob(".*"))


def test_without_a_compiler_it_says_so_and_succeeds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(folder / "empty"))
    monkeypatch.delenv("CC", raising=False)
    assert build.main([]) == 0
    assert "pure Python there: no C compiler was found" in capsys.readouterr().err


def test_without_the_headers_of_python_it_says_so_and_succeeds(
    buildable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(buildable)})
    assert build.main([]) == 0
    assert "Python.h is not in" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_no_failure(
    buildable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    assert build.main([]) == 0
    assert "cannot be written: Permission denied" in capsys.readouterr().err
    assert native.load("one") is None


def test_cc_may_hold_options(folder: Path) -> None:
    (folder / "mycc").write_text("#!/bin/sh\n")
    (folder / "mycc").chmod(0o755)
    env = {"CC": f"{folder / 'mycc'} -m64", "PATH": ""}
    assert build.compiler(env) == [str(folder / "mycc"), "-m64"]
    with pytest.raises(build.Unbuildable):
        build.compiler({"CC": "", "PATH": ""})


def test_quiet_when_all_is_well(buildable: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert build.main([]) == 0
    assert build.main([]) == 0
    assert capfd.readouterr() == ("", "")


def test_every_kernel_compiles_without_a_warning(tmp_path: Path) -> None:
    compilable()
    command = build.compiler(ENV)
    for name in native.kernels():
        options = [*build.WARNINGS, "-Werror", "-fsyntax-only", f"-I{build.include_folder()}"]
        done = subprocess.run([*command, *options, str(native.source(name))], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_everything_loads_without_kernels() -> None:
    code = "from gateway.http1 import kernel; print(kernel.read_request, kernel.forward)"
    env = ENV | {"HUSHGATE_NATIVE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "None None\n"
