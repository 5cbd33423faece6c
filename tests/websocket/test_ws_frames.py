"""Frames: what is valid and what is not, cut anywhere, against bytes written by hand and another library."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameDecoder

from gateway.errors import PayloadError
from gateway.websocket.frames import (
    BINARY,
    CLOSE,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    Piece,
    close,
    close_code,
    frame,
    unmasked,
)
from tests.wspeers import MASK, masked, said, told, wrote


def read(data: bytes, *, cuts: Sequence[int] = (), client: bool = False, packs: bool = False) -> list[Piece]:
    """The pieces of a direction's bytes, which come in parts that end at `cuts`."""
    reader = FrameReader(masked=client, packs=packs)
    ends = [*cuts, len(data)]
    found: list[Piece] = []
    for start, end in zip([0, *ends], ends, strict=False):
        found += reader.feed(data[start:end])
    return found


def messages(pieces: Sequence[Piece]) -> list[tuple[int, bytes]]:
    """Kind and payload of messages and control frames, in the order in which they end."""
    made, under_way = [], b""
    for piece in pieces:
        if piece.kind > BINARY:
            made.append((piece.kind, piece.payload))
            continue
        under_way = piece.payload if piece.first and not under_way else under_way + piece.payload
        if piece.last:
            made.append((piece.kind, under_way))
            under_way = b""
    return made


