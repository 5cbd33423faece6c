"""The compiled kernel for heads against its reference: the same result, or None; never more, never else.

Under the sanitizers (LD_PRELOAD as the compiler's `-print-file-name=libasan.so` says):
    python -m gateway.native.build --sanitize build/sanitized
    export ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=... HUSHGATE_SANITIZED=build/sanitized
    python -m pytest tests/http1/test_headkernel.py
"""

import re
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.http1 import grammar
from gateway.http1.encode import forward_by_rule
from gateway.http1.head import (
    LIMITS,
    HeadLimits,
    RequestHead,
    ResponseHead,
    request_by_grammar,
    response_by_grammar,
)
from gateway.http1.kernel import Forward, ReadRequest, ReadResponse
from gateway.native import FOLDER
from tests.http1.http1_corpus import VECTORS, corpus, raw, read_rows
from tests.native.kernels import kernel

native = kernel("headkernel")
read_request: ReadRequest = native.request
read_response: ReadResponse = native.response
write: Forward = native.forward

KNOWN = re.findall(
    r"""(?:HOP|END)\("([^"]+)"\)|\{"([A-Za-z-]+)", ROLE""", (FOLDER / "headkernel.c").read_text()
)
NAMES = sorted(one or other for one, other in KNOWN)
"""Names the kernel has a table entry for."""

# ---- one head, both ways --------------------------------------------------------------------------------


def check_request(block: bytes, limits: HeadLimits = LIMITS) -> bool:
    """Whether the kernel took it; what it took must be what the reference makes of it."""
    read = read_request(block, limits.max_target, limits.max_head, limits.max_headers)
    if read is None:
        return False
    expected = request_by_grammar(block, limits)
    assert read == tuple(getattr(expected, name) for name in RequestHead.__struct_fields__)
    assert list(read[6].items()) == list(expected.index.items())
    same_types(read, tuple(getattr(expected, name) for name in RequestHead.__struct_fields__))
    return True


def check_response(block: bytes, limits: HeadLimits = LIMITS) -> bool:
    """Likewise, with the answer to a GET and to a HEAD."""
    read = read_response(block, limits.max_head, limits.max_headers)
    if read is None:
        return False
    status, reason, minor, headers, index, length, chunked, keep_alive = read
    expected: ResponseHead = response_by_grammar(block, "GET", limits)
    assert (status, reason, minor, headers) == (
        expected.status,
        expected.reason,
        expected.version_minor,
        expected.headers,
    )
    assert list(index.items()) == list(expected.index.items())
    bodiless = status in (204, 304) or status < 200
    if bodiless:
        assert not (expected.chunked or expected.length or expected.close_delimited)
    else:
        assert (length, chunked) == (expected.length, expected.chunked)
        assert expected.close_delimited == (length is None and not chunked)
        assert expected.keep_alive == (keep_alive and not expected.close_delimited)
    assert response_by_grammar(block, "HEAD", limits).keep_alive == keep_alive
    same_types((status, reason, minor, length, chunked, keep_alive), (200, b"", 1, length, True, True))
    return True


def same_types(got: tuple[object, ...], expected: tuple[object, ...]) -> None:
    assert [type(value) for value in got] == [type(value) for value in expected]


def head(*lines: bytes) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n"


REQUESTS = [
    head(b"GET / HTTP/1.1", b"Host: a"),
    head(
        b"GET /hubspot/crm/v3/objects/contacts/101?properties=email,phone HTTP/1.1",
        b"Host: Gate.example:8080",
        b"Accept-Encoding: gzip, deflate",
        b"User-Agent: hubspot-api-client-python; 12.0.0",
        b"accept: */*",
        b"Connection: keep-alive",
        b"HUSHGATE-KEY: hg_0123",
        b"X-Own-Name: caf\xe9 \x80",
    ),
    head(
        b"POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1",
        b"Host: 127.0.0.1:65535",
        b"Content-Length: 48",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Authorization: Basic QUM6dG9r",
        b"connection: Close",
    ),
    head(
        b'PATCH /a%20b%2Fc?d=%7e"<>[]^`{|}??;&x HTTP/1.1',
        b"Host: under_score-1.example",
        b"Transfer-Encoding: Chunked",
        b"TE: trailers",
    ),
    head(
        b"DELETE /x HTTP/1.1",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AA",
        b"Host: ...",
        b"Content-Length: 0",
    ),
    *(head(method + b" /? HTTP/1.1", b"Host: -:1") for method in grammar.METHODS),
]
RESPONSES = [
    head(b"HTTP/1.1 200 OK"),
    head(b"HTTP/1.1 204", b"Server: x"),
    head(b"HTTP/1.1 304 ", b'ETag: W/"a"', b"Content-Length: 5"),
    head(b"HTTP/1.1 100 Continue"),
    head(
        b"HTTP/1.1 200 OK",
        b"Date: Sat, 21 Nov 2026 10:00:00 GMT",
        b"Content-Type: application/json;charset=utf-8",
        b"Content-Length: 812",
        b"Connection: keep-alive",
        b"CF-Ray: 8e0a-FRA",
        b"Vary: origin, Accept-Encoding",
        b"X-HubSpot-Correlation-Id: 0b3c",
        b"Set-Cookie: a=b; Path=/",
    ),
    head(b"HTTP/1.1 999  \xe9 spaced ", b"transfer-encoding: CHUNKED", b"Connection: CLOSE"),
    head(b"HTTP/1.1 500 Internal Server Error", b"Content-Length: 999999999999999999"),
]


