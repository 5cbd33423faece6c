"""E-mail and text tokens: their form, their room, and that nothing but themselves opens."""

import re
import string
from base64 import b32encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.normalise import normalise
from gateway.masking.sealed import (
    DOMAIN,
    MAX_TEXT,
    MIN_TEXT,
    PREFIX,
    Opened,
    _base32,
    _from_address,
    parse,
    seal_email,
    seal_text,
    unseal,
)
from gateway.masking.siv import Siv

SIV = Siv(bytes(range(64)))
EMAIL = "user.contact.email"
AGE = "user.demographic.age"


def unsealed(token: str) -> Opened | None:
    sealed = parse(token)
    return unseal(SIV, sealed) if sealed else None


def epoch_of(token: str) -> int | None:
    sealed = parse(token)
    return sealed.epoch if sealed else None


VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("epoch", "category", "value", "token"),
    [
        (
            1,
            EMAIL,
            "ana@example.org",
            "tafgd5wx2ieu3zy47gtuuuoeig54riwv3inkilgjhboomcfskpthvc@token.hushgate.invalid",
        ),
        (
            255,
            "user.contact",
            "ana.maria.garcia@mail.example.org",
            (
                "t75jnj3xxql2ysosadzjduy66bymbapvfayxkrbjsqmrqivfoc6hwpvkqt2qrcvj"
                "@kecduomqbp5ekriz5yoeosxthsvnh3dmlaciplpi.token.hushgate.invalid"
            ),
        ),
    ],
)
def test_address_tokens_stay_the_same_for_ever(epoch: int, category: str, value: str, token: str) -> None:
    assert seal_email(SIV, epoch, category, value) == token
    assert (epoch_of(token), unsealed(token)) == (epoch, Opened(category, value))


@pytest.mark.parametrize(
    ("epoch", "category", "value", "number", "token"),
    [
        (1, "user.name", "Ana", False, "t_Ae_xy5z2UE199kJ5MEl_aucu51hx_gzkcnasvfcb_1-h"),
        (2, "user.name", "Ana", False, "t_AlB2Fe3GRYB_FfFx-pMZrGTFBoAgL2blize4RsRbCFUe"),
        (1, AGE, "42", True, "t_ASzFYRtLo8dXI17KA4Xo-FGcEDUnhDeJZu1uPhJ8V_IIuZeR8Q02XIKNQ04-qU5Ntg"),
    ],
)
def test_text_tokens_stay_the_same_for_ever(
    epoch: int, category: str, value: str, number: bool, token: str
) -> None:
    assert seal_text(SIV, epoch, category, value, number) == token
    assert (epoch_of(token), unsealed(token)) == (epoch, Opened(category, value, number))


@given(st.integers(0, 123 - len("@example.org")), st.sampled_from([EMAIL, "user.contact"]))
def test_an_address_token_is_an_address(size: int, category: str) -> None:
    value = "a" * size + "@example.org"
    token = seal_email(SIV, 1, category, value)
    if token is None:
        assert category != EMAIL
        return
    local, _, domain = token.partition("@")
    assert re.fullmatch("t[a-z2-7]{1,63}", local)
    assert domain.endswith(DOMAIN)
    assert all(re.fullmatch("[a-z2-7]{1,63}", label) for label in domain.removesuffix(DOMAIN).split(".")[:-1])
    assert normalise("email", token, None) == token
    assert unsealed(token) == Opened(category, value)


@given(st.binary(min_size=1, max_size=80))
def test_base32_is_that_of_the_standard_library(data: bytes) -> None:
    text = _base32(data)
    assert text == b32encode(data).rstrip(b"=").decode().lower()
    assert _from_address(f"t{text}@{DOMAIN}") == data


def test_the_longest_address_with_a_token() -> None:
    longest = [n for n in range(90, 160) if seal_email(SIV, 1, EMAIL, "a" * (n - 12) + "@example.org")][-1]
    assert longest == 123


@given(st.sampled_from(["user.name", "user", EMAIL]), VALUES, st.booleans())
def test_a_text_comes_back_whatever_is_in_it(category: str, value: str, number: bool) -> None:
    token = seal_text(SIV, 7, category, value, number)
    assert token
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{{MIN_TEXT},}}", token.removeprefix(PREFIX))
    assert unsealed(token) == Opened(category, value, number)
    assert epoch_of(token) == 7


@pytest.mark.parametrize("value", ["a\0", "\0", "\x80", "\0\x80\0"])
def test_the_filling_is_told_from_what_is_filled(value: str) -> None:
    assert unsealed(str(seal_text(SIV, 1, "user.name", value))) == Opened("user.name", value)


def test_a_text_shows_its_length_only_in_steps_of_sixteen() -> None:
    sizes = {len(str(seal_text(SIV, 1, "user.name", "a" * n))) for n in range(1, 15)}
    assert len(sizes) == 1


def test_a_text_that_is_too_long_has_no_token() -> None:
    room = MAX_TEXT - len("user") - 3
    assert seal_text(SIV, 1, "user", "a" * room)
    assert seal_text(SIV, 1, "user", "a" * (room + 1)) is None


def test_categories_kinds_and_forms_never_share_a_token() -> None:
    tokens = [
        *(
            seal_text(SIV, 1, category, "1", number)
            for category in (EMAIL, "user", AGE)
            for number in (True, False)
        ),
        *(seal_email(SIV, 1, category, "1") for category in (EMAIL, "user", AGE)),
    ]
    assert len({*tokens}) == len(tokens)


TOKENS = [
    str(seal_email(SIV, 1, EMAIL, "a" * 30 + "@example.org")),
    str(seal_text(SIV, 1, "user.name", "Ana")),
]


@given(st.sampled_from(TOKENS), st.data())
def test_a_changed_token_opens_nothing(token: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(token) - 1))
    signs = data.draw(st.text(string.ascii_letters + string.digits + "-_=.@", max_size=2))
    changed = token[:at] + signs + token[at + data.draw(st.integers(0, 3)) :]
    assert changed == token or unsealed(changed) is None


@given(
    st.text() | st.sampled_from(["t_", "t", ""]).flatmap(lambda head: st.text().map(lambda text: head + text))
)
def test_any_text_opens_nothing_and_raises_nothing(text: str) -> None:
    assert unsealed(text) is None
    assert epoch_of(text) in (None, *range(256))


@pytest.mark.parametrize("local", ["t-a", "t", "t+a", "t_a", "t a", "ta-", "\u0661", "t0"])
def test_what_only_int_reads_is_no_token(local: str) -> None:
    assert parse(f"{local}@{DOMAIN}") is None


def test_another_spelling_of_the_same_bytes_is_no_token() -> None:
    word = TOKENS[1]
    last = word[:-1] + chr(ord(word[-1]) + 1)
    assert unsealed(word)
    assert [unsealed(other) for other in (word + "=", word + "==", word + " ", last)] == [None] * 4


def test_the_value_is_not_in_the_repr() -> None:
    assert "Ana" not in repr(Opened("user.name", "Ana"))
