"""A schedule: people send STOP or are on a list that is imported, are written to, and processes are killed.

What must hold is said by a model of two tables: who has asked, and since when that is acknowledged.
"""

import itertools
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.service.house import PATIENCE, environ, hushgate, until
from tests.service.stops import Chance, Gateways, Line, phone

SEED = 5
FIRST = 1000
"""number of the first person; who comes in other tests is below"""
STOPPING = 4
"""people who send STOP between two kills"""
LISTED = 5
"""people who are on the list"""
SILENT = 3
"""people who never ask for anything"""
STRANGERS = 3000
"""others on the list, so that it takes its time"""


@dataclass
class Play:
    """One run of it: `run`, then `check`."""

    gateways: Gateways
    folder: Path
    kills: int
    acknowledged: dict[int, float] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        people = itertools.count(FIRST)
        self.stopping = list(itertools.islice(people, STOPPING * (self.kills + 1)))
        self.listed = list(itertools.islice(people, LISTED))
        self.silent = list(itertools.islice(people, SILENT))
        self._chance = Chance(SEED)
        self._steps = itertools.count()
        self._done = 0
        self._over = threading.Event()
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        strangers = range(FIRST + 5000, FIRST + 5000 + STRANGERS)
        numbers = [f"+3363998{n}" for n in strangers] + [phone(person) for person in self.listed]
        numbers.sort(key=lambda number: number[::-1])
        (self.folder / "list").write_text("\n".join(numbers) + "\n")

    # ---- the schedule ----------------------------------------

    def run(self) -> None:
        """Kill, while everybody goes on; then let all of it come to its end."""
        self.gateways.meet([*self.stopping, *self.listed, *self.silent])
        work = [(self._write, n) for n in range(3)] + [(self._stop, n) for n in range(2)]
        threads = [threading.Thread(target=target, args=(n,)) for target, n in work]
        for thread in threads:
            thread.start()
        try:
            people = iter(self.stopping)
            victims = [
                self._kill_worker,
                self._kill_importer,
                *[self._kill_server] * bool(self.gateways.server),
            ]
            for turn in range(self.kills):
                self._release(itertools.islice(people, STOPPING))
                self._some_steps()
                victims[turn % len(victims)]()
            self._release(people)
            self._import()
            until(lambda: self.acknowledged.keys() == {*self.stopping, *self.listed}, self._why)
            self._some_steps()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _why(self) -> str:
        late = {*self.stopping, *self.listed} - self.acknowledged.keys()
        return (
            f"not acknowledged: {late}; {self.wrong}; {[house.log[-1000:] for house in self.gateways.houses]}"
        )

    def _release(self, people: Iterable[int]) -> None:
        for person in people:
            self._waiting.put(person)

    def _some_steps(self) -> None:
        """Until a few more requests were answered, or were cut off."""
        goal = self._done + 5 + self._chance.below(35)
        until(lambda: self._done >= goal, self._why)

    # ---- who is killed ----------------------------------------

    def _kill_worker(self) -> None:
        house = self._chance.pick(self.gateways.houses)
        pid = self._chance.pick([pid for pid in house.pids() if pid] or [0])
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _kill_server(self) -> None:
        server = self.gateways.server
        assert server is not None
        server.kill()
        self._some_steps()
        assert server.start()

    def _kill_importer(self) -> None:
        importer = self._importer()
        with suppress(subprocess.TimeoutExpired):
            importer.wait(0.3 + self._chance.below(120) / 100)
        importer.kill()
        importer.communicate()

    def _importer(self) -> "subprocess.Popen[bytes]":
        self.asked.update(self.listed)
        command = ("contacts", "import", str(self.folder / "list"), "--tenant", "acme", "--list", "robinson")
        dated = time.strftime("%Y-%m-%d", time.gmtime())
        config = str(self.gateways.houses[0].config)
        return subprocess.Popen(
            hushgate(*command, "--dated", dated, "--format", "lines", "-c", config),
            env=environ() | self.gateways.houses[0].environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _import(self) -> None:
        importer = self._importer()
        said, _ = importer.communicate(timeout=PATIENCE * 2)
        now = time.monotonic()
        assert importer.returncode == 0, said
        self.acknowledged.update(dict.fromkeys(self.listed, now))

    # ---- who goes on ----------------------------------------

    def _stop(self, number: int) -> None:
        """Deliver the STOP of one person after the other until it is acknowledged, and some once more."""
        chance = Chance(f"stop {number}")
        with self._lines() as lines:
            while not self._over.is_set():
                with suppress(queue.Empty):
                    person = self._waiting.get(timeout=0.05)
                    self._until_acknowledged(person, chance, lines)
                    for _ in range(chance.below(3)):
                        again = chance.pick(list(self.acknowledged) or [person])
                        if again in self.stopping:
                            chance.pick(lines).say(again, "STOP", f"SM-{again}")

    def _until_acknowledged(self, person: int, chance: Chance, lines: list[Line]) -> None:
        self.asked.add(person)
        while not chance.pick(lines).say(person, "STOP", f"SM-{person}").passed:
            if self._over.wait(0.02):
                return
        self.acknowledged[person] = time.monotonic()

    def _write(self, number: int) -> None:
        """Write to people, mostly to those who have just sent STOP, and look at what comes of it."""
        chance = Chance(f"write {number}")
        everybody = [*self.stopping, *self.listed, *self.silent]
        with self._lines() as lines:
            for attempt in itertools.count():
                if self._over.is_set():
                    return
                latest = list(self.acknowledged)[-3:]
                person = chance.pick(latest if latest and chance.below(10) < 6 else everybody)
                self._write_to(person, f"{number}.{attempt}", chance.pick(lines), by_text=chance.below(2) > 0)
                self._done = next(self._steps)

    def _write_to(self, person: int, note: str, line: Line, *, by_text: bool) -> None:
        since = self.acknowledged.get(person)
        must_not = since is not None and time.monotonic() >= since + self.gateways.bound
        if must_not:
            self.forbidden.add(note)
        told = (line.text if by_text else line.mail)(person, note)
        silenced = told.reason == "contact_suppressed"
        if (must_not and told.passed) or (silenced and person not in self.asked):
            self.wrong.append(f"{note}: to {person}, acknowledged {since}: {told}")

    @contextmanager
    def _lines(self) -> Iterator[list[Line]]:
        made = [Line(house) for house in self.gateways.houses]
        try:
            yield made
        finally:
            for line in made:
                line.close()

    # ---- what must hold ----------------------------------------

    def check(self) -> None:
        """Nobody was reached who had been heard; who asked, and nobody else, is silenced on every worker."""
        assert self.wrong == []
        assert self.forbidden, "nobody wrote to anybody who had sent STOP"
        assert not self.forbidden & {*self.gateways.providers.arrived}
        for house in self.gateways.houses:
            until(house.ready, lambda house=house: house.log)  # type: ignore[misc]
        for line in self.gateways.lines():
            for person in (*self.stopping, *self.listed):
                assert line.text(person).reason == line.mail(person).reason == "contact_suppressed"
            for person in self.silent:
                assert line.text(person).passed and line.mail(person).passed
            line.close()
        with self.gateways.books() as books:
            for person in (*self.stopping, *self.listed):
                history = books.history("acme", self.gateways.pseudonym(person))
                assert [entry.act for entry in history] == ["suppressed"], person
