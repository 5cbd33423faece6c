"""Interception on real sockets: a forward proxy, what it refuses, and what it says of it."""

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from tests.http2 import connection, send
from tests.intercepting import Proxy, basic, trusting
from tests.plane import PATIENCE, Upstream, answer, read_answer
from tests.world import KEYS

PERSON = b'{"id": "7", "name": {"first": "Ana", "last": "Silva"}, "email": "ana@example.com"}'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


@pytest.fixture(scope="module")
def shared(upstream: Upstream) -> Iterator[Proxy]:
    with Proxy(upstream) as made:
        yield made


@pytest.fixture
def proxy(shared: Proxy, upstream: Upstream) -> Proxy:
    upstream.requests.clear()
    return shared


def get(proxy: Proxy, path: str = "/contacts/7", *, host: str = "", extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host or proxy.host}\r\n{extra}\r\n".encode()


def talk(sock: socket.socket, *pieces: bytes) -> bytes:
    for piece in pieces:
        sock.sendall(piece)
    return read_answer(sock)


# ---- what passes ----------------------------------------


def test_a_request_through_a_tunnel_is_masked(proxy: Proxy, upstream: Upstream) -> None:
    with proxy.tls() as sock:
        got = talk(sock, get(proxy))
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Ana" in got and b"ana@example.com" not in got
    assert upstream.requests[0].startswith(b"GET /contacts/7 HTTP/1.1\r\nHost: " + proxy.host.encode())
    record = proxy.records()[-1]
    assert (record.effect, record.client, record.operation) == ("allow", "helpdesk", "contacts.fetch")


def test_requests_follow_each_other_in_one_tunnel(proxy: Proxy) -> None:
    with proxy.tls() as sock:
        assert all(talk(sock, get(proxy)).startswith(b"HTTP/1.1 200") for _ in range(3))
        assert talk(sock, get(proxy)[:9], get(proxy)[9:]).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("scheme", ["http", "https"])  # old axios asks so where others make a tunnel
def test_absolute_form_names_the_client_with_each_request(
    proxy: Proxy, upstream: Upstream, scheme: str
) -> None:
    url = f"{scheme}://{proxy.host}/contacts/7"
    with proxy.connect() as sock:
        assert talk(sock, get(proxy, url, extra=basic(KEYS["support"]))).startswith(b"HTTP/1.1 200")
        assert b"proxy-auth" not in upstream.requests[0].lower()
        assert talk(sock, get(proxy, url)).startswith(b"HTTP/1.1 407")


def test_a_bearer_key_names_the_client(proxy: Proxy) -> None:
    line = "Proxy-Authorization: Bearer " + KEYS["support"].decode() + "\r\n"
    with proxy.connect() as sock:
        assert talk(sock, proxy.connect_line(key=b"", extra=line)).startswith(b"HTTP/1.1 200")


def test_http2_is_spoken_where_it_is_offered(proxy: Proxy) -> None:
    with proxy.tls(protocols=("h2", "http/1.1")) as sock:
        assert sock.selected_alpn_protocol() == "h2"
        made = connection(sock)
        for _ in range(3):
            got = send(sock, made, h2_fields(proxy))
            assert got.startswith(b"HTTP/1.1 200") and b"ana@example.com" not in got


@pytest.mark.parametrize("said", [True, False], ids=["a length", "no length"])
def test_a_body_of_http2_is_a_body(proxy: Proxy, upstream: Upstream, said: bool) -> None:
    """Whether its length is said or not: never the next request."""
    before = len(proxy.records())
    for body in (b'{"name":{"first":"Ana"}}', get(proxy)):
        length = {"content-length": b"%d" % len(body)} if said else {}
        json = {":method": b"POST", ":path": b"/contacts", "content-type": b"application/json"}
        with proxy.tls(protocols=("h2",)) as sock:
            send(sock, connection(sock), h2_fields(proxy, **json, **length), body)
    assert [request.partition(b"\r\n\r\n")[2] for request in upstream.requests] == [
        b'{"name":{"first":"Ana"}}'
    ]
    assert [(r.phase, r.reason) for r in proxy.records()[before:]] == [
        ("intent", ""),
        ("outcome", ""),
        ("refusal", "unparseable_body"),
    ]


def test_a_long_http2_connection_keeps_nothing_of_its_requests(proxy: Proxy) -> None:
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        for _ in range(20):
            assert send(sock, made, h2_fields(proxy)).startswith(b"HTTP/1.1 200")
        (layer,) = list(proxy.worker.streams.values())
        assert len(layer.connections) <= 3, "one for the application, and what has just ended"
        assert len(proxy.worker.links) <= 2
    wait_for(lambda: [True] if not proxy.worker.streams else [])
    assert not proxy.worker.sessions or wait_for(lambda: [True] if not proxy.worker.sessions else [])


