"""The conditions of a contact, as a table: what a recipient must have, when, and how often. Pure."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, get_args
from zoneinfo import ZoneInfo, available_timezones

from gateway.listlimit import Relied
from gateway.model import Contact, Frequency, Requirement, UnknownSubject, Weekday
from gateway.policy.narrowing import many
from gateway.policy.taxonomy import COUNTRY, USE
from gateway.strict.kinds import Word, one_of
from gateway.strict.report import nearest
from gateway.strict.shapes import Key
from gateway.strict.words import HOURS, NAME

_DAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)


@cache
def _timezone(text: str) -> str | None:
    if text == "subject":
        return text
    try:
        return ZoneInfo(text).key
    except (LookupError, OSError, ValueError):
        return None


def _nearest_timezone(text: str) -> str | None:
    return nearest(text, ("subject", *available_timezones()))


@cache
def _calendars() -> frozenset[str]:
    from holidays.utils import list_supported_countries  # reading all calendars takes a tenth of a second

    return frozenset(list_supported_countries())


def _holidays(text: str) -> str | None:
    return text if text == "subject" or text in _calendars() else None


_DAY_NUMBER: Final = {str(day): number for number, day in enumerate(_DAYS)}


def _days(text: str) -> tuple[Weekday, ...] | None:
    first, dash, last = (part.strip() for part in text.partition("-"))
    start, end = _DAY_NUMBER.get(first), _DAY_NUMBER.get(last if dash else first)
    if start is None or end is None:
        return None
    return tuple(_DAYS[(start + n) % 7] for n in range((end - start) % 7 + 1))


_UNITS: Final[Mapping[str, float]] = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
_FREQUENCY: Final = re.compile(r"([1-9][0-9]{0,5}) in ([1-9][0-9]{0,3}) (minute|hour|day|week)s?")


def _frequency(text: str) -> Frequency | None:
    found = _FREQUENCY.fullmatch(text)
    return Frequency(limit=int(found[1]), window=int(found[2]) * _UNITS[found[3]]) if found else None


CONDITIONS: Final = (
    Key(
        "require",
        one_of(*get_args(Requirement)),
        "What a recipient must have: no suppression; a consent, a confirmed one (double opt-in), one whose "
        "proof is on record; to be an existing customer; or one of two.",
        default="no_suppression",
    ),
    Key("within", HOURS, "Hours of the day in which contact is allowed; the end is not included."),
    Key(
        "days",
        many(Word("a day or span of days such as mon-sat", _days, _DAYS)),
        "Days on which contact is allowed.",
    ),
    Key(
        "timezone",
        Word("'subject' or a time zone such as Europe/Paris", _timezone, hint=_nearest_timezone),
        "Where `within` and `days` are read: the recipient's own zone (stored, of its number, else "
        "those of `country`), or a fixed one.",
        default="subject",
    ),
    Key(
        "holidays",
        Word(f"'subject' or {COUNTRY.expected} with a holiday calendar", _holidays, hint=COUNTRY.hint),
        "No contact on public holidays: of the recipient's country (of its number, of its stored zone, else "
        "`country`), or of a fixed one.",
    ),
    Key(
        "at_most",
        many(Word("a number of contacts in a time, such as '3 in 7 days'", _frequency)),
        "How often one person is reached: counted under the rule, over all providers and instances.",
    ),
    Key(
        "countries",
        many(COUNTRY),
        "Only recipients whose number can be of one of these countries, or whose country is not known.",
    ),
    Key(
        "lists",
        many(NAME),
        "Lists it relies on (`lists` of the file, or of a preset): while one is older than its `max_age`, or "
        "was never imported, only those who consented are reached.",
    ),
    Key(
        "recording",
        USE,
        "The rule is about being recorded or transcribed, and for which use: it applies to calls that ask "
        "for that, and `require` looks at consents that name this use, or one it is under.",
    ),
    Key(
        "unknown_subject",
        one_of(*get_args(UnknownSubject)),
        "What becomes of a record id that was never seen with a number or an address.",
        default="pass",
    ),
)
"""What may be asked of a contact, in rules and in the presets of jurisdictions alike."""


def conditions(
    require: Requirement,
    timezone: str,
    unknown_subject: UnknownSubject,
    within: tuple[int, int] | None = None,
    days: tuple[tuple[Weekday, ...], ...] = (),
    holidays: str | None = None,
    at_most: tuple[Frequency, ...] = (),
    countries: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
    recording: str | None = None,
) -> Contact:
    """The value of those keys."""
    start, end = within or (None, None)
    allowed = {day for span in days for day in span}
    return Contact(
        require=require,
        start=start,
        end=end,
        days=tuple(day for day in _DAYS if day in allowed),
        timezone=timezone,
        holidays=holidays,
        at_most=at_most,
        countries=countries,
        unknown_subject=unknown_subject,
        lists=tuple(Relied(name) for name in lists),
        recording=recording,
    )