VALID = {
    "text": (told("Hello"), [(TEXT, b"Hello")]),
    "empty": (told(""), [(TEXT, b"")]),
    "binary": (told(b"\xff\x00", 0x82), [(BINARY, b"\xff\x00")]),
    "125": (told(b"a" * 125), [(TEXT, b"a" * 125)]),
    "126": (told(b"a" * 126), [(TEXT, b"a" * 126)]),
    "65535": (told(b"a" * 65535), [(TEXT, b"a" * 65535)]),
    "65536": (told(b"a" * 65536), [(TEXT, b"a" * 65536)]),
    "fragments": (told("Hel", 0x01) + told("", 0x00) + told("lo", 0x80), [(TEXT, b"Hello")]),
    "fragments of nothing": (told("", 0x01) + told("", 0x00) + told("", 0x80), [(TEXT, b"")]),
    "a ping between": (
        told("Hel", 0x01) + told("p", 0x89) + told("lo", 0x80),
        [(PING, b"p"), (TEXT, b"Hello")],
    ),
    "a pong unasked": (told("p", 0x8A), [(PONG, b"p")]),
    "a full ping": (told(b"p" * 125, 0x89), [(PING, b"p" * 125)]),
    "a close without a code": (told("", 0x88), [(CLOSE, b"")]),
    "a close with a reason": (told(b"\x03\xe8" + b"r" * 123, 0x88), [(CLOSE, b"\x03\xe8" + b"r" * 123)]),
    "a close between fragments": (
        told("a", 0x01) + told(b"\x03\xe9", 0x88),
        [(CLOSE, b"\x03\xe9")],
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_what_is_valid(name: str) -> None:
    data, expected = VALID[name]
    pieces = read(data)
    assert messages(pieces) == expected
    assert b"".join(piece.raw for piece in pieces) == data, "what passes is what came"


INVALID = {
    **{f"opcode {op}": (told("", 0x80 | op), False) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"reserved bits {bits:#x}": (told("", 0x81 | bits), False) for bits in (0x10, 0x20, 0x40, 0x70)},
    "a compressed ping": (told("", 0xC9), True),
    "a compressed continuation": (told("", 0x01) + told("", 0xC0), True),
    "masked by a provider": (said("a"), False),
    "a ping in fragments": (told("", 0x09), False),
    "a close in fragments": (told("", 0x08), False),
    "a long ping": (told(b"p" * 126, 0x89), False),
    "a long close": (told(b"\x03\xe8" + b"p" * 124, 0x88), False),
    "nothing to continue": (told("a", 0x80), False),
    "nothing to continue, not the last": (told("a", 0x00), False),
    "after a message": (told("a") + told("b", 0x80), False),
    "a message within a message": (told("a", 0x01) + told("b", 0x81), False),
    "binary within text": (told("a", 0x01) + told("b", 0x02), False),
    "125 in 16 bits": (wrote(0x81, b"a" * 125, bits=16), False),
    "126 in 64 bits": (wrote(0x81, b"a" * 126, bits=64), False),
    "65535 in 64 bits": (wrote(0x81, b"a" * 65535, bits=64), False),
    "the highest bit": (b"\x81\x7f" + b"\x80" + bytes(7), False),
    "a close of one byte": (told(b"\x03", 0x88), False),
    **{
        f"close {code}": (told(code.to_bytes(2), 0x88), False)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_not_valid(name: str) -> None:
    data, packs = INVALID[name]
    with pytest.raises(PayloadError) as caught:
        read(data, packs=packs)
    assert caught.value.reason == "websocket_invalid"


def test_an_application_has_to_mask() -> None:
    with pytest.raises(PayloadError):
        read(told("a"), client=True)
    assert messages(read(said("Hello"), client=True)) == [(TEXT, b"Hello")]


def test_a_close_reason_is_utf8() -> None:
    with pytest.raises(PayloadError) as caught:
        read(told(b"\x03\xe8\xce\xba\xe1", 0x88))
    assert caught.value.reason == "unparseable_body"


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert close_code(code.to_bytes(2)) == code


def test_no_code() -> None:
    assert close_code(b"") == NO_CODE


def test_only_a_first_frame_may_be_compressed() -> None:
    pieces = read(told("a", 0x41) + told("b", 0x80), packs=True)
    assert [piece.packed for piece in pieces] == [True, True], "what continues it belongs to it"


def test_where_a_frame_may_be_put_in() -> None:
    reader = FrameReader(masked=False, packs=False)
    assert list(reader.feed(b"\x81\x05He"))[-1].whole is False
    assert not reader.between
    assert list(reader.feed(b"llo"))[-1].whole is True
    assert reader.between


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 1000, 65535, 65536])
@pytest.mark.parametrize("mask", [b"", MASK])
def test_what_is_written_is_read(size: int, mask: bytes) -> None:
    payload = bytes(at * at & 0xFF for at in range(size))
    made = frame(BINARY, payload, mask)
    assert made == wrote(0x82, payload, mask)
    assert messages(read(made, client=bool(mask))) == [(BINARY, payload)]


def test_a_close_is_cut_to_fit() -> None:
    (piece,) = read(close(1008, "r" * 200))
    assert piece.payload == b"\x03\xf0" + b"r" * 123


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.integers(0, 400))
def test_masks(payload: bytes, mask: bytes, seen: int) -> None:
    assert unmasked(payload, mask, seen) == masked(bytes(seen) + payload, mask)[seen:]


STREAM = b"".join(
    [
        said("first"),
        said("a" * 300, 0x01),
        said("ping", 0x89),
        said(b"b" * 70_000, 0x00),
        said("", 0x80),
        said(b"\x00\xff", 0x82),
        said(b"\x03\xe8bye", 0x88),
    ]
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
@settings(max_examples=60)
def test_where_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    pieces = read(STREAM, cuts=sorted(cuts), client=True)
    assert messages(pieces) == messages(read(STREAM, client=True))
    assert b"".join(piece.raw for piece in pieces) == STREAM


@given(st.binary(max_size=80), st.booleans(), st.booleans(), st.lists(st.integers(0, 80), max_size=4))
@settings(max_examples=300)
def test_any_bytes_are_frames_or_refused(data: bytes, client: bool, packs: bool, cuts: list[int]) -> None:
    try:
        pieces = read(data, client=client, packs=packs, cuts=sorted(min(cut, len(data)) for cut in cuts))
    except PayloadError as error:
        assert error.reason in ("websocket_invalid", "unparseable_body")
    else:
        assert data.startswith(b"".join(piece.raw for piece in pieces))


@given(st.binary(min_size=2, max_size=60))
@settings(max_examples=200)
def test_another_library_refuses_nothing_that_passes(data: bytes) -> None:
    """Of single frames: what this reader lets through whole, wsproto takes too, and reads the same."""
    try:
        pieces = read(data)
    except PayloadError:
        return
    if len(pieces) != 1 or not pieces[0].whole or pieces[0].raw != data:
        return
    decoder = FrameDecoder(client=True)
    decoder.receive_bytes(data)
    theirs = decoder.process_buffer()
    assert theirs is not None and bytes(theirs.payload) == pieces[0].payload
