"""Personal data recognised by its own form, in values that no data map names. Pure.

Found in text is what masking.detectors has a file for. A number is only ever taken for a card number: record
ids and times are numbers that look like phones.

What is tried from any place of a text is bounded, so the time is linear in the text, whatever it is.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from gateway.codecs.program import Masker
from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.card import SIZES, cards
from gateway.masking.detectors.finder import Finder
from gateway.masking.detectors.hit import Hit
from gateway.masking.operators import REDACTED, described, redact, text_of


def redact_all(value: Any) -> Any:
    """For `unmapped: redact`: every scalar, numbers and truth values too, as redact does."""
    return redact(value)


described(redact_all, "redact", REDACTED.encode())


@lru_cache(maxsize=1024)
def finder_of(regions: tuple[str, ...]) -> Finder:
    """The detectors for these regions. Kept, since their patterns take milliseconds to compile."""
    return Finder(regions)


@lru_cache(maxsize=1024)
def detector(regions: tuple[str, ...] = ()) -> Masker:
    """For `unmapped: detect`: text with what was found replaced by `[redacted]`; a card number by null.

    `regions` (ISO 3166) are those whose national ways of writing phones and identity numbers are
    known. One for all tenants of a country.

    >>> find = detector(("FR",))
    >>> find("call 06 12 34 56 78"), find(4242424242424242), find(51001)
    ('call [redacted]', None, 51001)
    """
    finder = finder_of(regions)
    find = finder.find

    def detect(value: Any) -> Any:
        if value.__class__ is str:
            hits = () if value.isalpha() else find(value)
            return cover(value, hits) if hits else value
        if value.__class__ is bool:
            return value
        return None if is_card(value) else value

    # A kernel rules out what no detector can find, by the same number of digits, and asks for the rest.
    return described(detect, "detect", finder.least)


detect: Final = detector()
"""The detector of a tenant without regions."""


def is_card(number: Any) -> bool:
    """Whether a number (int, or msgspec.Raw with its text) holds a card number."""
    text = text_of(number)
    return len(text) >= SIZES.start and any(True for _ in cards(text, Budget()))


def cover(text: str, hits: Iterable[Hit]) -> str:
    """The text with every hit replaced; hits that overlap or touch are one."""
    parts: list[str] = []
    at = 0
    for start, end, _ in sorted(hits):
        if start > at or not parts:
            parts += (text[at:start], REDACTED)
        at = max(at, end)
    return "".join((*parts, text[at:]))
