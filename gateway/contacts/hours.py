"""When a person may be reached: local time, weekdays and public holidays. Pure; `now` is a parameter.

A phone number can be in several time zones (a mobile number of a large country) or countries (a shared
calling code): a moment is allowed when it is allowed in every one of them. What has no number (an address, a
record) is where its stored zone is, else in the tenant's own country. An unknown zone or country is closed.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
from phonenumbers import timezone as phone_zones

from gateway.contacts.places import country_of, zones_in
from gateway.model import Contact

HORIZON: Final = 14
"""days ahead in which the next allowed moment is looked for"""

_DAY: Final = 24 * 60
_SECONDS: Final = 86_400
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNKNOWN_ZONE: Final = phone_zones.UNKNOWN_TIMEZONE


def prime() -> None:
    """Load the calendars' code now: the first holiday asked about otherwise costs a third of a second."""
    _holidays("US", 2026)
    country_of("Europe/Paris")


def is_timed(contact: Contact) -> bool:
    """Whether the conditions depend on the time at all."""
    return bool(contact.start is not None or contact.end is not None or contact.days or contact.holidays)


def allowed(
    contact: Contact, phone: str | None, now: float, zone: str | None = None, home: str | None = None
) -> bool:
    """Whether `contact` allows this moment (seconds since the epoch); `phone` is E.164, None for others.

    `zone` is where the subject is known to live (IANA): it counts before the zones of the number. `home` is
    the tenant's country (ISO 3166), for those without a number of whom no zone is known.
    """
    zones = _zones(contact, phone, zone, home)
    countries = _countries(contact, phone, zone, home)
    if not zones or countries is None:
        return False
    moment = datetime.fromtimestamp(now, UTC)
    return all(_open(contact, moment.astimezone(zone), countries) for zone in zones)


def wait(
    contacts: Sequence[Contact],
    phone: str | None,
    now: float,
    zone: str | None = None,
    home: str | None = None,
) -> int | None:
    """Seconds until every one of `contacts` allows contact; None when not within HORIZON days."""
    for ahead in range(HORIZON):
        begin = now + ahead * _SECONDS
        for moment in sorted(_openings(contacts, phone, begin, zone, home)):
            if all(allowed(contact, phone, moment, zone, home) for contact in contacts):
                return math.ceil(moment - now)
    return None


def _open(contact: Contact, local: datetime, countries: tuple[str, ...]) -> bool:
    start, end = contact.start or 0, _DAY if contact.end is None else contact.end
    minute = local.hour * 60 + local.minute
    today = opened = local.date()
    if start > end and minute < end:
        # The window was opened the evening before, and belongs to that day.
        opened = today - timedelta(days=1)
    elif not start <= minute < (end if start <= end else _DAY):
        return False
    if contact.days and _WEEKDAYS[opened.weekday()] not in contact.days:
        return False
    return not any(_is_holiday(country, day) for country in countries for day in {today, opened})


def _openings(
    contacts: Sequence[Contact], phone: str | None, begin: float, known: str | None, home: str | None
) -> set[float]:
    """Every moment in the day after `begin` at which some zone of some contact may open."""
    return {
        moment
        for contact in contacts
        for zone in _zones(contact, phone, known, home)
        for moment in _starts(zone, contact.start or 0, begin)
        if begin < moment <= begin + _SECONDS
    }


def _starts(zone: ZoneInfo, start: int, begin: float) -> Iterator[float]:
    """Midnight and the start of the window, on every local day that `begin` and the day after it touch."""
    today = datetime.fromtimestamp(begin, zone).date()
    for ahead in (0, 1, 2):
        for minute in {0, start % _DAY}:
            local = datetime.combine(today + timedelta(days=ahead), time(*divmod(minute, 60)), zone)
            # Both readings of an hour that happens twice (PEP 495).
            yield local.timestamp()
            yield local.replace(fold=1).timestamp()


def _zones(contact: Contact, phone: str | None, known: str | None, home: str | None) -> tuple[ZoneInfo, ...]:
    if contact.timezone != "subject":
        zone = _zone(contact.timezone)
        return (zone,) if zone else ()
    zone = _zone(known) if known else None
    if zone is not None:
        return (zone,)
    if phone is None:
        return tuple(filter(None, map(_zone, zones_in(home)))) if home else ()
    return _zones_of(phone)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a directory, an odd path, ZoneInfoNotFoundError
        return None


@lru_cache(maxsize=4096)
def _zones_of(phone: str) -> tuple[ZoneInfo, ...]:
    try:
        names = phone_zones.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ()
    zones = tuple(zone for name in names if name != _UNKNOWN_ZONE and (zone := _zone(name)))
    return zones if len(zones) == len(names) else ()


def _countries(
    contact: Contact, phone: str | None, known: str | None, home: str | None
) -> tuple[str, ...] | None:
    """Whose holidays count; None when they cannot be known. Those of a number count wherever it lives."""
    if contact.holidays is None:
        return ()
    if contact.holidays != "subject":
        return (contact.holidays,)
    lives = country_of(known) if known else None
    if phone is None:
        return (lives,) if lives else (home,) if home else None
    countries = countries_of(phone)
    return countries and tuple(dict.fromkeys((*countries, lives) if lives else countries))


@lru_cache(maxsize=4096)
def countries_of(phone: str) -> tuple[str, ...] | None:
    """The countries an E.164 number can be of; None when that is not known."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    code = number.country_code or 0
    regions = (region,) if region else phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    known = () if phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY in regions else tuple(regions)
    return known or None


def _is_holiday(country: str, day: date) -> bool:
    known = _holidays(country, day.year)
    return known is None or day in known


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> frozenset[date] | None:
    """National public holidays with their observed days; None when the country's are not known that year."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return frozenset(holidays.country_holidays(country.upper(), years=year))
    except (NotImplementedError, UserWarning):  # years that it does not know are only warned of
        return None
