"""The registry in Redis with ten million suppressed numbers: how fast they come in, what a lookup then costs.

    python -m benchmarks.redis_registry [--rows 10000000] [--folder DIR]

A server of its own on loopback that keeps what it acknowledges (`appendonly`, `appendfsync always`); it wants
some 500 bytes of memory and of disk for each row. Lookups are asked of it, never remembered.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.registry import AT_ONCE, ENTRY, FEW, TENANT, number
from gateway import keys
from gateway.contacts.model import Books
from gateway.contacts.normalise import normalise
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redisaddress import Misread, Shared, read
from gateway.keys import Pseudonymise
from tests.redisserver import Server, program

LARGE: Final = f"{TENANT}-large"
TURNS: Final = 10_000
LIST: Final = 100


def main() -> None:
    """Prints the figures, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    if program() is None:
        raise SystemExit("no redis-server here")
    server = Server(Path(tempfile.mkdtemp(prefix="hushgate-bench-", dir=args.folder)))
    try:
        print(json.dumps(measured(server, args.rows), indent=2))
    finally:
        server.stop()


def measured(server: Server, rows: int) -> dict[str, object]:
    """Takes a short and a long list in, and looks both up."""
    address = read(f"redis://127.0.0.1:{server.port}/0")
    if isinstance(address, Misread):
        raise SystemExit("the address cannot be read")
    books = RedisBooks(Shared(address, timeout=30.0))
    pseudonymise = keys.Keyring(bytes(range(32))).pseudonymiser(TENANT)
    fill(books, TENANT, pseudonymise, FEW)
    before, spent = _used(server), _cpu(server)
    started, own = time.perf_counter(), time.process_time()
    slowest = fill(books, LARGE, pseudonymise, rows)
    seconds, own = time.perf_counter() - started, time.process_time() - own
    found = {
        "rows": rows,
        "rows_per_s": round(rows / seconds),
        "slowest_part_rows_per_s": round(min(AT_ONCE, rows) / slowest),
        "importer_rows_per_cpu_s": round(rows / own),
        "server_rows_per_cpu_s": round(rows / (_cpu(server) - spent)),
        "server_bytes_per_row": round((_used(server) - before) / rows),
        "lookup_us": lookups(books, pseudonymise, rows),
    }
    books.close()
    return found


def fill(books: Books, tenant: str, pseudonymise: Pseudonymise, rows: int) -> float:
    """Suppresses the first `rows` numbers, as an import does; the seconds of the slowest half million."""
    slowest = 0.0
    for first in range(0, rows, AT_ONCE):
        numbers = [number(n) for n in range(first, min(first + AT_ONCE, rows))]
        started = time.perf_counter()
        people = [pseudonymise("phone", normalise("phone", each, None) or "") for each in numbers]
        books.suppress_many(tenant, people, ENTRY)
        slowest = max(slowest, time.perf_counter() - started)
    return slowest


def lookups(books: Books, pseudonymise: Pseudonymise, rows: int) -> dict[str, float]:
    """Medians, by turns among few and among all, so that others' load meets both; and how much more it is."""
    taken: dict[str, list[int]] = {}
    for n in range(TURNS):
        for name, tenant, size in (("few", TENANT, FEW), ("all", LARGE, rows)):
            known = pseudonymise("phone", number(n * 7919 % size))
            stranger = pseudonymise("phone", f"+337{n:08}")
            for kind, people in (("known", [known]), ("stranger", [stranger])):
                taken.setdefault(f"{kind}_{name}", []).append(_asked(books, tenant, people))
    several = [pseudonymise("phone", number(n)) for n in range(LIST)]
    taken[f"list_of_{LIST}_all"] = [_asked(books, LARGE, several) for _ in range(TURNS // 10)]
    found = {name: round(median(each) / 1000, 1) for name, each in taken.items()}
    for kind in ("known", "stranger"):
        found[f"{kind}_more"] = round(found[f"{kind}_all"] / found[f"{kind}_few"], 2)
    return found


def _asked(books: Books, tenant: str, people: list[str]) -> int:
    started = time.perf_counter_ns()
    books.standings(tenant, people)
    return time.perf_counter_ns() - started


def _cpu(server: Server) -> float:
    """Seconds of a processor, without those of children that rewrite its file."""
    with server.client() as client:
        found = client.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


def _used(server: Server) -> int:
    with server.client() as client:
        return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
