"""Operators on dates: age_band, date_shift. Pure: the day is a parameter.

Read are ISO 8601 dates and times, day/month/year (with `/`, `.` or `-`), and whole milliseconds since 1970
(5 digits and more). 03/04/1984 is the third of April, but in the United States the fourth of March; where one
of the two numbers cannot be a month there is no question. What is not recognised is redacted, never shown.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from gateway.codecs.program import Masker, PerPerson
from gateway.contacts.normalise import normalise
from gateway.masking.means import Means
from gateway.masking.operators import redact, text_of
from gateway.model import Mask, SubjectKind

_iso: Final = re.compile(
    r"(\s*)([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"((?:[T ][0-9]{2}:[0-9:.,]{2,18}\s?(?:Z|[+-][0-9:]{2,6})?)?\s*)"
).fullmatch
_spoken: Final = re.compile(r"(\s*)([0-9]{1,2})([/.-])([0-9]{1,2})\3([0-9]{4})(\s*)").fullmatch
_counted: Final = re.compile(r"-?[0-9]{5,15}").fullmatch
_vague: Final = re.compile(r"\s*([0-9]{4})(?:-([0-9]{2}))?\s*").fullmatch
_age: Final = re.compile(r"\s*([0-9]{1,3})\s*").fullmatch

_EPOCH: Final = date(1970, 1, 1)
_MILLISECONDS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Written:
    """A day, and how to write another one the same way."""

    day: date
    write: Callable[[date], str]


def read_date(text: str, month_first: bool = False) -> Written | None:
    """The date a text is, or None. `month_first` decides what the text leaves open."""
    try:
        if match := _iso(text):
            return _iso_date(*match.groups())
        if match := _spoken(text):
            return _spoken_date(*match.groups(), month_first=month_first)
        if _counted(text):
            return _counted_date(int(text))
    except (ValueError, OverflowError):
        pass
    return None


def _iso_date(before: str, year: str, month: str, day: str, after: str) -> Written:
    return Written(date(int(year), int(month), int(day)), lambda new: f"{before}{new.isoformat()}{after}")


def _spoken_date(
    before: str, first: str, sign: str, second: str, year: str, after: str, *, month_first: bool
) -> Written:
    swapped = int(second) > 12 or (month_first and sign != "." and int(first) <= 12)
    day, month = (second, first) if swapped else (first, second)
    padded = len(first) == 2 and len(second) == 2

    def write(new: date) -> str:
        parts = [f"{part:02}" if padded else str(part) for part in (new.day, new.month)]
        return f"{before}{sign.join(reversed(parts) if swapped else parts)}{sign}{new.year:04}{after}"

    return Written(date(int(year), int(month), int(day)), write)


def _counted_date(milliseconds: int) -> Written:
    days, rest = divmod(milliseconds, _MILLISECONDS)
    day = _EPOCH + timedelta(days)
    return Written(day, lambda new: str((new - _EPOCH).days * _MILLISECONDS + rest))


# ---- age ------------------------------------------------------------------------------------------------

TOP: Final = 90
"""Ages from here on are one band: so few people are older that each year would name them.

45 CFR 164.514(b)(2)(i)(C).
"""
_OLDEST: Final = 150


def make_age_band(mask: Mask, _category: str, means: Means) -> Masker:
    """The band of `width` years in which an age is, or the age on `means.on` of who was born on a date.

    Of a year, or a year and month, the first day is taken.

    >>> band = make_age_band(Mask(op="age_band", width=10), "user.demographic", Means(b"", date(2026, 4, 1)))
    >>> band("1984-03-07"), band(41), band("93"), band("1996-04-02"), band("soon")
    ('40-49', '40-49', '90+', '20-29', '[redacted]')
    """
    width, on, month_first = mask.width, means.on, means.country == "US"

    def age_band(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        text = text_of(value)
        age = int(match[1]) if (match := _age(text)) else _age_on(text, on, month_first)
        return redact(value) if age is None or age > _OLDEST or width < 1 else _band(age, width)

    return age_band


def _band(age: int, width: int) -> str:
    start = age // width * width
    return f"{TOP}+" if age >= TOP else f"{start}-{min(start + width, TOP) - 1}"


def _age_on(text: str, on: date | None, month_first: bool) -> int | None:
    """Whole years from a birthday to a day; None where either is missing, or before birth."""
    born = _birthday(text, month_first)
    if born is None or on is None or born > on:
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _birthday(text: str, month_first: bool) -> date | None:
    found = read_date(text, month_first)
    if found:
        return found.day
    match = _vague(text)
    year, month = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    return date(year, month, 1) if year and 1 <= month <= 12 else None


# ---- shift ----------------------------------------------------------------------------------------------


KEPT: Final = 4096
"""people whose number of days is remembered, by category and plan"""


def make_date_shift(mask: Mask, _category: str, means: Means) -> Masker:
    """A date moved by 1 to `days` days, to either side; times of day stay, and so do spans between dates.

    All dates of one person move by one number, made of the key and of the person's identifier in its one
    spelling: whatever their category, and everywhere that identifier stands. Who knows one real date of a
    person can move that person's others back, but nobody else's. Of nobody in particular a date is redacted.

    >>> shift = make_date_shift(Mask(op="date_shift", days=30), "user.demographic", Means(b"key"))
    >>> theirs = shift.of("email", "ana@example.org")
    >>> theirs("1984-03-07"), theirs("1984-03-09T10:00:00Z"), theirs("7.3.1984"), theirs("1984")
    ('1984-03-18', '1984-03-20T10:00:00Z', '18.3.1984', '[redacted]')
    >>> shift("1984-03-07")
    '[redacted]'
    """
    most, country = max(mask.days, 1), means.country

    def of(kind: SubjectKind, value: str) -> Masker:
        normal = normalise(kind, value, country)
        whose = f"subject\0{kind}\0{value.strip().lower() if normal is None else normal}"
        return _shifting(_days(means.key, whose, most), country == "US")

    return PerPerson(_hidden, lru_cache(maxsize=KEPT)(of))


def _hidden(value: Any) -> Any:
    return value if value.__class__ is str and value == "" else redact(value)


def _days(key: bytes, whose: str, most: int) -> int:
    """From -most to most without 0, evenly."""
    digest = hmac.digest(key, f"date_shift\0{whose}".encode("utf-8", "surrogatepass"), "sha256")
    days = int.from_bytes(digest[:8]) % (2 * most) - most
    return days if days < 0 else days + 1


def _shifting(days: int, month_first: bool) -> Masker:
    by = timedelta(days)

    def date_shift(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        found = read_date(text_of(value), month_first)
        try:
            moved = found.write(found.day + by) if found else None
        except OverflowError:
            moved = None
        if moved is None:
            return redact(value)
        return moved if value.__class__ is str else int(moved)

    return date_shift
