"""The ways in: SOCKS5, local reverse, redirects, TLS to the proxy, certificates of callers, tunnels."""

import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

import gateway.planes.intercept.plane
from gateway.deployment import Tls
from gateway.model import Upstream as UpstreamModel
from tests.http2 import connection, send
from tests.intercepting import Proxy, authority, trusting, write
from tests.plane import PATIENCE, TIMEOUTS, Upstream, answer, read_answer
from tests.world import KEYS, RULES

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
KEY_LINE = f"Hushgate-Key: {KEYS['support'].decode()}\r\n"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


def get(host: str, extra: str = KEY_LINE) -> bytes:
    return f"GET /contacts/7 HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def masked(got: bytes) -> bool:
    return got.startswith(b"HTTP/1.1 200") and b"Ana" in got and b"ana@" not in got


# ---- ways in ----------------------------------------


def socks(sock: socket.socket, port: int, name: bytes = b"") -> bytes:
    """SOCKS5 (RFC 1928) to 127.0.0.1 or a name."""
    sock.sendall(b"\x05\x01\x00")
    assert sock.recv(2) == b"\x05\x00"
    where = b"\x03" + bytes([len(name)]) + name if name else b"\x01" + socket.inet_aton("127.0.0.1")
    sock.sendall(b"\x05\x01\x00" + where + struct.pack("!H", port))
    return sock.recv(10)


def test_socks5(upstream: Upstream) -> None:
    with Proxy(upstream, mode="socks5") as proxy:
        with proxy.connect() as sock:
            assert socks(sock, upstream.port)[1] == 0
            with trusting().wrap_socket(sock, server_hostname="127.0.0.1") as inner:
                inner.sendall(get(proxy.host))
                assert masked(read_answer(inner))
        with proxy.connect() as sock:
            assert socks(sock, 443, b"evil.example")[1] == 0
            with pytest.raises(ssl.SSLError):
                trusting().wrap_socket(sock, server_hostname="evil.example")
        assert proxy.records()[-1].reason == "host_not_allowed"


def test_reverse_means_one_host_whatever_is_said(upstream: Upstream) -> None:
    with Proxy(upstream, mode=f"reverse:http://127.0.0.1:{upstream.port}") as proxy:
        with proxy.connect() as sock:
            sock.sendall(get("anything.example"))
            assert masked(read_answer(sock))
        with trusting().wrap_socket(proxy.connect(), server_hostname="127.0.0.1") as inner:
            inner.sendall(get("localhost"))
            assert masked(read_answer(inner))
        context = trusting()
        context.check_hostname = False
        with context.wrap_socket(proxy.connect(), server_hostname="elsewhere.example") as inner:
            shown = inner.getpeercert() or {}
            assert ("IP Address", "127.0.0.1") in shown["subjectAltName"], "the host it means"


