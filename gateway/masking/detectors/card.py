"""Payment card numbers in text (ISO/IEC 7812-1: prefix, length, Luhn). Pure."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.chain import chain
from gateway.masking.detectors.hit import Span

SIZES: Final = range(13, 20)
PREFIXES: Final = frozenset(map(str, (*range(22, 28), 30, *range(34, 70))))
"""First two digits of the payment networks; times and years begin otherwise."""
_OTHER: Final = ("2131", "1800")
"""JCB numbers of 15 digits."""
_JOIN: Final = r"[ \-\u00a0\u2009\u202f\u2010\u2011\u2013]"
_DOUBLED: Final = bytes(sum(divmod(2 * (c - 48), 10)) if 48 <= c < 58 else 0 for c in range(256))
_chains = re.compile(rf"[0-9](?<![0-9][0-9])(?:{_JOIN}?[0-9]){{{SIZES.start - 1},}}+").finditer
"""Digits apart by at most one blank or hyphen, as many as a card has and more."""


def cards(text: str, budget: Budget) -> Iterator[Span]:
    """Whole groups of digits, apart by at most one blank or hyphen, that together are a card number."""
    for found in _chains(text):
        # More groups than checks are left cannot all be begun at.
        digits, starts, ends = chain(text, found.span(), budget.left + SIZES.stop)
        for at, start in starts:
            budget.spend()
            if digits[at : at + 2] not in PREFIXES and not digits.startswith(_OTHER, at):
                continue
            for size in SIZES:
                end = ends.get(at + size)
                if end is None or (digits[at : at + 2] not in PREFIXES and size != 15):
                    continue
                budget.spend()
                if luhn(digits[at : at + size]):
                    yield start, end[0]


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    codes = digits.encode()
    plain = codes[::-2]
    return (sum(plain) - 48 * len(plain) + sum(codes[-2::-2].translate(_DOUBLED))) % 10 == 0
