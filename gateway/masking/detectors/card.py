"""Payment card numbers in text (ISO/IEC 7812-1: prefix, length, Luhn). Pure."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.masking.detectors.hit import Span

SIZES: Final = range(13, 20)
PREFIXES: Final = frozenset(map(str, (*range(22, 28), 30, *range(34, 70))))
"""First two digits of the payment networks; times and years begin otherwise."""
_OTHER: Final = ("2131", "1800")
"""JCB numbers of 15 digits."""
_JOINS: Final = frozenset(("", " ", "-", "\u00a0", "\u2009", "\u202f", "\u2010", "\u2011", "\u2013"))
_DOUBLED: Final = tuple(sum(divmod(2 * d, 10)) for d in range(10))
_enough = re.compile(r"[0-9](?:[ \-\u00a0\u2009\u202f\u2010\u2011\u2013]?[0-9]){12}").search
_digits = re.compile(r"[0-9]+").finditer


def cards(text: str) -> Iterator[Span]:
    """Whole groups of digits, apart by at most one blank or hyphen, that together are a card number."""
    if not _enough(text):
        return
    groups = [(m.start(), m.end(), m[0]) for m in _digits(text)]
    for first, (start, _, _) in enumerate(groups):
        if text[start : start + 2] not in PREFIXES and not text.startswith(_OTHER, start):
            continue
        joined = ""
        before = start
        for begin, end, more in groups[first : first + SIZES.stop]:
            if text[before:begin] not in _JOINS or len(joined) + len(more) >= SIZES.stop:
                break
            joined += more
            before = end
            if len(joined) in SIZES and luhn(joined) and (joined[:2] in PREFIXES or len(joined) == 15):
                yield start, end


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    values = [int(d) for d in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[d] for d in values[1::2])) % 10 == 0