@pytest.mark.parametrize("block", REQUESTS)
def test_ordinary_requests_are_taken(block: bytes) -> None:
    assert check_request(block)


@pytest.mark.parametrize("block", RESPONSES)
def test_ordinary_answers_are_taken(block: bytes) -> None:
    assert check_response(block)


DECLINED_REQUESTS = {
    "nothing": b"",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a rare method": b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute-form": b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk-form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a backslash": b"GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bad escape": b"GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a cut escape": b"GET /%",
    "no Host": b"GET / HTTP/1.1\r\nAccept: a\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
    "an empty Host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "a port too large": b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
    "a port too long": b"GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n",
    "a port missing": b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
    "a name missing": b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
    "user information": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a list field repeated": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2\r\n\r\n",
    "both framings": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    "an octal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\n",
    "a long length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1111111111111111111\r\n\r\n",
    "lengths in a list": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
    "other options": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\n\r\n",
    "an expectation": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "an underscore": b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n",
    "a bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "the end missing": b"GET / HTTP/1.1\r\nHost: a\r\n",
    "bytes after the end": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nX",
    "two heads": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("block", DECLINED_REQUESTS.values(), ids=DECLINED_REQUESTS)
def test_the_unusual_and_the_wrong_are_left_to_the_reference(block: bytes) -> None:
    assert not check_request(block)


def test_only_bytes_are_read() -> None:
    for block in (bytearray(REQUESTS[0]), memoryview(REQUESTS[0]), REQUESTS[0].decode()):
        assert read_request(block, 99, 99, 9) is None  # type: ignore[arg-type]  # what it must decline
    with pytest.raises(TypeError):
        native.request(REQUESTS[0])


@given(st.sampled_from(REQUESTS), *[st.integers(-1, 300) | st.just(10**30)] * 3)
def test_limits_are_the_reference_s(block: bytes, target: int, head: int, headers: int) -> None:
    check_request(block, HeadLimits(target, head, headers))


@pytest.mark.parametrize("block", RESPONSES)
def test_limits_of_an_answer_are_the_reference_s(block: bytes) -> None:
    size, lines = len(block), block.count(b"\r\n") - 2
    assert check_response(block, HeadLimits(0, size, lines))
    assert not check_response(block, HeadLimits(0, size - 1, lines))
    assert not check_response(block, HeadLimits(0, size, lines - 1))


@pytest.mark.parametrize("count", [99, 100, 101, 127, 128, 129, 1000])
def test_more_fields_than_the_kernel_holds(count: int) -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(count - 1))
    block = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % lines
    assert check_request(block) == (count <= 100)
    assert check_request(block, HeadLimits(max_headers=2000)) == (count <= 128)


# ---- every neighbour of a valid head --------------------------------------------------------------------


def neighbours(block: bytes) -> Iterator[bytes]:
    """Every byte replaced by every other, left out, doubled, and the block cut there."""
    for at in range(len(block)):
        before, after = block[:at], block[at + 1 :]
        yield from (before + bytes((byte,)) + after for byte in range(256))
        yield before + after
        yield before
        yield before + block[at : at + 1] * 2 + after


SHORT = (0, 3, 4)
"""Indices of REQUESTS whose neighbours cover every branch; the others would only take longer."""


@pytest.mark.parametrize("seed", SHORT)
def test_every_neighbour_of_a_request(seed: int) -> None:
    taken = [check_request(block) for block in neighbours(REQUESTS[seed])]
    assert any(taken) and not all(taken)


@pytest.mark.parametrize("block", [RESPONSES[2], RESPONSES[5]])
def test_every_neighbour_of_an_answer(block: bytes) -> None:
    taken = [check_response(block) for block in neighbours(block)]
    assert any(taken) and not all(taken)


