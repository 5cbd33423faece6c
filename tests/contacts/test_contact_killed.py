"""kill -9 of workers and importers at any moment: what was acknowledged is kept, and is what counts.

HUSHGATE_KILLS is how many are killed (default: a few).
"""

import contextlib
import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.contacts.model import UNKNOWN, Standing
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from tests.contacts.killed import CAPS, PEOPLE, T, entries, listed, pairs, template
from tests.contract.conftest import plain
from tests.contract.memory import Memory

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("HUSHGATE_KILLS", "4"))
AHEAD = 6
"""pieces of work that are asked for before the first is acknowledged"""


class Killed:
    """A process at work, until it is killed."""

    def __init__(self, kind: str, path: Path) -> None:
        command = [sys.executable, "-m", "tests.contacts.killed", kind, str(path)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self, number: int) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()

    def answer(self) -> tuple[int, bool]:
        """Which work was acknowledged, and whether its contact was within the cap."""
        assert self._process.stdout
        number, counted = self._process.stdout.readline().split()
        return int(number), counted == "True"

    def kill(self) -> list[tuple[int, bool]]:
        """End it at once; what it had acknowledged and nobody had read."""
        self._process.kill()
        assert self._process.stdout
        lines = [line.split() for line in self._process.stdout.readlines() if line.endswith("\n")]
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        return [(int(number), counted == "True") for number, counted in lines]


def _moment(*seed: object, below: int) -> int:
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:4]) % below


def _everybody() -> list[str]:
    return [*(f"p{n}" for n in range(PEOPLE)), "r0", "r1", "r2"]


def _model(books: SqliteBooks) -> Memory:
    """The model, of what is in the file."""
    model = Memory()
    model.enter(T, list(books.entries(T)))
    model.link(T, list(books.links(T)))
    return model


def _agree(path: Path, watching: SqliteRegistry, numbers: set[int]) -> None:
    """A store just opened, one open all the time, and the model say the same; all of `numbers` is there."""
    books = SqliteBooks(path, create=False)
    model, everybody = _model(books), _everybody()
    told: list[list[Standing]] = [s.standings(T, everybody) for s in (model, books, watching)]
    assert [plain(s) for s in told[0]] == [plain(s) for s in told[1]] == [plain(s) for s in told[2]]
    kept = {entry.id: entry for entry in books.entries(T)}
    for number in numbers:
        assert all(kept.get(entry.id) == entry for entry in entries(number))
    books.close()


def _links(path: Path) -> set[tuple[str, str]]:
    books = SqliteBooks(path, create=False)
    links = list(books.links(T))
    books.close()
    assert len(links) == len(set(links))
    return set(links)


@pytest.fixture
def watching(path: Path) -> Iterator[SqliteRegistry]:
    registry = SqliteRegistry(path)
    yield registry
    registry.close()


def test_a_worker_that_is_killed_takes_nothing_acknowledged_with_it(
    path: Path, watching: SqliteRegistry
) -> None:
    work = itertools.count()
    acknowledged: set[int] = set()
    asked: set[int] = set()
    counted = 0
    linked: set[tuple[str, str]] = set()
    for turn in range(KILLS):
        worker = Killed("worker", path)
        ahead = [next(work) for _ in range(AHEAD)]
        assert set(watching.standings(T, [f"u{number}" for number in ahead])) == {UNKNOWN}
        for number in ahead:
            worker.ask(number)
        asked |= set(ahead)
        for _ in range(_moment("worker", turn, below=AHEAD + 1)):
            number, within = worker.answer()
            acknowledged.add(number)
            counted += within
            # In force at once, for a process that remembers that nothing was known.
            assert watching.standings(T, [f"u{number}"])[0].suppressions
        for number, within in worker.kill():
            acknowledged.add(number)
            counted += within
        assert acknowledged <= asked
        _agree(path, watching, acknowledged)
        # Whatever link was there for a decision to rely on, is there for good.
        links = _links(path)
        assert linked <= links
        linked = links
    # Whoever was not acknowledged asks again: all of it is there, once.
    worker = Killed("worker", path)
    for number in sorted(asked):
        worker.ask(number)
        answer, within = worker.answer()
        assert answer == number
        counted += within and number not in acknowledged
    worker.kill()
    _agree(path, watching, asked)
    assert linked <= _links(path)
    books = SqliteBooks(path, create=False)
    assert sorted(e.id for e in books.entries(T)) == sorted(e.id for n in asked for e in entries(n))
    assert set(books.links(T)) <= {pair for number in asked for pair in pairs(number)}
    books.close()
    assert counted <= 2 * CAPS[0].limit


def test_an_importer_that_is_killed_goes_on_where_it_was(path: Path, watching: SqliteRegistry) -> None:
    acknowledged: set[int] = set()
    for turn in range(KILLS):
        importer = Killed("importer", path)
        numbers = range(turn, turn + 3)
        for number in numbers:
            importer.ask(number)
        for _ in range(_moment("importer", turn, below=4)):
            acknowledged.add(importer.answer()[0])
        acknowledged |= {number for number, _ in importer.kill()}
        for number in acknowledged:
            people = listed(number)
            told = watching.standings(T, people)
            assert all(standing.suppressions for standing in told)
        _agree(path, watching, set())
    books = SqliteBooks(path, create=False)
    everything = set(range(KILLS + 2))
    for number in everything:
        books.suppress_many(T, listed(number), template(number))
    wanted = [replace(template(n), id=f"list{n}:{p}", subject=p) for n in everything for p in listed(n)]
    kept = list(books.entries(T))
    assert sorted(e.id for e in kept) == sorted(e.id for e in wanted)
    assert books.standings(T, listed(0)) == watching.standings(T, listed(0))
    books.close()
