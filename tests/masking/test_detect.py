"""What is recognised by its own form, what is not, and at what cost."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.masking.detect import detector, redact_all
from gateway.masking.operators import REDACTED

R = REDACTED
detect = detector()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ana@example.org", R),
        ("Ana <ana.b+c@mail.example.org>, bob@x.fr.", f"Ana <{R}>, {R}."),
        ("mailto:é@x.fr", f"mailto:{R}"),
        ("+33612345678", R),
        ("call +33 (0)6 12-34.56/78 now", f"call {R} now"),
        ("(+33) 612345678", f"({R}"),
        ("0033612345678", R),
        ("4242424242424242", R),
        ("card 4242 4242 4242 4242 12/27", f"card {R} 12/27"),
        ("5555-5555-5555-4444", R),
        ("x378282246310005y", f"x{R}y"),
        ("GB82WEST12345698765432", R),
        ("iban FR76 3000 6000 0112 3456 7890 189 thanks", f"iban {R} thanks"),
        ("from 203.0.113.7:8080", f"from {R}:8080"),
        ("2001:db8::1", R),
        ("at fe80::1, 2001:0db8:0:0:0:0:0:1.", f"at {R}, {R}."),
        ("a@b.fr, 4242424242424242 +33612345678", f"{R}, {R} {R}"),
    ],
)
def test_found(text: str, expected: str) -> None:
    assert detect(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lead",
        "51000",
        "2024-01-05T10:11:12.345Z",
        "1704448272345",
        "10:11:12",
        "@handle",
        "user at host",
        "+12",
        "a@",
        "v1.2.3",
        "4242424242424241",
        "999.1.1.1",
        "GB82WEST12345698765433",
        "51000012345678",
        "3 rue de la République",
        "x::y",
        "::",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_not_taken_for_personal_data(text: str) -> None:
    assert detect(text) is text


@pytest.mark.parametrize("value", [0, 51001, 33612345678, 1704448272345, True, Raw(b"1.10")])
def test_numbers_that_pass(value: Any) -> None:
    assert detect(value) is value


@pytest.mark.parametrize("value", [4242424242424242, Raw(b"4242424242424242")])
def test_card_numbers_as_numbers(value: Any) -> None:
    assert detect(value) is None


@pytest.mark.parametrize(
    ("value", "expected"), [("x", R), ("", R), (1, None), (False, None), (Raw(b"1.1"), None)]
)
def test_redact_all(value: Any, expected: Any) -> None:
    assert redact_all(value) == expected


@given(
    st.text(max_size=60),
    st.sampled_from(["ana@example.org", "+33612345678", "4242424242424242", "GB82WEST12345698765432"]),
)
def test_found_in_any_text(around: str, secret: str) -> None:
    assert secret not in detect(f"{around} , {secret} , {around}")


@given(st.text(alphabet="+@:.0123456789 aF-", max_size=80))
def test_twice_is_once(text: str) -> None:
    once = detect(text)
    assert detect(once) == once or R in once


ADVERSARIAL = [
    "a",
    "@",
    "a@",
    "4",
    "4 ",
    "42-",
    "+",
    "+1",
    "00",
    "(",
    "1.",
    "1.1.1.",
    ":",
    "a:",
    "::1",
    "AB12",
    "AB12 ",
    "GB82 W ",
    "4242424242424242",
]


def _steps(text: str) -> int:
    """Lines of Python run; what a pattern does inside is bounded by its form."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    detect(text)  # metadata of calling codes is read when first met
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        detect(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_work_grows_with_the_length_alone(unit: str) -> None:
    small, large = unit * (2_000 // len(unit)), unit * (8_000 // len(unit))
    assert _steps(large) <= 5 * _steps(small) + 1_000


@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_a_megabyte_is_read_to_its_end(unit: str) -> None:
    text = unit * (1_000_000 // len(unit)) + " , ana@example.org"
    assert "ana@example.org" not in detect(text)
