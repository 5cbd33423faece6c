"""Flat carriers: exact bytes where nothing changed, refusal where parsers differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.params import FORM, HEADERS, PATH, QUERY
from gateway.codecs.paths import compile_names
from gateway.codecs.program import REMOVED, Limits, Slot, Tally
from gateway.errors import InternalError, PayloadError

LIMITS = Limits()
NOTHING = compile_names([], None)
BODY = b"a=1&a=%32&b&=x&c=&&d=%C3%A9+%7e"


def test_untouched_pairs_keep_their_bytes() -> None:
    program = compile_names([Slot("a", "c", mask=lambda _: "x y&z")], None)
    tally = Tally.of(program)
    document = FORM.rewrite(FORM.parse(BODY, LIMITS), program, tally)
    assert FORM.dump(document) == b"a=x+y%26z&a=x+y%26z&b&=x&c=&&d=%C3%A9+%7e"
    assert (tally.seen, tally.masked) == ([2], [2])
    assert FORM.dump(FORM.parse(b"", LIMITS)) == b""


def test_any_other_name_and_unmapped() -> None:
    seen: list[str] = []

    def note(value: str) -> str:
        seen.append(value)
        return value

    program = compile_names([Slot("a", "c"), Slot("*", "c", mask=note)], None)
    FORM.rewrite(FORM.parse(BODY, LIMITS), program, Tally.of(program))
    assert seen == ["", "x", "", "é ~"]
    other = compile_names([Slot("a", "c")], lambda _: REMOVED)
    tally = Tally.of(other)
    assert FORM.dump(FORM.rewrite(FORM.parse(BODY, LIMITS), other, tally)) == b"a=1&a=%32&"
    assert tally.unmapped == 4


@pytest.mark.parametrize(
    "body", [b"a=%", b"a=%4", b"a=%zz", b"a=1;b=2", b"a=%ff", b"%c3=1", b"a=\n", b"a=\x00", b"a=\xff"]
)
def test_refused(body: bytes) -> None:
    for codec, reason in ((FORM, "unparseable_body"), (QUERY, "malformed_request")):
        with pytest.raises(PayloadError) as caught:
            codec.parse(body, LIMITS)
        assert caught.value.reason == reason


def test_number_of_fields() -> None:
    FORM.parse(b"a&b&c", Limits(max_fields=3))
    with pytest.raises(PayloadError):
        FORM.parse(b"a&b&c&d", Limits(max_fields=3))


@given(st.binary(max_size=30))
def test_any_bytes_give_pairs_or_our_error(body: bytes) -> None:
    try:
        document = FORM.parse(body, LIMITS)
    except PayloadError:
        return
    assert FORM.dump(FORM.rewrite(document, NOTHING, Tally.of(NOTHING))) == body


def test_only_a_repeated_name_can_be_dropped() -> None:
    program = compile_names([Slot("To", "c", subject="phone"), Slot("Cc", "c", subject="phone")], None)
    document = FORM.parse(b"To=1&Cc=2&Cc=%33", LIMITS)
    assert [(f.value, f.droppable) for f in FORM.find(document, program)] == [
        ("1", False),
        ("2", True),
        ("3", True),
    ]
    assert FORM.dump(FORM.rewrite(document, program, Tally.of(program), {1})) == b"To=1&Cc=%33"
    with pytest.raises(InternalError):
        FORM.rewrite(document, program, Tally.of(program), {3})


def test_headers_by_lower_case_name() -> None:
    program = compile_names(
        [
            Slot("x-phone", "c", mask=lambda _: "*", subject="phone"),
            Slot("x-gone", "c", mask=lambda _: REMOVED),
        ],
        None,
    )
    document = [(b"X-Phone", b"+336"), (b"Accept", b"\xe9"), (b"X-GONE", b"1")]
    assert [(f.value, f.droppable) for f in HEADERS.find(document, program)] == [("+336", False)]
    assert HEADERS.rewrite(document, program, Tally.of(program)) == [(b"X-Phone", b"*"), (b"Accept", b"\xe9")]
    with pytest.raises(InternalError):
        HEADERS.rewrite(document, program, Tally.of(program), {0})


@pytest.mark.parametrize(
    "head", [b"a: b", b"a b: c\r\n", b": c\r\n", b"a: b\x00\r\n", b"a: b\r\n c\r\n", b"a: \n\r\n"]
)
def test_header_lines_refused(head: bytes) -> None:
    with pytest.raises(PayloadError):
        HEADERS.parse(head, LIMITS)


def test_path_parameters() -> None:
    program = compile_names(
        [Slot("number", "c", mask=lambda _: "*", subject="phone"), Slot("id", "c", mask=lambda _: REMOVED)],
        None,
    )
    document = {"number": "+336", "id": "7", "other": "o"}
    assert [(f.value, f.droppable) for f in PATH.find(document, program)] == [("+336", False)]
    tally = Tally.of(program)
    assert PATH.rewrite(document, program, tally) == {"number": "*", "id": "", "other": "o"}
    assert tally.masked == [1, 1]
    for call in (
        lambda: PATH.parse(b"", LIMITS),
        lambda: PATH.dump({}),
        lambda: PATH.rewrite({}, program, tally, {0}),
    ):
        with pytest.raises(InternalError):
            call()
