"""Who used how much of the processor during a burst, and what follows for one process against two."""

import os
import resource
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.processes import TICK, cpu_seconds, tree

MICRO: Final = 1e6
QUIET: Final = 0.2
"""cores that anybody else may have, this machine's host too, while it is measured"""


@dataclass(frozen=True, slots=True)
class Machine:
    """CPU seconds of some cores so far: idle, taken by the host, and all that were used or taken."""

    idle: float
    stolen: float
    used: float


def machine(cores: Collection[int]) -> Machine:
    """As /proc/stat has it."""
    idle = stolen = used = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, nothing, wait, irq, soft, steal, *_ = map(int, fields)
            idle, stolen = idle + nothing + wait, stolen + steal
            used += user + nice + system + irq + soft + steal
    return Machine(idle / TICK, stolen / TICK, used / TICK)


def each_process(pid: int) -> dict[int, float]:
    """CPU seconds of a process and its descendants, each by itself."""
    return {one: cpu_seconds(one, deep=False) for one in tree(pid)}


def children() -> float:
    """CPU seconds of the processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep every thread of a process and of its descendants to these cores."""
    for one in tree(pid):
        for thread in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


@dataclass(frozen=True, slots=True)
class Round:
    """One burst: seconds, requests, and CPU seconds of the gateway, the upstream and wrk.

    In cores: `idle`, `stolen` by the host, `others` all that none of the three had (with what was stolen).
    `least` is the share of the gateway's CPU time that its least busy process had.
    """

    seconds: float
    requests: int
    gateway: float
    upstream: float
    load: float
    idle: float
    stolen: float
    others: float
    least: float

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """CPU microseconds of the gateway per request."""
        return self.gateway / self.requests * MICRO

    @property
    def beside(self) -> float:
        """CPU microseconds of load and upstream per request."""
        return (self.load + self.upstream) / self.requests * MICRO

    @property
    def waste(self) -> float:
        """Microseconds per request in which a core had nothing to do."""
        return self.idle * self.seconds / self.requests * MICRO


@dataclass(slots=True)
class Trio:
    """Rounds in turns: all of it on one core, one process on any core, two processes on any core."""

    single: list[Round] = field(default_factory=list)
    one: list[Round] = field(default_factory=list)
    two: list[Round] = field(default_factory=list)

    def add(self, made: Mapping[str, Round]) -> None:
        """One turn, by the names of the fields."""
        for name, rounds in (("single", self.single), ("one", self.one), ("two", self.two)):
            rounds.append(made[name])

    @property
    def rps(self) -> list[float]:
        """Requests per second of two, times those of one, turn by turn."""
        return self._against(self.one, lambda two, one: two.rps / one.rps)

    @property
    def alone(self) -> list[float]:
        """The same with nobody else on the machine: by the time of a core that a request took.

        One process has a core of its own. Two share both with the load, and what was idle was theirs to use.
        """
        return self._against(self.one, lambda two, one: 2 * one.cost / (two.cost + two.beside + two.waste))

    @property
    def cpu(self) -> list[float]:
        """The same with the load elsewhere: by the gateway's CPU time alone."""
        return self._against(self.one, lambda two, one: 2 * one.cost / two.cost)

    @property
    def cores(self) -> list[float]:
        """Two processes and their load on two cores, against one and its load on one: by CPU time."""
        return self._against(
            self.single, lambda two, one: 2 * (one.cost + one.beside) / (two.cost + two.beside + two.waste)
        )

    def attainable(self) -> float:
        """What two would do, times one, if a request cost them and the load what it costs with one."""
        cost = median(each.cost for each in self.one)
        return 2 * cost / (cost + median(each.beside for each in self.one))

    def quiet(self) -> "Trio":
        """The turns in which nobody else had more than QUIET beside one process or two."""
        found = zip(self.single, self.one, self.two, strict=True)
        kept = [turn for turn in found if max(turn[1].others, turn[2].others) <= QUIET]
        return Trio(*([turn[of] for turn in kept] for of in range(3)))

    def _against(self, base: Sequence[Round], ratio: Callable[[Round, Round], float]) -> list[float]:
        return [ratio(two, one) for two, one in zip(self.two, base, strict=True)]
