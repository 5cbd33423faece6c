"""Server-sent events: payloads masked, everything else as it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Masker, Slot, Tally
from gateway.codecs.sse import SSE
from gateway.errors import InternalError, PayloadError
from gateway.masking.detect import detect
from gateway.masking.operators import redact
from tests.codecs.conformance import refusal

LIMITS = Limits()


def masked(body: bytes, unmapped: Masker | None = None) -> bytes:
    """Through a stream and by steps: the same here, as there is no white space to lose."""
    program = compile_program([Slot("a", "x", mask=redact)], unmapped)
    tally = Tally.of(program)
    out = SSE.transform(body, program, tally, LIMITS)
    assert SSE.dump(SSE.rewrite(SSE.parse(body, LIMITS), program, Tally.of(program))) == out
    return out


def refused(body: bytes, limits: Limits = LIMITS) -> tuple[str, str]:
    return refusal(SSE, body, compile_program([], None), limits)


@pytest.mark.parametrize(
    ("body", "out"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\xef\xbb\xbf", b"\xef\xbb\xbf", id="a mark alone"),
        pytest.param(b'data: {"a":"x"}\n\n', b'data: {"a":"[redacted]"}\n\n', id="one"),
        pytest.param(b'data:{"a":"x"}\r\r', b'data:{"a":"[redacted]"}\r\r', id="CR"),
        pytest.param(b'data:  {"a":"x"}\n\n', b'data:  {"a":"[redacted]"}\n\n', id="two spaces"),
        pytest.param(b'data: {"a":"x"}', b'data: {"a":"[redacted]"}', id="no end"),
        pytest.param(
            b'\xef\xbb\xbfevent: e\r\ndata: {"a":"x"}\r\nid: 1\r\n\r\n',
            b'\xef\xbb\xbfevent: e\r\ndata: {"a":"[redacted]"}\r\nid: 1\r\n\r\n',
            id="a mark, and fields around",
        ),
        pytest.param(b": a\n\ndata\ndata:\n\nid\nevent:x\nretry: 5\n\n\n", None, id="nothing to mask"),
        pytest.param(b'data: {"b" : 1.10,\ndata:"c":2}\n\n', None, id="two lines untouched"),
        pytest.param(b"data: [DONE]\n\ndata: -0\n\ndata: hi {\n\n", None, id="no JSON and scalars"),
        pytest.param(
            b'Data: {"a":"x"}\n data: {"a":"x"}\ndatas: {"a":"x"}\n\n', None, id="no data to a client"
        ),
        pytest.param(b'data: {"b":1,"b":2}\n\n', b'data: {"b":2}\n\n', id="a repeated key"),
    ],
)
def test_events(body: bytes, out: bytes | None) -> None:
    assert masked(body) == (body if out is None else out)


def test_fewer_and_more_lines() -> None:
    program = compile_program([Slot("a", "x", mask=redact)], lambda v: "one\ntwo\rthree")
    out = SSE.transform(b"data: x\r\nid: 1\n\n", program, Tally.of(program), LIMITS)
    assert out == b"data: one\r\ndata: two\r\ndata: three\r\nid: 1\n\n"
    program = compile_program([], lambda v: REMOVED)
    out = SSE.transform(b"data\nid: 1\ndata:y\r\n\n", program, Tally.of(program), LIMITS)
    assert out == b"data:\nid: 1\n\n"
    out = SSE.transform(b"data:y", compile_program([], lambda v: "a\nb"), Tally(0), LIMITS)
    assert out == b"data:a\ndata:b"


def test_what_no_data_map_names() -> None:
    body = b": a@x.example\r\nfoo: a@x.example\r\nid: 1\r\ndata: to a@x.example\r\nretry: a@x.example\r\n\r\n"
    hidden = body.replace(b"a@x.example", b"[redacted]")
    assert masked(body, detect) == hidden
    assert masked(b'data: {"b":"ana@x.example"}\n\n', detect) == b'data: {"b":"[redacted]"}\n\n'
    assert masked(b":\ndata\nid: 5\n:a\nb\n\n", redact) == b":\ndata\nid: 5\n:[redacted]\n[redacted]\n\n"


def test_counts() -> None:
    program = compile_program([Slot("a", "x", mask=redact, subject="email")], detect)
    tally = Tally.of(program)
    SSE.transform(b'data: {"a":"x"}\n\n:y@x.example\n\ndata: z@x.example\n\n', program, tally, LIMITS)
    assert (tally.seen, tally.masked, tally.subjects, tally.unmapped) == ([1], [1], [(0, "x")], 2)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(b'data: 1\n\ndata: {"a":\n\n', "event 2", id="meant as JSON"),
        pytest.param(b'data: [{"a":"x"},]\n\n', "event 1", id="a comma too many"),
        pytest.param(b'data: {"a":"x"}\ndata: {"a":"y"}\n\n', "event 1", id="two values"),
        pytest.param(b'data: \xef\xbb\xbf{"a":"\xff"}\n\n', "event 1", id="no UTF-8"),
        pytest.param(b": \xff\n\n", "event 1", id="a comment in latin1"),
        pytest.param(b"id: a\0b\n\n", "event 1", id="NUL"),
        pytest.param('data: {"a":1}\n\n'.encode("utf-16"), "event 1", id="UTF-16"),
        pytest.param(b'data: {"a":"\\ud800"}\n\n', "event 1", id="a lone surrogate"),
    ],
)
def test_refused_by_number(body: bytes, place: str) -> None:
    assert refused(body) == ("unparseable_body", place)


def test_limits() -> None:
    assert refused(b"data: 1\n\ndata: 2345\n\n", Limits(max_record=9)) == ("body_too_large", "event 2")
    assert refused(b":\n:\n:\n\n", Limits(max_fields=2)) == ("body_too_large", "event 1")
    assert refused(b"data: 1\n\n", Limits(max_body=5)) == ("body_too_large", "body")
    assert refused(b"data: [[[]]]\n\n", Limits(max_depth=2)) == ("unparseable_body", "event 1")


def test_dropping() -> None:
    program = compile_program([Slot("to", "y", subject="phone"), Slot("cc[]", "y", subject="phone")], None)
    body = b'data: {"to":"+1"}\n\n: hi\n\ndata: {"to":"+2","cc":["+3","+4"]}\n\n'
    document = SSE.parse(body, LIMITS)
    assert [(f.value, f.droppable) for f in SSE.find(document, program)] == [
        (value, True) for value in ("+1", "+2", "+3", "+4")
    ]
    tally = Tally.of(program)
    out = SSE.dump(SSE.rewrite(document, program, tally, {0, 2}))
    assert out == b': hi\n\ndata: {"to":"+2","cc":["+4"]}\n\n'
    assert [value for _, value in tally.subjects] == ["+2", "+4"]
    with pytest.raises(InternalError):
        SSE.rewrite(SSE.parse(body, LIMITS), program, tally, {4})


def test_an_event_leaves_with_its_blank_line() -> None:
    program = compile_program([], None)
    stream = SSE.stream(program, Tally.of(program), LIMITS)
    assert stream.feed(b"data: 1\n") == b""
    assert stream.feed(b"\n") == b"data: 1\n\n"
    assert stream.feed(b"data: 2\r\r") == b"data: 2\r\r"
    assert stream.feed(b"\ndata: 3\r") == b"\n"
    assert stream.feed(b"\n\r") == b"data: 3\r\n\r"
    assert stream.feed(b"") == b""
    assert stream.finish() == b""


def _client(body: str) -> list[str]:
    """What a client makes of a stream: WHATWG HTML, 9.2.6, without names and ids."""
    data: list[str] = []
    events: list[str] = []
    for line in body.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if not line and data:
            events.append("\n".join(data))
        if not line:
            data = []
        if name == "data":
            data.append(value.removeprefix(" "))
    return events


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.text(), min_size=1)),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_a_client_sees_the_masked_payloads(values: list[dict[str, str]], end: str) -> None:
    parts = [json.dumps(value, indent=1).replace("\n", f"{end}data: ") for value in values]
    out = masked_loosely("".join(f"data: {part}{end}{end}" for part in parts).encode())
    expected = [
        {key: "[redacted]" if key == "a" else each for key, each in value.items()} for value in values
    ]
    assert [json.loads(event) for event in _client(out.decode())] == expected


def masked_loosely(body: bytes) -> bytes:
    program = compile_program([Slot("a", "x", mask=redact)], None)
    return SSE.transform(body, program, Tally.of(program), LIMITS)


@given(st.lists(st.sampled_from(["data", "id", ":", " ", "x", "{", "\n", "\r", "\ufeff", "\0"]), max_size=20))
def test_any_text(parts: list[str]) -> None:
    body = "".join(parts).encode()
    try:
        assert SSE.dump(SSE.parse(body, LIMITS)) == body
    except PayloadError as error:
        assert error.reason == "unparseable_body"
