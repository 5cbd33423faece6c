"""The registry with ten million suppressed numbers: how fast they come in, what a lookup then costs.

    python -m benchmarks.registry [--rows 10000000] [--folder DIR]

Numbers are E.164, normalised and pseudonymised as in traffic, and taken in as one list. The worker is a
process of its own, whose memory counts: it looks up people until it remembers as many as it may. Then some
get a record, by which an address is theirs, too, and are looked up.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import batched
from pathlib import Path
from statistics import median
from typing import Final

from gateway import keys
from gateway.contacts.model import Entry
from gateway.contacts.normalise import normalise
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry

TENANT: Final = "bench"
ENTRY: Final = Entry(
    id="bloctel/2026-11", subject="", act="suppressed", at=1.0, channel="call", source="bloctel"
)
AT_ONCE: Final = 500_000
FEW: Final = 1_000
PEOPLE: Final = 100_000
"""people of a record, an address and a number each, every third of which is on the list"""
LOOKUPS: Final = 150_000
TURNS: Final = 30_000
STRIDE: Final = 7_368_787
"""coprime to ten million: visits every number once, in no order"""

NATIONAL: Final[dict[str, Sequence[str]]] = {
    "FR": ("06 ## ## ## ##", "01.##.##.##.##", "04########", "+33 (0)7 ## ## ## ##", "0033 6########"),
    "GB": ("020 79## ####", "(0161) 49# ####", "07700 9#####", "+44 (0)20 79## ####"),
    "DE": ("0151 ########", "030/########", "(0421) 4## ####", "+49 (0)151 ########"),
    "US": ("(212) 5##-####", "415-6##-####", "312.7##.####", "1 646 7## ####"),
    "ES": ("6## ### ###", "91 4## ## ##", "+34 6## ### ###"),
}
"""Spellings by country; a counter's digits take the place of the signs."""


def number(n: int) -> str:
    """The n-th E.164 number."""
    return f"+336{n * STRIDE % 100_000_000:08}"


def main() -> None:
    """Prints the figures, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--worker", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--key", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(look(args.worker, bytes.fromhex(args.key), args.rows)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        print(json.dumps({**imported(Path(folder), args.rows), "national_per_s": national()}, indent=2))


def imported(folder: Path, rows: int) -> dict[str, object]:
    """Takes the list in, and looks it up in a registry of few and of all."""
    key = bytes(range(32))
    fill(folder / "few.db", key, FEW)
    started, used = time.perf_counter(), time.process_time()
    slowest = fill(folder / "all.db", key, rows)
    seconds, busy = time.perf_counter() - started, time.process_time() - used
    few, full = (_worker(folder / name, key, count) for name, count in (("few.db", FEW), ("all.db", rows)))
    return {
        "rows": rows,
        "rows_per_s": round(rows / seconds),
        "rows_per_cpu_s": round(rows / busy),
        "slowest_part_rows_per_s": round(AT_ONCE / slowest),
        "file_mb": (folder / "all.db").stat().st_size >> 20,
        "importer_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "lookup_few": few,
        "lookup_all": full,
        "all_against_few": compared(folder, key, rows),
        "linked": linked(folder, key, rows),
    }


def fill(path: Path, key: bytes, rows: int) -> float:
    """Suppresses the first `rows` numbers; the seconds of the slowest half million."""
    books, slowest = SqliteBooks(path), 0.0
    pseudonymise = keys.Keyring(key).pseudonymiser(TENANT)
    for first in range(0, rows, AT_ONCE):
        numbers = [number(n) for n in range(first, min(first + AT_ONCE, rows))]
        started = time.perf_counter()
        people = [pseudonymise("phone", normalise("phone", each, None) or "") for each in numbers]
        books.suppress_many(TENANT, people, ENTRY)
        slowest = max(slowest, time.perf_counter() - started)
    books.close()
    return slowest


def person(key: bytes, n: int) -> tuple[str, str, str]:
    """The n-th one's record, address and number."""
    pseudonymise = keys.Keyring(key).pseudonymiser(TENANT)
    phone = f"+338{n:08}" if n % 3 else number(n)
    return (
        pseudonymise("record", str(n)),
        pseudonymise("email", f"p{n}@x.example"),
        pseudonymise("phone", phone),
    )


