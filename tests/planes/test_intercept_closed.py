"""Closed: whatever raises while traffic is intercepted, nothing reaches the upstream, nothing of it a caller.

Every row is one place that breaks, behind mitmproxy's own add-on manager, on real sockets. A hook without a
row fails the last test.
"""

import contextlib
import inspect
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

import gateway.planes.intercept.addon
import gateway.planes.intercept.inner
import gateway.planes.intercept.layers
import gateway.planes.intercept.plane
from gateway.errors import UpstreamError
from gateway.planes.intercept.addon import Addon
from gateway.planes.intercept.handler import Handler
from gateway.planes.intercept.inner import Inner
from gateway.planes.intercept.link import Link, Out
from gateway.planes.intercept.plane import Interceptor
from gateway.planes.intercept.session import Session
from gateway.planes.intercept.tls import Contexts
from gateway.policy.origins import Origins
from tests.http2 import connection, send
from tests.intercepting import Proxy
from tests.plane import TIMEOUTS, Upstream, answer, read_answer

SECRET = "secret-of-ana@example.com"
NAME = "Anastasia"
PERSON = f'{{"id": "7", "name": {{"first": "{NAME}"}}, "email": "ana@example.com"}}'.encode()
H1, H2 = "HTTP/1.1", "HTTP/2"
SILENCE = 0.5
"""seconds a caller goes on listening once a point has raised: where an end breaks, nobody tells it"""


@dataclass(frozen=True)
class Point:
    """What raises, and over which protocol it is met."""

    owner: Any
    name: str
    over: str = H1


plane = gateway.planes.intercept
POINTS = [
    Point(Addon, "client_connected"),
    Point(Addon, "next_layer"),
    Point(Addon, "server_connect"),
    Point(Addon, "server_connect", H2),
    Point(Addon, "tls_start_client"),
    Point(Addon, "http_connect"),
    Point(Addon, "requestheaders", H2),
    Point(Addon, "responseheaders", H2),
    Point(Interceptor, "welcome"),
    Point(Interceptor, "admit_tunnel"),
    Point(Interceptor, "admit_tls"),
    Point(Interceptor, "leaf"),
    Point(Interceptor, "way_inside"),
    Point(Interceptor, "way_inside", H2),
    Point(plane.addon, "choose"),
    Point(plane.addon, "_verdict", H2),
    Point(plane.addon, "_address", H2),
    Point(plane.addon, "is_inside", H2),
    Point(plane.layers, "parse_client_hello"),
    Point(plane.layers, "relay"),
    Point(plane.plane, "proxy_key"),
    Point(plane.plane, "Link"),
    Point(plane.plane, "Inner", H2),
    Point(Session, "check"),
    Point(Session, "check", H2),
    Point(Origins, "names_host"),
    Point(Origins, "find"),
    Point(Origins, "find", H2),
    Point(Contexts, "of"),
    Point(Inner, "begin"),
    Point(Inner, "who"),
    Point(Inner, "_check", H2),
    Point(Handler, "_opened"),
    Point(Link, "write"),
    Point(Link, "write", H2),
    Point(Link, "read"),
    Point(Link, "give", H2),
    Point(Out, "write"),
]
HARMLESS = {
    "client_disconnected": "the connection has ended",
    "hushgate_asked": "a question that is not answered",
    "hushgate_refused": "the connection ends whatever it says",
    "socks5_auth": "no password is valid until it has said so (test_intercept_trouble)",
    "quic_start_client": "without settings no handshake is made (test_intercept_quic)",
    "tls_established_client": "without it a client is known by less",
    "tls_failed_client": "the handshake has failed",
    "error": "the request has failed",
    "tcp_start": "bytes that are no HTTP are never given to it: they are refused, or passed untouched",
    "tcp_message": "the same",
    "udp_start": "the same",
    "udp_message": "the same",
    "dns_request": "the same",
    "dns_response": "the same",
}
"""Hooks that let nothing through by raising, and why."""
RELEASED = Addon, "responseheaders"
"""The hook as a whole: what comes to it has been masked and recorded, and released by the core."""
ANSWERED = {
    (Link, "read", H1),
    (Link, "give", H2),
    (Out, "write", H1),
    (*RELEASED, H2),
    (plane.addon, "is_inside", H2),
}
"""Points past the core's own decision: the request was allowed to leave, and the answer is not let out."""


