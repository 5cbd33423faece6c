"""Does it scale: two workers against one, and ten thousand tenants against one.

    python -m benchmarks.scale [--tenants 10000] [--skip-workers]

Two workers are measured with the 50 KB list, where the load generator costs the least per request; on a
machine of two cores the load has to share them, and the ceiling it leaves is printed beside the ratio.
Exit codes: 0 every limit was kept, 1 one was not, 2 it could not run.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks import work
from benchmarks.cells import write_requests
from benchmarks.hushgate import tenants
from benchmarks.hushgate.deploy import Deployment, write_deployment
from benchmarks.load.wrk import burst
from benchmarks.peers.table import HEADERS, PROBE, Bed, Running, start_hushgate, start_upstream
from benchmarks.processes import RunError, Server, cpu_seconds, rss_bytes, unwind_on_terminate

MIB = 1024 * 1024
ROUNDS = 5
SECONDS = 3
WARM = 3
"""Rounds before those: plans are made, and people met, the first time each is asked for."""
IDLE = 0.1
"""CPU seconds in a second, below which a server rests"""
ROTATED = 100
"""Tenants whose clients take turns in the measurement of many."""


def check(what: str, got: float, limit: float, at_least: bool = False) -> bool:
    """Print a figure beside its limit; whether it was kept."""
    kept = got >= limit if at_least else got <= limit
    print(f"{what}: {got:.2f} ({'>=' if at_least else '<='} {limit:g}: {'yes' if kept else 'NO'})")
    return kept


def cost(running: Running, file: Path, cores: str | None) -> tuple[float, float]:
    """Requests per second and CPU microseconds per request of one burst. Raises RunError on failures."""
    before = cpu_seconds(running.server.pid)
    got = burst(running.port, file, SECONDS, cores)
    if got.failed:
        raise RunError(f"{got.failed} of {got.requests} requests failed")
    return got.rps, (cpu_seconds(running.server.pid) - before) / got.requests * 1e6


def workers(bed: Bed, upstream: Running, file: Path, stack: ExitStack) -> bool:
    """Two workers against one, in turns; proxies may use every core."""
    everything = ",".join(map(str, range(os.cpu_count() or 1)))
    pair = {}
    for count in (1, 2):
        running = start_hushgate(bed, count, f"workers-{count}", everything)
        stack.callback(running.server.stop)
        running.server.wait(running.port, PROBE, HEADERS, 60)
        pair[count] = running
    rps: dict[int, list[float]] = {1: [], 2: []}
    load = []
    for _ in range(ROUNDS):
        for count, running in pair.items():
            before = cpu_seconds(upstream.server.pid) + os.times().children_user + os.times().children_system
            rps[count].append(cost(running, file, None)[0])
            after = cpu_seconds(upstream.server.pid) + os.times().children_user + os.times().children_system
            load.append((after - before) / SECONDS)
    room = (os.cpu_count() or 1) - median(load[1::2])
    print(f"one worker {median(rps[1]):.0f}/s, two {median(rps[2]):.0f}/s; the load leaves {room:.2f} cores")
    return check("two workers, times one", median(rps[2]) / median(rps[1]), 1.7, at_least=True)


def start(bed: Bed, deployment: Deployment, name: str) -> tuple[Running, float]:
    """Start a deployment; the seconds until it answered a request."""
    began = time.monotonic()
    server = Server(name, deployment.command, bed.folder, bed.proxy_cores, deployment.env)
    try:
        server.wait(deployment.port, PROBE, HEADERS, 600)
    except RunError:
        server.stop()
        raise
    return Running(server, deployment.port), time.monotonic() - began


def rest(*servers: Running) -> None:
    """Until they have nothing left to do: links of people are put in order after their answers."""
    before = -1.0
    while (now := sum(cpu_seconds(each.server.pid) for each in servers)) > before + IDLE:
        before = now
        time.sleep(1.0)


def one_of_many(folder: Path, count: int) -> Path:
    """Requests of many tenants' clients in turn, for the same contacts."""
    used = min(count, ROTATED)
    lines = [f"GET\t{work.CONTACTS}/{10_000_000 + n}\t\t{tenants.key(n % used)}" for n in range(work.SINGLES)]
    file = folder / "many.requests"
    file.write_text("\n".join(lines) + "\n")
    return file


