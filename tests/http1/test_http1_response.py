"""Answers' heads: how their bodies end, what is refused, and which old habits are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamError
from gateway.http1.head import HeadLimits, ResponseHead, find_response_head, parse_response_head


def head(start: str, *fields: str) -> bytes:
    return "\r\n".join([start, *fields, "", ""]).encode("latin-1")


def parse(start: str, *fields: str, method: str = "GET") -> ResponseHead:
    return parse_response_head(head(start, *fields), method)


def framing(got: ResponseHead) -> tuple[int | None, bool, bool, bool]:
    return got.length, got.chunked, got.close_delimited, got.keep_alive


OK = "HTTP/1.1 200 OK"
LENGTH, CHUNKED = "Content-Length: 5", "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("start", "status", "reason", "minor"),
    [
        (OK, 200, b"OK", 1),
        ("HTTP/1.0 404 Not Found", 404, b"Not Found", 0),
        ("HTTP/1.1 301", 301, b"", 1),
        ("HTTP/1.1 301 ", 301, b"", 1),
        ("HTTP/1.1 500 Ori\xc3\xabntatie", 500, b"Ori\xc3\xabntatie", 1),
        ("HTTP/1.1 999 No", 999, b"No", 1),
    ],
)
def test_status_lines(start: str, status: int, reason: bytes, minor: int) -> None:
    got = parse(start, "X: y")
    assert (got.status, got.reason, got.version_minor, got.headers) == (status, reason, minor, [(b"X", b"y")])


@pytest.mark.parametrize(
    "start",
    [
        *(
            "HTTP/1.2 200 OK",
            "HTTP/2 200",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "ICY 200 OK",
        ),
        *("HTTP/1.1 200\tOK", "HTTP/1.1 000 OK", "HTTP/1.1 2x0 OK", "http/1.1 200 OK", "HTTP/1.1 200 O\x00K"),
        *("\r\nHTTP/1.1 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1 200 OK\rX: y", "HTTP/1.1 200 OK\nX: y"),
    ],
)
def test_broken_status_lines(start: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        parse(start)
    assert caught.value.reason == "upstream_invalid"


@pytest.mark.parametrize(
    ("method", "start", "fields", "expected"),
    [
        ("GET", OK, (LENGTH,), (5, False, False, True)),
        ("GET", OK, (CHUNKED,), (None, True, False, True)),
        ("GET", OK, (), (None, False, True, False)),
        ("GET", OK, ("Connection: keep-alive",), (None, False, True, False)),
        ("GET", OK, (LENGTH, "Connection: close"), (5, False, False, False)),
        ("GET", "HTTP/1.0 200 OK", (LENGTH,), (5, False, False, False)),
        ("GET", "HTTP/1.0 200 OK", (LENGTH, "Connection: keep-alive"), (5, False, False, True)),
        ("HEAD", OK, (LENGTH,), (None, False, False, True)),
        ("HEAD", OK, (CHUNKED,), (None, False, False, True)),
        ("HEAD", OK, (), (None, False, False, True)),
        ("GET", "HTTP/1.1 304 Not Modified", (LENGTH,), (None, False, False, True)),
        ("GET", "HTTP/1.1 204 No Content", (), (None, False, False, True)),
        ("GET", "HTTP/1.1 204 No Content", ("Content-Length: 0",), (None, False, False, True)),
        ("GET", "HTTP/1.1 204 No Content", (LENGTH,), (None, False, False, False)),
        ("GET", "HTTP/1.1 204 No Content", (CHUNKED,), (None, False, False, False)),
        ("GET", "HTTP/1.1 100 Continue", (), (None, False, False, True)),
        ("GET", "HTTP/1.1 103 Early Hints", ("Link: </a>",), (None, False, False, True)),
        ("CONNECT", OK, (LENGTH,), (None, False, False, False)),
        ("CONNECT", "HTTP/1.1 407 No", (LENGTH,), (5, False, False, True)),
    ],
)
def test_how_the_body_ends(
    method: str, start: str, fields: tuple[str, ...], expected: tuple[int | None, bool, bool, bool]
) -> None:
    assert framing(parse(start, *fields, method=method)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        (LENGTH, LENGTH),
        (LENGTH, CHUNKED),
        (CHUNKED, CHUNKED),
        ("Content-Length: 5, 5",),
        ("Content-Length: -1",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: identity",),
        ("Content_Length: 5",),
        ("Content-Type: a/b", "Content-Type: c/d"),
        ("Location: a", "Location: b"),
        ("Connection: content-type",),
        ("Folded: a\r\n b",),
        ("X : y",),
        ("X: a\rb",),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_unusable_fields(fields: tuple[str, ...], method: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        parse(OK, *fields, method=method)
    assert caught.value.reason == "upstream_invalid"


def test_chunked_needs_1_1_and_limits_hold() -> None:
    with pytest.raises(UpstreamError):
        parse("HTTP/1.0 200 OK", CHUNKED)
    with pytest.raises(UpstreamError):
        parse_response_head(head(OK, "A: 1", "B: 2"), "GET", HeadLimits(max_headers=1))
    with pytest.raises(UpstreamError):
        parse_response_head(head(OK, "A: 1"), "GET", HeadLimits(max_head=10))


def test_lists_join_and_cookies_stay_apart() -> None:
    got = parse(OK, "Vary: a", "Vary: b", "Set-Cookie: c=1", "Set-Cookie: d=2")
    assert got.get(b"vary") == b"a, b"
    assert got.headers[2:] == [(b"Set-Cookie", b"c=1"), (b"Set-Cookie", b"d=2")]
    assert "c=1" not in repr(got)


def test_a_head_of_bare_lf_lines_is_taken_and_a_mixture_is_not() -> None:
    bare = b"HTTP/1.1 200 OK\nContent-Length: 5\nX: y\n\n"
    assert find_response_head(bare + b"hello") == len(bare)
    assert parse_response_head(bare, "GET").headers == [(b"Content-Length", b"5"), (b"X", b"y")]
    for mixed in (bare.replace(b"5\n", b"5\r\n"), b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5\r\n\r\n"):
        with pytest.raises(UpstreamError):
            parse_response_head(mixed, "GET")


def test_find_response_head() -> None:
    block = head(OK, "A: b")
    assert find_response_head(block + b"body") == len(block)
    assert all(find_response_head(block[:size]) == -1 for size in range(len(block)))
    assert all(find_response_head(block, start=seen) == len(block) for seen in range(len(block)))


@pytest.mark.parametrize(
    "buffer",
    [b"SSH-2.0", b"HTTP/2", b"HTX", b"\r\nHTTP", b"HTTP/1.1 200 OK\r\nX: a\nY", b"HTTP/1.1 " + b"a" * 70000],
)
def test_hopeless_answers_are_refused_early(buffer: bytes) -> None:
    with pytest.raises(UpstreamError):
        find_response_head(buffer)


PIECES = st.sampled_from(
    [
        *(
            b"HTTP/1.1",
            b"HTTP/1.0",
            b" ",
            b"200",
            b"204",
            b"OK",
            b"\r\n",
            b"\n",
            b"\r",
            b":",
            b"A",
            b"Content-Length",
            b"5",
        ),
        *(b"Transfer-Encoding", b"chunked", b"Connection", b"close", b"\x00", b"\xff", b"\t"),
    ]
)


@given(
    st.binary(max_size=100) | st.lists(PIECES, max_size=25).map(b"".join),
    st.sampled_from(["GET", "HEAD", "CONNECT"]),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\n"]),
)
def test_any_bytes_give_a_value_or_our_error(data: bytes, method: str, start: bytes) -> None:
    for block in (start + data, start + data + b"\r\n\r\n", start + data + b"\n\n"):
        try:
            find_response_head(block)
            got = parse_response_head(block, method)
        except UpstreamError as error:
            assert error.reason == "upstream_invalid"
        else:
            assert (got.length is not None) + got.chunked + got.close_delimited <= 1
