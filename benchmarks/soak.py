"""Full load for a while on one worker: every answer counted, memory sampled each second, its slope printed.

    python -m benchmarks.soak --seconds 60

Exit codes: 0 no failed request and flat memory, 1 otherwise, 2 it could not run.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cells import CELLS, write_requests
from benchmarks.load.wrk import burst
from benchmarks.peers.table import HEADERS, PROBE, Bed, start_hushgate, start_upstream
from benchmarks.processes import RunError, Server, rss_bytes, unwind_on_terminate

MIB = 1024 * 1024
FLAT = 2.0
"""MiB per minute: what the slope of the second half may be at most."""


@dataclass(slots=True)
class Sampler:
    """Samples the resident memory of a server's processes every second, in a thread."""

    server: Server
    samples: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until stopped."""
        while not self.stop.is_set():
            self.samples.append(max(rss_bytes(pid) for pid in self.server.workers()))
            self.stop.wait(1)


def slope(samples: Sequence[int]) -> float:
    """Least-squares slope of samples taken each second, in MiB per minute."""
    n = len(samples)
    if n < 2:
        return 0.0
    mean_x, mean_y = (n - 1) / 2, sum(samples) / n
    rise = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(samples))
    return rise / sum((x - mean_x) ** 2 for x in range(n)) * 60 / MIB


def mixed(files: dict[str, Path], folder: Path) -> Path:
    """One request file of all cells, in turn: small, large, act, small, ..."""
    lists = [files[cell].read_text().splitlines() for cell in CELLS]
    file = folder / "mixed.requests"
    file.write_text("\n".join(line for row in zip(*lists, strict=False) for line in row) + "\n")
    return file


def soak(seconds: int, stack: ExitStack) -> bool:
    """Run it; whether it passed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-soak-")))
    (folder / "upstream").mkdir()
    upstream = start_upstream(folder / "upstream", "1")
    stack.callback(upstream.server.stop)
    running = start_hushgate(Bed(folder, upstream.port))
    stack.callback(running.server.stop)
    running.server.wait(running.port, PROBE, HEADERS, 60)
    sampler = Sampler(running.server)
    thread = threading.Thread(target=sampler.run)
    thread.start()
    began = time.monotonic()
    try:
        got = burst(running.port, mixed(write_requests(folder), folder), seconds, "1")
    finally:
        sampler.stop.set()
        thread.join()
    took = time.monotonic() - began
    late = slope(sampler.samples[len(sampler.samples) // 2 :])
    alive = running.server.process.poll() is None
    first, last, most = (round(f(sampler.samples) / MIB, 1) for f in (_first, _last, max))
    print(f"{got.requests} requests in {took:.0f} s ({got.rps:.0f}/s), {got.failed} failed")
    print(f"worker memory, MiB: {first} at the start, {last} at the end, {most} at most")
    print(f"slope of the second half: {late:+.2f} MiB per minute (flat: below {FLAT})")
    return alive and got.failed == 0 and late < FLAT


def _first(samples: list[int]) -> int:
    return samples[0]


def _last(samples: list[int]) -> int:
    return samples[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long (default 60)")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    try:
        with ExitStack() as stack:
            return 0 if soak(options.seconds, stack) else 1
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
