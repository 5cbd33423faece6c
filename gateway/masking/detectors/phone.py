"""Telephone numbers in text: international ones, and those that a tenant's regions write at home. Pure.

An international number (`+` and 8 digits or more) is taken as one whatever its digits: also a number nobody
has been given yet is somebody's next year. One that starts with `00`, or without a sign, has to be a number
of its country, since record ids and times look much like it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.chain import chain
from gateway.masking.detectors.dialling import MAX_DIGITS, dialling, international
from gateway.masking.detectors.hit import Find, Span

IsPhone = Callable[[str], bool]
_ABROAD: Final = r"00[1-9]\d*"
_SEPARATORS: Final = r"\s.()/\-\u2010-\u2015\u2212\u00ad\u200b\u2060"
MIN_PHONE: Final = 8
MAX_GROUPS: Final = 7
"""groups of digits in one number, its international prefix and calling code included"""
MAX_GAP: Final = 4
_NO_DATE: Final = (
    r"(?!(?:(?<=1)9|(?<=2)0)[0-9]{2}-[01][0-9]-[0-3][0-9]"
    rf"(?![{_SEPARATORS}]{{0,{MAX_GAP}}}[0-9](?![0-9]?:)))"
)
"""After a first digit: no date that stands alone or before a time of day. Logs are full of them."""
_plus_run = re.compile(
    rf"(?:\+(?<!\d\+)|\uff0b(?<!\d\uff0b)|%2[Bb])(?=(?:[{_SEPARATORS}]*+\d){{6}})[\d{_SEPARATORS}]*+"
).finditer
"""No calling code with the shortest of its numbers has fewer than six digits."""
_group = re.compile(r"\d+").finditer
_date = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)\d\d|(?:19|20)\d\d[/.\-]\d{1,2}[/.\-]\d{1,2})(?!\d)"
).search
_fraction = re.compile(r"\d+\.\d+|[1-9]\d*/\d+").fullmatch
_word_end = re.compile(r"[0-9A-Za-z]*").match
_latin = re.compile(r"[A-Za-z_]").match
_extension = re.compile(r"\s?(?:x|ext)\.?\s?[0-9]").match
_TRIM: Final = " \t\r\n.()/-\u00a0\u2010\u2011\u2012\u2013\u2014\u2015\u202f\u2009\u200b\u00ad\u2060\u2212"


class Phones(NamedTuple):
    """What finds numbers as some regions write them, and whether ASCII digits alone are one.

    `least`: digits of the shortest number at home.
    """

    least: int
    find: Find
    is_phone: IsPhone


class _Asked(NamedTuple):
    """What is asked at each group of digits, the cheapest first."""

    begins: Callable[[str, int, int], object]
    """Whether any number may begin at a place, up to another: patterns for abroad take all that follows."""
    sizes: range
    """The longest first."""
    is_phone: IsPhone
    cost: int
    """checks that one call of `is_phone` counts for"""


def phones(regions: tuple[str, ...]) -> Phones:
    """Of regions by their ISO 3166 codes; one that has no numbering plan is left out."""
    ways = tuple(way for way in map(dialling, regions) if way)
    least = min((way.least for way in ways), default=MIN_PHONE)
    outline = "|".join(f"(?:{each})" for each in (_ABROAD, *dict.fromkeys(way.outline for way in ways)))
    possible = re.compile(outline).fullmatch
    chains = re.compile(
        rf"[0-9](?<![0-9][0-9]){_NO_DATE}(?:[{_SEPARATORS}]{{0,{MAX_GAP}}}+\d){{{least - 1},}}+"
    ).finditer

    def is_phone(digits: str) -> bool:
        if not least <= len(digits) <= MAX_DIGITS or possible(digits) is None:
            return False
        if digits.startswith("00") and international(digits[2:]):
            return True
        return any(way.writes(digits) for way in ways)

    def find(text: str, budget: Budget) -> Iterator[Span]:
        yield from _with_plus(text, budget)
        if ways or "00" in text:
            for found in chains(text):
                yield from _at_home(text, found.span(), budget, asked)

    # What some first digits of a row fit may still be followed by more: no end is asked for.
    begins = re.compile(outline.replace("$", "")).match
    asked = _Asked(begins, range(MAX_DIGITS, least - 1, -1), is_phone, 1 + len(ways) // 2)
    return Phones(least, find, is_phone)


def _with_plus(text: str, budget: Budget) -> Iterator[Span]:
    for run in _plus_run(text):
        budget.spend()
        number = run[0].rstrip(_TRIM)
        digits = "".join([m[0] for m in _group(number.removeprefix("%2B").removeprefix("%2b"))])
        if len(digits) >= MIN_PHONE or international(digits):
            yield run.start(), run.start() + len(number)


def _at_home(text: str, part: Span, budget: Budget, asked: _Asked) -> Iterator[Span]:
    # More groups than checks are left cannot all be begun at.
    digits, starts, ends = chain(text, part, budget.left + MAX_GROUPS)
    done = 0
    for number, (at, start) in enumerate(starts):
        budget.spend()
        if start < done or asked.begins(digits, at, at + MAX_DIGITS) is None:
            continue
        if not _may_begin(text, start):
            continue
        for size in asked.sizes:
            end, last = ends.get(at + size, (0, number + MAX_GROUPS))
            if last - number >= MAX_GROUPS:
                continue
            budget.spend(asked.cost)
            if asked.is_phone(digits[at : at + size]) and _may_stand(text, start, end):
                done = end
                yield start - 1 if start and text[start - 1] == "(" else start, end
                break


def _may_begin(text: str, start: int) -> bool:
    """Not within a word, a fraction, or an identifier of hexadecimal groups."""
    before = text[start - 1 : start]
    if _latin(before):
        return text[max(0, start - 3) : start] in ("%2B", "%2b", "%20")
    if before not in (".", ",", "-") or start < 2:
        return True
    word = _word_end(text[max(0, start - 41) : start - 1][::-1])
    return not (word and word[0] and (before != "-" or _mixed(word[0])) and any(map(str.isdigit, word[0])))


def _mixed(word: str) -> bool:
    return not word.isdigit() and not word.isalpha()


def _may_stand(text: str, start: int, end: int) -> bool:
    """Not before a letter, not a date, not a number with a fraction."""
    if _latin(text, end) and not _extension(text, end):
        return False
    return not _date(text[start:end]) and not _fraction(text, start, end)
