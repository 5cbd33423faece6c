"""Two intercept processes behind one port against one, with the load and the upstream on the same two cores.

    python -m benchmarks.intercept_processes [--rounds 5] [--seconds 4] [--patience 0]

One process leaves the load a core of its own; two have to share with it. So load (wrk) and upstream (answers
from memory, benchmarks/upstream/canned.c) are as cheap as can be, and beside requests per second it says what
they could be at most: were each request to cost two processes and their load what it costs one. Where others
had some of the machine, or its host took it, the same is derived from CPU time per request and from what was
idle. Also: one process and all of its load on one core against two on two (each core bears its own load), the
gateway's CPU time alone (the load is elsewhere), and what two interpreters that share nothing do here.
The settings take turns. `--patience`: seconds, for each load, to wait for quiet moments and to repeat turns
that were not quiet. Exit codes: 0 every target was met, 1 one was not, 2 it could not run, or it was not
quiet enough to say.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import install, machine, usage
from benchmarks.cells import CELLS
from benchmarks.hushgate.intercept import write_interception
from benchmarks.load.wrk import burst
from benchmarks.peers.table import HEADERS, PROBE, Bed, Running
from benchmarks.processes import RunError, Server, cpu_seconds, unwind_on_terminate
from benchmarks.scale import check
from benchmarks.upstream.canned import FEW, start_canned
from benchmarks.usage import Round, Trio

WANTED: Final = 1.6
EXITS: Final = {True: 0, False: 1, None: 2}
SETTLING: Final = 2
"""seconds more where 32 handshakes come first"""
ENOUGH: Final = 3
"""quiet turns, of which something can be said"""
LOOK: Final = 0.5
"""seconds in which it has to be quiet before a turn, where there is patience for it"""
MEASURED: Final = (("contact", "http"), ("contact", "https"), ("list100", "https"))
TITLES: Final = {"http": "in clear", "https": "TLS"}
COLUMNS: Final = (
    *("load", "requests/s: one / two", "times", "quiet turns", "others, cores", "with nobody else"),
    *("attainable", "by CPU alone", "one core, then two", "gateway us: one / two", "load us: one / two"),
    *("idle cores: one / two", "least busy process"),
)
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
class Setting:
    """Hushgate with so many processes, all of it and its load kept to these cores."""

    workers: int
    running: Running
    cores: frozenset[int]


def one_round(setting: Setting, upstream: Server, file: Path, seconds: int, scheme: str) -> Round:
    """A burst, and who used how much CPU meanwhile. Raises RunError on failures."""
    pid, cores = setting.running.server.pid, setting.cores
    for server in (setting.running.server, upstream):
        usage.pin(server.pid, cores)
    ours, theirs = usage.each_process(pid), cpu_seconds(upstream.pid)
    before, loads, own, began = usage.machine(cores), usage.children(), time.process_time(), time.monotonic()
    got = burst(setting.running.port, file, seconds, ",".join(map(str, sorted(cores))), scheme=scheme)
    took, after = time.monotonic() - began, usage.machine(cores)
    each = [used - ours.get(one, 0) for one, used in usage.each_process(pid).items()]
    served, load = cpu_seconds(upstream.pid) - theirs, usage.children() - loads
    if got.failed or not got.requests:
        raise RunError(f"{setting.running.server.name}: {got.failed} of {got.requests} requests failed")
    known = sum(each) + served + load + time.process_time() - own
    return Round(
        seconds=got.requests / got.rps,
        requests=got.requests,
        gateway=sum(each),
        upstream=served,
        load=load,
        idle=(after.idle - before.idle) / took,
        stolen=(after.stolen - before.stolen) / took,
        others=max(0.0, after.used - before.used - known) / took,
        least=sorted(each)[-setting.workers] / sum(each) if any(each) else 0.0,
    )


def start(bed: Bed, workers: int, stack: ExitStack) -> Running:
    """Hushgate intercepting."""
    name = f"processes-{workers}"
    folder = bed.folder / name
    folder.mkdir()
    made = write_interception(folder, bed.upstream, workers)
    running = Running(Server(name, made.command, folder, None, made.env), made.port)
    stack.callback(running.server.stop)
    running.server.wait(running.port, PROBE, HEADERS, 60)
    burst(running.port, _few(bed.folder, MEASURED[0][0]), 2, None, scheme="https")
    return running


def settings(bed: Bed, stack: ExitStack) -> Mapping[str, Setting]:
    """What takes turns, by the fields of a Trio."""
    both = frozenset(sorted(os.sched_getaffinity(0))[:2])
    one, two = (start(bed, workers, stack) for workers in (1, 2))
    return {
        "single": Setting(1, one, frozenset([min(both)])),
        "one": Setting(1, one, both),
        "two": Setting(2, two, both),
    }


def alone(seconds: float, rounds: int) -> float:
    """What two interpreters that share nothing do, times what one does."""
    command = [sys.executable, "-c", ALONE, str(seconds)]

    def work(count: int) -> int:
        started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
        return sum(int(each.communicate()[0]) for each in started)

    return median(work(2) / work(1) for _ in range(rounds))


def row(title: str, trio: Trio) -> str:
    """A cell of the table, as COLUMNS say, of its quiet turns; of all where too few were quiet."""
    tried, quiet = len(trio.one), trio.quiet()
    trio = quiet if len(quiet.one) >= ENOUGH else trio
    others = median(each.others for each in trio.one + trio.two)

    def both(of: Callable[[Round], float], digits: int = 0) -> str:
        return " / ".join(f"{median(map(of, rounds)):.{digits}f}" for rounds in (trio.one, trio.two))

    texts = (
        *(title, both(lambda one: one.rps), f"{median(trio.rps):.2f}"),
        *(f"{len(quiet.one)} of {tried}", f"{others:.2f}", f"{median(trio.alone):.2f}"),
        *(f"{trio.attainable():.2f}", f"{median(trio.cpu):.2f}", f"{median(trio.cores):.2f}"),
        *(both(lambda one: one.cost), both(lambda one: one.beside), both(lambda one: one.idle, 2)),
        f"{median(each.least for each in trio.two):.0%}",
    )
    return f"| {' | '.join(texts)} |"


def judge(title: str, trio: Trio) -> bool | None:
    """Whether a cell reached the target; None where it was not quiet enough to say."""
    quiet = trio.quiet()
    if len(quiet.one) < ENOUGH:
        print(
            f"{title}: {len(quiet.one)} of {len(trio.one)} turns were quiet, so nothing is said of requests/s"
        )
        return None
    print(f"{title}: turns from {min(quiet.rps):.2f} to {max(quiet.rps):.2f}")
    return check("  two, times one, requests/s", median(quiet.rps), WANTED, at_least=True)


def wait_for_quiet(cores: Collection[int], end: float) -> None:
    """Until nobody uses these cores for a moment, or `end` (monotonic) has come."""
    while time.monotonic() < end:
        before = usage.machine(cores).used
        time.sleep(LOOK)
        if usage.machine(cores).used - before <= usage.QUIET * LOOK:
            return


def turns(
    served: Mapping[str, Setting], upstream: Server, file: Path, scheme: str, options: argparse.Namespace
) -> Trio:
    """A cell. Raises RunError."""
    trio, seconds = Trio(), options.seconds + (SETTLING if scheme == "https" else 0)
    end, names = time.monotonic() + options.patience, list(served)
    while len(trio.one) < options.rounds or (
        len(trio.quiet().one) < options.rounds and time.monotonic() + 3 * seconds < end
    ):
        wait_for_quiet(served["two"].cores, end)
        names.reverse()
        trio.add({name: one_round(served[name], upstream, file, seconds, scheme) for name in names})
    return trio


def compare(bed: Bed, upstream: Server, options: argparse.Namespace) -> bool | None:
    """Every cell; whether all reached the target, None where that was not to be seen. Raises RunError."""
    print(f"two interpreters that share nothing, times one: {alone(1.0, options.rounds):.2f}")
    trios = {}
    with ExitStack() as stack:
        served = settings(bed, stack)
        for cell, scheme in MEASURED:
            file = _few(bed.folder, cell)
            title = f"{CELLS[cell].title}, {TITLES[scheme]}"
            trios[title] = turns(served, upstream, file, scheme, options)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    print("\n".join(row(title, trio) for title, trio in trios.items()))
    judged = list(map(judge, trios, trios.values()))
    return None if None in judged else all(judged)


def _few(folder: Path, cell: str) -> Path:
    """Fewer requests than there are, since wrk would need half a second to read them all."""
    file = folder / f"{cell}.few"
    if not file.exists():
        file.write_text("\n".join(islice(CELLS[cell].lines(), FEW)) + "\n")
    return file


def measure(options: argparse.Namespace) -> bool | None:
    """All of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-processes-")))
        (folder / "upstream").mkdir()
        upstream, port = start_canned(folder / "upstream")
        stack.callback(upstream.stop)
        upstream.wait(port, PROBE, HEADERS)
        return compare(Bed(folder, port), upstream, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.intercept_processes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--seconds", type=int, default=4, help="per turn and setting (default 4)")
    parser.add_argument("--patience", type=int, default=0, help="seconds to wait for quiet turns, per load")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    install.debian()
    print(f"load average before: {machine.machine()['load_before']}; cores: {os.cpu_count()}")
    try:
        return EXITS[measure(options)]
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
