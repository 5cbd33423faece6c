"""Two intercept processes behind one port against one, with the load and the upstream on the same cores.

    python -m benchmarks.intercept_processes [--rounds 9] [--seconds 4]

Load (wrk) and upstream (nginx) are compiled and cheap, and yet take what the second process could have. So
three figures: requests per second as they are; the most they could be, were two processes to cost per request
what one does and the load what it did (the ceiling); and CPU time of the gateway per request, which tells
what two processes do on two cores of their own. Beside them what the machine gives two processes that share
nothing. Both settings take turns, each first as often as second. Exit codes: 0 every target was met, 1 one
was not, 2 it could not run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import install, machine
from benchmarks.cells import CELLS
from benchmarks.hushgate.intercept import write_interception
from benchmarks.load.wrk import burst
from benchmarks.peers.table import HEADERS, PROBE, Bed, Running, start_upstream
from benchmarks.processes import TICK, RunError, Server, cpu_seconds, tree, unwind_on_terminate
from benchmarks.scale import check

WANTED: Final = 1.6
FEW: Final = 2_000
"""requests of a cell that are sent in turn"""
SETTLING: Final = 3
"""seconds more where 32 handshakes come first"""
QUIET: Final = 0.1
"""cores that anybody else may use while it is measured"""
MEASURED: Final = (("contact", "http"), ("contact", "https"), ("list100", "https"))
TITLES: Final = {"http": "in clear", "https": "TLS"}
ALONE: Final = """
import sys, time
end, turns = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    sorted({str(n): n for n in range(200)}.items())
    turns += 1
