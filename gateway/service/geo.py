"""What is known of addresses, from the files that a deployment names: lists, databases, the snapshot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from gateway.deployment import Geo
from gateway.errors import ConfigError, HushgateError, PayloadError, Problem
from gateway.residency.database import Database
from gateway.residency.evidence import Estimate, Evidence, Source
from gateway.residency.lists import Lists
from gateway.residency.published import Published, load
from gateway.residency.snapshot import builtin
from gateway.service.geodatabase import Reading

ENDING: Final = ".list"
"""Of kept lists."""
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class File:
    """One file of evidence: what it is, whose, of which day. `age` is days; None of what has no limit."""

    evidence: Evidence
    name: str
    operator: str
    dated: date
    age: int | None
    ranges: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything a deployment names, opened: its sources (strongest first) and the files they are of."""

    sources: tuple[Source, ...]
    files: tuple[File, ...]

    def old(self, seconds: float) -> list[File]:
        """Files of at least that age."""
        return [file for file in self.files if file.age is not None and file.age * _DAY >= seconds]


def opened(geo: Geo, today: date) -> Opened:
    """Open what is named. Raises ConfigError with every file that cannot be used."""
    problems: list[Problem] = []
    limit = timedelta(days=math.ceil(geo.refuse / _DAY))
    lists = _lists(geo.published, problems)
    readers = [_reading(file, today, problems) if file else None for file in (geo.country, geo.asn)]
    if problems:
        raise ConfigError(tuple(problems))
    sources: list[Source] = [Lists(lists, limit.days)] if lists else []
    files = [_kept(each, today) for each in lists]
    built = [reader.built for reader in readers if reader]
    if built:
        sources.append(Database(readers[0], readers[1], min(built) + limit))
        named = [file for file in (geo.country, geo.asn) if file]
        files += [_file(name, day, today) for name, day in zip(named, built, strict=True)]
    if geo.snapshot:
        sources.append(Estimate(builtin))
    return Opened(tuple(sources), tuple(files))


def mistakes(geo: Geo, today: date) -> tuple[Problem, ...]:
    """What is wrong with the files that are named: they cannot be used, or are too old."""
    try:
        found = opened(geo, today)
    except ConfigError as error:
        return error.problems
    expected = f"younger than {geo.refuse / _DAY:.0f} days (`geo.refuse`)"
    return tuple(Problem(file.name, 1, 1, f"{file.age} days old", expected) for file in found.old(geo.refuse))


def kept(folder: Path) -> Sequence[Path]:
    """The files of the lists of a folder, in order of name."""
    return sorted(folder.glob(f"*{ENDING}"))


def _lists(folder: str | None, problems: list[Problem]) -> list[Published]:
    if folder is None:
        return []
    if not Path(folder).is_dir():
        problems.append(Problem(folder, 1, 1, "no folder", "one that `hushgate geo update` keeps lists in"))
        return []
    found = []
    for path in kept(Path(folder)):
        try:
            found.append(load(path.read_bytes()))
        except (HushgateError, OSError) as error:
            what = error.detail if isinstance(error, HushgateError) else str(error.strerror)
            problems.append(Problem(str(path), 1, 1, what, "a list that `hushgate geo update` wrote"))
    if not found and not problems:
        problems.append(Problem(folder, 1, 1, "no list", "at least one: run `hushgate geo update`"))
    return found


def _reading(file: str, today: date, problems: list[Problem]) -> Reading | None:
    try:
        return Reading(file, today)
    except PayloadError as error:
        problems.append(Problem(file, 1, 1, error.detail, "a database (MMDB)"))
        return None


def _kept(each: Published, today: date) -> File:
    age = (today - each.fetched).days
    return File("published", each.source.name, each.operator, each.fetched, age, len(each.table))


def _file(name: str, day: date, today: date) -> File:
    return File("database", name, "", day, (today - day).days, 0)
