"""All detectors for one tenant's regions, and the cheap tests that rule most text out first. Pure.

A compiled kernel (native/jsonkernel.c, is_suspect) knows the same tests a little more loosely: what it rules
out, nothing here may find. Whoever changes a detector runs the tests that compare the two.
"""

import re
import unicodedata
from typing import Final

from gateway.masking.detectors.address import addresses
from gateway.masking.detectors.budget import Budget, Crowded
from gateway.masking.detectors.card import cards
from gateway.masking.detectors.hit import Find, Hit
from gateway.masking.detectors.iban import ibans
from gateway.masking.detectors.mail import emails
from gateway.masking.detectors.nationalid import national_ids
from gateway.masking.detectors.phone import phones

_any = re.compile(r"[@:\d\uff20\ufe6b]").search
_word = re.compile(
    r"(?<![A-Za-z0-9])(?:(?=[0-9]*+[A-Za-z])(?=(?:[A-Za-z]*+[0-9]){4})[A-Za-z0-9]{8,18}+(?![A-Za-z0-9])"
    r"|[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11})"
).search
"""How numbers with letters look: a word of 8 to 18 with a letter and 4 digits and more; or as an IBAN begins.

What is longer is somebody's digest: URLs are full of them.
"""
_APART: Final = r"[\s.()/+\-\u0080-\U0010ffff]{0,4}+"
"""What may stand between two digits of one number, and more."""
_iso = re.compile(r"(?<![0-9A-Za-z])(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)", re.ASCII).sub
_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_foreign = re.compile(r"(?![0-9])\d").search
UUID_SIZE: Final = 36
MIN_CARD: Final = 13
CARD: Final = "card"


class Finder:
    """Finds what looks like personal data. `regions`: ISO 3166 codes, for phones and national numbers."""

    __slots__ = ("_chained", "_ids", "_phones", "least")

    def __init__(self, regions: tuple[str, ...] = ()) -> None:
        wanted = tuple(dict.fromkeys(region.upper() for region in regions))
        self._phones = phones(wanted)
        of_ids, self._ids = national_ids(wanted)
        self.least = min(self._phones.least, of_ids)
        """digits in a row, blanks and punctuation between them allowed, below which no number is found"""
        self._chained = re.compile(rf"[0-9](?<![0-9][0-9])(?:{_APART}[0-9]){{{self.least - 1}}}").search

    def find(self, text: str, budget: Budget | None = None) -> list[Hit]:
        """Every hit, in no order; they may overlap. All of the text is one where the budget does not last."""
        if not _any(text) or (len(text) == UUID_SIZE and _uuid(text)):
            return []
        hits: list[Hit] = []
        budget = Budget() if budget is None else budget
        if text.isascii():
            if text.isdigit():
                self._digits(hits, text, budget)
                return hits
            plain = text
        else:
            plain = _in_ascii(text) if _foreign(text) else text
        if "@" in text or "%40" in text or "\uff20" in text or "\ufe6b" in text:
            _take(hits, "email", emails, text, budget)
        if text.count(".") >= 3 or text.count(":") >= 2:
            _take(hits, "ip", addresses, text, budget)
        if len(text) >= self.least and (self._has_chain(plain) or _word(text)):
            self._numbers(hits, plain, budget)
        return hits

    def _digits(self, hits: list[Hit], text: str, budget: Budget) -> None:
        """What `_numbers` finds in digits alone: record ids are many, and want to be quick."""
        if len(text) >= self.least:
            if self._phones.is_phone(text):
                hits.append(Hit(0, len(text), "phone"))
            _take(hits, "national_id", self._ids, text, budget)
            if len(text) >= MIN_CARD:
                _take(hits, CARD, cards, text, budget)

    def _numbers(self, hits: list[Hit], text: str, budget: Budget) -> None:
        _take(hits, "phone", self._phones.find, text, budget)
        _take(hits, "national_id", self._ids, text, budget)
        if len(text) >= MIN_CARD:
            _take(hits, CARD, cards, text, budget)
            _take(hits, "iban", ibans, text, budget)

    def _has_chain(self, text: str) -> bool:
        """Whether enough digits stand together once dates are out of sight."""
        if self._chained(text) is None:
            return False
        return "-" not in text or self._chained(_iso("|", text)) is not None


def only_cards(text: str, budget: Budget) -> list[Hit]:
    """What a Finder finds of card numbers, in a fraction of its time."""
    hits: list[Hit] = []
    if len(text) >= MIN_CARD and _any(text) and not (len(text) == UUID_SIZE and _uuid(text)):
        _take(hits, CARD, cards, _in_ascii(text) if not text.isascii() and _foreign(text) else text, budget)
    return hits


def _in_ascii(text: str) -> str:
    """Digits of every script as ours, each in its place."""
    for digit in filter(str.isdecimal, set(text).difference("0123456789")):
        text = text.replace(digit, str(unicodedata.decimal(digit)))
    return text


def _take(hits: list[Hit], kind: str, detect: Find, text: str, budget: Budget) -> None:
    if budget.left < 0:
        return
    try:
        hits += [Hit(start, end, kind) for start, end in detect(text, budget)]
    except Crowded:
        hits[:] = [Hit(0, len(text), kind)]
