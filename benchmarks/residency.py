"""What it costs to decide whether data may go to an address, and to know where the address is.

    python -m benchmarks.residency [--rows 200000] [--json]

Two rules about ten categories each, both with bases of transfers. Figures are processor time, medians over
rounds. `pooled`: an address judged before, as every exchange on a connection of the pool asks twice.
`new`: an address never met, among places that have been. `first`: the first address of a plan that was just
compiled, so that nothing at all is remembered. `hot`: an address looked up before, whoever asked. `other`: a
parsed one that was not. Exit codes: 0 within the limits, 1 otherwise.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from statistics import median
from typing import Final

from benchmarks.processes import rss_bytes
from gateway.model import Residency, Upstream
from gateway.residency.addresses import parse
from gateway.residency.bases import Under
from gateway.residency.evidence import Estimate
from gateway.residency.judge import Gate, ResidencyCheck
from gateway.residency.locate import AddressTable
from gateway.residency.snapshot import builtin
from gateway.transfers import Basis

Row = tuple[str, str, str]

DAY: Final = date(2026, 11, 21)
ROUNDS: Final = 9
NEW: Final = 2_000
"""addresses of one round"""
FIRST: Final = 200
"""plans of one round"""
HOT: Final = 50_000
"""questions about one address"""

LIMITS: Final = {
    "pooled_us": 3.0,
    "new_us": 30.0,
    "first_us": 30.0,
    "find_us_hot": 1.0,
    "load_s": 1.0,
    "load_mb": 60.0,
}
"""A figure is judged by the one of these names that it begins with."""

DATA: Final = tuple(
    f"user.{each}"
    for each in (
        *("account.username", "contact.address", "contact.email", "contact.organization"),
        *("contact.phone_number", "content.private", "demographic.date_of_birth", "job_title", "name"),
        "unique_id",
    )
)
BASES: Final = (
    Basis(kind="adequacy"),
    Basis(kind="dpf", recipients=("Twilio", "AWS"), data=("user.contact", "user.name")),
    Basis(
        kind="scc",
        recipients=("sms",),
        countries=("US", "IN"),
        since="2026-01-01",
        until="2027-01-01",
        ref="annex 2",
    ),
)
RULES: Final = (
    ResidencyCheck("europe", "enforce", Residency(regions=("EEA",), bases=BASES), DATA),
    ResidencyCheck("islands", "enforce", Residency(regions=("EEA", "IS", "GB"), bases=BASES[1:]), DATA),
)
COUNTRIES: Final = (
    "US",
    "IE",
    "DE",
    "FR",
    "NL",
    "GB",
    "SE",
    "FI",
    "ES",
    "IT",
    "PL",
    "CH",
    "CA",
    "JP",
    "IN",
    "BR",
)
OPERATORS: Final = ("AWS", "Google Cloud", "Azure", "OVH", "Scaleway", "", "Oracle", "Hetzner")
LENGTHS: Final = {
    4: (*(24,) * 11, *(22,) * 3, *(26,) * 2, *(20,) * 2, 16, 28),
    6: (*(48,) * 8, *(32,) * 6, *(40,) * 3, 29, 56, 64),
}
"""of blocks as they are announced, twenty each"""
UPSTREAM: Final = Upstream(name="u", provider="sms", url="https://api.example", region="US", operator="AWS")


def drawn(what: str, n: int) -> int:
    """A number of 128 bits, the same in every run."""
    return int.from_bytes(sha256(f"{what} {n}".encode()).digest()[:16])


def rows(wanted: int) -> list[Row]:
    """Blocks: nine of ten IPv4, some within others."""
    made: dict[str, Row] = {}
    n = 0
    while len(made) < wanted:
        first, dice, n = drawn("block", n), drawn("kind", n), n + 1
        place = COUNTRIES[dice % 16], OPERATORS[dice // 16 % 8]
        if dice // 128 % 10:
            length = LENGTHS[4][dice // 1280 % 20]
            block = f"{IPv4Address(first >> 128 - length << 32 - length)}/{length}"
        else:
            length = LENGTHS[6][dice // 1280 % 20]
            block = f"{IPv6Address((1 << 125 | first >> 3) >> 128 - length << 128 - length)}/{length}"
        made[block] = (block, *place)
    return list(made.values())


def addresses() -> Iterator[str]:
    """Public IPv4 addresses, hardly one twice."""
    for n in count():
        number = drawn("address", n) >> 96
        if 0 < number >> 24 < 224 and number >> 24 not in (10, 100, 127, 169, 172, 192, 198, 203):
            yield str(IPv4Address(number))


def cost(run: Callable[[], None], times: int) -> float:
    """Microseconds of processor time, of one of `times`."""
    began = time.process_time_ns()
    run()
    return (time.process_time_ns() - began) / 1000 / times


def gate(table: AddressTable) -> Gate:
    """Of a plan that was just compiled."""
    return Gate(RULES, table, UPSTREAM, DAY, under=Under(provider="sms"))


def asked(ask: Callable[[str], object], texts: Sequence[str]) -> Callable[[], None]:
    """What asks about each."""

    def run() -> None:
        for text in texts:
            ask(text)

    return run


def judging(table: AddressTable, fresh: Iterator[str]) -> dict[str, float]:
    """One round of decisions."""
    warm = gate(table)
    asked(warm, [next(fresh) for _ in range(NEW)])()
    new = [next(fresh) for _ in range(NEW)]
    plans = [(gate(table), next(fresh)) for _ in range(FIRST)]

    def first() -> None:
        for each, text in plans:
            each(text)

    def pooled() -> None:
        for _ in range(HOT):
            warm(text)
            warm.explain(text)

    text = new[-1]
    return {
        "new_us": cost(asked(warm, new), NEW),
        "first_us": cost(first, FIRST),
        "pooled_us": cost(pooled, HOT),
    }


def finding(table: AddressTable, texts: Sequence[str]) -> dict[str, float]:
    """One round of looking for the longest prefix: of one address again and again, and of others."""
    parsed = [address for text in texts if (address := parse(text)) is not None]

    def hot() -> None:
        for _ in range(HOT):
            table.seen(texts[0], DAY)

    def found() -> None:
        for address in parsed:
            table.find(address)

    return {"find_us_hot": cost(hot, HOT), "find_us_other": cost(found, len(parsed))}


def loading(wanted: int) -> dict[str, float]:
    """What it takes to load a table, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.residency", "--load", "--rows", str(wanted)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def load(wanted: int) -> dict[str, float]:
    """Seconds of processor time, and megabytes that the process has more."""
    listed = rows(wanted)
    before, began = rss_bytes(os.getpid()), time.process_time()
    table = AddressTable(listed)
    seconds = time.process_time() - began
    return {"load_s": seconds, "load_mb": (rss_bytes(os.getpid()) - before) / 1e6 if table else 0.0}


