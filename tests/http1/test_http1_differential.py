"""Whatever we accept, an independent parser (llhttp) accepts with the same reading."""

from collections.abc import Callable

import httptools
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import HushgateError
from gateway.http1.body import reader_for
from gateway.http1.encode import end_to_end, request_head
from gateway.http1.head import find_head, find_response_head, parse_request_head, parse_response_head

Reading = tuple[str, list[tuple[bytes, bytes]], bytes, bool]


class Recorder:
    """The callbacks of httptools; only the first message counts."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False
        self.in_body = False

    def on_url(self, url: bytes) -> None:
        self.target += b"" if self.complete else url

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come as headers too.
        if not self.complete and not self.in_body:
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.in_body = True

    def on_body(self, body: bytes) -> None:
        self.body += b"" if self.complete else body

    def on_message_complete(self) -> None:
        self.complete = True


def read_request(data: bytes) -> Reading | None:
    """Our reading of the one request that `data` is, or None."""
    try:
        end = find_head(data)
        if end < 0:
            return None
        head = parse_request_head(data[:end])
        reader = reader_for(head)
        body, taken = reader.feed(data[end:])
    except HushgateError:
        return None
    # An offered upgrade is taken by llhttp and left alone by us.
    if not reader.done or end + taken != len(data) or head.upgrade:
        return None
    return f"{head.method} {head.target.decode('latin-1')}", head.headers, body, True


def read_with_llhttp(data: bytes) -> Reading:
    recorder = Recorder()
    parser = httptools.HttpRequestParser(recorder)
    parser.feed_data(data)
    method: Callable[[], bytes] = parser.get_method
    line = (method() + b" " + recorder.target).decode("latin-1")
    return line, recorder.headers, recorder.body, recorder.complete


NAMES = st.sampled_from(
    [
        "X",
        "x-Custom_1",
        "Accept",
        "Content-Type",
        "Cookie",
        "Te",
        "Trailer",
        "Keep-Alive",
        "Connection",
        "Upgrade",
    ]
)
VALUES = st.text(st.sampled_from('ab1 \t,;=:"\\\xe9\xff'), max_size=10) | st.sampled_from(
    ["close", "keep-alive", "chunked", "100-continue", "h2c", "x, y"]
)
FRAMINGS = st.sampled_from(
    [
        ("", ""),
        ("Content-Length: 5\r\n", "hello"),
        ("Content-Length: 12\r\n", "GET / HTTP/1"),
        ("content-length:\t0 \r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("transfer-encoding:CHUNKED\r\n", "00a;b=c\r\n0123456789\r\n1;d\r\nx\r\n000\r\nX-Sum: 1\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    ]
)
PLAIN = "ab/?&=.:@~\"<>[]^`{|}!$'()*+,;"
TARGETS = st.text(st.sampled_from(PLAIN), max_size=12) | st.text(
    st.sampled_from(PLAIN + "%20#\\ \t\x7f\xe9"), max_size=12
)
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", ":\t"]), VALUES), max_size=6)
MUTATIONS: st.SearchStrategy[list[tuple[int, str]]] = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("\r\n\t :\x00\x0b\x80;,0a")), max_size=2
) | st.just([])


def mutated(text: str, mutations: list[tuple[int, str]]) -> bytes:
    for place, character in mutations:
        at = place % (len(text) + 1)
        text = text[:at] + character + text[at + place % 2 :]
    return text.encode("latin-1")


@settings(max_examples=400)
@given(st.sampled_from(["GET", "POST", "DELETE", "M-SEARCH"]), TARGETS, FIELDS, FRAMINGS, MUTATIONS)
def test_requests_we_accept_are_read_alike(
    method: str,
    target: str,
    fields: list[tuple[str, str, str]],
    framing: tuple[str, str],
    mutations: list[tuple[int, str]],
) -> None:
    lines = "".join(f"{name}{colon}{value}\r\n" for name, colon, value in fields)
    data = f"{method} /{target} HTTP/1.1\r\nHost: a.example\r\n{lines}{framing[0]}\r\n{framing[1]}"
    message = mutated(data, mutations)
    ours = read_request(message)
    if ours is None:
        return
    assert read_with_llhttp(message.removeprefix(b"\r\n")) == ours
    # And so is what would be sent on.
    head = parse_request_head(message[: find_head(message)])
    sent = request_head(head.method, head.target, end_to_end(head.headers, frozenset({b"content-length"})))
    line, headers, body, complete = read_with_llhttp(sent)
    assert (line, body, complete) == (ours[0], b"", True)
    assert headers == end_to_end(head.headers, frozenset({b"content-length"}))


@settings(max_examples=300)
@given(st.sampled_from(["200 OK", "404", "500 \xe9", "301 "]), FIELDS, FRAMINGS, MUTATIONS)
def test_answers_we_accept_are_read_alike(
    status: str,
    fields: list[tuple[str, str, str]],
    framing: tuple[str, str],
    mutations: list[tuple[int, str]],
) -> None:
    lines = "".join(f"{name}{colon}{value}\r\n" for name, colon, value in fields)
    data = mutated(f"HTTP/1.1 {status}\r\n{lines}{framing[0]}\r\n{framing[1]}", mutations)
    try:
        end = find_response_head(data)
        if end < 0 or b"\n" in data[:end].replace(b"\r\n", b""):
            return
        head = parse_response_head(data[:end], "GET")
        reader = reader_for(head)
        body, taken = reader.feed(data[end:])
    except HushgateError:
        return
    if (
        end + taken != len(data)
        or head.get(b"upgrade") is not None
        or not (reader.done or head.close_delimited)
    ):
        return
    recorder = Recorder()
    parser = httptools.HttpResponseParser(recorder)
    parser.feed_data(data)
    assert (recorder.headers, recorder.body) == (head.headers, body)
    assert parser.get_status_code() == head.status
    assert recorder.complete or head.close_delimited
