from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contacts import hours
from gateway.contacts.hours import HORIZON, allowed, is_timed, prime, wait
from gateway.model import Contact, Weekday

FR = "+33612345678"
US = "+12025550143"
RUSSIA = "+79123456789"
REUNION = "+262692123456"
WORKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")


def at(text: str, zone: str = "Europe/Paris", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


DAY = Contact(start=9 * 60, end=20 * 60)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-06-10T08:59:59", False),
        ("2026-06-10T09:00:00", True),
        ("2026-06-10T19:59:59", True),
        ("2026-06-10T20:00:00", False),
    ],
)
def test_the_start_is_inside_and_the_end_is_not(moment: str, open_: bool) -> None:
    assert allowed(DAY, FR, at(moment)) is open_


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-06-10T21:59:00", False),
        ("2026-06-10T22:00:00", True),
        ("2026-06-11T05:59:00", True),
        ("2026-06-11T06:00:00", False),
        ("2026-06-13T03:00:00", True),
        ("2026-06-13T23:00:00", False),
        ("2026-06-15T03:00:00", False),
    ],
)
def test_a_window_across_midnight_belongs_to_the_day_it_begins(moment: str, open_: bool) -> None:
    night = Contact(start=22 * 60, end=6 * 60, days=WORKDAYS)
    assert allowed(night, FR, at(moment)) is open_


def test_a_window_across_midnight_ends_at_a_holiday() -> None:
    night = Contact(start=22 * 60, end=6 * 60, holidays="FR")
    assert allowed(night, FR, at("2026-07-13T23:00:00"))
    assert not allowed(night, FR, at("2026-07-14T03:00:00"))
    assert not allowed(night, FR, at("2026-07-15T03:00:00"))


def test_an_empty_window_never_opens() -> None:
    never = Contact(start=600, end=600)
    assert not any(allowed(never, FR, at(f"2026-06-10T{hour:02}:00:00")) for hour in range(24))
    assert wait([never], FR, at("2026-06-10T12:00:00")) is None


def test_the_subjects_own_clock_counts() -> None:
    moment = at("2026-06-10T15:00:00")
    assert allowed(DAY, FR, moment) and allowed(DAY, US, moment)
    morning = at("2026-06-10T10:00:00")
    assert allowed(DAY, FR, morning) and not allowed(DAY, US, morning)
    assert allowed(Contact(start=540, end=1200, timezone="Europe/Paris"), US, morning)


def test_every_zone_a_number_can_be_in_must_be_open() -> None:
    assert not allowed(DAY, RUSSIA, at("2026-06-10T12:00:00", "Europe/Moscow"))
    wide = Contact(start=60, end=1380)
    assert allowed(wide, RUSSIA, at("2026-06-10T10:00:00", "Europe/Moscow"))
    # The calling code +262 is shared by Réunion (UTC+4) and Mayotte (UTC+3).
    assert not allowed(DAY, REUNION, at("2026-06-10T09:30:00", "Indian/Reunion"))
    assert allowed(DAY, REUNION, at("2026-06-10T10:00:00", "Indian/Reunion"))


@pytest.mark.parametrize("phone", [None, "+80012345678", "not a number", "+99912345678"])
def test_an_unknown_zone_is_closed(phone: str | None) -> None:
    assert not allowed(DAY, phone, at("2026-06-10T12:00:00"))
    assert wait([DAY], phone, at("2026-06-10T12:00:00")) is None


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../etc/passwd", "/etc/localtime", "Europe"])
def test_a_zone_that_does_not_exist_is_closed(zone: str) -> None:
    assert not allowed(Contact(timezone=zone, start=0, end=1440), FR, at("2026-06-10T12:00:00"))


@pytest.mark.parametrize(
    ("phone", "moment", "zone"),
    [
        (FR, "2026-07-14T12:00:00", "Europe/Paris"),
        (US, "2026-12-25T12:00:00", "America/New_York"),
        (US, "2026-07-03T12:00:00", "America/New_York"),
        ("+447911123456", "2026-12-28T12:00:00", "Europe/London"),
    ],
)
def test_public_holidays_of_the_subjects_country_are_closed(phone: str, moment: str, zone: str) -> None:
    contact = Contact(start=9 * 60, end=20 * 60, holidays="subject")
    assert not allowed(contact, phone, at(moment, zone))
    assert allowed(DAY, phone, at(moment, zone))


@pytest.mark.parametrize("phone", [None, "+80012345678", "+24762889"])
def test_an_unknown_country_is_closed(phone: str | None) -> None:
    contact = Contact(timezone="Europe/Paris", holidays="subject")
    assert not allowed(contact, phone, at("2026-06-10T12:00:00"))
    assert not allowed(Contact(timezone="Europe/Paris", holidays="ZZ"), FR, at("2026-06-10T12:00:00"))


def test_a_year_whose_holidays_are_not_known_is_closed() -> None:
    india = Contact(timezone="Asia/Kolkata", holidays="IN")
    assert allowed(india, FR, at("2026-06-10T12:00:00"))
    assert not allowed(india, FR, at("2090-06-10T12:00:00"))


