"""What goes wrong at the edges: clients that hang up, SOCKS5 passwords, crashes of mitmproxy's own."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

import gateway.planes.intercept.plane
from gateway.planes.intercept.http import Inside
from gateway.planes.intercept.plane import Interceptor
from tests.http2 import connection, send
from tests.intercepting import Proxy, trusting
from tests.plane import Upstream, answer, read_answer
from tests.planes.test_intercept import get, h2_fields, wait_for
from tests.world import KEYS

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    upstream.requests.clear()
    with Proxy(upstream) as made:
        yield made


def reasons(proxy: Proxy) -> list[str]:
    """On record, once there is one."""
    return [record.reason for record in wait_for(proxy.records)]


# ---- clients that do not trust us ----------------------------------------


def hello() -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A handshake that is made by hand."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = trusting().wrap_bio(into, out, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        made.do_handshake()
    return made, into, out


def test_one_that_hangs_up_on_our_certificate_is_told_of(proxy: Proxy) -> None:
    """Without an alert: some pinned clients just close."""
    with proxy.tunnel() as sock:
        _, _, out = hello()
        sock.sendall(out.read())
        assert sock.recv(5)[0] == 22, "our certificate is on its way"
    assert reasons(proxy) == ["certificate_refused"]
    assert proxy.metrics.counts["hushgate_certificates_refused", "127.0.0.1"] == 1


def test_one_that_breaks_the_handshake_is_something_else(proxy: Proxy) -> None:
    with proxy.tunnel() as sock:
        _, _, out = hello()
        sock.sendall(out.read())
        sock.recv(5)
        sock.sendall(b"\x16\x03\x03\x00\x04nope")
        with contextlib.suppress(OSError):
            while sock.recv(4096):
                pass
    assert reasons(proxy) == ["malformed_request"]


def test_one_that_goes_after_the_handshake_is_counted(proxy: Proxy) -> None:
    """It may have looked at the certificate by itself, or have connected ahead: no refusal is on record."""
    count = ("hushgate_handshakes_unused", "127.0.0.1")
    with proxy.tls() as sock:
        sock.sendall(get(proxy))
        assert b"Ana" in read_answer(sock)
    with proxy.tls():
        pass
    assert wait_for(lambda: [proxy.metrics.counts[count]] if count in proxy.metrics.counts else []) == [1]
    assert reasons(proxy) == [""]


# ---- SOCKS5 ----------------------------------------


def login(password: bytes, user: bytes = b"app") -> bytes:
    return b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password


@pytest.fixture(scope="module")
def socks(upstream: Upstream) -> Iterator[Proxy]:
    with Proxy(upstream, mode="socks5") as made:
        yield made


def connects(proxy: Proxy, sock: socket.socket) -> None:
    port = int(proxy.host.partition(":")[2])
    sock.sendall(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + struct.pack("!H", port))
    assert sock.recv(10)[1] == 0


def test_a_password_is_a_clients_key(socks: Proxy) -> None:
    with socks.connect() as sock:
        for piece in (b"\x05", b"\x02\x00", b"\x02"):
            sock.sendall(piece)
            threading.Event().wait(0.02)  # so that most often each is read alone
        assert sock.recv(2) == b"\x05\x02"
        sock.sendall(login(KEYS["support"]))
        assert sock.recv(2) == b"\x01\x00"
        connects(socks, sock)
        with trusting().wrap_socket(sock, server_hostname="127.0.0.1") as inner:
            inner.sendall(get(socks))
            got = read_answer(inner)
    assert got.startswith(b"HTTP/1.1 200") and b"ana@" not in got
    assert socks.records()[-1].client == "helpdesk"


@pytest.mark.parametrize("password", [b"guess", b"", b"\xff\xfe"])
def test_a_wrong_one_is_refused(socks: Proxy, password: bytes) -> None:
    before = len(socks.records())
    with socks.connect() as sock:
        sock.sendall(b"\x05\x01\x02" + login(password))
        got = b""
        while data := sock.recv(100):
            got += data
    assert got.startswith(b"\x05\x02\x01\x01")
    assert [r.reason for r in socks.records()[before:]] == ["proxy_authentication_required"]


def test_a_hook_that_raises_makes_no_password_valid(socks: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interceptor, "admit_key", fails)
    with socks.connect() as sock:
        sock.sendall(b"\x05\x01\x02" + login(KEYS["support"]))
        got = b""
        while data := sock.recv(100):
            got += data
    assert got.startswith(b"\x05\x02\x01\x01")


def test_who_offers_none_is_known_otherwise(socks: Proxy) -> None:
    with socks.connect() as sock:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00"
        connects(socks, sock)
        sock.sendall(get(socks))
        assert read_answer(sock).startswith(b"HTTP/1.1 401")


# ---- crashes ----------------------------------------


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("secret-of-ana@example.com")


@pytest.mark.parametrize(
    ("owner", "name"), [(Inside, "read_headers"), (Inside, "send"), (gateway.planes.intercept.plane, "Inner")]
)
def test_a_crash_is_on_record_and_ends_the_connection(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, fails)
            assert send(sock, made, h2_fields(proxy)) == b"closed"
    assert wait_for(lambda: [r for r in proxy.records() if r.reason == "internal_error"])
    with proxy.tls(protocols=("h2",)) as sock:
        assert send(sock, connection(sock), h2_fields(proxy)).startswith(b"HTTP/1.1 200"), "it serves on"
