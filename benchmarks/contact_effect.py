"""From a STOP that one worker accepted to its effect on all others, over Redis on two instances.

Real processes; each worker is asked all the time, so that it remembers the person until the STOP. Measured is
from the moment at which whoever delivered the STOP had its answer to the start of the first request that is
refused. Exit codes: 0 within the limits, 1 otherwise.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import unwind_on_terminate
from tests.redisserver import ABSENT, program
from tests.service.stops import STORES, Chance, Gateways, Line, Store, gateways

LIMIT = 250.0
"""milliseconds: the 99th percentile stays below"""
WARM = 3
"""texts that pass before a STOP is sent"""
PATIENCE = 30.0


@dataclass(slots=True)
class Watch:
    """One worker, asked about one person until it refuses."""

    line: Line
    instance: int
    passed: int = 0
    last: float = 0.0
    """start of the last text that passed"""
    refused: float = 0.0
    """start of the first that did not"""

    def until_refused(self, person: int, over: float) -> None:
        """Write to somebody again and again."""
        self.passed, self.refused = 0, 0.0
        while time.monotonic() < over:
            began = time.monotonic()
            if not self.line.text(person).passed:
                self.refused = began
                return
            self.last = began
            self.passed += 1


def main() -> int:
    """Prints the figures, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stops", type=int, default=400)
    args = parser.parse_args()
    unwind_on_terminate()
    found: dict[str, dict[str, object]] = {}
    for store in STORES:
        if store == "redis" and program() is None:
            found[store] = {"skipped": ABSENT}
            continue
        with tempfile.TemporaryDirectory() as folder, gateways(Path(folder), store) as running:
            found[store] = measured(running, args.stops, store)
    print(json.dumps(found, indent=2))
    return 0 if all(figures.get("within", True) for figures in found.values()) else 1


@dataclass(slots=True)
class Times:
    """Seconds; `accepted` until the STOP was answered, `took` from its sending to its effect, `same` and
    `other` from its answer to its effect. `after`: texts that began after the answer and passed.
    """

    accepted: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)
    after: int = 0

    def add(self, began: float, answered: float, watch: Watch, *, here: bool) -> None:
        """What one worker did about one STOP."""
        self.took.append(watch.refused - began)
        (self.same if here else self.other).append(max(0.0, watch.refused - answered))
        self.after += watch.last > answered


def measured(running: Gateways, stops: int, store: Store) -> dict[str, object]:
    """Milliseconds, of all workers of the instance that accepted it, and of the others."""
    chance, times = Chance("effect"), Times()
    numbered = list(enumerate(running.houses))
    senders = [(line, n) for n, house in numbered for line in running.lines(house)]
    watches = [Watch(line, n) for n, house in numbered for line in running.lines(house)]
    for person in range(1, stops + 1):
        one_stop(person, *chance.pick(senders), watches, times)
    late = max([*times.same, *times.other])
    return {
        "stops": stops,
        "accepted": percentiles(times.accepted),
        "sent_to_effect": percentiles(times.took),
        "accepted_to_effect_same_instance": percentiles(times.same),
        **({"accepted_to_effect_other_instance": percentiles(times.other)} if times.other else {}),
        "passed_after": times.after,
        "within": percentiles([*times.same, *times.other])["p99"] < LIMIT
        and (times.after == 0 if store == "sqlite" else late <= running.bound),
    }


def one_stop(person: int, sender: Line, instance: int, watches: Sequence[Watch], times: Times) -> None:
    """Everybody writes to the person, who sends STOP."""
    over = time.monotonic() + PATIENCE
    threads = [threading.Thread(target=watch.until_refused, args=(person, over)) for watch in watches]
    for thread in threads:
        thread.start()
    while any(watch.passed < WARM for watch in watches) and time.monotonic() < over:
        time.sleep(0.0005)
    began = time.monotonic()
    told = sender.say(person, "STOP", f"SM-{person}")
    answered = time.monotonic()
    for thread in threads:
        thread.join()
    if not told.passed or not all(watch.refused for watch in watches):
        raise SystemExit(f"the STOP of {person} had no effect: {told}")
    times.accepted.append(answered - began)
    for watch in watches:
        times.add(began, answered, watch, here=watch.instance == instance)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    ranked = sorted(seconds)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000, 2)
        for name, share in at.items()
    }


if __name__ == "__main__":
    sys.exit(main())