def test_wait_is_until_the_next_opening() -> None:
    contact = Contact(start=9 * 60, end=20 * 60, days=WORKDAYS, holidays="subject")
    assert wait([contact], FR, at("2026-06-10T08:00:00")) == 3600
    friday_evening = at("2026-06-12T20:00:00")
    assert wait([contact], FR, friday_evening) == at("2026-06-15T09:00:00") - friday_evening
    before_bastille = at("2026-07-13T21:00:00")
    assert wait([contact], FR, before_bastille) == at("2026-07-15T09:00:00") - before_bastille
    assert wait([Contact(days=("mon",))], FR, at("2026-06-10T12:00:00")) == 4.5 * 86_400


def test_wait_gives_up_after_the_horizon() -> None:
    only_holidays = [Contact(days=("sat",), timezone="UTC"), Contact(days=("sun",), timezone="UTC")]
    assert wait(only_holidays, FR, at("2026-06-10T12:00:00")) is None


def test_summer_time() -> None:
    # 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
    assert wait([DAY], FR, at("2026-03-28T20:00:00")) == 12 * 3600
    assert wait([DAY], FR, at("2026-10-24T20:00:00")) == 14 * 3600
    twice = Contact(start=150, end=180)
    assert allowed(twice, FR, at("2026-10-25T02:30:00"))
    assert allowed(twice, FR, at("2026-10-25T02:30:00", fold=1))
    first_end = at("2026-10-25T02:30:00") + 1800
    assert not allowed(twice, FR, first_end)
    assert wait([twice], FR, first_end) == 1800


def test_prime_loads_the_calendars() -> None:
    hours._holidays.cache_clear()
    prime()
    assert hours._holidays.cache_info().currsize == 1


def test_is_timed() -> None:
    assert not is_timed(Contact())
    for contact in (Contact(start=0), Contact(end=1), Contact(days=("mon",)), Contact(holidays="FR")):
        assert is_timed(contact)


minutes = st.none() | st.integers(0, 1440)


@settings(deadline=None)
@given(
    st.builds(
        Contact,
        start=minutes,
        end=minutes,
        days=st.lists(st.sampled_from(WORKDAYS), max_size=3).map(tuple),
        holidays=st.sampled_from((None, "subject")),
    ),
    st.sampled_from((FR, US, REUNION)),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_the_moment_after_the_wait_is_allowed_and_none_before(contact: Contact, phone: str, now: int) -> None:
    seconds = wait([contact], phone, now)
    if seconds is not None:
        assert 0 < seconds <= HORIZON * 86_400
        assert allowed(contact, phone, now + seconds)
    if not allowed(contact, phone, now):
        # Summer time can begin inside a window; such an opening is noticed up to an hour late.
        limit = HORIZON * 86_400 if seconds is None else seconds - 3600
        assert not [ahead for ahead in range(0, limit, 3600) if allowed(contact, phone, now + ahead)]


LABOUR_DAY, WORKDAY = at("2026-05-01T12:00"), at("2026-05-04T12:00")
OFFICE = Contact(start=9 * 60, end=18 * 60, holidays="subject")


@pytest.mark.parametrize(
    ("zone", "home", "open_on_holiday", "open_on_workday"),
    [
        (None, "FR", False, True),
        ("Europe/Paris", None, False, True),
        ("Europe/London", "FR", True, False),
        ("America/Guadeloupe", "FR", False, False),
        (None, None, False, False),
        ("UTC", None, False, False),
        ("Etc/UTC", "FR", False, True),
    ],
    ids=[
        "the tenant's country",
        "a stored zone",
        "a stored zone before the tenant's",
        "a zone whose country has holidays of its own",
        "nothing is known",
        "a zone in no country",
        "a zone in no country, and the tenant's",
    ],
)
def test_whoever_has_no_number_is_where_it_is_known_to_live_or_at_home(
    zone: str | None, home: str | None, open_on_holiday: bool, open_on_workday: bool
) -> None:
    at_noon = {"Europe/London": 13.5, "America/Guadeloupe": 5.0}.get(zone or "", 0.0) * 3600
    moments = (LABOUR_DAY, WORKDAY if at_noon == 0 else at("2026-05-04T08:00"))
    assert [allowed(OFFICE, None, moment, zone, home) for moment in moments] == [
        open_on_holiday,
        open_on_workday,
    ]


def test_every_zone_of_the_tenants_country_must_be_open() -> None:
    office = Contact(start=9 * 60, end=18 * 60)
    assert allowed(office, None, at("2026-05-04T13:00", "America/Chicago"), None, "US") is False
    assert allowed(office, None, at("2026-05-04T12:00", "Europe/Berlin"), None, "DE")
    opens = wait([office], None, at("2026-05-04T03:00", "Europe/Berlin"), None, "DE")
    assert opens == 6 * 3600


def test_holidays_of_a_number_count_wherever_its_owner_lives() -> None:
    french, german = at("2026-07-14T12:00"), at("2026-10-03T12:00")
    quiet = Contact(holidays="subject", timezone="UTC")
    assert [allowed(quiet, "+33639980001", moment) for moment in (french, german)] == [False, True]
    assert [allowed(quiet, "+33639980001", moment, "Europe/Berlin") for moment in (french, german)] == [
        False,
        False,
    ]
