"""permessage-deflate: negotiation as RFC 7692 has it, both modes, bounds, and another library's messages."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.program import Limits
from gateway.errors import PayloadError, UpstreamError
from gateway.websocket.deflate import PLAIN, Agreed, Deflater, Inflater, Packing, agreed, offered

OURS = b"permessage-deflate"
KEEPS, FRESH = Packing(True, 15), Packing(False, 15)


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        (None, b""),
        (b"", b""),
        (OURS, OURS),
        (b"permessage-deflate ;client_max_window_bits", b"permessage-deflate ;client_max_window_bits"),
        (
            b'permessage-deflate; server_max_window_bits="10"',
            b'permessage-deflate; server_max_window_bits="10"',
        ),
        (b"x-webkit-deflate-frame, permessage-deflate", OURS),
        (b"permessage-bzip2; a=1;b", b""),
        (b"permessage-deflate; server_max_window_bits", b""),
        (b"permessage-deflate; server_max_window_bits=7", b""),
        (b"permessage-deflate; server_max_window_bits=016", b""),
        (b"permessage-deflate; client_max_window_bits=16, permessage-deflate", OURS),
        (b"permessage-deflate; server_no_context_takeover=1", b""),
        (b"permessage-deflate; unheard", b""),
        (b"permessage-deflate; client_max_window_bits=8", b"permessage-deflate; client_max_window_bits=8"),
    ],
)
def test_what_of_an_offer_goes_on(field: bytes | None, kept: bytes) -> None:
    assert offered(field) == kept


@pytest.mark.parametrize(
    "field", [b";", b"a b", b"permessage-deflate;", b"a; b=1; b=2", b"a,,b", b'a; b="', b"\xff"]
)
def test_what_is_no_list_is_refused(field: bytes) -> None:
    with pytest.raises(PayloadError):
        offered(field)


@pytest.mark.parametrize(
    ("offer", "answer", "made"),
    [
        (OURS, None, PLAIN),
        (b"", b"", PLAIN),
        (OURS, OURS, Agreed(KEEPS, KEEPS)),
        (OURS, b"permessage-deflate; server_no_context_takeover", Agreed(KEEPS, FRESH)),
        (OURS, b"permessage-deflate; client_no_context_takeover", Agreed(FRESH, KEEPS)),
        (OURS, b"permessage-deflate; server_max_window_bits=9", Agreed(KEEPS, Packing(True, 9))),
        (
            b"permessage-deflate; client_max_window_bits",
            b"permessage-deflate; client_max_window_bits=12",
            Agreed(Packing(True, 12), KEEPS),
        ),
        (
            b"permessage-deflate; server_max_window_bits=10, permessage-deflate",
            OURS,
            Agreed(KEEPS, KEEPS),
        ),
    ],
)
def test_what_is_agreed_on(offer: bytes, answer: bytes | None, made: Agreed) -> None:
    assert (agreed(offer, answer) or PLAIN) == made


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (b"", OURS),
        (OURS, b"permessage-bzip2"),
        (OURS, b"permessage-deflate, permessage-deflate"),
        (OURS, b"permessage-deflate; unheard"),
        (OURS, b"permessage-deflate; client_max_window_bits=10"),
        (b"permessage-deflate; client_max_window_bits", b"permessage-deflate; client_max_window_bits"),
        (b"permessage-deflate; server_max_window_bits=10", OURS),
        (b"permessage-deflate; server_max_window_bits=10", b"permessage-deflate; server_max_window_bits=11"),
        (b"permessage-deflate; server_no_context_takeover", OURS),
        (OURS, b"permessage-deflate; server_max_window_bits=16"),
        (OURS, b"permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
        (OURS, b";;"),
    ],
)
def test_an_answer_that_does_not_fit(offer: bytes, answer: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        agreed(offer, answer)
    assert caught.value.reason == "upstream_invalid"


RFC = [
    pytest.param([bytes.fromhex("f248cdc9c90700")], [b"Hello"], id="7.2.3.1"),
    pytest.param(
        [bytes.fromhex("f248cdc9c90700"), bytes.fromhex("f200110000")],
        [b"Hello"] * 2,
        id="7.2.3.2, the same window",
    ),
    pytest.param([bytes.fromhex("000500faff48656c6c6f00")], [b"Hello"], id="7.2.3.3, not compressed"),
    pytest.param([bytes.fromhex("f348cdc9c9070000")], [b"Hello"], id="7.2.3.4, a last block"),
    pytest.param([bytes.fromhex("f24805000000ffffcac9c90700")], [b"Hello"], id="7.2.3.5, two blocks"),
    pytest.param([b"\0"], [b""], id="7.2.3.6, nothing"),
    pytest.param(
        [bytes.fromhex("f348cdc9c9070000"), bytes.fromhex("f200110000")],
        [b"Hello"] * 2,
        id="a last block, and the same window after it",
    ),
]


@pytest.mark.parametrize(("packed", "plain"), RFC)
def test_examples_of_the_standard(packed: list[bytes], plain: list[bytes]) -> None:
    inflater = Inflater(KEEPS, Limits())
    assert [inflater.message(each) for each in packed] == plain


def test_without_takeover_each_message_stands_alone() -> None:
    inflater = Inflater(FRESH, Limits())
    assert inflater.message(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    with pytest.raises(PayloadError):
        inflater.message(bytes.fromhex("f200110000"))


@given(
    st.lists(st.one_of(st.binary(max_size=400), st.sampled_from([b"", b"ab" * 5000])), max_size=6),
    st.booleans(),
    st.integers(8, 15),
)
@settings(max_examples=60)
def test_there_and_back(messages: list[bytes], keeps: bool, bits: int) -> None:
    packing = Packing(keeps, bits)
    deflater, inflater = Deflater(packing), Inflater(packing, Limits())
    window = zlib.decompressobj(-max(bits, 9))
    for message in messages:
        made, packed = deflater.message(message)
        assert packed == (bits > 8)
        if not packed:
            assert made == message
            continue
        assert inflater.message(made) == message
        if not keeps:
            window = zlib.decompressobj(-bits)
        assert window.decompress(made + b"\0\0\xff\xff") == message, "within the window agreed on"


def test_a_bomb_is_refused_before_it_is_whole() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(bytes(50_000_000)) + packed.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(PayloadError) as caught:
        Inflater(KEEPS, Limits()).message(bomb[:-4])
    assert caught.value.reason == "body_too_large"


def test_a_message_beyond_the_limit_is_refused() -> None:
    deflater = Deflater(KEEPS)
    inflater = Inflater(KEEPS, Limits(max_body=1000))
    assert len(inflater.message(deflater.message(b"a" * 1000)[0])) == 1000
    with pytest.raises(PayloadError) as caught:
        inflater.message(deflater.message(b"a" * 1001)[0])
    assert caught.value.reason == "body_too_large"


@pytest.mark.parametrize("junk", [b"\xff\xff\xff", b"\x06", bytes.fromhex("f348cdc9c907000000ff")])
def test_what_is_not_deflate_is_refused(junk: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        Inflater(KEEPS, Limits()).message(junk)
    assert caught.value.reason == "unparseable_body"


@given(st.lists(st.binary(max_size=60), max_size=4), st.booleans())
@settings(max_examples=200)
def test_any_bytes_inflate_or_are_refused(messages: list[bytes], keeps: bool) -> None:
    inflater = Inflater(Packing(keeps, 15), Limits())
    for message in messages:
        try:
            assert isinstance(inflater.message(message), bytes)
        except PayloadError as error:
            assert error.reason in ("unparseable_body", "body_too_large")
            return
