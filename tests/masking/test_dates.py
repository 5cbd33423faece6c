"""Ages in bands, and dates that are moved."""

from datetime import date, timedelta
from math import lcm
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs.program import PerPerson
from gateway.masking.dates import TOP, make_age_band, make_date_shift, read_date
from gateway.masking.means import Means
from gateway.masking.operators import REDACTED
from gateway.model import Mask, SubjectKind

TODAY = date(2026, 4, 1)


def band(value: Any, width: int = 10, on: date | None = TODAY, country: str | None = "FR") -> Any:
    return make_age_band(Mask(op="age_band", width=width), "c", Means(b"", on, country))(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1984-03-07", "40-49"),
        ("1986-04-01", "40-49"),
        ("1986-04-02", "30-39"),
        ("1986-04-02T00:00:00.000Z", "30-39"),
        ("02/04/1986", "30-39"),
        ("2.4.1986", "30-39"),
        ("31/03/1986", "40-49"),
        ("03/31/1986", "40-49"),
        ("512784000000", "30-39"),
        (512784000000, "30-39"),
        ("1986", "40-49"),
        ("1986-05", "30-39"),
        ("2026-04-01", "0-9"),
        ("1900-01-01", "90+"),
        ("41", "40-49"),
        (41, "40-49"),
        (0, "0-9"),
        (89, "80-89"),
        (90, "90+"),
        (150, "90+"),
        (Raw(b"41"), "40-49"),
        ("", ""),
        ("2026-04-02", REDACTED),
        ("1986-02-30", REDACTED),
        ("1986-13", REDACTED),
        ("0000", REDACTED),
        ("0000-01-01", REDACTED),
        ("31/31/1986", REDACTED),
        ("1986-04-02 Ana", REDACTED),
        ("April 1986", REDACTED),
        ("9" * 40, REDACTED),
        ("999999999999999", REDACTED),
        (151, None),
        (-5, None),
        (Raw(b"41.5"), None),
        (True, None),
    ],
)
def test_age_band(value: Any, shown: Any) -> None:
    assert band(value) == shown


def test_without_a_day_or_a_width_there_is_no_age() -> None:
    assert band("1984-03-07", on=None) == REDACTED
    assert band("41", on=None) == "40-49"
    assert band("41", width=0) == REDACTED


def test_a_month_comes_first_in_the_united_states() -> None:
    assert band("04/01/1986", country="US") == "40-49"
    assert band("04/01/1986", on=date(2026, 3, 1), country="US") == "30-39"
    assert band("04/01/1986", on=date(2026, 3, 1), country="FR") == "40-49"
    assert band("13/01/1986", country="US") == "40-49"
    assert band("04.01.1986", on=date(2026, 3, 1), country="US") == "40-49"


@pytest.mark.parametrize(("width", "shown"), [(2, "40-41"), (7, "35-41"), (50, "0-49")])
def test_widths(width: int, shown: str) -> None:
    assert band(41, width) == shown


ages = st.integers(0, 150)


@given(ages, ages, st.integers(1, 50), st.integers(1, 50))
def test_the_join_of_two_widths_shows_no_more_than_either(a: int, b: int, one: int, other: int) -> None:
    for width in (one, other):
        if band(a, width) == band(b, width):
            assert band(a, lcm(one, other)) == band(b, lcm(one, other))


@given(ages, st.integers(1, 50))
def test_an_age_is_in_its_band(age: int, width: int) -> None:
    first, _, last = band(age, width).partition("-")
    if age >= TOP:
        assert first == f"{TOP}+"
    else:
        assert int(first) <= age <= int(last) < TOP and int(last) - int(first) < width


@given(st.dates(date(1900, 1, 1), TODAY))
def test_an_age_grows_on_the_birthday(born: date) -> None:
    age = next(
        n
        for n in range(200)
        if (TODAY.year - n, TODAY.month, TODAY.day) < (born.year + 1, born.month, born.day)
    )
    assert band(born.isoformat()) == band(age)


# ---- shift ----------------------------------------------------------------------------------------------


def shifter(
    days: int = 180, key: bytes = b"key", category: str = "c", country: str | None = "FR"
) -> PerPerson:
    made = make_date_shift(Mask(op="date_shift", days=days), category, Means(key, None, country))
    assert isinstance(made, PerPerson)
    return made


def shift(value: Any, days: int = 180, key: bytes = b"key", category: str = "c", country: str = "FR") -> Any:
    return shifter(days, key, category, country).of("email", "ana@example.org")(value)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("1984-03-07", "%Y-%m-%d"),
        (" 1984-03-07T10:11:12.345+01:00", " %Y-%m-%dT10:11:12.345+01:00"),
        ("1984-03-07 10:11", "%Y-%m-%d 10:11"),
        ("07/03/1984", "%d/%m/%Y"),
        ("07.03.1984 ", "%d.%m.%Y "),
        ("03-07-1984", "%d-%m-%Y"),
        ("12/31/1984", "%m/%d/%Y"),
    ],
)
def test_a_date_is_written_as_it_came(value: str, form: str) -> None:
    by = date.fromisoformat(shift("1984-03-07")) - date(1984, 3, 7)
    day = {"03-07-1984": date(1984, 7, 3), "12/31/1984": date(1984, 12, 31)}.get(value, date(1984, 3, 7))
    assert shift(value) == (day + by).strftime(form)


