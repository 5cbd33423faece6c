"""Content codings of whole bodies, within bounds."""

import gzip
import struct
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.codings.coding import FRAME, FREE_FRAMES
from gateway.codecs.encodings import CODINGS, FREE, MAX_STACKED, decode, encode
from gateway.codecs.program import Limits
from gateway.errors import PayloadError
from gateway.exchange.outgoing import _READABLE_CODINGS
from tests.codecs.coded import HELLO, READ, SKIPPABLE, UNREADABLE, ZS, ZSTD

LIMITS = Limits()
REAL = (b"gzip", b"deflate", b"br", b"zstd")
STACKS = (
    b"gzip, br",
    b"br,zstd",
    b"zstd , deflate",
    b"gzip, gzip, gzip",
    b"identity, gzip",
    b", gzip,,",
    b"",
)


def refused(raw: bytes, coding: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PayloadError) as caught:
        decode(raw, coding, limits)
    return caught.value.reason


@given(st.binary(max_size=300), st.sampled_from((*sorted(CODINGS), *STACKS)))
def test_round_trip(body: bytes, coding: bytes) -> None:
    assert decode(encode(body, coding), coding, LIMITS) == body


@given(st.binary(max_size=60), st.sampled_from((*sorted(CODINGS), *STACKS)))
def test_any_bytes_give_a_body_or_our_error(raw: bytes, coding: bytes) -> None:
    try:
        decode(raw, coding, LIMITS)
    except PayloadError as error:
        assert error.reason == "unparseable_body"


@given(st.sampled_from(REAL), st.data())
def test_a_changed_byte_gives_a_body_or_our_error(coding: bytes, data: st.DataObject) -> None:
    raw = bytearray(encode(HELLO, coding))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(raw), coding, LIMITS)
    except PayloadError as error:
        assert error.reason in ("unparseable_body", "body_too_large")


def test_what_is_asked_of_an_upstream_is_what_can_be_read() -> None:
    assert {*_READABLE_CODINGS, b"x-gzip"} == set(CODINGS)


def test_what_is_written_is_the_same_every_time_and_everywhere() -> None:
    """No time and no name in the header (RFC 1952 section 2.3)."""
    written = encode(HELLO, b"gzip")
    assert written[:9] == bytes.fromhex("1f8b08000000000000")
    assert zlib.decompress(written, wbits=31) == HELLO
    assert brotli.decompress(encode(HELLO, b"br")) == HELLO
    assert zstandard.ZstdDecompressor().decompress(encode(HELLO, b"zstd")) == HELLO
    for coding in (*REAL, *STACKS):
        assert encode(HELLO, coding) == encode(HELLO, coding)


def test_stacked_codings_are_taken_off_in_reverse_order() -> None:
    """RFC 9110 section 8.4: listed in the order in which they were applied."""
    raw = brotli.compress(gzip.compress(HELLO))
    assert decode(raw, b"gzip, br", LIMITS) == HELLO
    assert refused(raw, b"br, gzip") == "unparseable_body"
    assert gzip.decompress(brotli.decompress(encode(HELLO, b"gzip, br"))) == HELLO


@pytest.mark.parametrize(
    "coding",
    [b"compress", b"GZIP", b"x", b"gzip;q=1", b"gzip br", b"gzip, aws-chunked", b"dcb", b"dcz", b"*"],
)
def test_unknown_codings(coding: bytes) -> None:
    assert refused(b"", coding) == "unsupported_encoding"
    with pytest.raises(PayloadError):
        encode(b"", coding)


def test_too_many_codings() -> None:
    assert decode(encode(HELLO, b"gzip," * MAX_STACKED), b"gzip," * MAX_STACKED, LIMITS) == HELLO
    assert refused(b"", b"gzip," * (MAX_STACKED + 1)) == "unsupported_encoding"
    assert refused(b"", b"identity," * (MAX_STACKED + 1)) == "unsupported_encoding"


# ---- golden ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    coding, raw, body = READ[name]
    assert decode(raw, coding, LIMITS) == body


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable(name: str) -> None:
    coding, raw = UNREADABLE[name]
    assert refused(raw, coding) == "unparseable_body"


@pytest.mark.parametrize("coding", REAL)
def test_cut_or_continued(coding: bytes) -> None:
    whole = encode(HELLO, coding)
    for end in range(len(whole)):
        assert refused(whole[:end], coding) == "unparseable_body"
    for more in (b"x", b"\0", b"\r\n", bytes(100)):
        assert refused(whole + more, coding) == "unparseable_body"


# ---- bounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", [*REAL, b"gzip, br", b"zstd, gzip"])
def test_bombs(coding: bytes) -> None:
    bomb = encode(bytes(20_000_000), coding)
    assert refused(bomb, coding) == "body_too_large"
    assert refused(bomb, coding, Limits(10**8, 10)) == "body_too_large"
    assert refused(bomb, coding, Limits(19_999_999, 10**9)) == "body_too_large"
    assert decode(bomb, coding, Limits(20_000_000, 10**9)) == bytes(20_000_000)
    assert decode(encode(bytes(FREE), coding), coding, LIMITS) == bytes(FREE)


def test_an_inner_coding_can_be_the_bomb() -> None:
    """What comes out is short, what stands between is not."""
    hidden = gzip.compress(zstd_skipping(20_000_000) + ZS)
    assert refused(hidden, b"zstd, gzip") == "body_too_large"
    assert decode(hidden, b"zstd, gzip", Limits(30_000_000, 10**9)) == HELLO


def zstd_skipping(size: int) -> bytes:
    """A skippable frame of zeros."""
    return SKIPPABLE[:4] + struct.pack("<I", size) + bytes(size)


def test_a_block_of_four_bytes_can_be_128_kib() -> None:
    """The densest zstd there is: repeated bytes (RFC 8878 section 3.1.1.2.2)."""
    block = struct.pack("<I", 128 * 1024 << 3 | 1 << 1)[:3] + b"a"
    frame = bytes.fromhex("28b52ffd 00 38") + block * 200 + b"\1\0\0"
    assert refused(frame, b"zstd", Limits(max_inflate_ratio=10**9)) == "body_too_large"
    wide = Limits(200 * 128 * 1024, 10**9)
    assert len(decode(frame, b"zstd", wide)) == 200 * 128 * 1024


GZIP = gzip.compress(b"", mtime=0)


@pytest.mark.parametrize(("coding", "one"), [(b"gzip", GZIP), (b"zstd", ZSTD().compress(b""))])
def test_every_frame_has_a_price(coding: bytes, one: bytes) -> None:
    """Many are no body but work; as many as their size pays for are."""
    assert decode(one * FREE_FRAMES, coding, LIMITS) == b""
    assert refused(one * (FREE_FRAMES * 2), coding) == "unparseable_body"
    paid = gzip.compress(bytes(FRAME), 0) if coding == b"gzip" else raw_frame(FRAME)
    assert decode(paid * FREE_FRAMES * 3, coding, LIMITS) == bytes(FRAME) * FREE_FRAMES * 3


def raw_frame(size: int) -> bytes:
    """A frame of one block that is not compressed."""
    return bytes.fromhex("28b52ffd 00 38") + struct.pack("<I", size << 3 | 1)[:3] + bytes(size)


def test_plain_body_beyond_the_limit() -> None:
    assert refused(b"12345", b"", Limits(max_body=4)) == "body_too_large"
    assert refused(b"12345", b"identity", Limits(max_body=4)) == "body_too_large"
    assert decode(b"1234", b"", Limits(max_body=4)) == b"1234"
