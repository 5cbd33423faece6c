"""`make bench`: every peer in front of one upstream, in one run, on one core each for proxy and load.

Peers take turns (A B C A B C ...) in short rounds and medians are reported, so that a slow moment of the
machine hits all of them. Before anything is measured each peer that claims the work must give exactly the
masked answers of benchmarks/work.py.

Exit codes: 0 measured (targets met or not), 1 a peer did other work, failed requests, or a target was missed
with --strict, 2 nothing could be measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import install, machine, report
from benchmarks.cells import CELLS, write_requests
from benchmarks.figures import Cell, Latency, Results, targets
from benchmarks.load.wrk import CONNECTIONS, burst
from benchmarks.peers.table import HEADERS, PEERS, PROBE, Bed, Running, start_upstream
from benchmarks.processes import RunError, cpu_seconds, pinned, unwind_on_terminate
from benchmarks.verify import differences

OUT = Path(__file__).parent / "out"
HEADROOM = 1.2
"""A peer whose throughput is under this many times the fixed rate is not measured at it: a queue that only
grows has no percentile."""

QUIET = 0.5
"""Load average above which a run says that it was disturbed."""


def say(text: str) -> None:
    """Progress, to stderr."""
    sys.stderr.write(text + "\n")


class Run:
    """One run: the upstream, the peers that started, and the figures so far."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options = options
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-bench-")))
        (self.folder / "upstream").mkdir()
        cores = ("0", "1")
        self.upstream = start_upstream(self.folder / "upstream", cores[1])
        stack.callback(self.upstream.server.stop)
        self.bed = Bed(self.folder, self.upstream.port, *cores)
        self.files = write_requests(self.folder)
        self.peers: dict[str, Running] = {}
        self.results = Results(machine.machine(), machine.versions(), settings(options))
        for name in options.peers:
            self._start(name, stack)

    def _start(self, name: str, stack: ExitStack) -> None:
        peer = PEERS[name]
        why = peer.missing()
        if why is not None:
            self.results.missing[name] = why
            return
        try:
            running = peer.start(self.bed)
            stack.callback(running.server.stop)
            running.server.wait(running.port, PROBE, HEADERS, limit=60)
        except RunError as error:
            self.results.missing[name] = str(error)
            return
        self.peers[name] = running

    def warn(self) -> None:
        """Say it when the machine is not quiet: ratios hold roughly, latencies do not."""
        load = self.results.machine["load_before"]
        if float(load) > QUIET:
            say(f"the machine is busy (load average {load}): these figures are not worth publishing")

    def verify(self) -> list[str]:
        """What working peers do otherwise than the work."""
        return [
            f"{PEERS[name].title}: {found}"
            for name, running in self.peers.items()
            if PEERS[name].works
            for found in differences(running.port)
        ]

    def throughput(self) -> None:
        """All cells, peers in turn within each round."""
        for cell in self.options.cells:
            row = self.results.cells.setdefault(cell, {})
            for turn in range(self.options.rounds):
                say(f"{CELLS[cell].title}: round {turn + 1} of {self.options.rounds}")
                for name, running in {"direct": self.upstream, **self.peers}.items():
                    self._burst(row.setdefault(name, Cell(seconds=self.options.seconds)), cell, running, turn)

    def _burst(self, into: Cell, cell: str, running: Running, turn: int) -> None:
        before = cpu_seconds(running.server.pid)
        file, seconds = self.files[cell], self.options.seconds
        into.bursts.append(
            burst(running.port, file, seconds, self.bed.load_cores, turn / self.options.rounds)
        )
        into.cpu.append(cpu_seconds(running.server.pid) - before)

    def latency(self) -> None:
        """The fixed rate, peers in turn within each round."""
        rate = self.options.rate
        able = {"direct": self.upstream}
        for name, running in self.peers.items():
            rps = self.results.cells["contact"][name].rps
            if rps < rate * HEADROOM:
                self.results.skipped[name] = f"cannot hold {rate} requests/s (its most was {rps:.0f})"
            else:
                able[name] = running
        for turn in range(self.options.rounds):
            say(f"{rate} requests/s: round {turn + 1} of {self.options.rounds}")
            for name, running in able.items():
                self._fixed_rate(self.results.latency.setdefault(name, Latency()), running, turn)

    def _fixed_rate(self, into: Latency, running: Running, turn: int) -> None:
        command = [
            *(sys.executable, "-m", "benchmarks.load.openloop", str(running.port)),
            *(str(self.files["contact"]), str(self.options.rate), str(self.options.seconds + 2), "8"),
            str(turn / self.options.rounds),
        ]
        done = subprocess.run(
            pinned(command, self.bed.load_cores), capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            raise RunError(f"openloop: {done.stderr[-500:]}")
        got = json.loads(done.stdout)
        into.add(got["us"], got["failed"])

    def count_records(self) -> list[str]:
        """Records each peer wrote; fewer than its answers means that it did not do the work."""
        short = []
        for name in self.peers:
            if PEERS[name].works:
                logs = [p for p in (self.folder / name).rglob("*.jsonl") if p.is_file()]
                self.results.records[name] = sum(p.read_bytes().count(b"\n") for p in logs)
                answers = sum(b.requests for row in self.results.cells.values() for b in row[name].bursts)
                if self.results.records[name] < answers:
                    short.append(f"{name}: {self.results.records[name]} records for {answers} answers")
        return short


def settings(options: argparse.Namespace) -> dict[str, object]:
    """What the run was asked for."""
    return {
        "connections": CONNECTIONS,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rate": options.rate,
        "cores": "proxy 0, upstream and load 1",
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of one second")
    parser.add_argument("--peers", default=",".join(PEERS), help="some of: %(default)s")
    parser.add_argument("--cells", default=",".join(CELLS), help="some of: %(default)s (contact always)")
    parser.add_argument("--seconds", type=int, default=3, help="per round, cell and peer (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--rate", type=int, default=500, help="requests/s of the latency measurement")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds, options.rounds = 1, 2
    for name, table in (("peers", PEERS), ("cells", CELLS)):
        chosen = getattr(options, name).split(",")
        unknown = sorted(set(chosen) - set(table))
        if unknown:
            parser.error(f"--{name}: {', '.join(unknown)} is none of {', '.join(table)}")
        setattr(options, name, [one for one in table if one in chosen or one == "contact"])
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, verify, measure, write down."""
    options = parse(arguments)
    unwind_on_terminate()
    install.debian()
    install.bench_environment()
    try:
        with ExitStack() as stack:
            run = Run(options, stack)
            run.warn()
            wrong = run.verify()
            if not wrong:
                run.throughput()
                run.latency()
                wrong = run.count_records()
    except (RunError, OSError) as error:
        say(f"nothing was measured: {error}")
        return 2
    if wrong:
        say("not reported, the work is not equal:\n" + "\n".join(wrong))
        return 1
    report.write(run.results, options.out)
    print(report.show(run.results))
    run.warn()
    say(f"written: {options.out}/results.json, results.md, results.svg")
    missed = options.strict and any(one.met is False for one in targets(run.results))
    return 1 if missed or run.results.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
