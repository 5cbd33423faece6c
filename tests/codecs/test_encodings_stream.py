"""Content codings of bodies that come in parts: the same as whole, in bounded memory, and without delay."""

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.codings.coding import PIECE
from gateway.codecs.encodings import FREE, Decoder, Encoder, decode, encode
from gateway.codecs.program import Limits
from gateway.errors import PayloadError
from tests.codecs.coded import GZ, READ, SKIPPABLE, UNREADABLE, ZS

LIMITS = Limits()
WIDE = Limits(max_inflate_ratio=10**9)
REAL = (b"gzip", b"deflate", b"br", b"zstd")
CODINGS = (*REAL, b"gzip, br", b"br,zstd", b"zstd, deflate", b"gzip, gzip, gzip", b"x-gzip", b"identity", b"")
LARGEST = {b"gzip": PIECE, b"deflate": PIECE, b"br": 2 * PIECE, b"zstd": 8 * 1024 * 1024}


def split(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The data in parts, empty ones too."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return (data[a:b] for a, b in itertools.pairwise(places))


def in_parts(raw: bytes, coding: bytes, cuts: list[int], limits: Limits = LIMITS) -> bytes:
    decoder = Decoder(coding, limits)
    body = b"".join([decoder.feed(part) for part in split(raw, cuts)])
    return body + decoder.finish()


def outcome(raw: bytes, coding: bytes, cuts: list[int] | None) -> bytes | str:
    """The body, or why not. The ratio is wide: in parts it is asked at other moments than at the end."""
    try:
        return decode(raw, coding, WIDE) if cuts is None else in_parts(raw, coding, cuts, WIDE)
    except PayloadError as error:
        return error.reason


bodies = st.one_of(
    st.binary(max_size=500),
    st.text("ab \n", max_size=300).map(lambda text: text.encode() * 7),
    st.integers(0, 300_000).map(lambda size: bytes(range(256)) * (size // 256)),
)
cuts = st.lists(st.integers(0, 2000), max_size=8)


@given(bodies, st.sampled_from(CODINGS), cuts, cuts)
def test_any_split_is_the_same(body: bytes, coding: bytes, read: list[int], written: list[int]) -> None:
    assert in_parts(encode(body, coding), coding, read, WIDE) == body
    encoder = Encoder(coding)
    raw = b"".join([encoder.feed(part) for part in split(body, written)]) + encoder.finish()
    assert decode(raw, coding, WIDE) == body


@given(st.binary(max_size=120), st.sampled_from(CODINGS))
def test_byte_by_byte_is_the_same(body: bytes, coding: bytes) -> None:
    raw = encode(body, coding)
    assert in_parts(raw, coding, [*range(len(raw))]) == body
    encoder = Encoder(coding)
    raw = b"".join([encoder.feed(bytes((byte,))) for byte in body]) + encoder.finish()
    assert decode(raw, coding, LIMITS) == body


@given(st.sampled_from(CODINGS), st.data())
def test_damage_is_the_same_in_any_split(coding: bytes, data: st.DataObject) -> None:
    raw = bytearray(encode(b"hello " * 20, coding))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(0, 255))
    damaged = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=2))
    assert outcome(damaged, coding, data.draw(cuts)) == outcome(damaged, coding, None)


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    coding, raw, body = READ[name]
    assert in_parts(raw, coding, [*range(len(raw))]) == body


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable(name: str) -> None:
    coding, raw = UNREADABLE[name]
    assert outcome(raw, coding, [*range(len(raw))]) == "unparseable_body"


@pytest.mark.parametrize("more", [b"x", b"\0"])
@pytest.mark.parametrize("coding", REAL)
def test_what_comes_after_the_end_is_refused_when_it_comes(coding: bytes, more: bytes) -> None:
    decoder = Decoder(coding, LIMITS)
    assert decoder.feed(encode(b"hello", coding)) + decoder.feed(b"") == b"hello"
    with pytest.raises(PayloadError):
        decoder.feed(more)
        decoder.finish()


