"""Record ids that can be written in several ways, in their one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recordids import SPELLINGS, case_safe, spelling_of

PAIRS = [
    ("a0D30000001n7Pi", "a0D30000001n7PiEAI"),
    ("003G000001SUbc4", "003G000001SUbc4IAD"),
    ("0019000000B98de", "0019000000B98deAAB"),
    ("70130000001tcyI", "70130000001tcyIAAQ"),
    ("80120000000test", "80120000000testAAA"),
    ("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO555"),
]
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
short = st.text(SIGNS, min_size=15, max_size=15)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_forms_and_any_case_of_the_longer_are_one_id(one: str, other: str) -> None:
    for written in (one, other, other.lower(), other.upper(), other.swapcase()):
        assert case_safe(written) == other
    assert SPELLINGS["salesforce"].others(other) == (one,)


@pytest.mark.parametrize(
    "text",
    [
        "003G000001SUbc4BAD",  # a digit would be a capital
        "003G000001SUbc4I5D",
        "003G000001SUbc4IA9",
        "00120000001YztiABD",
        "003A",
        "003G000001SUbc",
        "003G000001SUbc4I",
        "003G-00001SUbc4",
        "003G000001SUbcé",
        "00３G00001SUbc4",
        "",
    ],
)
def test_what_is_no_id_stays_as_it_is(text: str) -> None:
    assert case_safe(text) == text
    assert SPELLINGS["salesforce"].others(text) == ()


def test_signs_that_letters_can_have_say_their_case() -> None:
    assert case_safe("003G000001SUbc4IAE") == case_safe("003G000001suBc4")


@given(short, st.lists(st.booleans(), min_size=18, max_size=18))
def test_there_and_back(own: str, flips: list[bool]) -> None:
    made = case_safe(own)
    assert len(made) == 18 and made[:15] == own and case_safe(made) == made
    mangled = "".join(sign.swapcase() if flip else sign for sign, flip in zip(made, flips, strict=True))
    assert case_safe(mangled) == made
    assert SPELLINGS["salesforce"].others(made) == (own,)


@given(short, short)
def test_two_ids_stay_two(one: str, other: str) -> None:
    assert (case_safe(one) == case_safe(other)) == (one == other)


@given(st.text(max_size=20))
def test_any_text_has_one_spelling(text: str) -> None:
    made = case_safe(text)
    assert case_safe(made) == made


def test_only_some_providers_have_several() -> None:
    assert spelling_of("salesforce/") and spelling_of("salesforce/contact/")
    assert spelling_of("hubspot/contact/") is None and spelling_of("") is None
