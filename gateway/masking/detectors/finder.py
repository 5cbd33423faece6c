"""All detectors for one tenant's regions, and the cheap tests that rule most text out first. Pure.

A compiled kernel (native/jsonkernel.c, is_suspect) knows the same tests a little more loosely: what it rules
out, nothing here may find. Whoever changes a detector runs the tests that compare the two.
"""

import re
from typing import Final

from gateway.masking.detectors.address import addresses
from gateway.masking.detectors.card import cards
from gateway.masking.detectors.hit import Find, Hit
from gateway.masking.detectors.iban import ibans
from gateway.masking.detectors.mail import emails
from gateway.masking.detectors.nationalid import national_ids
from gateway.masking.detectors.phone import phones

_any = re.compile(r"[@:\d\uff20\ufe6b]").search
_word = re.compile(
    r"(?<![A-Za-z0-9])(?=[0-9]*[A-Za-z])(?=(?:[A-Za-z]*+[0-9]){4})[A-Za-z0-9]{8}", re.ASCII
).search
"""A word of 8 and more with a letter and 4 digits and more: how numbers with letters look."""
_APART: Final = r"[\s.()/+\-\u0080-\U0010ffff]{0,4}"
"""What may stand between two digits of one number, and more."""
_iso = re.compile(r"(?<![0-9A-Za-z])(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)", re.ASCII).sub
_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
UUID_SIZE: Final = 36
MIN_CARD: Final = 13


class Finder:
    """Finds what looks like personal data. `regions`: ISO 3166 codes, for phones and national numbers."""

    __slots__ = ("_chained", "_ids", "_phones", "least")

    def __init__(self, regions: tuple[str, ...] = ()) -> None:
        wanted = tuple(dict.fromkeys(region.upper() for region in regions))
        self._phones = phones(wanted)
        of_ids, self._ids = national_ids(wanted)
        self.least = min(self._phones.least, of_ids)
        """digits in a row, blanks and punctuation between them allowed, below which no number is found"""
        self._chained = re.compile(rf"\d(?:{_APART}\d){{{self.least - 1}}}").search

    def find(self, text: str) -> list[Hit]:
        """Every hit, in no order; they may overlap."""
        hits: list[Hit] = []
        if not _any(text) or (len(text) == UUID_SIZE and _uuid(text)):
            return hits
        if text.isdigit() and text.isascii():
            self._digits(hits, text)
            return hits
        if "@" in text or "%40" in text or "\uff20" in text or "\ufe6b" in text:
            _take(hits, "email", emails, text)
        if text.count(".") >= 3 or text.count(":") >= 2:
            _take(hits, "ip", addresses, text)
        if len(text) >= self.least and (self._has_chain(text) or _word(text)):
            self._numbers(hits, text)
        return hits

    def _digits(self, hits: list[Hit], text: str) -> None:
        """What `_numbers` finds in digits alone: record ids are many, and want to be quick."""
        if len(text) >= self.least:
            if self._phones.is_phone(text):
                hits.append(Hit(0, len(text), "phone"))
            _take(hits, "national_id", self._ids, text)
            if len(text) >= MIN_CARD:
                _take(hits, "card", cards, text)

    def _numbers(self, hits: list[Hit], text: str) -> None:
        _take(hits, "phone", self._phones.find, text)
        _take(hits, "national_id", self._ids, text)
        if len(text) >= MIN_CARD:
            _take(hits, "card", cards, text)
            _take(hits, "iban", ibans, text)

    def _has_chain(self, text: str) -> bool:
        """Whether enough digits stand together once dates are out of sight."""
        if self._chained(text) is None:
            return False
        return "-" not in text or self._chained(_iso("|", text)) is not None


def _take(hits: list[Hit], kind: str, detect: Find, text: str) -> None:
    hits += [Hit(start, end, kind) for start, end in detect(text)]
