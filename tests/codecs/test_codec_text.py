"""Plain text is one value."""

import pytest

from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Slot, Tally
from gateway.codecs.text import TEXT
from gateway.errors import InternalError, PayloadError
from gateway.masking.detect import detect
from gateway.masking.operators import redact

LIMITS = Limits()


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (b"", b""),
        (b"\xef\xbb\xbf", b"\xef\xbb\xbf"),
        (b"nothing\r\nhere \x0c", b"nothing\r\nhere \x0c"),
        (b"\xef\xbb\xbfto ana@x.example\n", b"\xef\xbb\xbfto [redacted]\n"),
    ],
)
def test_detected(body: bytes, out: bytes) -> None:
    program = compile_program([], detect)
    tally = Tally.of(program)
    assert TEXT.transform(body, program, tally, LIMITS) == out
    assert tally.unmapped == (out != body)


def test_mapped() -> None:
    program = compile_program([Slot("$", "x", mask=redact, subject="email")], detect)
    document = TEXT.parse(b"\xef\xbb\xbfana", LIMITS)
    assert [(f.value, f.droppable) for f in TEXT.find(document, program)] == [("ana", False)]
    tally = Tally.of(program)
    assert TEXT.dump(TEXT.rewrite(document, program, tally)) == b"\xef\xbb\xbf[redacted]"
    assert (tally.seen, tally.masked, tally.subjects) == ([1], [1], [(0, "ana")])
    assert TEXT.find("\ufeff", program) == TEXT.find("a", compile_program([], None)) == []
    with pytest.raises(InternalError):
        TEXT.rewrite(document, program, tally, {0})


@pytest.mark.parametrize("mask", [lambda _: REMOVED, lambda _: None])
def test_removed(mask: object) -> None:
    program = compile_program([Slot("$", "x", mask=mask)], None)  # type: ignore[arg-type]  # any callable
    assert TEXT.transform(b"ana", program, Tally.of(program), LIMITS) == b""


@pytest.mark.parametrize(
    "body",
    [b"caf\xe9", b"a\0b", "ana".encode("utf-16"), "ana".encode("utf-16-le"), b"\xed\xa0\x80"],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        TEXT.parse(body, LIMITS)
    assert caught.value.reason == "unparseable_body"


def test_a_stream_holds_no_more_than_a_record() -> None:
    program = compile_program([], None)
    stream = TEXT.stream(program, Tally.of(program), Limits(max_record=3))
    assert stream.feed(b"ab") + stream.feed(b"c") == b""
    assert stream.finish() == b"abc"
    stream = TEXT.stream(program, Tally.of(program), Limits(max_record=3))
    stream.feed(b"abc")
    for read in (lambda: stream.feed(b"d"), lambda: TEXT.parse(b"abcd", Limits(max_body=3))):
        with pytest.raises(PayloadError) as caught:
            read()
        assert caught.value.reason == "body_too_large"
