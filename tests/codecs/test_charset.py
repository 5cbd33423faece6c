"""Charsets: every byte comes back, and a label that lies is refused."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.charset import (
    CHARSETS,
    Charset,
    Transcoded,
    TranscodedStreaming,
    charset_named,
    decode,
    encode,
    transcoded,
    write_json,
)
from gateway.codecs.delimited import CSV
from gateway.codecs.json import JSON
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.params import FORM
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import Limits, Slot, Tally
from gateway.errors import PayloadError

LIMITS = Limits()
SINGLE = sorted(name for name in CHARSETS if not name.startswith("utf"))


def refused(body: bytes, label: str | None) -> str:
    with pytest.raises(PayloadError) as caught:
        decode(body, label)
    return caught.value.reason


@pytest.mark.parametrize("label", SINGLE)
def test_single_bytes_come_back_or_are_refused(label: str) -> None:
    read = 0
    for value in range(256):
        try:
            text, charset = decode(bytes([value]), label)
        except PayloadError:
            continue
        assert encode(text, charset) == bytes([value])
        read += 1
    assert read >= 128


@given(st.text(), st.sampled_from(sorted(CHARSETS)), st.booleans())
def test_what_a_charset_can_say_comes_back(text: str, label: str, marked: bool) -> None:
    name = charset_named(label)
    mark = {"utf-16": codecs.BOM_UTF16_LE, "utf-32": codecs.BOM_UTF32_LE}.get(name, b"")
    if name == "utf-8" and marked:
        mark = codecs.BOM_UTF8
    raw = mark + text.encode({"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name), "ignore")
    try:
        read, charset = decode(raw, label)
    except PayloadError:
        assert raw.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return
    assert not read.startswith("\ufeff") or text.startswith("\ufeff")
    assert encode(read, charset) == raw


@given(st.binary(max_size=40), st.sampled_from([*sorted(CHARSETS), None]))
def test_any_bytes_come_back_or_are_refused(raw: bytes, label: str | None) -> None:
    try:
        text, charset = decode(raw, label)
    except PayloadError as error:
        assert error.reason == "unparseable_body"
    else:
        assert encode(text, charset) == raw


@pytest.mark.parametrize(
    ("body", "label"),
    [
        pytest.param("\ufeffa,b".encode("utf-16-le"), "utf-8", id="utf-16 as utf-8"),
        pytest.param("\ufeffa,b".encode("utf-16-be"), None, id="utf-16 without a label"),
        pytest.param("a,b".encode("utf-16-le"), "utf-16", id="no mark, two orders"),
        pytest.param("a,b".encode("utf-32-le"), "utf-32", id="no mark, two orders of four"),
        pytest.param("\ufeffa".encode("utf-16-be"), "utf-16le", id="a mark of the other order"),
        pytest.param("\ufeffa".encode(), "iso-8859-1", id="utf-8 mark in latin1"),
        pytest.param("\ufeffa".encode("utf-16-le"), "windows-1252", id="utf-16 mark in 1252"),
        pytest.param(b"caf\xe9", "utf-8", id="latin1 as utf-8"),
        pytest.param(b"caf\xe9", "us-ascii", id="latin1 as ascii"),
        pytest.param(b"\x81", "windows-1252", id="an unassigned byte"),
        pytest.param(b"\xff\xfea\x00b", "utf-16", id="cut within a unit"),
        pytest.param(b"\xff\xfe\x00\xd8", "utf-16", id="a lone surrogate"),
        pytest.param(b"\xed\xa0\x80", "utf-8", id="a surrogate in utf-8"),
        pytest.param(b"\xc0\xaf", "utf-8", id="an overlong form"),
        pytest.param(b"\xff\xfe\x00\x00\x00\x00\x11\x00", "utf-32", id="beyond unicode"),
    ],
)
def test_labels_that_lie(body: bytes, label: str | None) -> None:
    assert refused(body, label) == "unparseable_body"


@pytest.mark.parametrize("label", ["utf-7", "shift_jis", "", "utf-8;", "base64", "rot13", "unicode_escape"])
def test_unknown_labels(label: str) -> None:
    assert refused(b"a", label) == "unsupported_media_type"


def test_the_mark_is_kept() -> None:
    assert decode(b"\xfe\xff\x00a", "UTF-16") == ("a", Charset("utf-16-be", codecs.BOM_UTF16_BE))
    assert decode(b"\xef\xbb\xbfa") == ("a", Charset("utf-8", codecs.BOM_UTF8))
    assert decode(b"", "utf-16")[0] == ""


def test_what_has_no_place_in_a_charset_is_refused() -> None:
    with pytest.raises(PayloadError) as caught:
        encode("€", Charset("iso8859-1"))
    assert "€" not in str(caught.value)


@given(st.text(), st.sampled_from(SINGLE))
def test_json_is_escaped_where_a_charset_lacks_a_character(text: str, label: str) -> None:
    name = charset_named(label)
    assert json.loads(write_json(json.dumps(text, ensure_ascii=False), name).decode(name)) == text


def test_transcoding() -> None:
    program = compile_program([Slot("a", "x", mask=lambda _: "€𝄞")], None)
    codec = Transcoded(JSON, "latin1", write_json)
    body = '{"a":"x","b":"é"}'.encode("latin1")
    out = codec.transform(body, program, Tally.of(program), LIMITS)
    assert out == '{"a":"\\u20ac\\ud834\\udd1e","b":"é"}'.encode("latin1")
    document = codec.parse(body, LIMITS)
    assert codec.find(document, program) == []
    assert codec.dump(codec.rewrite(document, program, Tally.of(program))) == out
    with pytest.raises(PayloadError) as caught:
        codec.parse(body, Limits(max_body=3))
    assert caught.value.reason == "body_too_large"


def test_rows_have_no_escape() -> None:
    program = compile_names([Slot("a", "x", mask=lambda _: "€")], None)
    with pytest.raises(PayloadError):
        Transcoded(CSV, "latin1").transform(b"a\nb", program, Tally.of(program), LIMITS)


def test_a_stream_that_ends_within_a_character() -> None:
    program = compile_program([], None)
    codec = TranscodedStreaming(NDJSON, "utf-16", write_json)
    body = '\ufeff{"é":1}\n'.encode("utf-16-le")
    stream = codec.stream(program, Tally.of(program), LIMITS)
    assert stream.feed(body[:3]) + stream.feed(body[3:]) + stream.finish() == body
    stream = codec.stream(program, Tally.of(program), LIMITS)
    stream.feed(body[:-1])
    with pytest.raises(PayloadError):
        stream.finish()


def test_only_what_needs_it_is_transcoded() -> None:
    assert transcoded(JSON, None) is JSON
    assert transcoded(CSV, "UTF-8") is CSV
    assert isinstance(transcoded(CSV, "latin1"), TranscodedStreaming)
    assert not isinstance(transcoded(FORM, "latin1"), TranscodedStreaming)
