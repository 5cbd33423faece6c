"""Address ranges and a word for each: what a table of countries or operators is, in a few megabytes. Pure.

IPv4 is kept by whole addresses, IPv6 by the upper 64 bits: nobody announces less.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from gateway.errors import PayloadError
from gateway.residency.addresses import Address

Version = Literal[4, 6]
Span = tuple[int, int, str]
"""First address, last address (inclusive), the word for both and all between."""

SHIFT: Final[dict[Version, int]] = {4: 0, 6: 64}
"""Bits of an address that are dropped."""
CODE: Final[dict[Version, str]] = {4: "I", 6: "Q"}
"""The array type of what is left."""
SPACE: Final[dict[Version, int]] = {4: 1 << 32, 6: 1 << 64}
MAX_WORDS: Final = 256


class Ranges:
    """Which word an address has; "" where nothing is known. Starts are sorted; each goes on to the next."""

    __slots__ = ("_starts", "_words", "words")

    def __init__(
        self, starts: Mapping[Version, Iterable[int]], words: Mapping[Version, bytes], names: Sequence[str]
    ) -> None:
        self._starts = {version: array(CODE[version], starts[version]) for version in SHIFT}
        self._words = words
        self.words = tuple(names)

    def find(self, address: Address) -> str:
        """The word of the range that holds the address."""
        version: Version = address.version
        at = bisect_right(self._starts[version], int(address) >> SHIFT[version]) - 1
        return self.words[self._words[version][at]] if at >= 0 else ""

    def columns(self, version: Version) -> tuple["array[int]", bytes]:
        """The starts, and one index into `words` for each."""
        return self._starts[version], self._words[version]

    def __len__(self) -> int:
        return sum(map(len, self._words.values()))


def ranges(spans: Mapping[Version, Iterable[Span]]) -> Ranges:
    """A table of spans, in any order. Where two overlap the shorter one counts, of equals the later.

    Spans that a /64 holds are left out. Raises PayloadError for more than 255 words, or a span that ends
    before it begins.
    """
    names: dict[str, int] = {"": 0}
    starts: dict[Version, Sequence[int]] = {}
    words: dict[Version, bytes] = {}
    for version, shift in SHIFT.items():
        cut = [_cut(span, shift) for span in spans.get(version, ()) if _whole(span, shift)]
        flat = [(start, word) for start, word in _flat(cut) if start < SPACE[version]]
        starts[version] = [start for start, _ in flat]
        words[version] = bytes(_number(names, word) for _, word in flat)
    return Ranges(starts, words, tuple(names))


def _whole(span: Span, shift: int) -> bool:
    first, last, _ = span
    if last < first:
        raise PayloadError("unparseable_body", "a span that ends before it begins", "ranges")
    return last - first + 1 >= 1 << shift


def _cut(span: Span, shift: int) -> Span:
    first, last, word = span
    return first >> shift, last >> shift, word


def _number(names: dict[str, int], word: str) -> int:
    number = names.setdefault(word, len(names))
    if number >= MAX_WORDS:
        raise PayloadError("unparseable_body", f"more than {MAX_WORDS - 1} different words", "ranges")
    return number


def _flat(spans: list[Span]) -> list[tuple[int, str]]:
    """(start, word) without overlaps and repeats: a sweep, in which the shortest open span speaks."""
    events: dict[int, None] = dict.fromkeys(e for a, b, _ in spans for e in (a, b + 1))
    opening = sorted(range(len(spans)), key=lambda n: spans[n][0])
    flat: list[tuple[int, str]] = []
    open_: list[int] = []
    n = 0
    for at in sorted(events):
        while n < len(opening) and spans[opening[n]][0] == at:
            open_.append(opening[n])
            n += 1
        open_ = [k for k in open_ if spans[k][1] >= at]
        best = min(open_, key=lambda k: (spans[k][1] - spans[k][0], -k), default=None)
        word = "" if best is None else spans[best][2]
        if not flat or flat[-1][1] != word:
            flat.append((at, word))
    return flat