def link(path: Path, key: bytes, rows: int) -> None:
    """Links everybody, and moves it to where it stays."""
    books = SqliteBooks(path)
    for part in batched(range(min(rows, PEOPLE)), AT_ONCE // 50):
        people = [person(key, n) for n in part]
        books.link(TENANT, [(record, one) for record, *others in people for one in others])
    books.settle()
    books.close()


def _worker(path: Path, key: bytes, rows: int) -> dict[str, float]:
    words = ("--worker", str(path), "--key", key.hex(), "--rows", str(rows))
    command = [sys.executable, "-m", "benchmarks.registry", *words]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def look(path: Path, key: bytes, rows: int) -> dict[str, float]:
    """What a worker's lookups cost in microseconds (medians, uncached and cached), and its memory in MB."""
    # As in a worker.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    pseudonymise = keys.Keyring(key).pseudonymiser(TENANT)
    registry = SqliteRegistry(path, create=False)
    before = resident()
    known = [pseudonymise("phone", number(n * 7919 % rows)) for n in range(min(LOOKUPS, rows))]
    strangers = [pseudonymise("phone", f"+337{n:08}") for n in range(LOOKUPS)]
    lists = resident() - before
    figures = {
        "known_us": _cost(registry, known),
        "stranger_us": _cost(registry, strangers),
        "cached_us": _cost(registry, strangers[-1:] * 10_000),
    }
    growth = resident() - before - lists
    registry.close()
    return {**figures, "growth_mb": round(growth, 1)}


def linked(folder: Path, key: bytes, rows: int) -> dict[str, dict[str, float]]:
    """What a lookup of people with records costs, in either."""
    figures = {}
    for name, count in (("few.db", FEW), ("all.db", rows)):
        link(folder / name, key, count)
        registry = SqliteRegistry(folder / name, create=False)
        people = [person(key, n * 7919 % min(count, PEOPLE)) for n in range(min(count, TURNS))]
        kinds = zip(("record", "address", "number"), zip(*people, strict=True), strict=True)
        figures[name] = {f"{kind}_us": _cost(registry, who) for kind, who in kinds}
        registry.close()
    return figures


def compared(folder: Path, key: bytes, rows: int) -> dict[str, float]:
    """What a lookup costs in the full registry, and how much more: by turns, as others' load meets both."""
    pseudonymise = keys.Keyring(key).pseudonymiser(TENANT)
    sizes = {"few.db": FEW, "all.db": rows}
    known = {
        name: [pseudonymise("phone", number(n * 7919 % size)) for n in range(TURNS)]
        for name, size in sizes.items()
    }
    strangers = [pseudonymise("phone", f"+337{n:08}") for n in range(TURNS)]
    taken: dict[tuple[str, str], list[int]] = {}
    opened = {name: SqliteRegistry(folder / name, create=False, cached=1) for name in sizes}
    for n in range(TURNS):
        for name, registry in opened.items():
            for kind, person in (("known", known[name][n]), ("stranger", strangers[n])):
                started = time.perf_counter_ns()
                registry.standings(TENANT, [person])
                taken.setdefault((kind, name), []).append(time.perf_counter_ns() - started)
    for registry in opened.values():
        registry.close()
    figures: dict[str, float] = {}
    for kind in ("known", "stranger"):
        full, few = median(taken[kind, "all.db"]), median(taken[kind, "few.db"])
        figures |= {kind: round(full / few, 2), f"{kind}_us": round(full / 1000, 2)}
    return figures


def _cost(registry: SqliteRegistry, people: Sequence[str]) -> float:
    taken = []
    for person in people:
        started = time.perf_counter_ns()
        registry.standings(TENANT, [person])
        taken.append(time.perf_counter_ns() - started)
    return round(median(taken) / 1000, 2)


def resident() -> float:
    """This process' own memory in MB: what no other process shares."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def national(count: int = 20_000) -> dict[str, int]:
    """Numbers of national formats normalised in a second of a core, by country; each is new."""
    return {country: _rate(_spelt(country, count), country) for country in NATIONAL}


def _spelt(country: str, count: int) -> list[str]:
    forms = NATIONAL[country]
    return [_filled(forms[n % len(forms)], n) for n in range(count)]


def _filled(form: str, n: int) -> str:
    digits = iter(f"{n * STRIDE % 100_000_000:08}"[::-1])
    return "".join(next(digits) if sign == "#" else sign for sign in form)


def _rate(numbers: Sequence[str], country: str) -> int:
    normalise("phone", numbers[0], country)
    started = time.process_time()
    read = sum(normalise("phone", each, country) is not None for each in numbers)
    seconds = time.process_time() - started
    if read < len(numbers) // 2:
        raise SystemExit(f"{country}: only {read} of {len(numbers)} could be read")
    return round(len(numbers) / seconds)


if __name__ == "__main__":
    main()
