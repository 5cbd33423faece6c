"""Content codings within bounds."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.encodings import CODINGS, FREE, MAX_MEMBERS, decode, encode
from gateway.codecs.program import Limits
from gateway.errors import PayloadError

LIMITS = Limits()


def refused(raw: bytes, coding: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PayloadError) as caught:
        decode(raw, coding, limits)
    return caught.value.reason


@given(st.binary(max_size=300), st.sampled_from(sorted(CODINGS)))
def test_round_trip(body: bytes, coding: bytes) -> None:
    assert decode(encode(body, coding), coding, LIMITS) == body


@given(st.binary(max_size=60), st.sampled_from(sorted(CODINGS)))
def test_any_bytes_give_a_body_or_our_error(raw: bytes, coding: bytes) -> None:
    try:
        decode(raw, coding, LIMITS)
    except PayloadError as error:
        assert error.reason == "unparseable_body"


def test_members_and_raw_deflate() -> None:
    assert decode(gzip.compress(b"a") + gzip.compress(b"b"), b"gzip", LIMITS) == b"ab"
    assert decode(zlib.compress(b"abc", wbits=-15), b"deflate", LIMITS) == b"abc"
    assert refused(gzip.compress(b"") * (MAX_MEMBERS + 1), b"gzip") == "unparseable_body"


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_cut_or_continued(coding: bytes) -> None:
    whole = encode(b"hello " * 20, coding)
    for raw in (b"", whole[:-1], whole[:5], whole + b"x", whole + b"\0"):
        assert refused(raw, coding) == "unparseable_body"


@pytest.mark.parametrize(
    "coding", [b"br", b"zstd", b"compress", b"gzip, gzip", b"gzip,deflate", b"GZIP", b"x"]
)
def test_unknown_or_stacked(coding: bytes) -> None:
    assert refused(b"", coding) == "unsupported_encoding"
    with pytest.raises(PayloadError):
        encode(b"", coding)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_bombs(coding: bytes) -> None:
    bomb = encode(bytes(5_000_000), coding)
    assert refused(bomb, coding) == "body_too_large"
    assert refused(bomb, coding, Limits(max_inflate_ratio=10_000, max_body=4_999_999)) == "body_too_large"
    assert len(decode(bomb, coding, Limits(max_inflate_ratio=10_000))) == 5_000_000
    assert len(decode(encode(bytes(FREE), coding), coding, LIMITS)) == FREE


def test_plain_body_beyond_the_limit() -> None:
    assert refused(b"12345", b"", Limits(max_body=4)) == "body_too_large"
    assert refused(b"12345", b"identity", Limits(max_body=4)) == "body_too_large"
