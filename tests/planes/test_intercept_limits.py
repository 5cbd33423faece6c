"""What one application can cost: connections, long handshakes, requests taken back; and sessions resumed."""

import contextlib
import dataclasses
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.errors
import h2.events
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from gateway.deployment import Tls
from gateway.planes.intercept.http import TAKEN_BACK
from tests.http2 import connection, send
from tests.intercepting import Proxy, Shown, authority, shown, trusting, write
from tests.plane import PATIENCE, TIMEOUTS, Upstream, answer, read_answer
from tests.world import KEYS, RULES

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
HOST = "127.0.0.1"
OTHER = "api.crm.example"
"""A host that only the pack names: a handshake is made, requests are refused."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    with Proxy(upstream) as made:
        yield made


def wait_for(met: Callable[[], bool]) -> None:
    """Until it is so, or the test's patience is over."""
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(sock: socket.socket) -> bool:
    """Whether the gateway closes it, before the test's patience is over."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    return True


# ---- time and number ----------------------------------------


def hello() -> bytes:
    """A whole ClientHello."""
    out = ssl.MemoryBIO()
    made = trusting().wrap_bio(ssl.MemoryBIO(), out, server_hostname=HOST)
    with contextlib.suppress(ssl.SSLWantReadError):
        made.do_handshake()
    return out.read()


def test_what_was_begun_has_to_be_ended_soon_and_what_was_not_may_wait(upstream: Upstream) -> None:
    with (
        Proxy(upstream, timeouts=dataclasses.replace(TIMEOUTS, head=1.5, idle=60.0)) as proxy,
        proxy.connect() as silent,
        proxy.tunnel() as patient,
        proxy.connect() as asking,
        proxy.tunnel() as greeting,
        proxy.tunnel() as shaking,
        proxy.tls() as speaking,
    ):
        asking.sendall(proxy.connect_line()[:30])
        greeting.sendall(hello()[:40])
        shaking.sendall(hello())
        speaking.sendall(b"GET")
        assert all(map(ended, (asking, greeting, shaking, speaking)))
        assert [record.reason for record in proxy.records()] == ["request_timeout"] * 4
        silent.sendall(proxy.connect_line())
        assert silent.recv(4096).startswith(b"HTTP/1.1 200")
        with trusting().wrap_socket(patient, server_hostname=HOST) as late:
            late.sendall(f"GET /contacts/7 HTTP/1.1\r\nHost: {proxy.host}\r\n\r\n".encode())
            assert read_answer(late).startswith(b"HTTP/1.1 200")


def test_more_connections_than_are_allowed_are_closed(upstream: Upstream) -> None:
    with Proxy(upstream, max_connections=2) as proxy:
        with proxy.tunnel(), proxy.tunnel(), proxy.connect() as third:
            assert ended(third)
            assert proxy.metrics.counts["hushgate_connections_refused",] == 1
            wait_for(lambda: proxy.metrics.counts.get(("hushgate_connections",)) == 2)
        wait_for(lambda: granted(proxy))


def granted(proxy: Proxy) -> bool:
    """Whether a tunnel is given: those before have been seen to be gone."""
    with proxy.connect() as sock, contextlib.suppress(ConnectionError):
        sock.sendall(proxy.connect_line())
        return read_answer(sock).startswith(b"HTTP/1.1 200")
    return False


def fields(proxy: Proxy) -> list[tuple[bytes, bytes]]:
    named = {":method": "GET", ":authority": proxy.host, ":scheme": "https", ":path": "/contacts/7"}
    return [(name.encode(), value.encode()) for name, value in named.items()]


def test_requests_that_are_taken_back_end_an_http2_connection(proxy: Proxy) -> None:
    before = len(proxy.records())
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        for _ in range(TAKEN_BACK + 1):
            stream = made.get_next_available_stream_id()
            made.send_headers(stream, fields(proxy), end_stream=True)
            made.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        sock.sendall(made.data_to_send())
        assert goaway(sock, made) is h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert "malformed_request" in [record.reason for record in proxy.records()[before:]]


def goaway(sock: ssl.SSLSocket, made: "h2.connection.H2Connection") -> object:
    """The code that a connection is ended with."""
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65536):
            for event in made.receive_data(data):
                if isinstance(event, h2.events.ConnectionTerminated):
                    return event.error_code
    return None


def test_an_application_that_also_reads_its_answers_may_take_requests_back(proxy: Proxy) -> None:
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        for _ in range(TAKEN_BACK + 10):
            stream = made.get_next_available_stream_id()
            made.send_headers(stream, fields(proxy), end_stream=False)
            made.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            assert send(sock, made, fields(proxy)).startswith(b"HTTP/1.1 200")


# ---- sessions ----------------------------------------


def context_of(version: ssl.TLSVersion, options: int = 0) -> ssl.SSLContext:
    context = trusting()
    context.maximum_version = version
    context.options |= options
    return context


def ask(
    proxy: Proxy, context: ssl.SSLContext, session: ssl.SSLSession | None, host: str = HOST, key: bytes = b""
) -> tuple[bool, bytes, ssl.SSLSession | None]:
    """One request in one tunnel: whether the handshake was a resumption, the answer, the session."""
    tunnel = proxy.connect()
    target = proxy.host.replace(HOST, host)
    tunnel.sendall(proxy.connect_line(target, key))
    assert tunnel.recv(4096).startswith(b"HTTP/1.1 200")
    with context.wrap_socket(tunnel, server_hostname=host, session=session) as sock:
        sock.sendall(f"GET /contacts/7 HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        got = read_answer(sock)  # in TLS 1.3 tickets come with the first bytes
        return bool(sock.session_reused), got, sock.session


@pytest.mark.parametrize(
    ("version", "options"),
    [(ssl.TLSVersion.TLSv1_3, 0), (ssl.TLSVersion.TLSv1_2, 0), (ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TICKET)],
    ids=["TLS 1.3", "TLS 1.2, tickets", "TLS 1.2, session ids"],
)
def test_a_session_is_resumed(proxy: Proxy, version: ssl.TLSVersion, options: int) -> None:
    context = context_of(version, options)
    reused, got, session = ask(proxy, context, None, key=KEYS["support"])
    assert (reused, got[:12]) == (False, b"HTTP/1.1 200")
    reused, got, _ = ask(proxy, context, session, key=KEYS["support"])
    assert (reused, got[:12]) == (True, b"HTTP/1.1 200")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_one_host_is_none_of_another(proxy: Proxy, version: ssl.TLSVersion) -> None:
    context = context_of(version)
    session = ask(proxy, context, None, key=KEYS["support"])[2]
    assert ask(proxy, context, session, OTHER, KEYS["support"])[0] is False


def test_a_session_ends_with_the_intermediate_it_began_under(upstream: Upstream) -> None:
    issuers = [authority().create_child_ca() for _ in range(2)]

    def mint(host: str, names: object) -> Shown:
        del names
        return leaves.setdefault(host, shown(issuers[0], host))

    leaves: dict[str, Shown] = {}
    context = context_of(ssl.TLSVersion.TLSv1_3)
    with Proxy(upstream, mint=mint) as proxy:
        session = ask(proxy, context, None, key=KEYS["support"])[2]
        assert ask(proxy, context, session, key=KEYS["support"])[0]
        leaves.clear()
        assert ask(proxy, context, session, key=KEYS["support"])[0], "another leaf of the same one"
        leaves.clear()
        issuers.pop(0)
        assert not ask(proxy, context, session, key=KEYS["support"])[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_whom_a_certificate_named_is_known_in_the_resumed_session_too(
    upstream: Upstream, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    own = authority().issue_cert(HOST)
    chain = write(tmp_path, "chain.pem", b"".join(b.bytes() for b in own.cert_chain_pems))
    key = write(tmp_path, "key.pem", own.private_key_pem.bytes())
    files = Tls(chain, key, write(tmp_path, "ca.pem", authority().cert_pem.bytes()))
    [line] = [line for line in RULES.splitlines() if "helpdesk" in line]
    known = line[: line.index("key:")] + "mtls: {san: app.example}" + line[line.index(", role") :]
    context = context_of(version)
    authority().issue_cert("app.example").configure_cert(context)
    with Proxy(upstream, listens=files, rules=RULES.replace(line, known)) as proxy:
        reused, got, session = ask(proxy, context, None)
        assert (reused, got[:12]) == (False, b"HTTP/1.1 200")
        reused, got, _ = ask(proxy, context, session)
        assert (reused, got[:12]) == (True, b"HTTP/1.1 200")
        assert ask(proxy, context_of(version), None)[1].startswith(b"HTTP/1.1 401"), "without one"
