"""The figures of a run as values, how they are put together, and the targets. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.load.wrk import Burst

BASE = "lua"
BUSY = 0.9
"""A proxy that used less than this share of its core was not the bottleneck: its figure is a lower bound."""


@dataclass(slots=True)
class Cell:
    """One peer in one cell: a burst per round, and CPU seconds the proxy used per round."""

    bursts: list[Burst] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    seconds: float = 1

    @property
    def rps(self) -> float:
        """Median requests per second."""
        return median(one.rps for one in self.bursts)

    @property
    def cpu_us(self) -> float:
        """Median CPU time of the proxy per request, microseconds."""
        return median(cpu / one.requests * 1e6 for cpu, one in zip(self.cpu, self.bursts, strict=True))

    @property
    def busy(self) -> float:
        """Median share of one core the proxy used."""
        return median(self.cpu) / self.seconds

    @property
    def failed(self) -> int:
        """Answers that were errors, or did not come."""
        return sum(one.failed for one in self.bursts)


@dataclass(slots=True)
class Latency:
    """One peer at the fixed rate: per round p50 and p99 in microseconds, and failures."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, latencies: list[int], failed: int) -> None:
        """Take one round's latencies."""
        ordered = sorted(latencies)
        self.p50.append(ordered[len(ordered) // 2])
        self.p99.append(ordered[int(len(ordered) * 0.99)])
        self.failed += failed


@dataclass(slots=True)
class Results:
    """A whole run. `cells[cell][peer]`, `latency[peer]`; `missing[peer]` says why a peer is not there."""

    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, object]
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)

    def ratio(self, cell: str, peer: str, base: str = BASE) -> float | None:
        """Requests per second of a peer over those of another, in one cell of this run."""
        row = self.cells.get(cell, {})
        if peer not in row or base not in row:
            return None
        return row[peer].rps / row[base].rps

    def added(self, peer: str, which: str) -> float | None:
        """Median over the rounds of a peer's p50 or p99 less the direct path's of the same round, us."""
        if peer not in self.latency or "direct" not in self.latency:
            return None
        ours: list[float] = getattr(self.latency[peer], which)
        direct: list[float] = getattr(self.latency["direct"], which)
        return median(a - b for a, b in zip(ours, direct, strict=True))

    def failed(self) -> int:
        """All failed requests of the run."""
        cells = sum(one.failed for row in self.cells.values() for one in row.values())
        return cells + sum(one.failed for one in self.latency.values())

    def as_json(self) -> dict[str, object]:
        """Everything, with the derived figures beside the raw ones."""
        out = asdict(self)
        out["table"] = [
            {
                "cell": cell,
                "peer": peer,
                "rps": round(one.rps, 1),
                "ratio_to_lua": self.ratio(cell, peer),
                "ratio_to_mitmproxy": self.ratio(cell, peer, "mitmproxy"),
                "cpu_us_per_request": round(one.cpu_us, 1),
                "busy": round(one.busy, 3),
                "failed": one.failed,
            }
            for cell, row in self.cells.items()
            for peer, one in row.items()
        ]
        out["added_us"] = {
            peer: {"p50": self.added(peer, "p50"), "p99": self.added(peer, "p99")} for peer in self.latency
        }
        out["targets"] = [asdict(one) for one in targets(self)]
        return out


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that must be reached: what, how much, what this run gave (None: not measured)."""

    what: str
    at_least: float | None
    at_most: float | None
    got: float | None

    @property
    def met(self) -> bool | None:
        """Whether it was reached; None when it was not measured."""
        if self.got is None:
            return None
        low = self.at_least is None or self.got >= self.at_least
        return low and (self.at_most is None or self.got <= self.at_most)


def targets(run: Results) -> Iterator[Target]:
    """The targets of the comparison, with this run's figures."""
    ours = "hushgate"
    yield Target("0.5 KB: times nginx + Lua", 0.6, None, run.ratio("contact", ours))
    yield Target("message: times nginx + Lua", 0.6, None, run.ratio("message", ours))
    yield Target("0.5 KB: times mitmproxy", 25, None, run.ratio("contact", ours, "mitmproxy"))
    yield Target("50 KB: times nginx + Lua", 0.9, None, run.ratio("list100", ours))
    yield Target("added latency p50, microseconds", None, 300, run.added(ours, "p50"))
    yield Target("added latency p99, microseconds", None, 2000, run.added(ours, "p99"))
