"""curl's command line as the request it would send."""

import pytest

from gateway.cli.curl import read_curl
from gateway.errors import PayloadError

CASES = {
    "http://gw.test/a": (b"GET /a HTTP/1.1", b"Host: gw.test", b""),
    "gw.test:81": (b"GET / HTTP/1.1", b"Host: gw.test:81", b""),
    "-X DELETE http://gw.test/a": (b"DELETE /a HTTP/1.1", b"", b""),
    "-d a=1 -d b=2 http://gw.test/a": (b"POST /a HTTP/1.1", b"Content-Length: 7", b"a=1&b=2"),
    "-G -d a=1 http://gw.test/a?z=0": (b"GET /a?z=0&a=1 HTTP/1.1", b"", b""),
    "-I http://gw.test/a": (b"HEAD /a HTTP/1.1", b"", b""),
    "-u me:pw http://gw.test/a": (b"GET /a HTTP/1.1", b"Authorization: Basic bWU6cHc=", b""),
    "--json {} http://gw.test/a": (b"POST /a HTTP/1.1", b"Content-Type: application/json", b"{}"),
    "--data-urlencode a=b&c http://gw.test/a": (b"POST /a HTTP/1.1", b"", b"a=b%26c"),
    "-sS -H X-Y:z http://u:p@gw.test/a": (b"GET /a HTTP/1.1", b"Host: gw.test", b""),
}


@pytest.mark.parametrize("line", CASES)
def test_what_curl_would_send(line: str) -> None:
    first, field, body = CASES[line]
    head, sent = read_curl(line.split())
    lines = head.split(b"\r\n")
    assert lines[0] == first and sent == body and head.endswith(b"\r\n\r\n")
    assert not field or field in lines


@pytest.mark.parametrize("line", ["", "--proxy x http://a", "-d @file http://a", "http://a http://b"])
def test_what_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(PayloadError):
        read_curl(line.split())
