from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.residency.law import (
    COUNTRIES,
    FRAMEWORKS,
    LAW,
    REGIONS,
    WORDS,
    Adequacy,
    Framework,
    Membership,
    Regime,
    expand,
    inside,
)

TODAY = date(2026, 11, 21)
MEMBERS = {
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
}
TERRITORIES = {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}


def test_every_line_has_a_source_and_dates_in_order() -> None:
    lines: list[Membership | Adequacy | Framework] = [*LAW.membership, *LAW.adequacy, *LAW.frameworks]
    for line in lines:
        assert line.source
        assert line.country in COUNTRIES | REGIONS
        assert line.until is None or line.since < line.until
    assert len(COUNTRIES) == len(LAW.countries) == 249
    assert {"EU", "EEA"} == REGIONS
    assert len(WORDS) == 249 + 2 + len(FRAMEWORKS)


def test_membership_today() -> None:
    assert expand(["EU"], False, TODAY) == MEMBERS | TERRITORIES
    assert expand(["EEA"], False, TODAY) == MEMBERS | TERRITORIES | {"IS", "LI", "NO"}
    assert "SJ" not in expand(["EEA"], False, TODAY)


@pytest.mark.parametrize(
    ("country", "since", "until"),
    [
        ("KR", date(2021, 12, 17), None),
        ("GB", date(2021, 6, 28), date(2031, 12, 27)),
        ("JP", date(2019, 1, 23), None),
        ("BR", date(2026, 1, 26), None),
        ("US-DPF", date(2023, 7, 10), None),
        ("US-PRIVACY-SHIELD", date(2016, 7, 12), date(2020, 7, 16)),
        ("US-SAFE-HARBOR", date(2000, 7, 26), date(2015, 10, 6)),
    ],
)
def test_adequacy_begins_and_ends_on_its_day(country: str, since: date, until: date | None) -> None:
    day = timedelta(days=1)
    assert country not in expand([], True, since - day)
    assert country in expand([], True, since)
    if until is not None:
        assert country in expand([], True, until - day)
        assert country not in expand([], True, until)


def test_adequate_countries_today() -> None:
    adequate = {"AD", "AR", "BR", "CA", "CH", "FO", "GB", "GG", "IL", "IM", "JE", "JP", "KR", "NZ", "UY"}
    assert expand([], True, TODAY) == adequate | {"US-DPF", "US-DPF-UK"}


def test_each_law_has_decisions_of_its_own() -> None:
    british, swiss = (expand([], True, TODAY, law) for law in ("UK", "CH"))
    assert MEMBERS | {"GI", "KR", "IL", "US-DPF-UK"} <= british and not british & {"GB", "BR", "US", "US-DPF"}
    assert MEMBERS | {"GB", "MC", "UY", "US-DPF-CH"} <= swiss and not swiss & {"CH", "JP", "KR", "US"}


@pytest.mark.parametrize(
    ("law", "place", "since"),
    [
        ("UK", "FR", date(2021, 1, 1)),
        ("UK", "KR", date(2022, 12, 19)),
        ("UK", "US-DPF-UK", date(2023, 10, 12)),
        ("CH", "DE", date(2023, 9, 1)),
        ("CH", "US-DPF-CH", date(2024, 9, 15)),
    ],
)
def test_other_laws_begin_on_their_day(law: Regime, place: str, since: date) -> None:
    assert place not in expand([], True, since - timedelta(days=1), law)
    assert place in expand([], True, since, law)


def test_the_united_kingdom_was_inside_until_the_transition_ended() -> None:
    assert "GB" in expand(["EU"], False, date(2020, 12, 31))
    assert "GB" not in expand(["EU"], False, date(2021, 1, 1))


def test_the_united_states_are_adequate_only_for_the_certified() -> None:
    adequate = expand(["EEA"], True, TODAY)
    assert inside("US-DPF", adequate, TODAY) and not inside("US", adequate, TODAY)
    assert inside("US-DPF", expand(["US"], False, TODAY), TODAY)
    assert not inside("US", expand(["US-DPF"], False, TODAY), TODAY)


def test_a_void_framework_stands_for_nothing() -> None:
    assert expand(["US-PRIVACY-SHIELD"], False, date(2020, 7, 15))
    assert not expand(["US-PRIVACY-SHIELD"], False, date(2020, 7, 16))


def test_a_region_word_is_inside_when_all_of_it_is() -> None:
    assert inside("EU", expand(["EEA"], False, TODAY), TODAY)
    assert not inside("EEA", expand(["EU"], False, TODAY), TODAY)
    assert not inside("EU", expand(["FR", "DE"], False, TODAY), TODAY)
    assert inside("fr", expand(["eu"], False, TODAY), TODAY)


@pytest.mark.parametrize("word", ["", "global", "EUROPE", "UK", "XX"])
def test_an_unknown_word_stands_for_nothing_and_is_inside_nothing(word: str) -> None:
    assert expand([word], False, TODAY) == frozenset()
    assert not inside(word, frozenset(WORDS), TODAY)


@given(st.lists(st.sampled_from(sorted(WORDS))), st.sampled_from(sorted(WORDS)), st.booleans(), st.dates())
def test_more_words_allow_more_and_nothing_else(
    words: list[str], more: str, adequacy: bool, on: date
) -> None:
    assert expand(words, adequacy, on) <= expand([*words, more], adequacy, on)
    assert expand(words, False, on) <= expand(words, adequacy, on) <= COUNTRIES | FRAMEWORKS.keys()