print(turns)
"""
"""Work of an interpreter that needs nobody else; prints how much of it was done."""


@dataclass(frozen=True, slots=True)
class Round:
    """One burst: seconds, requests, CPU seconds of the gateway, the upstream, wrk, and of everybody else.

    `least` is the share of the gateway's CPU time that its least busy process had.
    """

    seconds: float
    requests: int
    gateway: float
    upstream: float
    load: float
    others: float
    least: float

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """CPU microseconds of the gateway per request."""
        return self.gateway / self.requests * 1e6

    @property
    def beside(self) -> float:
        """CPU microseconds of load and upstream per request."""
        return (self.load + self.upstream) / self.requests * 1e6


@dataclass(slots=True)
class Pair:
    """Rounds of one process, and of two, in turns."""

    one: list[Round] = field(default_factory=list)
    two: list[Round] = field(default_factory=list)

    @property
    def rps(self) -> list[float]:
        """Requests per second of two, times those of one, round by round."""
        return [two.rps / one.rps for one, two in zip(self.one, self.two, strict=True)]

    @property
    def cpu(self) -> list[float]:
        """The same on two cores of their own: by the CPU time that a request took."""
        return [2 * one.cost / two.cost for one, two in zip(self.one, self.two, strict=True)]

    def ceiling(self, cores: int) -> float:
        """The most that the requests per second of two can be times those of one, on so many cores."""
        cost = median(each.cost for each in self.one)
        beside = median(each.beside for each in self.two)
        return min(2.0, cores * cost / (cost + beside))


def busy() -> float:
    """CPU seconds of the whole machine so far, stolen ones too."""
    user, nice, system, _idle, _wait, irq, soft, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft + steal) / TICK


def each_process(pid: int) -> dict[int, float]:
    """CPU seconds of a process and its descendants, each by itself."""
    return {one: cpu_seconds(one, deep=False) for one in tree(pid)}


def children() -> float:
    """CPU seconds of the processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def one_round(setting: "Setting", upstream: Running, file: Path, seconds: int, scheme: str) -> Round:
    """A burst, and who used how much CPU meanwhile. Raises RunError on failures."""
    pid = setting.running.server.pid
    ours, theirs = each_process(pid), cpu_seconds(upstream.server.pid)
    everybody, loads, own, began = busy(), children(), time.process_time(), time.monotonic()
    got = burst(setting.running.port, file, seconds, None, scheme=scheme)
    took, everybody = time.monotonic() - began, busy() - everybody
    each = [used - ours.get(one, 0) for one, used in each_process(pid).items()]
    served, load = cpu_seconds(upstream.server.pid) - theirs, children() - loads
    if got.failed or not got.requests:
        raise RunError(f"{setting.running.server.name}: {got.failed} of {got.requests} requests failed")
    known = sum(each) + served + load + time.process_time() - own
    return Round(
        seconds=got.requests / got.rps,
        requests=got.requests,
        gateway=sum(each),
        upstream=served,
        load=load,
        others=max(0.0, everybody - known) / took,
        least=sorted(each)[-setting.workers] / sum(each) if any(each) else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """Hushgate with so many processes."""

    workers: int
    running: Running


def start(bed: Bed, workers: int, stack: ExitStack) -> Setting:
    """Hushgate intercepting, on any core."""
    name = f"processes-{workers}"
    folder = bed.folder / name
    folder.mkdir()
    made = write_interception(folder, bed.upstream, workers)
    running = Running(Server(name, made.command, folder, None, made.env), made.port)
    stack.callback(running.server.stop)
    running.server.wait(running.port, PROBE, HEADERS, 60)
    burst(running.port, _few(bed.folder, MEASURED[0][0]), 1, None, scheme="https")
    return Setting(workers, running)


def alone(seconds: float, rounds: int) -> float:
    """What two interpreters that share nothing do, times what one does."""
    command = [sys.executable, "-c", ALONE, str(seconds)]

    def work(count: int) -> int:
        started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
        return sum(int(each.communicate()[0]) for each in started)

    return median(work(2) / work(1) for _ in range(rounds))


def report(title: str, pair: Pair, cores: int) -> bool:
    """Print a cell; whether requests per second reached the target."""
    print(title)
    for name, rounds in (("one", pair.one), ("two", pair.two)):
        print(
            f"  {name}: {median(each.rps for each in rounds):.0f}/s, CPU us per request: gateway "
            f"{median(each.cost for each in rounds):.0f}, load and upstream "
            f"{median(each.beside for each in rounds):.0f}; cores used: gateway "
            f"{median(each.gateway / each.seconds for each in rounds):.2f} (least busy process "
            f"{median(each.least for each in rounds):.0%})"
        )
    ratio, limit = median(pair.rps), pair.ceiling(cores)
    print(f"  by CPU time per request: {median(pair.cpu):.2f} ({min(pair.cpu):.2f} to {max(pair.cpu):.2f})")
    print(f"  ceiling of requests/s beside this load: {limit:.2f}; reached {ratio / limit:.0%} of it")
    others = median(each.others for each in (*pair.one, *pair.two))
    if others > QUIET:
        print(f"  NOT QUIET: others used {others:.2f} cores, so requests/s and the ceiling say little")
    print(f"  rounds from {min(pair.rps):.2f} to {max(pair.rps):.2f}")
    return check("  two, times one, requests/s", ratio, WANTED, at_least=True)


def compare(bed: Bed, upstream: Running, rounds: int, seconds: int) -> bool:
    """Every cell; whether all reached the target. Raises RunError."""
    cores, kept = os.cpu_count() or 1, []
    print(f"two interpreters that share nothing, times one: {alone(1.0, rounds):.2f}")
    with ExitStack() as stack:
        one, two = (start(bed, workers, stack) for workers in (1, 2))
        for cell, scheme in MEASURED:
            pair, file = Pair(), _few(bed.folder, cell)
            longer = seconds + (SETTLING if scheme == "https" else 0)
            for turn in range(rounds):
                for setting in (one, two) if turn % 2 else (two, one):
                    made = one_round(setting, upstream, file, longer, scheme)
                    (pair.one if setting is one else pair.two).append(made)
            kept.append(report(f"{CELLS[cell].title}, {TITLES[scheme]}", pair, cores))
    return all(kept)


def _few(folder: Path, cell: str) -> Path:
    """Fewer requests than there are, since wrk would need half a second to read them all."""
    file = folder / f"{cell}.few"
    if not file.exists():
        file.write_text("\n".join(islice(CELLS[cell].lines(), FEW)) + "\n")
    return file


def measure(options: argparse.Namespace) -> bool:
    """All of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-processes-")))
        (folder / "upstream").mkdir()
        upstream = start_upstream(folder / "upstream", None)
        stack.callback(upstream.server.stop)
        return compare(Bed(folder, upstream.port), upstream, options.rounds, options.seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.intercept_processes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each (default 9)")
    parser.add_argument("--seconds", type=int, default=4, help="per round (default 4)")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    install.debian()
    print(f"load average before: {machine.machine()['load_before']}; cores: {os.cpu_count()}")
    try:
        return 0 if measure(options) else 1
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
