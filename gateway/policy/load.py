"""A folder of rule files -> every tenant's entry and every problem, parsed only where content changed.

A file with a problem takes no effect: at a start its tenant is unknown, at a reload what was in force for it
stays in force. Thousands of files are parsed by several processes.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec

from gateway.errors import ConfigError, Problem
from gateway.model import Client, Pack, Policy
from gateway.policy.cache import Cache, Line, Source, Writer, open_cache
from gateway.policy.catalogue import Catalogue
from gateway.policy.infringing import accountable
from gateway.policy.rulefile import maskers_of, mentions, read_rules, strangers

MANY: Final = 200
"""Files to parse from which on it is worth starting processes for it."""

Progress = Callable[[int, int], None]
"""Called with how many of how many files are read."""
Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Parsed:
    """One rule file as a line of the cache (not placed yet) and its packed policy."""

    line: Line
    blob: bytes


Result = Parsed | tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One tenant in force."""

    line: Line
    source: Source

    @property
    def tenant(self) -> str:
        """Name of the tenant."""
        return self.line.tenant

    @property
    def version(self) -> str:
        """SHA-256 of the rule file, hex."""
        return self.line.version

    @property
    def clients(self) -> tuple[Client, ...]:
        """Its clients, known without decoding the policy."""
        return self.line.clients

    def policy(self) -> Policy:
        """The whole policy, decoded on first use. Raises InternalError when it cannot be read back."""
        return self.source.policy(self.line.offset, self.line.size)


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Every tenant in force by the name of its file, and what is wrong with the files that are not."""

    entries: dict[str, Entry]
    problems: tuple[Problem, ...] = ()

    def clients(self) -> dict[str, list[str]]:
        """Names of clients by tenant."""
        return {entry.tenant: [client.id for client in entry.clients] for entry in self.entries.values()}

    def tenants(self) -> list[Entry]:
        """The entries in order of tenant."""
        return sorted(self.entries.values(), key=lambda entry: entry.tenant)


def quiet(_done: int, _total: int) -> None:
    """Progress that nobody sees."""


def _silent(_text: str) -> None:
    pass


def load_rules(
    folder: Path,
    cache_path: Path | None = None,
    packs: Iterable[Pack] | None = None,
    progress: Progress = quiet,
    warn: Warn = _silent,
    maskers: Collection[str] = (),
) -> LoadedRules:
    """Every rule file (`*.yaml`) of a folder.

    With `packs`, names of providers and operations are checked against them. `cache_path` keeps parsed files
    for the next start; `warn` hears if it is of no use. `maskers` are the names of plugins' maskers. Raises
    ConfigError when the folder cannot be read.
    """
    return _Loading(folder, cache_path, packs, progress, warn, maskers).run()


def reload(
    old: LoadedRules,
    folder: Path,
    cache_path: Path | None = None,
    packs: Iterable[Pack] | None = None,
    progress: Progress = quiet,
    warn: Warn = _silent,
    maskers: Collection[str] = (),
) -> LoadedRules:
    """As load_rules; but where a file has a problem, what `old` has for it stays in force.

    A file that is gone takes its tenant with it. Raises ConfigError when the folder cannot be read.
    """
    new = load_rules(folder, cache_path, packs, progress, warn, maskers)
    bad = {Path(problem.file).name for problem in new.problems} - new.entries.keys()
    kept = {name: old.entries[name] for name in bad if name in old.entries}
    return LoadedRules({**new.entries, **kept}, new.problems)


class _Loading:
    """One pass over a folder."""

    def __init__(
        self,
        folder: Path,
        cache_path: Path | None,
        packs: Iterable[Pack] | None,
        progress: Progress,
        warn: Warn,
        maskers: Collection[str],
    ) -> None:
        self._folder = folder
        self._cache_path = cache_path
        self._catalogue = Catalogue.of(packs) if packs is not None else None
        self._progress = progress
        self._warn = warn
        self._maskers = frozenset(maskers)
        self._problems: list[Problem] = []

    def run(self) -> LoadedRules:
        names = self._names()
        path = self._cache_path
        found = open_cache(path, str(self._folder), self._warn) if path else None
        current = self._unchanged(found, names) if found else []
        same = frozenset(current)
        changed = [name for name in names if name not in same]
        if found is None or changed or len(found.lines) != len(current):
            found = self._renewed(found, current, changed)
        entries = {name: Entry(line, found.source) for name, line in found.lines.items()}
        entries = {name: entry for name, entry in entries.items() if self._known(entry)}
        self._problems += _shared_clients(self._folder, entries)
        self._progress(len(names), len(names))
        order = sorted(self._problems, key=lambda problem: (problem.file, problem.line, problem.column))
        return LoadedRules(entries, tuple(order))

    def _names(self) -> list[str]:
        try:
            every = sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            found = f"a folder that cannot be read ({error.strerror})"
            raise ConfigError((Problem(str(self._folder), 1, 1, found, "a folder of rule files"),)) from None
        for name in every:
            if name.endswith(".yml"):
                problem = Problem(
                    str(self._folder / name), 1, 1, "a file named .yml", "a rule file named .yaml"
                )
                self._problems.append(problem)
        return [name for name in every if name.endswith(".yaml")]

    def _unchanged(self, found: Cache, names: list[str]) -> list[str]:
        """Names of the files whose bytes are those that were parsed."""
        same = []
        for number, name in enumerate(names):
            line = found.lines.get(name)
            if line and _version(self._folder / name) == line.version:
                same.append(name)
            if number % 500 == 0:
                self._progress(len(same), len(names))
        return same

    def _renewed(self, found: Cache | None, current: list[str], changed: list[str]) -> Cache:
        """A cache of what is there now: unchanged policies taken over, the others parsed."""
        parsed = self._parsed(changed, len(current))
        try:
            return self._written(Writer(self._cache_path), found, current, parsed)
        except OSError as error:
            self._warn(f"policy cache {self._cache_path} cannot be written ({error.strerror})")
        self._problems = [problem for problem in self._problems if problem.file.endswith(".yml")]
        return self._written(Writer(None), found, current, self._parsed(changed, len(current)))

    def _written(
        self,
        writer: Writer,
        found: Cache | None,
        current: list[str],
        parsed: Iterator[Result],
    ) -> Cache:
        done = False
        try:
            if found:
                for line in (found.lines[name] for name in current):
                    writer.add(line, found.source.blob(line.offset, line.size))
            for result in parsed:
                if isinstance(result, Parsed):
                    writer.add(result.line, result.blob)
                else:
                    self._problems += result
            cache = writer.commit(str(self._folder))
            done = True
            return cache
        finally:
            if not done:
                writer.abandon()

    def _parsed(self, names: list[str], done: int) -> Iterator[Result]:
        paths = [str(self._folder / name) for name in names]
        ready = 0
        for ready, result in enumerate(_results(paths, self._warn, self._maskers), 1):
            yield result
            if ready % 50 == 0:
                self._progress(done + ready, done + len(names))

    def _known(self, entry: Entry) -> bool:
        """Whether packs and plugins have what the rules name; problems are found by reading it again."""
        line, catalogue = entry.line, self._catalogue
        named = catalogue is None or catalogue.providers.issuperset(line.providers)
        there = catalogue is None or all(map(catalogue.matches, line.operations))
        there = there and (catalogue is None or catalogue.recipients.issuperset(line.recipients))
        if named and there and self._maskers.issuperset(line.maskers):
            return True
        result = parse_file(str(self._folder / line.file), catalogue, self._maskers)
        self._problems += () if isinstance(result, Parsed) else result
        return False


def _results(paths: list[str], warn: Warn, maskers: Collection[str]) -> Iterator[Result]:
    done = 0
    parse = partial(parse_file, maskers=maskers)
    processes = min(len(os.sched_getaffinity(0)), 16)
    if len(paths) >= MANY and processes > 1:
        try:
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                for result in pool.map(parse, paths, chunksize=50):
                    yield result
                    done += 1
            return
        except BrokenProcessPool:
            warn("the processes that parse rule files died; going on with one")
    yield from map(parse, paths[done:])


def parse_file(path: str, catalogue: Catalogue | None = None, maskers: Collection[str] = ()) -> Result:
    """One rule file, parsed and packed, or its problems."""
    try:
        policy = read_rules(Path(path).read_bytes(), path, catalogue, maskers)
    except ConfigError as error:
        return error.problems
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        return (Problem(path, 1, 1, found, "a readable rule file"),)
    providers, operations = mentions(policy)
    line = Line(
        file=Path(path).name,
        tenant=policy.tenant,
        version=policy.version,
        clients=policy.clients,
        providers=providers,
        operations=operations,
        maskers=maskers_of(policy),
        recipients=strangers(policy),
        accountable=accountable(policy),
        offset=0,
        size=0,
    )
    return Parsed(line, msgspec.msgpack.encode(policy))


def _version(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _shared_clients(folder: Path, entries: dict[str, Entry]) -> Iterator[Problem]:
    """A key or certificate that clients of two tenants have: every call with it is refused as ambiguous."""
    first: dict[tuple[str | None, str | None, tuple[str, ...]], str] = {}
    for name, entry in sorted(entries.items()):
        for client in entry.clients:
            means = (client.key, client.san, client.networks)
            other = first.setdefault(means, entry.tenant)
            if other != entry.tenant:
                found = f"client {client.id!r} with the same means of identification as one of {other!r}"
                yield Problem(str(folder / name), 1, 1, found, "clients that can be told apart")
