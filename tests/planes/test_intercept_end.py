"""How an answer ends over TLS: told by a close_notify where it is whole, never where it was broken off."""

import ssl
from collections.abc import Iterator

import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from gateway.errors import CertificateError
from tests.intercepting import Proxy, trusting
from tests.plane import Upstream, answer
from tests.world import KEYS

BODY = b"word " * 40
PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'


def reply(request: bytes) -> "bytes | Iterator[bytes | float]":
    """As much of a recording as its length says, or less."""
    if b"/recordings/" not in request:
        return answer(PERSON)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/x-wav\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    return iter([head + piece, b""]) if b"broken" in request else head + piece + b"0\r\n\r\n"


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Upstream(reply) as upstream, Proxy(upstream) as made:
        yield made


def ending(proxy: Proxy, path: str, version: str, tls: ssl.TLSVersion) -> tuple[bytes, bool]:
    """What is read to the end, and whether the end was told."""
    context = trusting()
    context.maximum_version = tls
    got = b""
    with context.wrap_socket(
        proxy.tunnel(key=KEYS["admin"]), server_hostname="127.0.0.1", suppress_ragged_eofs=False
    ) as sock:
        fields = f"Host: {proxy.host}\r\nConnection: close\r\n\r\n"
        sock.sendall(f"GET {path} {version}\r\n{fields}".encode())
        try:
            while data := sock.recv(65536):
                got += data
        except (ssl.SSLError, ConnectionError):
            return got, False
        return got, True


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("path", ["/contacts/7", "/recordings/whole"])
def test_the_end_of_a_whole_answer_is_told(
    proxy: Proxy, path: str, version: str, tls: ssl.TLSVersion
) -> None:
    got, told = ending(proxy, path, version, tls)
    assert got.startswith(b"HTTP/1.1 200")
    assert told
    assert BODY in got or b"Ana" in got


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_end_of_a_broken_one_is_not(proxy: Proxy, tls: ssl.TLSVersion) -> None:
    assert ending(proxy, "/recordings/broken", "HTTP/1.0", tls)[1] is False


def outside(host: str, names: object) -> object:
    """What mints for another host only."""
    del host, names
    raise CertificateError("certificate_unavailable", "the host is outside the name constraints", "host")


def test_a_handshake_that_is_not_made_is_one_record() -> None:
    with Upstream(reply) as upstream, Proxy(upstream, mint=outside) as proxy:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            proxy.tls()
        with proxy.connect() as sock:  # a record later than any that the handshake had left
            sock.sendall(proxy.connect_line(key=b"nobody"))
            assert sock.recv(4096).startswith(b"HTTP/1.1 407")
        reasons = [record.reason for record in proxy.records()]
    assert reasons == ["certificate_unavailable", "proxy_authentication_required"]
