"""Telephone numbers in text: international ones, and those that a tenant's regions write at home. Pure.

An international number (`+` and 8 digits or more) is taken as one whatever its digits: also a number nobody
has been given yet is somebody's next year. One that starts with `00`, or without a sign, has to be a number
of its country, since record ids and times look much like it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway.masking.detectors.dialling import MAX_DIGITS, dialling, international
from gateway.masking.detectors.hit import Find, Span

IsPhone = Callable[[str], bool]
_ABROAD: Final = r"00[1-9]\d*"
_SEPARATORS: Final = r"\s.()/\-\u2010-\u2015\u2212\u00ad\u200b\u2060"
_plus_run = re.compile(rf"(?:(?<!\d)[+\uff0b]|%2[Bb])[\d{_SEPARATORS}]*").finditer
_zeros = re.compile(rf"(?<!\d)00[\d{_SEPARATORS}]*").search
_run = re.compile(rf"\d[\d{_SEPARATORS}]*").finditer
_group = re.compile(r"\d+").finditer
_date = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)\d\d|(?:19|20)\d\d[/.\-]\d{1,2}[/.\-]\d{1,2})(?!\d)"
).search
_fraction = re.compile(r"\d+\.\d+|[1-9]\d*/\d+").fullmatch
_word_end = re.compile(r"[0-9A-Za-z]*").match
_latin = re.compile(r"[A-Za-z_]").match
_extension = re.compile(r"\s?(?:x|ext)\.?\s?[0-9]").match
_TRIM: Final = " \t\r\n.()/-\u00a0\u2010\u2011\u2012\u2013\u2014\u2015\u202f\u2009\u200b\u00ad\u2060\u2212"
MIN_PHONE: Final = 8
MAX_GROUPS: Final = 7
"""groups of digits in one number, its international prefix and calling code included"""
MAX_GAP: Final = 4


class Phones(NamedTuple):
    """What finds numbers as some regions write them, and whether ASCII digits alone are one.

    `least`: digits of the shortest number at home.
    """

    least: int
    find: Find
    is_phone: IsPhone


def phones(regions: tuple[str, ...]) -> Phones:
    """Of regions by their ISO 3166 codes; one that has no numbering plan is left out."""
    ways = tuple(way for way in map(dialling, regions) if way)
    least = min((way.least for way in ways), default=MIN_PHONE)
    outlines = (_ABROAD, *dict.fromkeys(way.outline for way in ways))
    possible = re.compile("|".join(f"(?:{outline})" for outline in outlines)).fullmatch

    def is_phone(digits: str) -> bool:
        if not least <= len(digits) <= MAX_DIGITS or possible(digits) is None:
            return False
        if digits.startswith("00") and international(digits[2:]):
            return True
        return any(way.writes(digits) for way in ways)

    def find(text: str) -> Iterator[Span]:
        yield from _with_plus(text)
        if ways or _zeros(text):
            for run in _run(text):
                if len(run[0]) >= least:
                    yield from _at_home(text, run.span(), is_phone)

    return Phones(least, find, is_phone)


def _with_plus(text: str) -> Iterator[Span]:
    for run in _plus_run(text):
        number = run[0].rstrip(_TRIM)
        digits = _ascii("".join(m[0] for m in _group(number.removeprefix("%2B").removeprefix("%2b"))))
        if len(digits) >= MIN_PHONE or international(digits):
            yield run.start(), run.start() + len(number)


def _at_home(text: str, run: Span, is_phone: IsPhone) -> Iterator[Span]:
    groups = [(m.start(), m.end()) for m in _group(text, *run)]
    done = 0
    for first, (start, _) in enumerate(groups):
        if start < done or not _may_begin(text, start):
            continue
        end = _longest(text, groups[first : first + MAX_GROUPS], is_phone)
        if end:
            done = end
            opened = start - 1 if start and text[start - 1] == "(" else start
            yield opened, end


def _longest(text: str, groups: list[Span], is_phone: IsPhone) -> int:
    """The end of the most groups that are one number; 0 for none."""
    joined, found, before = "", 0, groups[0][0]
    for begin, end in groups:
        if begin - before > MAX_GAP or len(joined) + end - begin > MAX_DIGITS:
            break
        joined += text[begin:end]
        before = end
        if is_phone(_ascii(joined)) and _may_stand(text, groups[0][0], end):
            found = end
    return found


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


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(unicodedata.decimal(c)) for c in digits)
