"""Heads and chunks as they leave, and which fields go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.http1.encode import chunk, end_to_end, last_chunk, request_head, response_head
from gateway.http1.head import parse_request_head, parse_response_head

HEADERS = [(b"Host", b"a"), (b"X-Empty", b""), (b"x-TWICE", b"1"), (b"X-Twice", b"caf\xe9")]


def test_request_head_reads_back() -> None:
    data = request_head("POST", b"/a?b", HEADERS)
    assert data.startswith(b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Empty: \r\n")
    assert parse_request_head(data).headers == HEADERS
    assert request_head("OPTIONS", b"*", []) == b"OPTIONS * HTTP/1.1\r\n\r\n"


def test_response_head_reads_back() -> None:
    data = response_head(404, b"Not Found", HEADERS)
    assert data.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert parse_response_head(data, "GET").headers == HEADERS
    assert response_head(204, b"", []) == b"HTTP/1.1 204 \r\n\r\n"


def test_chunks() -> None:
    assert chunk(b"") == b""
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert last_chunk() == b"0\r\n\r\n"
    assert last_chunk([(b"X", b"y")]) == b"0\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\n", b"a\r", b"\x00", b"\r\n"])
def test_nothing_splits_a_line(value: bytes) -> None:
    for headers in ([(b"X", value)], [(value, b"x")]):
        with pytest.raises(InternalError):
            request_head("GET", b"/", headers)
        with pytest.raises(InternalError):
            response_head(200, b"OK", headers)
        with pytest.raises(InternalError):
            last_chunk(headers)
    with pytest.raises(InternalError):
        response_head(200, value, [])
    with pytest.raises(InternalError):
        request_head("GET", b"/" + value, [])


@pytest.mark.parametrize(("method", "target"), [("GET /", b"/"), ("GET", b"/a b"), ("", b"/ x y")])
def test_nothing_splits_the_request_line(method: str, target: bytes) -> None:
    with pytest.raises(InternalError):
        request_head(method, target, [])


def test_hop_by_hop_fields_stay_here() -> None:
    hops = [b"Connection", b"Keep-Alive", b"Proxy-Connection", b"TE", b"Transfer-Encoding", b"Upgrade"]
    hops += [b"Proxy-Authorization", b"Proxy-Authenticate", b"HTTP2-Settings"]
    headers = [(b"Host", b"a"), *((name, b"x") for name in hops), (b"Trailer", b"X-Sum"), (b"accept", b"*/*")]
    assert end_to_end(headers) == [(b"Host", b"a"), (b"Trailer", b"X-Sum"), (b"accept", b"*/*")]


def test_what_connection_names_stays_here() -> None:
    headers = [(b"X-Hop", b"1"), (b"connection", b"x-hop, , Close"), (b"X-End", b"2")]
    headers += [(b"Connection", b"X-OTHER"), (b"x-other", b"3")]
    assert end_to_end(headers) == [(b"X-End", b"2")]


def test_connection_never_strips_what_has_a_meaning() -> None:
    headers = [(b"Host", b"a"), (b"Authorization", b"b"), (b"Hushgate-Key", b"c")]
    assert end_to_end([*headers, (b"Connection", b"host, authorization, hushgate-key")]) == headers


def test_drop() -> None:
    headers = [(b"Host", b"a"), (b"HUSHGATE-KEY", b"b"), (b"X", b"c"), (b"Connection", b"close")]
    assert end_to_end(headers, frozenset({b"hushgate-key", b"host"})) == [(b"X", b"c")]


ANY = st.binary(max_size=12)


@given(st.lists(st.tuples(ANY, ANY), max_size=4), ANY)
def test_what_is_written_has_the_lines_that_were_meant(
    headers: list[tuple[bytes, bytes]], target: bytes
) -> None:
    try:
        data = request_head("GET", target, headers)
    except InternalError:
        return
    lines = [b"GET %b HTTP/1.1" % target, *(name + b": " + value for name, value in headers), b"", b""]
    assert data.split(b"\r\n") == lines
    assert not set(b"\r\n\0") & set(data.replace(b"\r\n", b""))
