"""Targets and hosts: which forms are taken, and what they are reduced to."""

import pytest

from gateway.errors import PayloadError
from gateway.http1.head import RequestHead, parse_request_head
from gateway.http1.target import hostname


def parse(start: str, host: str | None = "api.example") -> RequestHead:
    field = f"Host: {host}\r\n" if host is not None else ""
    return parse_request_head(f"{start}\r\n{field}\r\n".encode("latin-1"))


def refusal(start: str, host: str | None = "api.example") -> str:
    with pytest.raises(PayloadError) as caught:
        parse(start, host)
    return caught.value.reason


GET = "GET / HTTP/1.1"


@pytest.mark.parametrize(
    "host",
    ["a", "a.example", "a_b.example", "127.0.0.1:65535", "[::1]", "[::ffff:1.2.3.4]:80", "0.0.0.0=5000"],
)
def test_hosts(host: str) -> None:
    assert parse(GET, host=host).host == host.encode()


@pytest.mark.parametrize(
    "host",
    [
        *("", "a b", "a/b", "a@b", "a:b", "a:", "a:65536", "a:123456", "[::1", "::1", "[::g]", "[1.2.3.4]"),
        *("[v1.a]", "a\\b", "a?b", "a#b", "a%b", "\xe9", "a,b c", "[::1]x", "a:80:80"),
    ],
)
def test_broken_hosts(host: str) -> None:
    assert refusal(GET, host) == "malformed_request"


def test_host_is_required_in_1_1_only() -> None:
    assert refusal(GET, None) == "malformed_request"
    assert parse("GET / HTTP/1.0", host=None).host == b""


def test_hostname() -> None:
    got = [hostname(host) for host in (b"a.example:80", b"a.example", b"[::1]:80", b"[::1]")]
    assert got == [b"a.example", b"a.example", b"[::1]", b"[::1]"]


@pytest.mark.parametrize(
    ("start", "target", "path", "query"),
    [
        ("GET http://api.example/a?b HTTP/1.1", b"/a?b", b"/a", b"b"),
        ("GET HTTPS://API.EXAMPLE:443/a HTTP/1.1", b"/a", b"/a", b""),
        ("GET http://api.example HTTP/1.1", b"/", b"/", b""),
        ("GET http://api.example?x=/y HTTP/1.1", b"/?x=/y", b"/", b"x=/y"),
        ("OPTIONS http://api.example HTTP/1.1", b"*", b"*", b""),
        ("OPTIONS * HTTP/1.1", b"*", b"*", b""),
        ("GET //double/../%2e%2F HTTP/1.1", b"//double/../%2e%2F", b"//double/../%2e%2F", b""),
        ('GET /"<>[]^`{|}?"<>[]^`{|} HTTP/1.1', b'/"<>[]^`{|}?"<>[]^`{|}', b'/"<>[]^`{|}', b'"<>[]^`{|}'),
        ("GET /? HTTP/1.1", b"/?", b"/", b""),
    ],
)
def test_targets(start: str, target: bytes, path: bytes, query: bytes) -> None:
    got = parse(start)
    assert (got.target, got.path, got.query) == (target, path, query)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "a/b",
            "*",
            "?a",
            "api.example:80",
            "http:/a",
            "http://",
            "http:///a",
            "ftp://api.example/",
            "",
        ),
        *(
            "http://evil.example/",
            "http://api.example:81/",
            "https://api.example:80/",
            "http://u@api.example/",
        ),
        *(
            "http://u:p@api.example/",
            "/a#b",
            "/a\\b",
            "/a\xe9",
            "/a\x7f",
            "/a\tb",
            "/%",
            "/%4",
            "/%zz",
            "/?a=%g0",
        ),
    ],
)
def test_broken_targets(target: str) -> None:
    assert refusal(f"GET {target} HTTP/1.1") == "malformed_request"


def test_an_absolute_target_names_the_host_in_1_0() -> None:
    got = parse("GET http://API.example:8080/a HTTP/1.0", host=None)
    assert (got.host, got.target) == (b"api.example:8080", b"/a")
