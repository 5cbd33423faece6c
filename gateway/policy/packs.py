"""Folders of provider packs -> packs and problems: `<folder>/<provider>/pack.yaml`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError, Problem
from gateway.model import Pack
from gateway.policy.packfile import read_pack


@dataclass(frozen=True, slots=True)
class LoadedPacks:
    """The packs that are right, in order of provider, and what is wrong with the others."""

    packs: tuple[Pack, ...]
    problems: tuple[Problem, ...] = ()


def load_packs(folders: Iterable[Path]) -> LoadedPacks:
    """Every pack of some folders. A provider in two folders is a problem, and the first one stands."""
    packs: dict[str, Pack] = {}
    problems: list[Problem] = []
    for file in _files(folders):
        try:
            pack = read_pack(_bytes(file), str(file))
        except ConfigError as error:
            problems += error.problems
            continue
        if pack.provider in packs:
            found = f"a second pack of provider {pack.provider!r}"
            problems.append(Problem(str(file), 1, 1, found, "each provider in one folder"))
        packs.setdefault(pack.provider, pack)
    return LoadedPacks(tuple(packs[name] for name in sorted(packs)), tuple(problems))


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in dict.fromkeys(folders):
        yield from sorted(folder.glob("*/pack.yaml"))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise ConfigError((Problem(str(file), 1, 1, found, "a readable file"),)) from None