# ---- generated heads ------------------------------------------------------------------------------------


CASED = [spelt for name in NAMES for spelt in (name, name.lower(), name.upper(), name.swapcase())]
FIELD_NAMES = st.sampled_from(CASED) | st.text(st.sampled_from("aZ09-"), min_size=1, max_size=9)
VALUES = st.text(st.sampled_from('ab1 ,;=:/"\\~\xe9\xff\t\x7f'), max_size=10) | st.sampled_from(
    ["close", "Keep-Alive", "chunked", "100-continue", "upgrade", "0", "17", "a.example", "a:80", "x, y"]
)
FIELDS = st.lists(
    st.tuples(FIELD_NAMES, st.sampled_from([": "] * 6 + [":", ":\t", " : "]), VALUES), max_size=8
)
TARGETS = st.text(st.sampled_from('abZ09/?%2fG&=.~:@[]{}|^"`'), max_size=15)
STARTS = st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE", "TRACE", "LOCK", "CONNECT", "GE"])
ENDS = st.sampled_from(["HTTP/1.1"] * 5 + ["HTTP/1.0", "HTTP/1.2", "http/1.1"])
STATUSES = st.sampled_from(
    ["200 OK", "204", "304 ", "101 \xe9", "599 a\tb", "099 x", "20", "1000", "404 Not Found"]
)
MUTATIONS: st.SearchStrategy[list[tuple[int, str]]] = st.just([]) | st.lists(
    st.tuples(st.integers(0, 500), st.sampled_from("\r\n\t :\x00\x0b\x7f\x80_0a")), max_size=3
)


def section(fields: list[tuple[str, str, str]]) -> str:
    return "".join(f"{name}{colon}{value}\r\n" for name, colon, value in fields) + "\r\n"


def mutated(text: str, mutations: list[tuple[int, str]]) -> bytes:
    for place, character in mutations:
        at = place % (len(text) + 1)
        text = text[:at] + character + text[at + place % 2 :]
    return text.encode("latin-1")


@settings(max_examples=500)
@given(STARTS, TARGETS, ENDS, FIELDS, MUTATIONS)
def test_generated_requests(
    method: str, target: str, end: str, fields: list[tuple[str, str, str]], mutations: list[tuple[int, str]]
) -> None:
    host = (
        [("Host", ": ", "A.example:80")] if not any(name.lower() == "host" for name, _, _ in fields) else []
    )
    check_request(mutated(f"{method} /{target} {end}\r\n{section([*host, *fields])}", mutations))


