"""What is killed at random moments: `worker` enters what it is told, `importer` takes in lists.

The worker moves the links it notes to where they are looked up as soon as it can, a few at a time.

Each line of standard input is one piece of work, each line of output says that it was acknowledged.
"""

import asyncio
import sys
from pathlib import Path

from gateway.contacts.model import Act, Cap, Entry, Reservation
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry, fold, writer

T = "tenant"
PEOPLE = 12
LISTED = 400
CAPS = (Cap(name="calls", limit=5, window=1000.0),)
_ACTS: tuple[Act, ...] = ("suppressed", "lifted", "granted", "withdrawn", "objected", "confirmed")


def entries(number: int) -> list[Entry]:
    """The work of one line: entries about a few people, made up from its number, and one about one more."""
    stop = Entry(id=f"u{number}", subject=f"u{number}", act="suppressed", at=1.0)
    return [stop] + [
        Entry(
            id=f"e{number}.{each}",
            subject=f"p{(number * 7 + each * 5) % PEOPLE}",
            act=_ACTS[(number * 3 + each) % len(_ACTS)],
            at=float(number),
            channel=(None, "sms")[each % 2],
        )
        for each in range(1 + number % 3)
    ]


def pairs(number: int) -> list[tuple[str, str]]:
    """Links that are seen on the way."""
    text = [(f"r{number % 3}", f"p{number % PEOPLE}")] if number % 4 == 0 else []
    return text + [(f"{number * 20 + each // 2:021d}A", f"{number * 20 + each:021d}Q") for each in range(20)]


def template(number: int) -> Entry:
    """What a list says of its people."""
    return Entry(id=f"list{number}", subject="", act="suppressed", at=float(number), source="list")


def listed(number: int) -> list[str]:
    """The people of a list."""
    return [f"{number * 100 + each:021d}A" for each in range(LISTED)]


async def _work(path: Path) -> None:
    writer.IDLE = writer.PAUSE = writer.LINGER = 0.0  # type: ignore[misc]  # here they are no constants
    fold.PART = 8  # type: ignore[misc]
    registry = SqliteRegistry(path, create=False)
    for line in sys.stdin:
        number = int(line)
        registry.link(T, pairs(number))
        wanted = [Reservation(id=f"c{number}", subject=f"p{number % 2}", caps=CAPS)]
        entered, counted = registry.enter(T, entries(number)), registry.reserve(T, wanted, 1.0)
        await entered
        (full,) = await counted
        print(number, full is None, flush=True)
    registry.close()


def _import(path: Path) -> None:
    books = SqliteBooks(path, create=False)
    for line in sys.stdin:
        books.suppress_many(T, listed(int(line)), template(int(line)))
        print(int(line), True, flush=True)
    books.close()


if __name__ == "__main__":
    where = Path(sys.argv[2])
    if sys.argv[1] == "worker":
        asyncio.run(_work(where))
    else:
        _import(where)