def h2_fields(proxy: Proxy, **changes: bytes) -> list[tuple[bytes, bytes]]:
    fields = {
        ":method": b"GET",
        ":authority": proxy.host.encode(),
        ":scheme": b"https",
        ":path": b"/contacts/7",
    }
    return [(name.encode(), value) for name, value in (fields | changes).items()]


def test_sessions_are_resumed(proxy: Proxy) -> None:
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with proxy.tls(context=context) as first:
        session = first.session
        with context.wrap_socket(proxy.tunnel(), server_hostname="127.0.0.1", session=session) as second:
            assert second.session_reused


# ---- what does not ----------------------------------------


@dataclass(frozen=True)
class Bad:
    """What a client does wrong; the status it gets (0: its connection ends) and the reason on record."""

    does: Callable[[Proxy], bytes]
    status: int
    reason: str


def connects(target: str, *, key: bytes = KEYS["support"], extra: str = "") -> Callable[[Proxy], bytes]:
    def does(proxy: Proxy) -> bytes:
        with proxy.connect() as sock:
            return talk(sock, proxy.connect_line(target.format(proxy.host), key, extra))

    return does


def asks(head: str) -> Callable[[Proxy], bytes]:
    """In a tunnel; {} is the host."""

    def does(proxy: Proxy) -> bytes:
        with proxy.tls() as sock:
            return talk(sock, head.format(proxy.host).replace("\n", "\r\n").encode())

    return does


def plainly(head: str) -> Callable[[Proxy], bytes]:
    """To the proxy itself."""

    def does(proxy: Proxy) -> bytes:
        with proxy.connect() as sock:
            text = head.format(proxy.host, basic(KEYS["support"]).strip())
            return talk(sock, text.replace("\n", "\r\n").encode())

    return does


def fronts(proxy: Proxy) -> bytes:
    """A name in the handshake that is not the one in the tunnel."""
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"), proxy.tls("other.example"):
        raise AssertionError("a handshake was made")
    return b""


def distrusts(proxy: Proxy) -> bytes:
    with pytest.raises(ssl.SSLCertVerificationError), proxy.tls(context=ssl.create_default_context()):
        raise AssertionError("a handshake was made")
    return b""


def sends(data: bytes) -> Callable[[Proxy], bytes]:
    """Bytes in a tunnel that are no HTTP and no TLS."""

    def does(proxy: Proxy) -> bytes:
        with proxy.tunnel() as sock:
            sock.settimeout(PATIENCE)
            return talk(sock, data)

    return does


def over_http2(**changes: bytes) -> Callable[[Proxy], bytes]:
    """Fields as given, unchecked by the client."""

    def does(proxy: Proxy) -> bytes:
        with proxy.tls(protocols=("h2",)) as sock:
            fields = h2_fields(
                proxy, **{k.replace("__", ":").replace("_", "-"): v for k, v in changes.items()}
            )
            return send(sock, connection(sock, checks=False), fields)

    return does


def misordered(proxy: Proxy) -> bytes:
    with proxy.tls(protocols=("h2",)) as sock:
        *fields, path = h2_fields(proxy)
        return send(sock, connection(sock, checks=False), [*fields, (b"x", b"y"), path])


def doubled(proxy: Proxy) -> bytes:
    with proxy.tls(protocols=("h2",)) as sock:
        fields = h2_fields(proxy)
        return send(sock, connection(sock, checks=False), [*fields, (b":path", b"/recordings/7")])


def tunnels(proxy: Proxy) -> bytes:
    """CONNECT as a stream (RFC 9113 section 8.5)."""
    with proxy.tls(protocols=("h2",)) as sock:
        fields = [(b":method", b"CONNECT"), (b":authority", proxy.host.encode())]
        return send(sock, connection(sock, checks=False), fields)


