"""What docs/residency.md states of the snapshot's coverage is so of the file that comes along."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.residency.addresses import CLOSED
from gateway.residency.operators import operators
from gateway.residency.published import read
from gateway.residency.ranges import Ranges
from gateway.residency.snapshot import ANYCAST, builtin

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/residency.md").read_text("utf-8")
CORPORA = (
    Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora")) / "residency/cloud-ip-ranges"
)
SPACE = 1 << 32


class Row(NamedTuple):
    """One row of the table: millions of addresses, then percentages; "" where it states none."""

    addresses: str
    country_known: str
    country_agrees: str
    operator_known: str
    operator_agrees: str


def row(name: str) -> Row:
    found = re.search(rf"^\| {re.escape(name)} +\|(.*)\|$", TEXT, re.MULTILINE)
    assert found, f"docs/residency.md has no row {name!r}"
    return Row(*(cell.strip() for cell in found[1].split("|")))


def holds(stated: str, share: float) -> bool:
    """Whether a percentage is stated as it is, to the digit that is stated (100% to a tenth)."""
    digits = len(stated.rstrip("%").partition(".")[2]) or 1
    return abs(float(stated.rstrip("%")) - 100 * share) <= 0.5001 / float(10**digits)


def spans(table: Ranges) -> Iterator[tuple[int, int, str]]:
    """(first, after the last, word) of IPv4."""
    starts, words = table.columns(4)
    ends = [*starts[1:], SPACE]
    return ((a, b, table.words[w]) for a, b, w in zip(starts, ends, words, strict=True))


def within(table: Ranges, first: int, end: int) -> Iterator[tuple[int, str]]:
    """(number of addresses, word) of a part of IPv4."""
    starts, words = table.columns(4)
    at = bisect_right(starts, first) - 1
    while first < end:
        until = min(end, starts[at + 1] if at + 1 < len(starts) else SPACE)
        yield until - first, table.words[words[at]]
        first, at = until, at + 1


def test_its_date_and_its_operators() -> None:
    head = builtin().head
    assert f"How far the snapshot ({head.countries.source.dated:%Y-%m}) can be trusted" in TEXT
    assert f"{head.operators.source.dated:%Y-%m}" == f"{head.countries.source.dated:%Y-%m}"
    named = {word.removesuffix(ANYCAST) for word in builtin().operators.words if word}
    assert len(named) == 15 and "Operators are known for fifteen companies only." in TEXT
    assert named <= {each.name for each in operators().operators}


def test_all_public_addresses() -> None:
    stated = row("all public addresses")
    closed = [(int(block[0]), int(block[-1]) + 1) for block in CLOSED[4]]
    edges = [0, *(edge for block in closed for edge in block), SPACE]
    public = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    total = sum(b - a for a, b in public)
    assert stated.addresses == f"{total / 1e6:,.0f}M"
    for share, table in (
        (stated.country_known, builtin().countries),
        (stated.operator_known, builtin().operators),
    ):
        known = sum(size for a, b in public for size, word in within(table, a, b) if word)
        assert holds(share, known / total)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("AWS's list of 2025-07", "aws-ip-ranges.json"),
        ("Google Cloud's", "google-cloud-ip-ranges.json"),
        ("Linode's", "linode.txt"),
    ],
)
def test_against_the_lists_of_clouds(name: str, file: str) -> None:
    if not CORPORA.is_dir():
        pytest.skip("the published lists are not here (HUSHGATE_CORPORA)")
    stated = row(name)
    made = read("Linode" if file.endswith("txt") else file, (CORPORA / file).read_bytes(), date(2026, 11, 22))
    placed = [(a, b, word.partition(" ")[0]) for a, b, word in spans(made.table) if word]
    with_country = [(a, b, country) for a, b, country in placed if country not in ("", "~")]
    total = sum(b - a for a, b, _ in with_country)
    assert stated.addresses == f"{total / 1e6:.1f}M"
    for table, known_share, agrees_share, wanted in (
        (builtin().countries, stated.country_known, stated.country_agrees, with_country),
        (
            builtin().operators,
            stated.operator_known,
            stated.operator_agrees,
            [(a, b, made.operator) for a, b, _ in placed],
        ),
    ):
        found = [
            (n, word.removesuffix(ANYCAST), is_) for a, b, is_ in wanted for n, word in within(table, a, b)
        ]
        every = sum(n for n, _, _ in found)
        known = sum(n for n, word, _ in found if word)
        assert holds(known_share, known / every)
        assert holds(agrees_share, sum(n for n, word, is_ in found if word == is_) / known)
