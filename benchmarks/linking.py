"""Links of the contact registry in SQLite: what it costs to note them, to move them, to look somebody up.

    python -m benchmarks.linking [--people 50000] [--folder DIR]

Everybody has a record, an address and a number; each tenth address is suppressed. Processor time of all
threads in microseconds, and of lookups the least of many rounds: others' load then counts little. `log` is
right after they were met, `index` once the links are where they stay.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Final

from gateway import keys
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from gateway.contacts.sqlite.fresh import BOUND

TENANT: Final = "bench"
LISTED: Final = Entry(id="list", subject="", act="suppressed", at=1.0, channel="email", source="list")
LIST: Final = 10
"""people in an answer"""
ROUND: Final = 1000
"""lookups timed together"""
Person = tuple[str, str, str]


def main() -> None:
    """Prints the figures, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    # As in a worker.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        print(json.dumps(measured(Path(folder) / "state.db", args.people), indent=2))


def measured(path: Path, count: int) -> dict[str, object]:
    """All of it, in one file."""
    pseudonymise = keys.Keyring(bytes(range(32))).pseudonymiser(TENANT)
    people = [
        (
            pseudonymise("record", str(n)),
            pseudonymise("email", f"p{n}@example.com"),
            pseudonymise("phone", f"+336{n:08}"),
        )
        for n in range(count)
    ]
    strangers = [pseudonymise("phone", f"+337{n:08}") for n in range(min(count, 20_000))]
    books = SqliteBooks(path)
    books.suppress_many(TENANT, [person[1] for person in people[::10]], LISTED)
    few, rest = people[: BOUND // 4], people[BOUND // 4 :]
    noted = note(path, few)
    log = lookups(path, few, strangers)
    moving = [spent(books.settle) / (2 * len(few))]
    while rest:
        part, rest = rest[: BOUND // 2], rest[BOUND // 2 :]
        note(path, part)
        moving.append(spent(books.settle) / (2 * len(part)))
    index = lookups(path, people[: len(few)], strangers)
    books.close()
    return {
        "people": count,
        **noted,
        "move_us_per_link": [round(each * 1e6, 2) for each in moving],
        "log": log,
        "index": index,
    }


def note(path: Path, people: Sequence[Person]) -> dict[str, float]:
    """Links as lists of people are answered, a hundred lists in the tenth of a second."""
    registry = SqliteRegistry(path, create=False)
    registry.standings(TENANT, ["nobody"])
    began, loop = time.process_time(), time.thread_time()
    for number, several in enumerate(batched(people, LIST)):
        registry.link(TENANT, [(record, other) for record, *others in several for other in others])
        if number % 100 == 99:
            time.sleep(0.1)
            registry.standings(TENANT, ["nobody"])
    mine = time.thread_time() - loop
    registry.close()
    links = 2 * len(people)
    return {
        "note_us_per_link": round((time.process_time() - began) / links * 1e6, 2),
        "note_us_per_link_event_loop": round(mine / links * 1e6, 2),
    }


def spent(work: Callable[[], object]) -> float:
    """Processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def lookups(path: Path, people: Sequence[Person], strangers: Sequence[str]) -> dict[str, float]:
    """Microseconds for each of one; for a list of 100 of all kinds, for the whole list."""
    kinds: dict[str, Sequence[str]] = {
        kind: [person[n] for person in people] for n, kind in enumerate(("record", "address", "number"))
    }
    mixed = [[*(one for person in part for one in person), strangers[0]] for part in batched(people, 33)]
    found = {
        kind: _least(path, [[each] for each in who], ROUND)
        for kind, who in {**kinds, "stranger": strangers, "cached": [strangers[0]] * 20_000}.items()
    }
    return {**found, "list_of_100": _least(path, mixed, 20)}


def _least(path: Path, asked: Sequence[Sequence[str]], at_once: int) -> float:
    registry = SqliteRegistry(path, create=False)
    registry.standings(TENANT, ["nobody"])
    least = min(_rounds(registry, asked, at_once))
    registry.close()
    return round(least * 1e6, 2)


def _rounds(registry: SqliteRegistry, asked: Sequence[Sequence[str]], at_once: int) -> Iterator[float]:
    standings = registry.standings
    for part in batched(asked, at_once):
        began = time.process_time()
        for each in part:
            standings(TENANT, each)
        yield (time.process_time() - began) / len(part)


if __name__ == "__main__":
    main()