def many(bed: Bed, contacts: Path, count: int, stack: ExitStack) -> bool:
    """Ten thousand tenants: starts, memory, and the cost of a request against one tenant's."""
    folder = bed.folder / "many"
    folder.mkdir()
    deployment = write_deployment(folder, bed.upstream)
    tenants.write(folder / "rules", count)
    running, first = start(bed, deployment, "first-start")
    running.server.stop()
    running, second = start(bed, deployment, "second-start")
    stack.callback(running.server.stop)
    alone = _one_tenant(bed, stack)
    sets: dict[str, Callable[[], tuple[float, float]]] = {
        "one": lambda: cost(alone, one_of_many(alone_folder(bed), 1), bed.load_cores),
        "many": lambda: cost(running, one_of_many(folder, 1), bed.load_cores),
        "rotated": lambda: cost(running, one_of_many(folder, count), bed.load_cores),
        "bench": lambda: cost(alone, contacts, bed.load_cores),
    }
    spent: dict[str, list[float]] = {name: [] for name in sets}
    for turn in range(WARM + ROUNDS):
        for name, run in sets.items():
            figure = run()[1]
            if turn >= WARM:
                spent[name].append(figure)
        if turn < WARM:
            rest(running, alone)
    costs = {name: median(values) for name, values in spent.items()}
    print(
        "CPU microseconds per request: " + ", ".join(f"{name} {value:.0f}" for name, value in costs.items())
    )
    memory = {name: max(map(rss_bytes, one.server.workers())) / MIB for name, one in _both(running, alone)}
    kept = [
        check(f"first start with {count} tenants of {tenants.RULES} rules, seconds", first, 90),
        check("later start, seconds", second, 10),
        check("one tenant's request among many, times alone", costs["many"] / costs["one"], 1.1),
        check(f"{ROTATED} tenants in turn, times alone", costs["rotated"] / costs["one"], 1.1),
        check("worker memory with one tenant, MiB", memory["alone"], 150),
    ]
    print(f"worker memory with {count} tenants: {memory['many']:.0f} MiB")
    return all(kept)


def alone_folder(bed: Bed) -> Path:
    """The deployment with one tenant."""
    return bed.folder / "alone"


def _both(running: Running, alone: Running) -> tuple[tuple[str, Running], tuple[str, Running]]:
    return ("many", running), ("alone", alone)


def _one_tenant(bed: Bed, stack: ExitStack) -> Running:
    folder = alone_folder(bed)
    folder.mkdir()
    deployment = write_deployment(folder, bed.upstream)
    tenants.write(folder / "rules", 1)
    running, seconds = start(bed, deployment, "alone-start")
    stack.callback(running.server.stop)
    print(f"start with one tenant: {seconds:.2f} s")
    return running


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--tenants", type=int, default=10_000, help="how many (default 10000; 0: not measured)"
    )
    parser.add_argument("--skip-workers", action="store_true", help="only the tenants")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-scale-")))
            (folder / "upstream").mkdir()
            upstream = start_upstream(folder / "upstream", "1")
            stack.callback(upstream.server.stop)
            bed, files = Bed(folder, upstream.port), write_requests(folder)
            kept = []
            if not options.skip_workers:
                free = replace(bed, load_cores=None)
                with ExitStack() as pair:
                    kept.append(workers(free, upstream, files["list100"], pair))
            if options.tenants:
                kept.append(many(bed, files["contact"], options.tenants, stack))
            return 0 if all(kept) else 1
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