BAD = {
    "no key": Bad(connects("{}", key=b""), 407, "proxy_authentication_required"),
    "a wrong key": Bad(connects("{}", key=b"guess"), 407, "proxy_authentication_required"),
    "two keys": Bad(connects("{}", extra=basic(b"x")), 400, "malformed_request"),
    "another scheme": Bad(
        connects("{}", key=b"", extra="Proxy-Authorization: Digest x\r\n"),
        407,
        "proxy_authentication_required",
    ),
    "a host nobody names": Bad(connects("evil.example:443"), 403, "host_not_allowed"),
    "an address": Bad(connects("203.0.113.7:443"), 403, "host_not_allowed"),
    "a private address": Bad(connects("10.0.0.7:443"), 403, "host_not_allowed"),
    "an IPv6 address": Bad(connects("[::1]:443"), 403, "host_not_allowed"),
    "metadata of a cloud": Bad(connects("169.254.169.254:80"), 403, "host_not_allowed"),
    "a tunnel in a tunnel": Bad(asks("CONNECT {0} HTTP/1.1\nHost: {0}\n\n"), 400, "malformed_request"),
    "another host in the tunnel": Bad(asks("GET / HTTP/1.1\nHost: evil.example\n\n"), 421, "host_mismatch"),
    "another port in the tunnel": Bad(asks("GET / HTTP/1.1\nHost: 127.0.0.1:1\n\n"), 421, "host_mismatch"),
    "another host in absolute-form": Bad(
        asks("GET http://evil.example/ HTTP/1.1\nHost: {}\n\n"), 400, "malformed_request"
    ),
    "absolute-form to a host nobody names": Bad(
        plainly("GET http://evil.example/ HTTP/1.1\nHost: evil.example\n{1}\n\n"), 403, "host_not_allowed"
    ),
    "absolute-form against Host": Bad(
        plainly("GET http://{0}/ HTTP/1.1\nHost: evil.example\n{1}\n\n"), 400, "malformed_request"
    ),
    "origin-form to the proxy": Bad(
        plainly("GET /contacts/7 HTTP/1.1\nHost: gw.internal\n{1}\n\n"), 403, "host_not_allowed"
    ),
    "smuggling": Bad(
        asks("POST /contacts HTTP/1.1\nHost: {}\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n"),
        400,
        "malformed_request",
    ),
    "WebSocket": Bad(
        asks("GET /contacts/7 HTTP/1.1\nHost: {}\nConnection: Upgrade\nUpgrade: websocket\n\n"),
        403,
        "upgrade_required_refused",
    ),
    "HTTP/2: a tunnel": Bad(tunnels, 0, "malformed_request"),
    "no Host": Bad(asks("GET / HTTP/1.1\n\n"), 400, "malformed_request"),
    "two Hosts": Bad(asks("GET / HTTP/1.1\nHost: {0}\nHost: {0}\n\n"), 400, "malformed_request"),
    "an operation no pack names": Bad(asks("GET /nothing HTTP/1.1\nHost: {}\n\n"), 403, "unknown_operation"),
    "domain fronting": Bad(fronts, 0, "host_mismatch"),
    "a client without our root": Bad(distrusts, 0, "certificate_refused"),
    "no HTTP": Bad(sends(b"SSH-2.0-OpenSSH_9.9\r\n"), 0, "protocol_not_allowed"),
    "no TLS handshake": Bad(sends(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), 0, "protocol_not_allowed"),
    "binary": Bad(sends(bytes(range(255, 200, -1))), 0, "protocol_not_allowed"),
    "HTTP/2: host against :authority": Bad(over_http2(host=b"evil.example"), 0, "malformed_request"),
    "HTTP/2: another :authority": Bad(over_http2(__authority=b"evil.example"), 421, "host_mismatch"),
    "HTTP/2: a line end in a value": Bad(over_http2(x=b"a\r\nHost: evil.example"), 0, "malformed_request"),
    "HTTP/2: a line end in the path": Bad(over_http2(__path=b"/a\r\nX: b"), 0, "malformed_request"),
    "HTTP/2: a name in upper case": Bad(over_http2(X=b"a"), 0, "malformed_request"),
    "HTTP/2: a pseudo-header after a field": Bad(misordered, 0, "malformed_request"),
    "HTTP/2: a pseudo-header twice": Bad(doubled, 0, "malformed_request"),
    "HTTP/2: connection": Bad(over_http2(connection=b"close"), 0, "malformed_request"),
    "HTTP/2: transfer-encoding": Bad(over_http2(transfer_encoding=b"chunked"), 0, "malformed_request"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_recorded(proxy: Proxy, upstream: Upstream, bad: Bad) -> None:
    before = len(proxy.records())
    got = bad.does(proxy)
    if bad.status:
        assert got.startswith(b"HTTP/1.1 %d" % bad.status), got
        assert b"urn:hushgate:" + bad.reason.encode() in got
    else:
        assert b"HTTP/1.1 2" not in got
    records = wait_for(lambda: proxy.records()[before:])
    assert [(r.phase, r.effect, r.reason) for r in records] == [("refusal", "refuse", bad.reason)]
    assert upstream.requests == []


def wait_for[T](look: Callable[[], list[T]]) -> list[T]:
    """What is there, once it is: a record may come after the end of a connection."""
    import threading

    for _ in range(200):
        if found := look():
            return found
        threading.Event().wait(0.02)
    return []