@settings(max_examples=400)
@given(STATUSES, FIELDS, MUTATIONS)
def test_generated_answers(
    status: str, fields: list[tuple[str, str, str]], mutations: list[tuple[int, str]]
) -> None:
    check_response(mutated(f"HTTP/1.1 {status}\r\n{section(fields)}", mutations))


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    for start in (b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /"):
        check_request(start + data)
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 2"):
        check_response(start + data)


def check_messages(data: bytes) -> None:
    """A corpus row: whole, and each part of it that ends like a head."""
    ends = [match.end() for match in re.finditer(rb"\r\n\r\n", data)]
    for start in (0, *ends):
        for end in (*(end for end in ends if end > start), len(data)):
            block = data[start:end]
            check_request(block)
            check_response(block)
            check_request(block.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: a\r\n", 1))


@pytest.mark.parametrize("file", sorted(VECTORS.glob("*.jsonl")), ids=lambda file: file.stem)
def test_vectors(file: object) -> None:
    rows = read_rows(VECTORS / str(file))
    assert rows
    for row in rows:
        check_messages(raw(row))


CORPORA = (
    "curl_http_replies.jsonl",
    "gunicorn_requests.jsonl",
    "llhttp_cases.jsonl",
    "smuggler_payloads.jsonl",
)


@pytest.mark.parametrize("name", CORPORA)
def test_corpora(name: str) -> None:
    for row in corpus(name):
        check_messages(raw(row))


# ---- heads that go on -----------------------------------------------------------------------------------

Lines = list[tuple[bytes, bytes]]


def check_forward(line: bytes, first: Lines, headers: Lines, drop: frozenset[bytes], extra: Lines) -> bool:
    """Whether the kernel wrote it; as the reference does, and never what that refuses."""
    made = write(line, first, headers, drop, extra)
    try:
        expected = forward_by_rule(line, headers, drop, extra, first)
    except InternalError:
        assert made is None
        return False
    assert made in (None, expected)
    return made is not None


LINE = b"HTTP/1.1 200 OK"
SOME = [(b"Server", b"x"), (b"X-Own", b""), (b"", b"y"), (b"x" * 40, b"z" * 40)]


@pytest.mark.parametrize(
    "name", sorted({*NAMES, *(name.decode() for name in grammar.HOP_BY_HOP | grammar.PROTECTED)})
)
def test_each_name_the_kernel_knows_is_dropped_when_the_reference_drops_it(name: str) -> None:
    for spelt in {name.encode(), name.lower().encode(), name.upper().encode()}:
        for drop in (
            frozenset[bytes](),
            frozenset({name.lower().encode()}),
            frozenset({name.encode() + b"x"}),
        ):
            assert check_forward(LINE, [], [*SOME, (spelt, b"close"), *SOME], drop, SOME)


def test_the_kernel_knows_every_hop_by_hop_name() -> None:
    assert {name.decode() for name in grammar.HOP_BY_HOP} <= {name.lower() for name in NAMES}
    assert len(NAMES) == len({name.lower() for name in NAMES})


@pytest.mark.parametrize("byte", range(256))
def test_no_line_end_leaves(byte: int) -> None:
    for size in range(1, 20):
        for at in {0, size // 2, size - 1}:
            value = b"a" * at + bytes((byte,)) + b"\x80" * (size - at - 1)
            allowed = byte >= 0x20
            assert check_forward(value, [], [], frozenset(), []) == allowed
            assert check_forward(LINE, [(b"a", value)], [], frozenset(), []) == allowed
            assert check_forward(LINE, [], [(b"a", value)], frozenset(), []) == allowed
            assert check_forward(LINE, [], [(value, b"a")], frozenset(), []) == allowed
            assert check_forward(LINE, [], [], frozenset(), [(b"a", value)]) == allowed


WIRE_NAMES = FIELD_NAMES.map(str.encode) | st.binary(max_size=12)
WIRE_VALUES = VALUES.map(lambda text: text.encode("latin-1")) | st.binary(max_size=20)
PAIRS = st.lists(st.tuples(WIRE_NAMES, WIRE_VALUES), max_size=10)


@settings(max_examples=400)
@given(
    st.binary(max_size=10) | st.just(LINE), PAIRS, PAIRS, st.frozensets(WIRE_NAMES.map(bytes.lower)), PAIRS
)
@example(LINE, [], [(b"Connection", b"close, x"), (b"X", b"1")], frozenset(), [])
@example(
    LINE, [], [(b"Connection", b"close"), (b"connection", b"keep-alive"), (b"close", b"1")], frozenset(), []
)
def test_generated_heads_go_on_alike(
    line: bytes, first: Lines, headers: Lines, drop: frozenset[bytes], extra: Lines
) -> None:
    check_forward(line, first, headers, drop, extra)


def test_many_lines_and_other_types_are_left_to_the_reference() -> None:
    assert check_forward(LINE, [], [(b"a", b"b")] * 256, frozenset(), [])
    assert not check_forward(LINE, [], [(b"a", b"b")] * 257, frozenset(), [])
    assert write(LINE, (), ((b"a", b"b"),), frozenset(), ()) == LINE + b"\r\na: b\r\n\r\n"
    nothing: frozenset[bytes] = frozenset()
    for odd in ("x", [b"a"], [(b"a",)], [(b"a", "b")], [[b"a", b"b"]], iter(()), None):
        assert native.forward(LINE, [], odd, nothing, []) is None
        assert native.forward(LINE, odd, [], nothing, []) is None
        assert native.forward(LINE, [], [], nothing, odd) is None
    assert native.forward("x", [], [], nothing, []) is None
    assert native.forward(LINE, [], [], {b"a"}, []) is None
    with pytest.raises(TypeError):
        native.forward(LINE, [], [], nothing)


# ---- memory ---------------------------------------------------------------------------------------------


def every_way() -> None:
    """Each way in and out of each function, the early ones too."""
    for block in (*REQUESTS, *DECLINED_REQUESTS.values()):
        read_request(block, 200, 2000, 100)
    for block in (*RESPONSES, b"HTTP/1.1 200 OK\r\nX: 1\r\nX: 2\r\n\r\n"):
        read_response(block, 2000, 100)
    for headers in (SOME, [(b"Connection", b"x")], [(b"a", b"\n")], [(b"TE", b"a"), (b"Own", b"b")]):
        write(LINE, [(b"Host", b"a")], headers, frozenset({b"own"}), SOME)


def test_nothing_is_kept() -> None:
    every_way()
    tracemalloc.start()
    try:
        every_way()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            every_way()
        # One lost object per round would be over 30 bytes times 200.
        assert tracemalloc.get_traced_memory()[0] - before < 3000
    finally:
        tracemalloc.stop()
