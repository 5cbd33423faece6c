"""Only what is named is run, and only from where nobody else can write."""

import os
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Literal

import pytest

from gateway.deployment import Extension
from gateway.errors import ConfigError
from gateway.plugins import load as plugins_load
from gateway.plugins.api import Masker
from gateway.plugins.load import GROUPS, Plugins, load_plugins

SOURCE = """\
from gateway.plugins.api import Codec, Detector, Masker

PLUGINS = [
    Masker("badge", lambda context: lambda value: "masked"),
    Detector("badge", lambda text: []),
    Codec("text/badge", lambda body: body.decode(), lambda text: text.encode()),
]
"""
Kind = Literal["masker", "detector", "codec"]
installed = Masker("installed", lambda context: lambda value: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins" / "acme"
    made.mkdir(parents=True)
    for each in (made, made.parent):
        each.chmod(0o755)
    write(made / "badge.py", SOURCE)
    return made


def write(file: Path, source: str) -> Path:
    file.write_text(source)
    file.chmod(0o644)
    return file


def wanted(file: Path | None, kind: Kind = "masker", name: str = "badge", line: int = 7) -> Extension:
    return Extension(kind, name, str(file) if file else None, 0.05, line)


def load(folder: Path, *extensions: Extension) -> Plugins:
    return load_plugins(extensions, [str(folder.parent)], "hushgate.yaml", lambda: 0.0)


def wrong(folder: Path, *extensions: Extension) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        load(folder, *extensions)
    assert {problem.file for problem in caught.value.problems} == {"hushgate.yaml"}
    return [(problem.line, problem.found) for problem in caught.value.problems]


def test_every_kind_from_one_file(folder: Path) -> None:
    file = folder / "badge.py"
    loaded = load(folder, wanted(file), wanted(file, "detector"), wanted(file, "codec", "text/badge"))
    assert (set(loaded.maskers), len(loaded.detectors), set(loaded.codecs)) == ({"badge"}, 1, {"text/badge"})
    assert loaded.custom.maskers is loaded.maskers


def test_a_file_runs_once_and_only_what_is_named_is_there(folder: Path) -> None:
    file = write(
        folder / "counts.py", f"with open({str(folder / 'ran')!r}, 'a') as ran:\n    ran.write('x')\n{SOURCE}"
    )
    loaded = load(folder, wanted(file), wanted(file, "detector"))
    assert (folder / "ran").read_text() == "x"
    assert loaded.codecs == {}


def test_what_is_not_named_is_not_run(folder: Path) -> None:
    write(folder / "other.py", f"open({str(folder / 'ran')!r}, 'a')")
    write(folder.parent / "top.py", f"open({str(folder / 'ran')!r}, 'a')")
    load(folder)
    load(folder, wanted(folder / "badge.py"))
    assert not (folder / "ran").exists()


def test_a_dataclass_in_a_plugin_finds_its_module(folder: Path) -> None:
    source = "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 1\n" + SOURCE
    load(folder, wanted(write(folder / "shapes.py", source)))
    assert sys.modules["hushgate_plugin_shapes"].__file__ == str(folder / "shapes.py")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o777])
def test_a_file_that_others_may_write_is_not_run(folder: Path, mode: int) -> None:
    (folder / "badge.py").chmod(mode)
    [(line, found)] = wrong(folder, wanted(folder / "badge.py"))
    assert (line, found) == (7, f"{str(folder / 'badge.py')!r} of mode {mode:04o}")


@pytest.mark.parametrize("up", [0, 1])
def test_nor_is_one_in_a_folder_that_others_may_write(folder: Path, up: int) -> None:
    place = [folder, folder.parent][up]
    place.chmod(0o777)
    [(_, found)] = wrong(folder, wanted(folder / "badge.py"))
    assert found == f"{str(place)!r} of mode 0777"


def test_nor_one_of_another_owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(folder / "badge.py", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    [(_, found)] = wrong(folder, wanted(folder / "badge.py"))
    assert found.endswith("of another owner")


def test_nor_one_outside_the_folders(folder: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.py", SOURCE)
    assert "outside of every folder" in wrong(folder, wanted(outside))[0][1]
    (folder / "link.py").symlink_to(outside)
    assert "outside of every folder" in wrong(folder, wanted(folder / "link.py"))[0][1]
    assert "outside of every folder" in wrong(folder, wanted(folder / ".." / ".." / "outside.py"))[0][1]


def test_nor_what_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py", 0o600)
    handle = os.open(folder / "pipe.py", os.O_RDWR)
    try:
        assert "which is no file" in wrong(folder, wanted(folder / "pipe.py"))[0][1]
    finally:
        os.close(handle)
    assert "cannot be read" in wrong(folder, wanted(folder / "none.py"))[0][1]


@pytest.mark.parametrize(
    "source",
    [
        "1 +",
        "raise ValueError('secret')",
        "import sys; sys.exit('secret')",
        "import nothing_of_this_name",
        "PLUGINS = 7",
        "",
        "PLUGINS = []",
        SOURCE.replace('"badge"', '"badges"'),
        SOURCE + "PLUGINS += PLUGINS\n",
        SOURCE.replace("Masker(", "print or (", 1),
    ],
)
def test_a_file_that_does_not_offer_it_stops_the_start(folder: Path, source: str) -> None:
    [(line, found)] = wrong(folder, wanted(write(folder / "bad.py", source)))
    assert line == 7
    assert "secret" not in found


def test_every_problem_is_told(folder: Path) -> None:
    told = wrong(folder, wanted(folder / "none.py", line=3), wanted(None, name="nobody", line=4))
    assert [line for line, _ in told] == [3, 4]


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(group, value) of the entry points named `installed` that there are."""
    known: list[tuple[str, str]] = []

    def entry_points(group: str, name: str) -> EntryPoints:
        return EntryPoints(EntryPoint(name, value, g) for g, value in known if g == group)

    monkeypatch.setattr(plugins_load, "entry_points", entry_points)
    return known


def test_an_installed_plugin_is_found_by_its_group_and_name(
    folder: Path, entry: list[tuple[str, str]]
) -> None:
    entry.append((GROUPS["masker"], f"{__name__}:installed"))
    assert set(load(folder, wanted(None, name="installed")).maskers) == {"installed"}


@pytest.mark.parametrize(
    ("points", "kind", "name"),
    [
        ([], "masker", "installed"),
        ([("hushgate.maskers", f"{__name__}:installed")] * 2, "masker", "installed"),
        ([("hushgate.maskers", f"{__name__}:installed")], "masker", "other"),
        ([("hushgate.detectors", f"{__name__}:installed")], "detector", "installed"),
        ([("hushgate.maskers", f"{__name__}:nothing")], "masker", "installed"),
        ([("hushgate.maskers", "no.such.module:x")], "masker", "installed"),
    ],
)
def test_an_installed_plugin_is_what_it_is_named_as(
    folder: Path, entry: list[tuple[str, str]], points: list[tuple[str, str]], kind: Kind, name: str
) -> None:
    entry += points
    assert len(wrong(folder, wanted(None, kind, name))) == 1
