"""Tokens of phone numbers: their form, their way back, and how seldom a wrong one is taken for right."""

from collections.abc import Iterator
from hashlib import sha256

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.masking.phonetoken import FIRST, PhoneCipher, country_code

CIPHER = PhoneCipher(bytes(range(32)))
OTHER = PhoneCipher(bytes(range(1, 33)))
E164 = phonenumbers.PhoneNumberFormat.E164


def examples(*types: int) -> Iterator[str]:
    """Numbers of every region that phonenumbers ships an example of."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in types:
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                yield phonenumbers.format_number(example, E164)


SUBSCRIBERS = sorted(
    {*examples(phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)}
)
ALL = sorted({*SUBSCRIBERS, *examples(*range(11))})


@pytest.mark.parametrize(
    ("number", "token"),
    [
        ("+33612345678", "+337319170337750"),
        ("+14155550123", "+124999941972813"),
        ("+5511987654321", "+552656598058263"),
        ("+8613812345678", "+867703803363278"),
        ("+4915112345678", "+496380585042030"),
        ("+390612345678", "+397622686552058"),
        ("+35312345678", "+353384284465722"),
    ],
)
def test_tokens_stay_the_same_for_ever(number: str, token: str) -> None:
    zero = PhoneCipher(bytes(32))
    assert zero.seal(number) == token
    assert zero.open(token[1:]) == number


def test_every_example_of_a_subscriber_has_a_token_and_comes_back() -> None:
    tokens = {number: CIPHER.seal(number) for number in SUBSCRIBERS}
    assert [number for number, token in tokens.items() if token is None] == []
    assert {number: CIPHER.open(str(token)[1:]) for number, token in tokens.items()} == {n: n for n in tokens}
    assert len(set(tokens.values())) == len(tokens) > 400


def test_numbers_without_a_token_are_few_and_no_subscriber_s() -> None:
    without = [number for number in ALL if CIPHER.seal(number) is None]
    assert 0 < len(without) <= 0.03 * len(ALL)


def test_a_token_is_a_number_of_the_same_country_that_nothing_tidies_up() -> None:
    for number in SUBSCRIBERS:
        token = CIPHER.seal(number) or ""
        code = country_code(number[1:4]) or ""
        assert token[: 1 + len(code)] == "+" + code
        assert len(token) == 16
        assert token[1 + len(code)] in FIRST
        assert phonenumbers.format_number(phonenumbers.parse(token, None), E164) == token


def test_no_number_in_use_has_the_form_of_a_token() -> None:
    assert [number for number in SUBSCRIBERS if len(number) == 16] == []
    assert [number for number in ALL if len(number) == 16] == [
        "+498001234567890",
        "+911861123456789",
    ]  # toll-free
    assert [number for number in ALL if CIPHER.open(number[1:])] == []


def test_no_token_is_a_possible_number_where_the_plan_is_known() -> None:
    tokens = [
        CIPHER.seal(number) or "" for number in ALL if number[1] == "1" or number[:3] in ("+33", "+44", "+34")
    ]
    assert len(tokens) > 40
    assert not any(
        phonenumbers.is_possible_number(phonenumbers.parse(token, None)) for token in tokens if token
    )


def test_another_key_and_a_changed_digit_are_known() -> None:
    """By the module's figures 1 in 6,000; what is tried is always the same, so nothing hangs on chance."""
    foreign = changed = 0
    for trial in range(3_000):
        drawn = int.from_bytes(sha256(b"%d" % trial).digest())
        token = CIPHER.seal(f"+336{drawn % 10**8:08}") or ""
        at, other = 3 + (drawn >> 64) % 13, 1 + (drawn >> 96) % 9
        mangled = token[:at] + str((int(token[at]) + other) % 10) + token[at + 1 :]
        foreign += OTHER.open(token[1:]) is not None
        changed += CIPHER.open(mangled[1:]) is not None
    assert foreign <= 3
    assert changed <= 3


@given(st.text("0123456789", max_size=20) | st.text(max_size=20))
def test_any_digits_are_a_possible_number_or_none(digits: str) -> None:
    number = CIPHER.open("".join(c for c in digits if c in "0123456789"))
    assert number is None or CIPHER.seal(number) == "+" + digits


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_what_has_a_token_comes_back(number: str) -> None:
    token = CIPHER.seal(number)
    assert token is None or CIPHER.open(token[1:]) == number


@pytest.mark.parametrize(
    "number",
    ["+4930123456789012", "+999123456789", "+0123456789", "+33", "+", "+447700900123", "+2118"],
    ids=["too long", "no country", "zero", "code alone", "nothing", "not given out", "short"],
)
def test_what_is_no_number_with_room_has_none(number: str) -> None:
    assert CIPHER.seal(number) is None


@pytest.mark.parametrize(
    ("head", "code"),
    [("336", "33"), ("141", "1"), ("353", "353"), ("999", None), ("0", None), ("", None), ("x", None)],
)
def test_country_codes_are_prefix_free(head: str, code: str | None) -> None:
    assert country_code(head) == code
