"""The head kernel reads as its reference does, or declines."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http1.head import (
    LIMITS,
    HeadLimits,
    RequestHead,
    ResponseHead,
    request_by_grammar,
    response_by_grammar,
)
from tests.http1.headkernels import (
    DECLINED_REQUESTS,
    FIELD_NAMES,
    REQUESTS,
    RESPONSES,
    VALUES,
    native,
    read_request,
    read_response,
    read_sized,
)
from tests.http1.http1_corpus import VECTORS, corpus, raw, read_rows

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


def check_sized(buffer: bytes, limits: HeadLimits = LIMITS) -> bool:
    """Likewise, of an answer with a body whose length is said."""
    found = read_sized(buffer, limits.max_head, limits.max_headers, ResponseHead)
    end = buffer.find(b"\r\n\r\n") + 4
    read = read_response(buffer[:end], limits.max_head, limits.max_headers) if end > 3 else None
    wanted = read is not None and read[0] not in (204, 304) and read[0] >= 200 and read[5] is not None
    assert (found is not None) == wanted
    if found is not None:
        assert found == (response_by_grammar(buffer[:end], "GET", limits), end)
        assert list(found[0].index.items()) == list(response_by_grammar(buffer[:end], "GET").index.items())
    return wanted


def check_response(block: bytes, limits: HeadLimits = LIMITS) -> bool:
    """Likewise, with the answer to a GET and to a HEAD."""
    read = read_response(block, limits.max_head, limits.max_headers)
    for rest in (b"", b"{}", b"\r\n\r\n"):
        check_sized(block + rest, limits)
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


@pytest.mark.parametrize("block", REQUESTS)
def test_ordinary_requests_are_taken(block: bytes) -> None:
    assert check_request(block)


@pytest.mark.parametrize("block", RESPONSES)
def test_ordinary_answers_are_taken(block: bytes) -> None:
    assert check_response(block)


@pytest.mark.parametrize("block", DECLINED_REQUESTS.values(), ids=DECLINED_REQUESTS)
def test_the_unusual_and_the_wrong_are_left_to_the_reference(block: bytes) -> None:
    assert not check_request(block)


def test_only_bytes_are_read() -> None:
    for block in (bytearray(REQUESTS[0]), memoryview(REQUESTS[0]), REQUESTS[0].decode()):
        assert read_request(block, 99, 99, 9) is None  # type: ignore[arg-type]  # what it must decline
        assert read_sized(block, 99, 9, ResponseHead) is None  # type: ignore[arg-type]  # likewise
    with pytest.raises(TypeError):
        native.request(REQUESTS[0])
    for few in ((), (RESPONSES[4],), (RESPONSES[4], 2000, 99)):
        with pytest.raises(TypeError):
            native.sized(*few)


def test_answers_whose_length_is_said_are_taken() -> None:
    assert [check_sized(block) for block in RESPONSES] == [
        b"Content-Length" in b and b" 304" not in b for b in RESPONSES
    ]


def test_what_makes_a_head_may_fail() -> None:
    def fails(*_: object) -> ResponseHead:
        raise KeyError(1)

    with pytest.raises(KeyError):
        read_sized(RESPONSES[4], 2000, 99, fails)


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