def test_a_date_without_zeros_is_written_without() -> None:
    by = date.fromisoformat(shift("1984-03-07")) - date(1984, 3, 7)
    moved = date(1984, 3, 7) + by
    assert shift("7.3.1984") == f"{moved.day}.{moved.month}.{moved.year}"
    assert shift("3/7/1984", country="US") == f"{moved.month}/{moved.day}/{moved.year}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("1984", REDACTED),
        ("1984-03", REDACTED),
        ("1984-02-30", REDACTED),
        ("1984-03-07 Ana", REDACTED),
        ("spring", REDACTED),
        ("999999999999999", REDACTED),
        (1984, None),
        (999999999999999, None),
        (Raw(b"447465600000.5"), None),
        (False, None),
    ],
)
def test_what_is_no_date_is_hidden(value: Any, shown: Any) -> None:
    assert shift(value) == shown


def test_dates_at_the_end_of_time_are_hidden() -> None:
    shown = {shift(day, key=bytes((n,))) for day in ("0001-01-01", "9999-12-31") for n in range(9)}
    assert REDACTED in shown and not shown & {"0001-01-01", "9999-12-31"}


@given(st.integers(-(10**12), 4 * 10**12), st.integers(1, 3650))
def test_milliseconds_move_by_whole_days(value: int, days: int) -> None:
    if not -10000 < value < 10000:
        moved = shift(value, days)
        assert moved.__class__ is int and shift(str(value), days) == str(moved)
        assert (moved - value) % 86_400_000 == 0 and 1 <= abs(moved - value) // 86_400_000 <= days


days_of_life = st.dates(date(1900, 1, 1), date(2100, 1, 1))


@given(days_of_life, days_of_life, st.integers(1, 3650), st.binary(max_size=40))
def test_spans_stay_and_days_do_not(one: date, other: date, days: int, key: bytes) -> None:
    moved = [date.fromisoformat(shift(day.isoformat(), days, key)) for day in (one, other)]
    assert moved[1] - moved[0] == other - one
    assert timedelta(1) <= abs(moved[0] - one) <= timedelta(days)


def test_every_number_of_days_is_as_likely() -> None:
    found = [date.fromisoformat(shift("2000-01-01", 3, b"%d" % n)) - date(2000, 1, 1) for n in range(600)]
    counts = {days: found.count(timedelta(days)) for days in (-3, -2, -1, 1, 2, 3)}
    assert sum(counts.values()) == 600 and min(counts.values()) > 60


def test_the_number_depends_on_the_tenant() -> None:
    assert len({shift("2000-01-01", 3650, key) for key in (b"a", b"b", b"c", b"d")}) == 4


def test_of_a_known_subject_all_dates_move_alike() -> None:
    """Whatever their category; and of another subject by another number."""
    made = [shifter(3650, category=category) for category in ("birth", "visit")]
    ana, bo = ([masker.of("record", who)("2000-01-01") for masker in made] for who in ("7", "8"))
    assert ana[0] == ana[1] != bo[0] == bo[1]


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("phone", ("+33612345678", "06 12 34 56 78", "tel:+33-6-12-34-56-78")),
        ("email", ("ana@example.org", " Ana@Example.ORG ", "ANA@EXAMPLE.ORG")),
        ("phone", ("unknown", "Unknown ")),
    ],
)
def test_one_identifier_in_any_spelling_is_one_subject(kind: SubjectKind, spellings: tuple[str, ...]) -> None:
    assert len({shifter(3650).of(kind, who)("2000-01-01") for who in spellings}) == 1


def test_a_number_is_not_the_record_of_the_same_digits() -> None:
    assert shifter(3650).of("record", "33612345678")("2000-01-01") != shifter(3650).of(
        "phone", "33612345678"
    )("2000-01-01")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1984-03-07", REDACTED), ("", ""), (447465600000, None), (True, None), ("x", REDACTED)],
)
def test_of_nobody_in_particular_nothing_is_shown(value: Any, shown: Any) -> None:
    assert shifter()(value) == shown


@given(st.text("0123456789-/.T: Z", max_size=30), st.booleans())
def test_what_is_written_is_read_as_the_same_day(text: str, month_first: bool) -> None:
    found = read_date(text, month_first)
    if found and not text.lstrip("-").isdecimal():
        again = read_date(found.write(found.day), month_first)
        assert again is not None and again.day == found.day
