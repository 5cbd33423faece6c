"""Closed-loop load by wrk: as many requests as 32 connections get answered."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import work
from benchmarks.processes import RunError, pinned

SCRIPT = Path(__file__).parent / "rotate.lua"
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Burst:
    """One round of one cell: requests per second, latencies under full load in microseconds, failures."""

    rps: float
    requests: int
    failed: int
    p50_us: int
    p99_us: int
    bytes: int


def burst(
    port: int, requests: Path, seconds: int, cores: str | None, begin: float = 0, scheme: str = "http"
) -> Burst:
    """Run wrk once, from `begin` (0..1) of the requests on. Raises RunError when it does not report."""
    command = [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT),
        f"{scheme}://127.0.0.1:{port}", str(requests), work.CLIENT_KEY, str(begin),
    ]  # fmt: skip
    done = subprocess.run(
        pinned(command, cores), capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise RunError(f"wrk: {done.stdout[-500:]} {done.stderr[-500:]}")
    got = {name: int(value) for name, _, value in (pair.partition("=") for pair in found.group(1).split())}
    return Burst(
        rps=got["requests"] / (got["us"] / 1e6),
        requests=got["requests"],
        failed=got["failed"],
        p50_us=got["p50"],
        p99_us=got["p99"],
        bytes=got["bytes"],
    )