# ---- without delay -------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=200), max_size=6), st.sampled_from(CODINGS))
def test_what_was_flushed_can_be_read(parts: list[bytes], coding: bytes) -> None:
    encoder, decoder = Encoder(coding), Decoder(coding, WIDE)
    for part in parts:
        assert decoder.feed(encoder.feed(part) + encoder.flush()) == part
        assert encoder.flush() == b""
    assert decoder.feed(encoder.finish()) + decoder.finish() == b""


def flushing(coding: bytes) -> Callable[[bytes], bytes]:
    """A sender that flushes after every event, each with its own library's means."""
    if coding == b"br":
        stream = brotli.Compressor()
        return lambda event: bytes(stream.process(event) + stream.flush())
    if coding == b"zstd":
        frame = zstandard.ZstdCompressor().compressobj()
        return lambda event: frame.compress(event) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return gzip.compress


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd"])
def test_what_an_upstream_flushed_is_there(coding: bytes) -> None:
    """An event is read as soon as its bytes have come, not when the next one does."""
    send = flushing(coding)
    decoder = Decoder(coding, LIMITS, stream=True)
    for number in range(5):
        event = b'data: {"n": %d}\n\n' % number
        assert decoder.feed(send(event)) == event


# ---- in bounded memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", [*REAL, b"gzip, br"])
def test_pieces_are_small_whatever_comes(coding: bytes) -> None:
    size = 50_000_000
    decoder = Decoder(coding, WIDE, stream=True)
    largest = total = 0
    for piece in decoder.pieces(encode(bytes(size), coding)):
        largest, total = max(largest, len(piece)), total + len(piece)
    assert (total, decoder.finish()) == (size, b"")
    assert largest <= LARGEST[coding[:4] if coding.startswith(b"gzip") else coding]


def test_a_full_piece_is_not_taken_for_the_end() -> None:
    """zlib may have taken all that came, and hold decoded bytes for which there was no room."""
    for size in range(PIECE - 3, PIECE + 600):
        body = bytes(size)
        decoder = Decoder(b"deflate", WIDE)
        assert decoder.feed(zlib.compress(body, wbits=-15)) + decoder.finish() == body


@pytest.mark.parametrize("coding", REAL)
def test_a_bomb_is_refused_before_it_has_come(coding: bytes) -> None:
    """The ratio holds at every moment: not even its first hundredth is inflated."""
    bomb = encode(bytes(50_000_000), coding)
    for stream in (False, True):
        decoder = Decoder(coding, LIMITS, stream=stream)
        given = 0
        with pytest.raises(PayloadError) as caught:
            for byte in bomb:
                for piece in decoder.pieces(bytes((byte,))):
                    given += len(piece)
        assert caught.value.reason == "body_too_large"
        assert given <= FREE + LIMITS.max_inflate_ratio * len(bomb)


@pytest.mark.parametrize("coding", [*REAL, b"identity", b"gzip, br"])
def test_a_stream_is_longer_than_a_body_may_be(coding: bytes) -> None:
    limits = Limits(max_body=1000)
    parts = [b"%d\n" % number * 100 for number in range(1000)]
    encoder, stream, whole = Encoder(coding), Decoder(coding, limits, stream=True), Decoder(coding, limits)
    raw = [*(encoder.feed(part) + encoder.flush() for part in parts), encoder.finish()]
    assert [stream.feed(part) for part in raw] == [*parts, b""]
    with pytest.raises(PayloadError) as caught:
        list(map(whole.feed, raw))
    assert caught.value.reason == "body_too_large"


@pytest.mark.parametrize(("coding", "raw"), [(b"gzip", GZ), (b"zstd", ZS + SKIPPABLE)])
def test_a_stream_of_frames_ends_only_between_them(coding: bytes, raw: bytes) -> None:
    decoder = Decoder(coding, LIMITS, stream=True)
    for byte in raw * 3:
        decoder.feed(bytes((byte,)))
    assert decoder.finish() == b""
    decoder.feed(raw[:1])
    with pytest.raises(PayloadError):
        decoder.finish()


def test_unknown_codings() -> None:
    for make in (Encoder, lambda coding: Decoder(coding, LIMITS)):
        with pytest.raises(PayloadError) as caught:
            make(b"compress")
        assert caught.value.reason == "unsupported_encoding"