def test_what_the_kernel_redirected(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(upstream, mode="transparent") as proxy:
        monkeypatch.setattr("mitmproxy.platform.original_addr", lambda _: ("127.0.0.1", upstream.port))
        with proxy.connect() as sock:
            sock.sendall(get(proxy.host))
            assert masked(read_answer(sock))
        with trusting().wrap_socket(proxy.connect(), server_hostname="127.0.0.1") as inner:
            inner.sendall(get(proxy.host))
            assert masked(read_answer(inner))
        monkeypatch.setattr("mitmproxy.platform.original_addr", nowhere)
        with proxy.connect() as sock:
            sock.sendall(get(proxy.host))
            assert read_answer(sock) == b""


def nowhere(_: object) -> tuple[str, int]:
    raise OSError("not redirected")


def files(tmp_path: Path) -> Tls:
    own = authority().issue_cert("127.0.0.1")
    chain = write(tmp_path, "chain.pem", b"".join(b.bytes() for b in own.cert_chain_pems))
    key = write(tmp_path, "key.pem", own.private_key_pem.bytes())
    return Tls(chain, key, write(tmp_path, "ca.pem", authority().cert_pem.bytes()))


def test_tls_to_the_proxy_and_a_certificate_of_the_application(upstream: Upstream, tmp_path: Path) -> None:
    rules = RULES + "\n"
    lines = [line for line in rules.splitlines() if "helpdesk" in line]
    assert lines, rules
    start, end = lines[0].index("key:"), lines[0].index(", role")
    rules = rules.replace(lines[0], lines[0][:start] + "mtls: {san: app.example}" + lines[0][end:])
    with Proxy(upstream, listens=files(tmp_path), rules=rules) as proxy:
        outer = trusting()
        with outer.wrap_socket(proxy.connect(), server_hostname="127.0.0.1") as sock:
            sock.sendall(proxy.connect_line(key=b""))
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        context = trusting()
        authority().issue_cert("app.example").configure_cert(context)
        with context.wrap_socket(tunnel(proxy), server_hostname="127.0.0.1") as inner:
            inner.sendall(get(proxy.host, ""))
            assert masked(read_answer(inner))
        assert proxy.records()[-1].client == "helpdesk"
        with trusting().wrap_socket(tunnel(proxy), server_hostname="127.0.0.1") as inner:
            inner.sendall(get(proxy.host, ""))
            assert read_answer(inner).startswith(b"HTTP/1.1 401")
        stranger = trusting()
        trustme.CA().issue_cert("app.example").configure_cert(stranger)
        with (
            contextlib.suppress(OSError),
            stranger.wrap_socket(tunnel(proxy), server_hostname="127.0.0.1") as inner,
        ):
            inner.sendall(get(proxy.host, ""))
            assert read_answer(inner) == b""


def tunnel(proxy: Proxy) -> socket.socket:
    """Granted without a key, since a certificate may come."""
    return proxy.tunnel(key=b"")


# ---- tunnels that are not looked into ----------------------------------------


@dataclass
class Echo:
    """A server that says what it hears."""

    port: int = 0

    def __enter__(self) -> "Echo":
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                with sock:
                    while data := sock.recv(4096):
                        sock.sendall(data)


def test_other_hosts_pass_untouched_where_that_is_said(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def public(name: str, port: int) -> tuple[str, int]:
        assert name == "other.example"
        return "127.0.0.1", port

    with Echo() as echo, Proxy(upstream, others="tunnel") as proxy:
        monkeypatch.setattr(gateway.planes.intercept.plane, "public", public)
        with proxy.tunnel(f"other.example:{echo.port}") as sock:
            for data in (b"SSH-2.0-x\r\n", bytes(range(256)) * 100):
                sock.sendall(data)
                got = b""
                while len(got) < len(data):
                    got += sock.recv(65536)
                assert got == data
        with proxy.connect() as sock:
            sock.sendall(proxy.connect_line(f"other.example:{echo.port}", b""))
            assert read_answer(sock).startswith(b"HTTP/1.1 407")


@pytest.mark.parametrize(
    ("who", "reason"), [("network: [127.0.0.0/8]", "host_not_allowed"), ("", "unknown_client")]
)
def test_no_way_into_the_network_by_an_address(upstream: Upstream, who: str, reason: str) -> None:
    """SOCKS5 to an address, and in TLS a name nobody names: only what is public, for who is known."""
    line = next(line for line in RULES.splitlines() if "helpdesk" in line)
    start, end = line.index("key:"), line.index(", role")
    rules = RULES.replace(line, line[:start] + who + line[end:]) if who else RULES
    with (
        Echo() as echo,
        Proxy(upstream, mode="socks5", others="tunnel", rules=rules) as proxy,
        proxy.connect() as sock,
    ):
        assert socks(sock, echo.port)[1] == 0
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized|EOF"):
            trusting().wrap_socket(sock, server_hostname="other.example")
        assert proxy.records()[-1].reason == reason


@pytest.mark.parametrize(
    "target", ["localhost:443", "127.0.0.1:1", "10.0.0.1:443", "[::1]:22", "169.254.169.254:80"]
)
def test_no_tunnel_to_an_address_or_a_private_place(upstream: Upstream, target: str) -> None:
    with Proxy(upstream, others="tunnel") as proxy, proxy.connect() as sock:
        sock.sendall(proxy.connect_line(target))
        got = read_answer(sock)
        # 127.0.0.1 is named by the tests' own upstream: its other ports are not what it means
        assert got.startswith((b"HTTP/1.1 403", b"HTTP/1.1 200")), got
        if got.startswith(b"HTTP/1.1 200"):
            sock.sendall(get(target))
            assert read_answer(sock).startswith(b"HTTP/1.1 404")


# ---- upstreams ----------------------------------------


def wrong_upstreams() -> dict[str, ssl.SSLContext]:
    """Certificates no upstream may show."""
    import datetime

    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = {
        "expired": authority().issue_cert("127.0.0.1", not_after=past),
        "for another name": authority().issue_cert("other.example"),
        "of an unknown authority": trustme.CA().issue_cert("127.0.0.1"),
    }
    contexts = {}
    for name, certificate in made.items():
        contexts[name] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(contexts[name])
    return contexts


@pytest.mark.parametrize("name", ["expired", "for another name", "of an unknown authority"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_an_upstream_that_cannot_be_trusted(name: str, protocol: str, tmp_path: Path) -> None:
    context = wrong_upstreams()[name]
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    heard: list[bytes] = []
    threading.Thread(target=serve_tls, args=(server, context, heard), daemon=True).start()
    ca = write(tmp_path, "ca.pem", authority().cert_pem.bytes())

    def change(upstream: UpstreamModel) -> UpstreamModel:
        return msgspec.structs.replace(upstream, url=f"https://127.0.0.1:{port}", ca=ca)

    with Proxy(None, change=change) as proxy, proxy.tls(protocols=(protocol,)) as sock:
        got = over(proxy, sock, protocol)
        assert got.startswith(b"HTTP/1.1 502") and b"urn:hushgate:upstream_untrusted" in got
        assert [r.reason for r in proxy.records()] == ["upstream_untrusted"]
    server.close()
    assert heard == []


def over(proxy: Proxy, sock: Any, protocol: str) -> bytes:
    sock.settimeout(PATIENCE)
    if protocol == "h2":
        fields = {
            b":method": b"GET",
            b":authority": proxy.host.encode(),
            b":scheme": b"https",
            b":path": b"/contacts/7",
        }
        return send(sock, connection(sock), list(fields.items()))
    sock.sendall(get(proxy.host, ""))
    return read_answer(sock)


def serve_tls(server: socket.socket, context: ssl.SSLContext, heard: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock, _ = server.accept()
            with contextlib.suppress(OSError), sock, context.wrap_socket(sock, server_side=True) as inner:
                heard.append(inner.recv(100))


# ---- time ----------------------------------------


def test_whoever_does_not_say_what_it_wants_is_not_waited_for(upstream: Upstream) -> None:
    hasty = dataclasses.replace(TIMEOUTS, head=1.0, idle=1.0)
    with Proxy(upstream, timeouts=hasty) as proxy:
        with proxy.connect() as sock:
            with contextlib.suppress(OSError):
                for byte in proxy.connect_line()[:-1]:
                    sock.sendall(bytes([byte]))
                    threading.Event().wait(0.02)
            assert read_answer(sock) == b""
        with proxy.tunnel() as sock:
            assert sock.recv(1) == b""
        assert {r.reason for r in proxy.records()} == {"request_timeout"}
