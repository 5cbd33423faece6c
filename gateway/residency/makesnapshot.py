"""Makes the snapshot that comes along, from two published tables of address ranges.

    python -m gateway.residency.makesnapshot COUNTRIES.tgz SYSTEMS.tgz YYYY-MM-DD OUT

The archives are the npm packages `@ip-location-db/dbip-country` and `@ip-location-db/asn`, as `npm pack`
gives them; the date is that of their data. Of the systems only those are kept that `operators.json` names.
"""

import csv
import hashlib
import io
import sys
import tarfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from gateway.residency.law import COUNTRIES
from gateway.residency.operators import by_system
from gateway.residency.ranges import SHIFT, Ranges, Span, Version, ranges
from gateway.residency.snapshot import ANYCAST, dump
from gateway.residency.tables import Source

_COUNTRIES: Final = "IP to Country Lite by DB-IP (https://db-ip.com)"
_SYSTEMS: Final = "RouteViews (https://www.routeviews.org), NRO statistics (https://www.nro.net), DB-IP"


def main(arguments: list[str]) -> int:
    """Write the file; says what it holds."""
    countries, systems, dated, out = arguments
    day, named = date.fromisoformat(dated), _named()
    tables = (_table(Path(countries), _country), _table(Path(systems), lambda system: named.get(system, "")))
    sources = (
        _source(Path(countries), "DB-IP IP to Country Lite", _COUNTRIES, day, tables[0][1]),
        _source(Path(systems), "RouteViews and DB-IP IP to ASN Lite", _SYSTEMS, day, tables[1][1]),
    )
    raw = dump(tables[0][0], tables[1][0], sources)
    Path(out).write_bytes(raw)
    print(f"{out}: {len(raw)} bytes, {len(tables[0][0])} + {len(tables[1][0])} ranges")
    return 0


def _named() -> dict[str, str]:
    return {str(number): each.name + ANYCAST * each.anycast for number, each in by_system().items()}


def _country(code: str) -> str:
    return code if code in COUNTRIES else ""


def _table(archive: Path, word: Callable[[str], str]) -> tuple[Ranges, int]:
    """The table of an archive, and how many rows it was made of. `word` takes a row's third field."""
    spans: dict[Version, list[Span]] = {4: [], 6: []}
    for version, row in _rows(archive):
        if found := word(row[2]):
            spans[version].append((int(row[0]), int(row[1]), found))
    return ranges(spans), sum(map(len, spans.values()))


def _rows(archive: Path) -> Iterator[tuple[Version, list[str]]]:
    with tarfile.open(archive) as packed:
        for member in packed:
            version = next((v for v in SHIFT if member.name.endswith(f"ipv{v}-num.csv")), None)
            file = packed.extractfile(member) if version else None
            if version and file:
                yield from ((version, row) for row in csv.reader(io.TextIOWrapper(file, "utf-8")))


def _source(archive: Path, name: str, attribution: str, dated: date, rows: int) -> Source:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Source(
        name=name, licence="CC BY 4.0", attribution=attribution, dated=dated, rows=rows, sha256=(digest,)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
