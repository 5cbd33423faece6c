"""Request heads: what is understood, what is refused and as what, and where heads end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import HushgateError, PayloadError
from gateway.http1.head import HeadLimits, RequestHead, find_head, parse_request_head


def head(start: str, *fields: str, host: str | None = "api.example") -> bytes:
    lines = [start, *([f"Host: {host}"] if host is not None else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def parse(start: str, *fields: str, host: str | None = "api.example") -> RequestHead:
    return parse_request_head(head(start, *fields, host=host))


def refusal(block: bytes, limits: HeadLimits | None = None) -> str:
    with pytest.raises(PayloadError) as caught:
        parse_request_head(block, limits or HeadLimits())
    return caught.value.reason


GET = "GET / HTTP/1.1"
POST = "POST / HTTP/1.1"


def test_a_realistic_head() -> None:
    got = parse(
        "POST /crm/v3/objects/contacts/search?limit=10&a=b?c HTTP/1.1",
        "User-Agent: hubspot-api-client-python; 12.0.0",
        "content-TYPE: application/json",
        "Content-Length: 214",
        "Expect: 100-Continue",
        "Accept: a",
        "Accept: b",
        host="API.example:8080",
    )
    assert (got.method, got.version_minor, got.host) == ("POST", 1, b"api.example:8080")
    assert got.target == b"/crm/v3/objects/contacts/search?limit=10&a=b?c"
    assert (got.path, got.query) == (b"/crm/v3/objects/contacts/search", b"limit=10&a=b?c")
    assert (got.length, got.chunked, got.keep_alive) == (214, False, True)
    assert (got.expects_continue, got.upgrade) == (True, False)
    assert got.headers[0] == (b"Host", b"API.example:8080")
    assert got.headers[2] == (b"content-TYPE", b"application/json")
    assert [got.get(name) for name in (b"content-type", b"accept", b"x-none")] == [
        b"application/json",
        b"a, b",
        None,
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X-A:v", b"v"),
        ("X-A:  v", b"v"),
        ("X-A: v \t", b"v"),
        ("X-A: v ", b"v"),
        ("X-A:\tv w", b"v w"),
        ("X-A: v\tw", b"v\tw"),
        ("X-A:", b""),
        ("X-A: \t ", b""),
        ("X-A: a: b: c", b"a: b: c"),
        ("X-A: caf\xc3\xa9", b"caf\xc3\xa9"),
    ],
)
def test_values_are_trimmed_and_else_kept(line: str, value: bytes) -> None:
    got = parse(GET, line, "X-B: end")
    assert got.headers[1:] == [(b"X-A", value), (b"X-B", b"end")]
    assert got.get(b"x-a") == value


@pytest.mark.parametrize("name", ["X_Custom", "X.Custom|Pipe", "!#$%&'*+-.^_`|~09az"])
def test_any_token_is_a_name(name: str) -> None:
    assert parse(GET, f"{name}: v").headers[1] == (name.encode(), b"v")


@pytest.mark.parametrize(
    "line",
    [
        *("X : v", "X\t: v", " X: v", ": v", "X", "", "X Y: v", "X\xe9: v", "(X): v", "X@: v", 'X": v'),
        *("X: a\x00b", "X: a\x07b", "X: a\x7fb", "X: a\rb", "X: a\nb", "X: a\x0bb", "X: a\x0cb"),
        *("X: a\r\n b", "X:\r\n\tb", "X: a\r\r\nY: b", "\rX: a"),
    ],
)
def test_broken_field_lines(line: str) -> None:
    assert refusal(head(GET, line, "Z: end")) == "malformed_request"


@pytest.mark.parametrize(
    "start",
    [
        *("GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1"),
        *("GET /", "GET", "GET HTTP/1.1", "/ HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9"),
        *("GET / HTTP/11", "GET / HTTP/1.1x", "GET / http/1.1", "GET / HTP/1.1", "GET / HTTP/01.1"),
        *("get / HTTP/1.1", "G3T / HTTP/1.1", "-GET / HTTP/1.1", "GET: / HTTP/1.1", "G\x00T / HTTP/1.1"),
        *(
            "A" * 25 + " / HTTP/1.1",
            "CONNECT api.example:443 HTTP/1.1",
            "CONNECT / HTTP/1.1",
            "PRI * HTTP/1.1",
        ),
        *("\r\n\r\nGET / HTTP/1.1", "\n" + GET, "\r" + GET),
    ],
)
def test_broken_request_lines(start: str) -> None:
    assert refusal(head(start)) == "malformed_request"


def test_one_empty_line_may_come_first() -> None:
    assert parse("\r\nGET /a HTTP/1.1").path == b"/a"


@pytest.mark.parametrize("method", ["GET", "PATCH", "M-SEARCH", "QUERY"])
def test_methods(method: str) -> None:
    assert parse(f"{method} / HTTP/1.1").method == method


@pytest.mark.parametrize(
    ("fields", "length", "chunked"),
    [
        ((), None, False),
        (("Content-Length: 0",), 0, False),
        (("Content-Length:  42 ",), 42, False),
        (("Content-Length: 999999999999999999",), 999_999_999_999_999_999, False),
        (("Transfer-Encoding: chunked",), None, True),
        (("tRANSFER-eNCODING: CHUNKED",), None, True),
    ],
)
def test_framing(fields: tuple[str, ...], length: int | None, chunked: bool) -> None:
    got = parse(POST, *fields)
    assert (got.length, got.chunked) == (length, chunked)


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5", "content-length: 6"),
        *(
            (f"Content-Length: {value}",)
            for value in ("5, 5", "+5", "-5", "0x5", "5 5", "", "05", "5_0", "1e3")
        ),
        *((f"Content-Length: {value}",) for value in ("1" * 19, "\xb2", "5;", "five", "5\t5")),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 0"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: identity", "Content-Length: 5"),
        *(
            (f"{name}: 5",)
            for name in ("Content_Length", "Content-Length_", "ContentLength!", "Content.Length")
        ),
        *((f"{name}: chunked",) for name in ("Transfer_Encoding", "transfer~encoding", "_Transfer-Encoding")),
        *((f"{name}: a", f"{name}: a") for name in ("Host", "Content-Type", "Authorization", "Hushgate-Key")),
        *((f"{name}: a", f"{name}: b") for name in ("Hushgate-Purpose", "Hushgate-Other", "Expect", "Range")),
    ],
)
def test_conflicting_framing_and_repeated_fields(fields: tuple[str, ...]) -> None:
    assert refusal(head(POST, *fields)) == "malformed_request"


@pytest.mark.parametrize(
    "coding",
    ["gzip, chunked", "chunked, chunked", "identity", "chunked, gzip", "x", "chunked;a=b", "", "chunke d"],
)
def test_other_transfer_codings(coding: str) -> None:
    assert refusal(head(POST, f"Transfer-Encoding: {coding}")) == "unsupported_encoding"


def test_transfer_encoding_needs_1_1() -> None:
    assert refusal(head("POST / HTTP/1.0", "Transfer-Encoding: chunked")) == "malformed_request"


@pytest.mark.parametrize(
    ("version", "fields", "keep_alive"),
    [
        ("1.1", (), True),
        ("1.1", ("Connection: close",), False),
        ("1.1", ("Connection: Keep-Alive, Close",), False),
        ("1.1", ("Connection: x", "Connection: close"), False),
        ("1.1", ("Connection: closed",), True),
        ("1.0", (), False),
        ("1.0", ("Connection: Keep-Alive",), True),
        ("1.0", ("Connection: keep-alive, close",), False),
    ],
)
def test_keep_alive(version: str, fields: tuple[str, ...], keep_alive: bool) -> None:
    assert parse(f"GET / HTTP/{version}", *fields).keep_alive is keep_alive


@pytest.mark.parametrize(
    "value",
    ["Host", "close, content-length", "Authorization", "hushgate-key", "Hushgate-Purpose", "a b", "\x80"],
)
def test_connection_may_not_name_what_has_a_meaning(value: str) -> None:
    assert refusal(head(GET, f"Connection: {value}")) == "malformed_request"


def test_upgrade_and_expect() -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    assert parse(GET, *offer).upgrade is True
    assert parse(GET, "Upgrade: h2c").upgrade is False
    assert parse(GET, "Connection: upgrade").upgrade is False
    expect = "Expect: 100-continue"
    assert parse(POST, expect, "Transfer-Encoding: chunked").expects_continue is True
    assert parse(POST, expect, "Content-Length: 0").expects_continue is False
    assert parse(POST, expect).expects_continue is False
    assert parse("POST / HTTP/1.0", expect, "Content-Length: 1").expects_continue is False
    assert refusal(head(POST, "Expect: 200-ok", "Content-Length: 1")) == "expectation_failed"


def test_cookies_are_joined_as_cookies() -> None:
    assert parse(GET, "Cookie: a=1", "Cookie: b=2").get(b"cookie") == b"a=1; b=2"


def test_limits() -> None:
    limits = HeadLimits(max_target=16, max_head=200, max_headers=3)
    assert parse_request_head(head("GET /23456789abcdef0 HTTP/1.1", "A: 1", "B: 2"), limits).target
    assert refusal(head("GET /23456789abcdef01 HTTP/1.1"), limits) == "uri_too_long"
    assert refusal(head(GET, "A: 1", "B: 2", "C: 3"), limits) == "head_too_large"
    assert refusal(head(GET, "A: " + "a" * 200), limits) == "head_too_large"


def test_errors_say_where_and_never_what() -> None:
    with pytest.raises(PayloadError) as caught:
        parse_request_head(head(GET, "Fine: 1", "Secret\x01: personal"))
    assert str(caught.value) == "header line 3: not a valid field line"
    assert "personal" not in repr(parse(GET, "Authorization: personal"))


def test_find_head() -> None:
    block = head(GET, "A: b")
    assert find_head(block) == find_head(block + b"body\r\n\r\n") == len(block)
    assert find_head(b"\r\n" + block) == len(block) + 2
    assert all(find_head(block[:size]) == -1 for size in range(len(block)))
    assert all(find_head(block, start=seen) == len(block) for seen in range(len(block)))
    assert find_head(b"\r\n\r\n") == find_head(b"") == -1
    assert find_head(bytearray(block)) == len(block)


@pytest.mark.parametrize(
    ("buffer", "reason"),
    [
        (b"\x16\x03\x01", "malformed_request"),
        (b" GET", "malformed_request"),
        (b"GET / HTTP/1.1\n", "malformed_request"),
        (b"GET / HTTP/1.1\r\nA: b\n", "malformed_request"),
        (b"GET / HTTP/1.1\rA", "malformed_request"),
        (b"GET /" + b"a" * 9000, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 65536, "head_too_large"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 65536 + b"\r\n\r\n", "head_too_large"),
    ],
)
def test_hopeless_heads_are_refused_early(buffer: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        find_head(buffer)
    assert caught.value.reason == reason


def test_bare_line_ends_are_seen_across_reads() -> None:
    assert find_head(b"GET / HTTP/1.1\r\n", start=15) == -1
    with pytest.raises(PayloadError):
        find_head(b"GET / HTTP/1.1\rX", start=15)
    with pytest.raises(PayloadError):
        find_head(b"GET / HTTP/1.1\r\nA\n", start=16)


TRICKY_PIECES = [
    *(b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"\r", b"\n", b":", b"Host", b"a", b"Content-Length", b"5"),
    *(b"Transfer-Encoding", b"chunked", b",", b"\t", b"\x00", b"\xff", b"%", b"?", b"#", b"*", b"http://"),
    *(b"Connection", b"Expect", b"GET / HTTP/1.1\r\nHost: a\r\n", b"Host: [::1]:80\r\n"),
]
TRICKY = st.lists(st.sampled_from(TRICKY_PIECES), max_size=30).map(b"".join)


@given(st.binary(max_size=200) | TRICKY | TRICKY.map(lambda data: b"GET / HTTP/1.1\r\nHost: a\r\n" + data))
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    for block in (data, data + b"\r\n\r\n"):
        try:
            find_head(block)
            got = parse_request_head(block)
        except HushgateError as error:
            assert error.reason in REASONS
        else:
            assert not (got.chunked and got.length is not None)
            assert got.target[:1] in (b"/", b"*")


REASONS = {
    "malformed_request",
    "unsupported_encoding",
    "expectation_failed",
    "uri_too_long",
    "head_too_large",
}

NAME = st.text("abcXYZ-_09", min_size=1, max_size=12)
VALUE = st.text(st.sampled_from("ab :\t,=\xe9"), max_size=12)


@given(st.lists(st.tuples(NAME.map("X-T{}".format), VALUE), max_size=12))
def test_both_ways_of_splitting_agree(fields: list[tuple[str, str]]) -> None:
    lines = [f"{name}: {value}" for name, value in fields]
    got = parse(GET, *lines)
    expected = [(name.encode(), value.strip(" \t").encode("latin-1")) for name, value in fields]
    assert got.headers[1:] == expected
    # A tab makes the head leave the canonical grammar, and nothing else.
    assert parse(GET, *lines, "Z:\tz").headers[1:-1] == expected
