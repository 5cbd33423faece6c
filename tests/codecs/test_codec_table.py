"""Content types: read strictly, unknown ones refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.delimited import CSV, TSV, DelimitedCodec
from gateway.codecs.json import JSON
from gateway.codecs.jsonarray import JSON_ARRAY
from gateway.codecs.ndjson import JSON_SEQ, NDJSON
from gateway.codecs.params import FORM
from gateway.codecs.program import Codec, Limits
from gateway.codecs.sse import SSE
from gateway.codecs.table import codec_for, media_type, streaming
from gateway.codecs.text import TEXT
from gateway.codecs.xml import XML
from gateway.errors import PayloadError


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (b"application/json", JSON),
        (b"Application/JSON ; Charset=UTF-8", JSON),
        (b'application/json;charset="utf-8"', JSON),
        (b"application/problem+json", JSON),
        (b"application/json; v=1; charset=us-ascii", JSON),
        (b"application/x-www-form-urlencoded; charset=utf-8", FORM),
        (b"application/x-ndjson", NDJSON),
        (b"application/jsonl; charset=utf-8", NDJSON),
        (b"application/geo+json-seq", JSON_SEQ),
        (b"text/event-stream", SSE),
        (b"text/csv", CSV),
        (b"text/tab-separated-values; charset=utf-8", TSV),
        (b"text/plain", TEXT),
    ],
)
def test_known(value: bytes, codec: Codec) -> None:
    assert codec_for(value) is codec


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"json",
        b"text/html",
        b"application/",
        b"application/json, text/html",
        b"application/json;",
        b"application/json; charset",
        b"application/json; charset=utf-7",
        b"text/csv; charset=utf-7",
        b"text/csv; header=perhaps",
        b"text/event-stream; charset=latin1",
        b"text/plain; charset=x",
        b"application/json; charset=utf-8; charset=utf-16",
        b"application/json x",
        b"+json",
        b"application/+json",
        b"application/json\n",
        b'application/json; a="b',
    ],
)
def test_refused(value: bytes | None) -> None:
    with pytest.raises(PayloadError) as caught:
        codec_for(value)
    assert caught.value.reason == "unsupported_media_type"


def test_media_type_does_not_mind_the_charset() -> None:
    assert media_type(b"Text/Plain; charset=latin1") == "text/plain"
    with pytest.raises(PayloadError):
        media_type(None)


@given(st.binary(max_size=30).map(lambda tail: b"application/json" + tail))
def test_any_bytes_give_a_codec_or_our_error(value: bytes) -> None:
    try:
        codec_for(value)
    except PayloadError as error:
        assert error.reason == "unsupported_media_type"


def test_what_streams() -> None:
    assert streaming(JSON) is JSON_ARRAY
    assert streaming(CSV) is CSV
    assert streaming(XML) is None
    assert streaming(FORM) is None
    latin = streaming(codec_for(b"text/csv; charset=latin1"))
    assert latin is not None
    assert latin is not CSV


def test_parameters_are_taken_to_the_codec() -> None:
    absent, present = codec_for(b"text/csv; Header=Absent"), codec_for(b"text/csv; header=present")
    assert isinstance(absent, DelimitedCodec)
    assert isinstance(present, DelimitedCodec)
    assert (absent.header, present.header) == (False, True)
    assert codec_for(b"application/json; charset=utf-16").parse("\ufeff[1]".encode("utf-16-le"), Limits())