class Watched(Proxy):
    """Its callers can be made to listen no more."""

    dialled: socket.socket | None = None

    def connect(self) -> socket.socket:
        """A caller's connection."""
        sock = super().connect()
        self.let_go()
        self.dialled = sock.dup()
        return sock

    def hang_up(self) -> None:
        """For the caller that connected last."""
        with contextlib.suppress(OSError):
            if self.dialled is not None:
                self.dialled.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Of its socket."""
        if self.dialled is not None:
            self.dialled.close()
            self.dialled = None


Standing = tuple[Watched, Upstream]


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    """One for all rows: after each it has to serve on."""
    waits = replace(TIMEOUTS, drain=0.2, idle=2, head=2)
    with Upstream(lambda _: answer(PERSON)) as upstream, Watched(upstream, timeouts=waits) as proxy:
        yield proxy, upstream
        proxy.let_go()


@pytest.mark.parametrize("kind", [RuntimeError, UpstreamError], ids=["unforeseen", "of the house"])
@pytest.mark.parametrize(
    "point", POINTS, ids=lambda p: f"{getattr(p.owner, '__name__', '')}.{p.name} {p.over}"
)
def test_nothing_gets_through(
    point: Point,
    kind: type[Exception],
    standing: Standing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, upstream = standing
    raised: list[threading.Timer] = []

    def fails(*_: object, **__: object) -> None:
        if not raised:
            raised.append(threading.Timer(SILENCE, proxy.hang_up))
            raised[0].start()
        raise UpstreamError("upstream_invalid", "") if kind is UpstreamError else kind(SECRET)

    upstream.requests.clear()
    with monkeypatch.context() as patched:
        patched.setattr(point.owner, point.name, fails)
        got = attempt(proxy, point.over)
    assert raised, "the point was not met"
    raised[0].cancel()
    raised[0].join()
    assert SECRET.encode() not in got and b"ana@" not in got
    assert NAME.encode() not in got or (point.owner, point.name) == RELEASED
    assert upstream.requests == [] or (point.owner, point.name, point.over) in ANSWERED
    assert NAME.encode() in attempt(proxy, point.over), "it does not serve on"


def attempt(proxy: Proxy, over: str) -> bytes:
    """All that a caller gets."""
    try:
        with proxy.tls(protocols=("h2",) if over == H2 else ("http/1.1",)) as sock:
            return asked(proxy, sock, over)
    except (OSError, ssl.SSLError, AssertionError) as error:
        return repr(error).encode()


def asked(proxy: Proxy, sock: socket.socket, over: str) -> bytes:
    host = proxy.host.encode()
    if over == H2:
        pseudo = [
            (b":method", b"GET"),
            (b":authority", host),
            (b":scheme", b"https"),
            (b":path", b"/contacts/7"),
        ]
        return send(sock, connection(sock), pseudo)
    sock.sendall(b"GET /contacts/7 HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    return read_answer(sock)


def test_every_hook_has_a_row() -> None:
    hooks = {name for name, _ in inspect.getmembers(Addon, inspect.isfunction) if name[0] != "_"}
    rows = {point.name for point in POINTS if point.owner is Addon}
    assert hooks == rows | set(HARMLESS)
    assert not rows & set(HARMLESS)


def test_mitmproxy_has_no_way_of_its_own(standing: Standing) -> None:
    options = standing[0].worker.master.options
    assert options.connection_strategy == "lazy"
    assert (options.rawtcp, options.validate_inbound_headers) == (False, True)
    assert not options.stream_large_bodies and not options.ssl_insecure
