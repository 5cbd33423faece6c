"""What is intercepted, and what is tunnelled untouched, by way of a parent proxy."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

import gateway.planes.intercept.plane
from gateway.parent import Parent
from tests.intercepting import Proxy
from tests.parents import ParentProxy
from tests.plane import PATIENCE, Upstream, answer, read_answer

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
HELLO = b"EHLO x\r\n"
ELSEWHERE = "203.0.113.9"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


@pytest.fixture
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    async def public(name: str, port: int) -> tuple[str, int]:
        assert name == "other.example"
        return ELSEWHERE, port

    monkeypatch.setattr(gateway.planes.intercept.plane, "public", public)


def by(proxy: ParentProxy) -> Parent:
    return Parent("127.0.0.1", proxy.port, authorization="Bearer t")


@pytest.mark.usefixtures("_public")
def test_a_tunnel_that_is_not_looked_into(upstream: Upstream) -> None:
    with (
        ParentProxy(upstream.port) as parent,
        Proxy(upstream, others="tunnel", parent=by(parent)) as proxy,
        proxy.tunnel("other.example:25") as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert b"ana@example.com" in read_answer(sock), "untouched"
        assert parent.asked[0].startswith(b"CONNECT 203.0.113.9:25 HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Bearer t\r\n" in parent.asked[0]


@pytest.mark.usefixtures("_public")
@pytest.mark.parametrize(
    ("says", "status", "reason"),
    [
        (b"HTTP/1.1 403 No\r\n\r\n", 502, "parent_refused"),
        (b"HTTP/1.1 504 Late\r\n\r\n", 504, "upstream_timeout"),
    ],
)
def test_one_that_the_parent_does_not_grant(
    says: bytes, status: int, reason: str, upstream: Upstream
) -> None:
    with (
        ParentProxy(upstream.port, says) as parent,
        Proxy(upstream, others="tunnel", parent=by(parent)) as proxy,
        proxy.connect() as sock,
    ):
        sock.sendall(proxy.connect_line("other.example:25"))
        assert read_answer(sock).startswith(b"HTTP/1.1 %d " % status)
        assert [(r.phase, r.reason) for r in proxy.records()] == [("refusal", reason)]


@pytest.mark.usefixtures("_public")
def test_one_that_is_never_used_is_closed(upstream: Upstream) -> None:
    with ParentProxy(upstream.port) as parent, Proxy(upstream, others="tunnel", parent=by(parent)) as proxy:
        proxy.tunnel("other.example:25").close()
        assert parent.unused.wait(PATIENCE)


def test_a_redirected_connection_that_is_let_past(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitmproxy.platform.original_addr", lambda _: (ELSEWHERE, 443))
    hello = client_hello("other.example")
    with (
        ParentProxy(upstream.port, b"HTTP/1.1 403 No\r\n\r\n") as parent,
        Proxy(upstream, mode="transparent", others="tunnel", parent=by(parent)) as proxy,
        proxy.connect() as sock,
    ):
        sock.sendall(hello)
        assert sock.recv(1) == b"", "closed, and not connected to directly"
        assert parent.asked[0].startswith(b"CONNECT 203.0.113.9:443 ")
        assert [(r.phase, r.reason) for r in proxy.records()] == [("refusal", "parent_refused")]


def client_hello(name: str) -> bytes:
    import ssl

    out = ssl.MemoryBIO()
    made = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        made.do_handshake()
    return out.read()


def test_what_is_intercepted_goes_by_the_upstreams_own(upstream: Upstream) -> None:
    with ParentProxy(upstream.port) as parent:

        def change(made: Any) -> Any:
            return msgspec.structs.replace(made, parent=Parent("127.0.0.1", parent.port))

        with Proxy(upstream, change=change) as proxy, proxy.tls() as sock:
            sock.sendall(b"GET /contacts/7 HTTP/1.1\r\nHost: %b\r\n\r\n" % proxy.host.encode())
            got = read_answer(sock)
            assert b"Ana" in got and b"ana@" not in got
        assert parent.asked[0].startswith(b"CONNECT %b HTTP/1.1\r\n" % proxy.host.encode())
