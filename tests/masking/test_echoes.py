"""Values that came as tokens: found however they are spelt, and nothing else is."""

import json
from base64 import b64encode, urlsafe_b64encode
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.masking.echoes import Echoes
from gateway.masking.spelling import laid, plain

PHONE, MAIL, NAME, SHORT = "+33639980001", "ana+x@example.com", "Silva López", "Al"
TOKENS = {PHONE: "+337573909655926", MAIL: "tabc@d.token.hushgate.invalid", NAME: "t_name", SHORT: "t_short"}
SPELLINGS = (
    str,
    str.upper,
    lambda v: quote(v, safe=""),
    lambda v: quote(quote(v, safe=""), safe=""),
    lambda v: "".join(f"%{byte:02x}" for byte in v.encode()),
    lambda v: json.dumps(v)[1:-1],
    lambda v: "".join(f"\\u{ord(char):04x}" for char in v),
    lambda v: "".join(f"\\\\u{ord(char):04X}" for char in v),
    lambda v: "".join(f"&#{ord(char)};" for char in v),
    lambda v: "".join(f"&#x{ord(char):X};" for char in v),
    escape,
    lambda v: b64encode(v.encode()).decode(),
    lambda v: b64encode(f"1{v}".encode()).decode(),
    lambda v: b64encode(f'{{"a":"{v}"}}'.encode()).decode(),
    lambda v: urlsafe_b64encode(f"\u00ff\u00ff>?{v}ab".encode()).decode(),
)


def echoes(*values: str) -> Echoes:
    made = Echoes()
    for value in values:
        kind = "phone" if value[:1] == "+" else "email" if "@" in value else "text"
        made.add(TOKENS[value], kind, value)  # type: ignore[arg-type]  # one of three literals
    return made


ALL = echoes(*TOKENS)


@pytest.mark.parametrize("value", [PHONE, MAIL, NAME])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("around", ["{}", "<{}>", "a {} b", "x={}&y", "https://a.example/{}?b"])
def test_every_spelling_is_found(value: str, spelling: Any, around: str) -> None:
    text = around.format(spelling(value))
    made, token = ALL.text(text), TOKENS[value]
    if "/" in around and spelling in SPELLINGS[-4:]:  # a slash is a sign of base64, too
        assert made in (f"https://a.example/{token}?b", f"https://a.{token}?b")
    else:
        assert made in (around.format(token), around.format(quote(token, safe="")))
    assert ALL.suspects(text)
    assert ALL.text(made) == made


@pytest.mark.parametrize(
    "written",
    [
        "0639980001",
        "06 39 98 00 01",
        "06.39.98.00.01",
        "+33 6 39 98 00 01",
        "+33 (0)6 39-98-00-01",
        "0033639980001",
        "33639980001",
        "+33\u00a06\u00a039\u00a098\u00a000\u00a001",
        "%2B33%206%2039%2098%2000%2001",
    ],
)
def test_a_number_is_found_as_it_is_written(written: str) -> None:
    assert (
        ALL.text(f"call {written}, please")
        .lstrip("cal ")
        .startswith(("+337573909655926", "337573909655926", "%2B3375"))
    )
    assert "3998" not in ALL.text(f"call {written}, please").replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "133639980001",
        "336399800012",
        "+33639980002",
        "Silva",
        "Silva Lópezes",
        "Alan",
        "AI",
        "",
        "%",
        "\\",
        "&#;",
        "%41",
    ],
)
def test_what_is_another_text_stays(text: str) -> None:
    assert ALL.text(text) is text


def test_short_texts_are_found_as_whole_values_only() -> None:
    assert ALL.text("Al") == "t_short"
    assert ALL.text("Al Gore") == "Al Gore"


def test_numbers_and_truth_values() -> None:
    assert ALL.mask(33639980001) == "337573909655926"
    assert ALL.mask(Raw(b"33639980001")) == "337573909655926"
    assert ALL.mask(7) == 7
    assert ALL.mask(True) is True
    assert ALL.mask(123456789) == 123456789


def test_several_in_one_text() -> None:
    assert ALL.text(f"{PHONE} {MAIL}{MAIL} {PHONE}") == f"{TOKENS[PHONE]} {TOKENS[MAIL] * 2} {TOKENS[PHONE]}"
    coded = b64encode(PHONE.encode()).decode()
    assert ALL.text(f"{coded} {coded}") == f"{TOKENS[PHONE]} {TOKENS[PHONE]}"


def test_what_is_left() -> None:
    assert ALL.left(f'{{"{PHONE}": 1}}')
    assert ALL.left(f'{{"{MAIL}": 1}}')
    assert not ALL.left(f'{{"{NAME}": 1}}')  # may as well be the name of a field
    assert not ALL.left("{}")


def test_nothing_is_something() -> None:
    assert not Echoes()
    assert ALL
    assert Echoes().text("x") == "x"
    assert not Echoes().suspects('{"a": 1}')
    assert ALL.holds(PHONE)
    assert not ALL.holds("+33")


SIGNS = st.text(st.sampled_from("%25&#x;\\u0aAB+ 1amp;/é\U0001f600"), max_size=30)


@given(text=st.text(max_size=30) | SIGNS)
def test_any_text_without_escapes_keeps_its_places(text: str) -> None:
    clear, spans = laid(text)
    assert clear == plain(text)
    assert len(spans) == len(clear)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert ALL.text(text).__class__ is str


@given(before=st.text(max_size=8), after=st.text(max_size=8), spelling=st.sampled_from(SPELLINGS))
def test_no_address_is_left_in_any_text(before: str, after: str, spelling: Any) -> None:
    made = ALL.text(before + spelling(MAIL) + after)
    assert MAIL not in plain(made).lower()
    assert not ALL.left(made) or "%" in before + after or "\\" in before + after


def test_plus_for_blank() -> None:
    assert ALL.text(quote_plus(NAME)) == TOKENS[NAME]


def test_their_number_is_bounded() -> None:
    many = Echoes()
    for number in range(1_100):
        many.add(f"t_{number}", "text", f"value {number}")
    assert many.text("value 999") == "t_999"
    assert many.text("value 1000") == "value 1000"
