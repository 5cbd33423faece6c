"""Body readers: the same payload and end however the bytes are cut, and refusals of broken framing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import HushgateError, PayloadError, UpstreamError
from gateway.http1 import body
from gateway.http1.body import ChunkedReader, CloseReader, LengthReader, NoBody, Reader, reader_for
from gateway.http1.encode import chunk, last_chunk
from gateway.http1.fault import Side
from gateway.http1.head import parse_request_head, parse_response_head

Read = tuple[bytes, list[tuple[bytes, bytes]], bytes, bool]


def read(reader: Reader, pieces: list[bytes]) -> Read:
    """Payload, trailers, the bytes left over for the next message, and whether the body is complete."""
    payload, rest = b"", b""
    for piece in pieces:
        if reader.done:
            rest += piece
            continue
        out, taken = reader.feed(piece)
        assert reader.done or taken == len(piece)
        payload += out
        rest += piece[taken:]
    return payload, reader.trailers, rest, reader.done


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def single(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)
TRAILERS = st.lists(
    st.tuples(
        st.sampled_from([b"X-Sum", b"Server-Timing", b"x_y"]), st.sampled_from([b"a", b"b c", b"\xff"])
    ),
    max_size=3,
)


@given(st.lists(st.binary(max_size=40), max_size=6), TRAILERS, st.binary(max_size=20), CUTS)
def test_chunked_is_the_same_however_it_is_cut(
    chunks: list[bytes], trailers: list[tuple[bytes, bytes]], after: bytes, places: list[int]
) -> None:
    data = b"".join(map(chunk, chunks)) + last_chunk(trailers) + after
    expected = (b"".join(chunks), trailers, after, True)
    for pieces in ([data], single(data), cut(data, places)):
        assert read(ChunkedReader("request"), pieces) == expected


@given(st.binary(max_size=60), st.binary(max_size=20), CUTS)
def test_length_is_the_same_however_it_is_cut(data: bytes, after: bytes, places: list[int]) -> None:
    for pieces in ([data + after], single(data + after), cut(data + after, places)):
        assert read(LengthReader(len(data), "response"), pieces) == (data, [], after, True)


@given(st.binary(max_size=60), CUTS)
def test_close_takes_all(data: bytes, places: list[int]) -> None:
    reader = CloseReader()
    assert read(reader, cut(data, places)) == (data, [], b"", False)
    reader.eof()
    assert reader.done


CHUNK_PIECES = st.sampled_from(
    [
        *(
            b"0",
            b"5",
            b"a",
            b"F",
            b"\r\n",
            b"\r",
            b"\n",
            b";",
            b"=",
            b'"',
            b"\\",
            b" ",
            b"hello",
            b"5\r\nhello\r\n",
        ),
        *(b"0\r\n", b"\r\n\r\n", b"X: y", b"Host: a", b"\x00", b";a=b", b'; c="d e"', b"0000000000000000"),
    ]
)


def outcome(pieces: list[bytes]) -> Read | str:
    try:
        return read(ChunkedReader("response"), pieces)
    except UpstreamError as error:
        return error.reason


@given(st.binary(max_size=40) | st.lists(CHUNK_PIECES, max_size=16).map(b"".join), CUTS)
def test_any_bytes_are_read_or_refused_alike_however_cut(data: bytes, places: list[int]) -> None:
    whole = outcome([data])
    assert outcome(single(data)) == outcome(cut(data, places)) == whole


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"5",
            b"05",
            b"000000000000005",
            b"5;a",
            b"5;a=b",
            b'5;a="b c"',
            b'5;a="\\"\\\\;"',
            b"5 ; a = b",
            b"5;a;b=c",
        ),
        b"5; some; parameters=stuff",
    ],
)
def test_chunk_sizes_and_extensions(line: bytes) -> None:
    data = line + b"\r\nhello\r\n0;x\r\n\r\n"
    for pieces in ([data], single(data)):
        assert read(ChunkedReader("request"), pieces) == (b"hello", [], b"", True)


BROKEN = [
    *(
        b"\r\n",
        b"5 \r\n",
        b" 5\r\n",
        b"-5\r\n",
        b"+5\r\n",
        b"0x5\r\n",
        b"5_0\r\n",
        b"g\r\n",
        b"5;\r\n",
        b"5;=a\r\n",
    ),
    *(
        b"5;a=\r\n",
        b'5;a="b\r\n',
        b"5 a\r\n",
        b"5,5\r\n",
        b"5\n",
        b"5\rX",
        b"5;a\nb\r\n",
        b"5;a\rb\r\n",
        b"\xb2\r\n",
    ),
    *(b"0000000000000005\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"5;" + b"a" * 1100 + b"\r\n", b"5;" + b"a" * 1100),
    *(b"5\r\nhelloX", b"5\r\nhello\n", b"5\r\nhello!\r\n", b"5\r\nhello\rX", b"5\r\nhel\r\n0\r\n\r\n"),
    *(
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nX: a\r\n b\r\n\r\n",
        b"0\r\n\nX\r\n\r\n",
    ),
    *(b"0\r\nX: a\x00\r\n\r\n", b"0\r\nX: a\rb\r\n\r\n", b"0\r\n: a\r\n\r\n", b"0\r\nX: " + b"a" * 9000),
    *(
        b"0\r\n%b: 1\r\n\r\n" % name
        for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"Connection")
    ),
    *(b"0\r\n%b: 1\r\n\r\n" % name for name in (b"Authorization", b"Hushgate-Key", b"Content_Length", b"TE")),
]


@pytest.mark.parametrize("data", BROKEN)
def test_broken_chunked_bodies(data: bytes) -> None:
    for pieces in ([data], single(data)):
        with pytest.raises(PayloadError) as caught:
            read(ChunkedReader("request"), pieces)
        assert caught.value.reason in ("malformed_request", "head_too_large")


def test_extensions_are_bounded_in_sum() -> None:
    line = b"1;" + b"a" * 1000 + b"\r\nx\r\n"
    count = body.MAX_EXTENSIONS // 1001
    assert read(ChunkedReader("request"), [line] * count)[0] == b"x" * count
    with pytest.raises(PayloadError):
        read(ChunkedReader("request"), [line] * (count + 1))


def test_trailers_that_may_not_count_are_dropped() -> None:
    data = b"0\r\nX-Sum: 1\r\nContent-Type: text/html\r\nVary: *\r\n\r\nNEXT"
    assert read(ChunkedReader("request"), [data]) == (b"", [(b"X-Sum", b"1")], b"NEXT", True)


def test_a_finished_reader_takes_nothing_more() -> None:
    reader = ChunkedReader("request")
    assert reader.feed(b"0\r\n\r\nGET") == (b"", 5)
    assert reader.feed(b"GET") == (b"", 0)
    assert NoBody().feed(b"GET") == (b"", 0)
    done = LengthReader(1, "request")
    assert (done.feed(b"ab"), done.feed(b"b")) == ((b"a", 1), (b"", 0))


@pytest.mark.parametrize(("side", "error"), [("request", PayloadError), ("response", UpstreamError)])
def test_a_body_cut_short_is_never_complete(side: Side, error: type[HushgateError]) -> None:
    chunked = b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"
    cases: list[tuple[Reader, bytes]] = [
        (ChunkedReader(side), chunked[:size]) for size in range(len(chunked))
    ]
    cases += [(LengthReader(5, side), b"hello"[:size]) for size in range(5)]
    for reader, data in cases:
        reader.feed(data)
        assert not reader.done
        with pytest.raises(error):
            reader.eof()


def test_a_complete_body_may_be_followed_by_a_close() -> None:
    for reader in (LengthReader(0, "request"), NoBody(), ChunkedReader("request")):
        reader.feed(b"0\r\n\r\n")
        reader.eof()
        assert reader.done


def test_reader_for() -> None:
    def request(field: bytes) -> Reader:
        return reader_for(parse_request_head(b"POST / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n"))

    def answer(field: bytes, method: str = "GET") -> Reader:
        return reader_for(parse_response_head(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n", method))

    length, chunked = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
    kinds = [request(b""), request(length), request(chunked), answer(b""), answer(length), answer(chunked)]
    kinds += [answer(length, "HEAD"), request(b"Content-Length: 0\r\n")]
    assert [type(kind) for kind in kinds] == [
        *(NoBody, LengthReader, ChunkedReader, CloseReader, LengthReader, ChunkedReader, NoBody, NoBody)
    ]
    with pytest.raises(PayloadError):
        request(chunked).eof()
    with pytest.raises(UpstreamError):
        answer(chunked).eof()
