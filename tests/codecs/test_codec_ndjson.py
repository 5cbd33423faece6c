"""JSON texts one after another: each exact, or refused by its number."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.ndjson import JSON_SEQ, NDJSON, SequenceCodec
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Slot, Tally
from gateway.errors import InternalError, PayloadError
from gateway.masking.operators import redact
from tests.codecs.conformance import refusal

LIMITS = Limits()
PROGRAM = compile_program([Slot("a", "x", mask=redact), Slot("to[]", "y", subject="phone")], None)


def masked(body: bytes, codec: SequenceCodec = NDJSON) -> bytes:
    return codec.transform(body, PROGRAM, Tally.of(PROGRAM), LIMITS)


def refused(body: bytes, codec: SequenceCodec = NDJSON, limits: Limits = LIMITS) -> tuple[str, str]:
    return refusal(codec, body, PROGRAM, limits)


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (b"", b""),
        (b"\n \n\r\n", b"\n \n\r\n"),
        (b'{"a":"x"}\r\n\n  {"a":1 }\n', b'{"a":"[redacted]"}\r\n\n  {"a":null}\n'),
        (b'{"b" : 1.10, "c":12345678901234567890123}', b'{"b" : 1.10, "c":12345678901234567890123}'),
        (b'[1, 2]\n"x"\n-0\ntrue\nnull', b'[1, 2]\n"x"\n-0\ntrue\nnull'),
        (b'{"b":1,"b":2}\n{"b" : 1}', b'{"b":2}\n{"b" : 1}'),
        (b' {"b":1,"\\u0062":2} \n', b' {"b":2} \n'),
    ],
)
def test_lines(body: bytes, out: bytes) -> None:
    # The kernel keeps the white space within a record that it changes, the reference does not.
    assert masked(body).replace(b"null }", b"null}") == out


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a":1}\n{"a":\n', "record 2"),
        (b'{"a":1}{"a":2}\n', "record 1"),
        (b"\n\n1,2", "record 3"),
        (b'\xef\xbb\xbf{"a":1}', "record 1"),
        (b'{"a":"\xff"}', "record 1"),
        (b'{"a":NaN}', "record 1"),
        (b'{"a":"\\ud800"}', "record 1"),
        ('{"a":1}'.encode("utf-16"), "record 1"),
        (b'{"a":[{}\n{}]}', "record 1"),
    ],
)
def test_refused_by_number(body: bytes, place: str) -> None:
    assert refused(body) == ("unparseable_body", place)


def test_limits() -> None:
    assert refused(b'1\n"345678"', limits=Limits(max_record=7)) == ("body_too_large", "record 2")
    assert refused(b"1\n2\n3", limits=Limits(max_body=4)) == ("body_too_large", "body")
    assert refused(b"1\n[[[]]]", limits=Limits(max_depth=2)) == ("unparseable_body", "record 2")
    assert (
        NDJSON.transform(b'1\n"34567"\n', PROGRAM, Tally.of(PROGRAM), Limits(max_record=7)) == b'1\n"34567"\n'
    )


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (b"", b""),
        (b'\x1e{"a":"x"}\n', b'\x1e{"a":"[redacted]"}\n'),
        (b'\x1e\x1e{"b":\n 1}\n\x1e[]\x1e1\n', b'\x1e\x1e{"b":\n 1}\n\x1e[]\x1e1\n'),
    ],
)
def test_sequences(body: bytes, out: bytes) -> None:
    assert masked(body, JSON_SEQ) == out


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(b'{"a":1}\n', "record 1", id="no separator"),
        pytest.param(b"\n\x1e1\n", "record 1", id="something before the first"),
        pytest.param(b"\x1e12", "record 2", id="a number that may be cut off"),
        pytest.param(b"\x1etrue\x1e1\n", "record 2", id="a literal that may be cut off"),
        pytest.param(b'\x1e{"a":\n', "record 2", id="cut off"),
    ],
)
def test_sequences_out_of_frame(body: bytes, place: str) -> None:
    assert refused(body, JSON_SEQ) == ("unparseable_body", place)


def test_dropping() -> None:
    body = b'{"to":["+1","+2"]}\n{"to":["+3"]}\n{"b":1}\n'
    document = NDJSON.parse(body, LIMITS)
    assert [(f.value, f.droppable) for f in NDJSON.find(document, PROGRAM)] == [
        ("+1", True),
        ("+2", True),
        ("+3", True),
    ]
    tally = Tally.of(PROGRAM)
    out = NDJSON.dump(NDJSON.rewrite(document, PROGRAM, tally, (0, 2)))
    assert out == b'{"to":["+2"]}\n{"to":[]}\n{"b":1}\n'
    assert tally.subjects == [(1, "+2")]


def test_a_record_goes_with_its_only_subject() -> None:
    program = compile_program([Slot("to", "y", subject="phone")], None)
    document = NDJSON.parse(b'{"to":"+1"}\n{"to":"+2"}\n', LIMITS)
    tally = Tally.of(program)
    assert NDJSON.dump(NDJSON.rewrite(document, program, tally, {0})) == b'{"to":"+2"}\n'
    assert tally.subjects == [(0, "+2")]
    for ordinal in (-1, 2):
        with pytest.raises(InternalError):
            NDJSON.rewrite(NDJSON.parse(b'{"to":"+1"}\n{"to":"+2"}', LIMITS), program, tally, [ordinal])


def test_counts_are_right_for_those_who_look_on_the_way() -> None:
    tally = Tally.of(PROGRAM)
    assert tally.masked == [0, 0]
    stream = NDJSON.stream(PROGRAM, tally, LIMITS)
    for count in (1, 2, 3):
        stream.feed(b'{"a":"x","to":["+1"]}\n')
        assert (tally.seen, tally.masked) == ([count, count], [count, 0])
        assert len(tally.subjects) == count


def test_removed_whole() -> None:
    program = compile_program([Slot("$", "x", mask=lambda _: REMOVED)], None)
    assert NDJSON.transform(b'"x"\n{"a":1}\n', program, Tally.of(program), LIMITS) == b"null\n{}\n"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)


@given(st.lists(_values, max_size=5))
def test_against_the_standard_library(values: list[object]) -> None:
    body = "\n".join(json.dumps(value) for value in values).encode()
    program = compile_program([Slot("$", "x", mask=lambda v: v + "!" if isinstance(v, str) else v)], None)

    def expected(value: object) -> object:
        if isinstance(value, dict):
            return {key: expected(each) for key, each in value.items()}
        if isinstance(value, list):
            return [expected(each) for each in value]
        return value + "!" if isinstance(value, str) else value

    out = NDJSON.transform(body, program, Tally.of(program), LIMITS)
    assert [json.loads(line) for line in out.split(b"\n") if line] == [expected(value) for value in values]


@given(st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    for codec in (NDJSON, JSON_SEQ):
        try:
            assert codec.dump(codec.parse(body, LIMITS)) == body
        except PayloadError:
            continue
