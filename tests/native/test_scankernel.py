"""The compiled scanner against the Python it stands for, which decides whatever it leaves."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.codecs import scanning
from gateway.codecs.params import FORM
from gateway.codecs.program import Limits
from gateway.errors import PayloadError
from gateway.exchange import restoring
from gateway.exchange.restoring import suspicious, suspicious_by_rule
from tests.native.kernels import kernel

KERNEL: Any = kernel("scankernel")
SIGNS = restoring._SIGNS
LIMITS = Limits(max_fields=6)

ODD = (
    b"hushgate",
    b"HushGate",
    b"t_",
    b"T_",
    b"A" * 44,
    b"-" * 43,
    b"1234567",
    b"0" * 15,
    b" ",
    b"\xff",
    b".",
)
ESCAPES = (b"\\u0041", b"\\", b"\\/", b"\0", b"/", b"+", b"x", b"\n", b"%41", b"&#", b"husgate", b"hushgat")
PIECES = st.sampled_from(ODD + ESCAPES)
RAW = st.lists(PIECES | st.binary(max_size=4), max_size=8).map(b"".join)


@given(RAW)
@example(b"12345678.9012345")
@example(b"1234567890123x45")
@example(b"t_" + b"a" * 43)
@example(b"t_" + b"a" * 44)
def test_what_is_clear_is_not_suspicious(raw: bytes) -> None:
    clear = KERNEL.clear(raw, *SIGNS)
    assert not (clear and suspicious_by_rule(raw))
    assert suspicious(raw) == suspicious_by_rule(raw)
    if b"\\" not in raw:
        assert clear is not suspicious_by_rule(raw), "only an escape is left to the rule"


@given(st.lists(st.tuples(st.just(b"X"), RAW), max_size=4))
def test_fields_are_clear_when_each_value_is(headers: list[tuple[bytes, bytes]]) -> None:
    each = all(KERNEL.clear(value, *SIGNS) and b"%" not in value for _, value in headers)
    assert KERNEL.fields(headers, *SIGNS) is each


FORMS = st.lists(
    st.sampled_from([b"a", b"=", b"&", b"+", b"%41", b"%c3%a9", b"%C3", b"%ff", b"%0", b"%", b";", b"\x01"])
    | st.sampled_from(["é".encode(), b"\xe9", b"%00", b"\x7f", b"~"]),
    max_size=9,
).map(b"".join)


@given(FORMS)
@example(b"")
@example(b"&&&&&")
@example(b"&&&&&&")
@example(b"a=1&a=2&=&b==+%2b")
def test_pairs_are_those_of_the_reference(body: bytes) -> None:
    try:
        expected = FORM.parse_by_rule(body, LIMITS)
    except PayloadError:
        expected = None
    found = KERNEL.pairs(body, LIMITS.max_fields)
    assert found == (expected or None)
    if expected is not None:
        assert FORM.parse(body, LIMITS) == expected


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("clear", ()),
        ("clear", ("text", *SIGNS)),
        ("clear", (b"raw", b"", *SIGNS[1:])),
        ("clear", (b"raw", *SIGNS[:2], -1, 15)),
        ("clear", (b"raw", *SIGNS[:3], 0)),
        ("clear", (b"raw", *SIGNS[:3], 2**80)),
        ("fields", ((), *SIGNS)),
        ("pairs", (b"a",)),
        ("pairs", ("a", 1)),
        ("pairs", (b"a", 2**80)),
    ],
)
def test_wrong_arguments_are_refused(name: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        getattr(KERNEL, name)(*arguments)


def test_fields_that_are_none_are_left_to_the_reference() -> None:
    assert KERNEL.fields([(b"a",)], *SIGNS) is False
    assert KERNEL.fields([(b"a", "b")], *SIGNS) is False


def test_without_the_kernel_the_reference_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("clear", "fields", "pairs"):
        monkeypatch.setattr(scanning, name, None)
    assert suspicious(b"0" * 15) and not suspicious(b"0" * 14)
    assert FORM.parse(b"a=%41&b", LIMITS) == [("a", "A", b"a=%41"), ("b", "", b"b")]
    assert not restoring.holds_none(b"", [])