def measured(wanted: int) -> dict[str, float]:
    """Every figure."""
    listed = rows(wanted)
    inside = [cidr.partition("/")[0] for cidr, *_ in listed if ":" not in cidr]
    tables = {"networks": AddressTable(listed), "snapshot": AddressTable((), (Estimate(builtin),))}
    builtin()
    fresh = {"networks": iter(inside), "snapshot": addresses()}
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        found = {
            f"{name}_{source}": figure
            for source, table in tables.items()
            for name, figure in judging(table, fresh[source]).items()
        }
        found |= finding(tables["networks"], [next(fresh["networks"]) for _ in range(NEW)])
        for name, figure in found.items():
            taken.setdefault(name, []).append(figure)
    loads = [loading(wanted) for _ in range(3)]
    taken |= {name: [each[name] for each in loads] for name in loads[0]}
    return {name: round(median(figures), 3) for name, figures in sorted(taken.items())}


def limit(name: str) -> float:
    """What a figure has to stay below; of one that is only told there is no end."""
    return next((most for each, most in LIMITS.items() if name.startswith(each)), math.inf)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000, help="blocks in the table (default 200000)")
    parser.add_argument("--json", action="store_true", help="figures alone, as JSON")
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    figures = load(options.rows) if options.load else measured(options.rows)
    if options.load or options.json:
        print(json.dumps(figures, indent=None if options.load else 2))
    else:
        for name, figure in figures.items():
            wanted = limit(name)
            print(f"{name:20} {figure:8.3f}" + (f"  < {wanted:g}" if wanted < math.inf else ""))
    return 0 if options.load or all(figure < limit(name) for name, figure in figures.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
