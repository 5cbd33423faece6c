"""The reverse plane over sockets: what breaks, stalls, is too large or goes on too long."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.codecs.program import Limits
from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, read_answer, request
from tests.planes.reverses import CONTACT, PASS, body_of, fixed
from tests.world import RULES


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"", 502),
        (b"garbage\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}", 502),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 502),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 502),
    ],
)
def test_upstreams_that_break_the_protocol(reply: bytes, status: int) -> None:
    def broken(_: bytes) -> Iterator[bytes | float]:
        if reply:
            yield reply
        yield b""

    with Upstream(broken) as upstream, Gate(upstream) as gate:
        got = gate.talk(request("GET", "/crm/contacts/7"))
        assert got.startswith(b"HTTP/1.1 %d " % status)
        assert json.loads(body_of(got))["type"] == "urn:hushgate:upstream_invalid"
    assert gate.records()[-1].reason == "upstream_invalid"


def test_piped_answer_cut_short_is_not_taken_for_complete() -> None:
    def cut(_: bytes) -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"
        yield 0.05
        yield b""

    with Upstream(cut) as upstream, Gate(upstream, rules=PASS) as gate, gate.connect() as sock:
        sock.sendall(request("GET", "/crm/status"))
        got = b""
        try:
            while more := sock.recv(65536):
                got += more
        except ConnectionError:
            pass
        assert b"Content-Length: 50" in got and len(body_of(got)) < 50


def test_upstream_that_stalls_times_out() -> None:
    def stall(_: bytes) -> Iterator[bytes | float]:
        yield 3.0
        yield b""

    quick = replace(TIMEOUTS, answer=0.3)
    with Upstream(stall) as upstream, Gate(upstream, timeouts=quick) as gate:
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 504 ")


def test_unreachable_upstream() -> None:
    with Gate(None) as gate:
        got = gate.talk(request("GET", "/crm/contacts/7"))
        assert got.startswith(b"HTTP/1.1 502 ") and b"Retry-After" in got


def test_slow_head_and_slow_body_time_out() -> None:
    quick = replace(TIMEOUTS, head=0.3, body=0.3)
    with fixed(answer(CONTACT)) as upstream, Gate(upstream, timeouts=quick) as gate:
        assert gate.talk(b"GET /crm/contacts/7 HTTP/1.1\r\nHost:").startswith(b"HTTP/1.1 408 ")
        half = request("POST", "/crm/contacts", b"{}  ", extra="Content-Type: application/json\r\n")[:-2]
        assert gate.talk(half).startswith(b"HTTP/1.1 408 ")
        assert not upstream.requests


def test_body_above_the_limit_is_refused_unread() -> None:
    with fixed(answer(CONTACT)) as upstream, Gate(upstream, limits=Limits(max_body=1000)) as gate:
        kind = "Content-Type: application/json\r\n"
        assert gate.talk(request("POST", "/crm/contacts", b"x" * 2000, extra=kind)).startswith(
            b"HTTP/1.1 413 "
        )
        chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        head = (
            f"POST /crm/contacts HTTP/1.1\r\nHost: x\r\nHushgate-Key: key-support\r\n{chunked}\r\n".encode()
        )
        assert gate.talk(head + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
        assert not upstream.requests


def test_answer_above_the_limit_is_withheld() -> None:
    large = answer(b'{"id": "%b"}' % (b"x" * 5000))
    with fixed(large) as upstream, Gate(upstream, limits=Limits(max_body=1000)) as gate:
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 502 ")


def test_stale_pooled_connection_is_replaced_for_a_read_and_not_for_an_act() -> None:
    def once(_: bytes) -> Iterator[bytes | float]:
        yield answer(CONTACT)

    class Flaky(Upstream):
        """Answers once per connection, then closes when the next request comes."""

        def _serve(self, sock: socket.socket) -> None:
            from tests.plane import read_message

            with sock:
                first = read_message(sock)
                if first is None:
                    return
                self.requests.append(first)
                sock.sendall(answer(CONTACT))
                sock.recv(65536)

    with Flaky(once) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        for _ in range(3):
            sock.sendall(request("GET", "/crm/contacts/7"))
            assert b"200 OK" in read_answer(sock)
        assert upstream.connections == 3
        sock.sendall(request("POST", "/crm/contacts", b"{}", extra="Content-Type: application/json\r\n"))
        assert read_answer(sock).startswith(b"HTTP/1.1 502 ")
    assert gate.metrics.counts["hushgate_upstream_retries", "crm-1"] == 2


def test_connection_limit_is_a_clear_refusal() -> None:
    with (
        fixed(answer(CONTACT)) as upstream,
        Gate(upstream, max_connections=1) as gate,
        gate.connect() as held,
    ):
        held.sendall(request("GET", "/crm/contacts/7"))
        assert b"200 OK" in read_answer(held)
        assert gate.talk(b"").startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    "bad",
    [
        b"GET /crm/contacts/7 HTTP/1.1\r\n\r\n",
        b"GET /crm/contacts/7 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        (
            b"POST /crm/contacts HTTP/1.1\r\nHost: a\r\n"
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        b"POST /crm/contacts HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET http://other.example/crm/contacts/7 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_once_and_closed(bad: bytes) -> None:
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        sock.sendall(bad + request("GET", "/crm/contacts/7"))
        got = b""
        try:
            while more := sock.recv(65536):
                got += more
        except ConnectionError:
            pass
        assert got.startswith(b"HTTP/1.1 400 ") and got.count(b"HTTP/1.1 4") == 1 and not upstream.requests
    assert gate.records()[0].reason == "malformed_request"


def test_caller_that_leaves_after_an_act_leaves_an_outcome_on_record() -> None:
    arrived = threading.Event()

    def slow(_: bytes) -> Iterator[bytes | float]:
        arrived.set()
        yield 0.3
        yield answer(b"{}")

    with Upstream(slow) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            sock.sendall(request("DELETE", "/crm/contacts/7"))
            assert arrived.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while len(gate.records()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert [r.phase for r in gate.records()] == ["intent", "outcome"]


def test_slow_reader_holds_the_upstream_back() -> None:
    size = 64 * 1024 * 1024
    sent = 0

    def flood(_: bytes) -> Iterator[bytes | float]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        block = b"x" * 65536
        for _number in range(size // len(block)):
            yield block
            sent += len(block)

    with Upstream(flood) as upstream, Gate(upstream, rules=PASS) as gate, gate.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(request("GET", "/crm/status"))
        time.sleep(0.7)
        assert sent < size // 4, "the gateway took in what its caller did not read"
        total = len(body_of(read_answer_all(sock, size)))
        assert total == size


def read_answer_all(sock: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size or len(body_of(bytes(got[:4096]))) + len(got) - min(len(got), 4096) < size:
        more = sock.recv(1 << 20)
        if not more:
            break
        got += more
    return bytes(got)


def test_slow_upstream_holds_the_caller_back() -> None:
    class Reluctant(Upstream):
        """Reads the head, waits, then reads the rest."""

        taken = 0

        def _serve(self, sock: socket.socket) -> None:
            with sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                sock.recv(1000)
                time.sleep(0.7)
                while self.taken < 40 * 1024 * 1024 - 70_000:
                    self.taken += len(sock.recv(1 << 20))
                sock.sendall(answer(b"{}"))

    body = b"x" * (40 * 1024 * 1024)
    with Reluctant(lambda _: b"") as upstream, Gate(upstream, rules=PASS) as gate, gate.connect() as sock:
        sock.setblocking(False)
        whole = request("GET", "/crm/status", body)
        pushed = 0
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            try:
                pushed += sock.send(whole[pushed : pushed + 65536])
            except BlockingIOError:
                time.sleep(0.01)
        assert pushed < len(body) // 2, "the gateway took in what its upstream did not read"
        sock.setblocking(True)
        sock.sendall(whole[pushed:])
        assert b"200 OK" in read_answer(sock)


def test_drain_finishes_what_is_under_way() -> None:
    arrived = threading.Event()

    def slow(_: bytes) -> Iterator[bytes | float]:
        arrived.set()
        yield 0.5
        yield answer(CONTACT)

    with Upstream(slow) as upstream, Gate(upstream) as gate, gate.connect() as busy, gate.connect() as idle:
        busy.sendall(request("GET", "/crm/contacts/7"))
        assert arrived.wait(PATIENCE)
        gate.drain()
        assert idle.recv(10) == b"", "an idle connection is closed at once"
        reply = read_answer(busy)
        assert b"200 OK" in reply and b"Connection: close" in reply
        with pytest.raises(OSError):
            gate.connect().recv(1)


def test_reload_changes_the_next_request_on_the_same_connection() -> None:
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        sock.sendall(request("GET", "/crm/contacts/7"))
        assert b"[redacted]" in read_answer(sock)
        gate.replace(RULES.replace("show: [user.name, user.unique_id]", "show: [user]"))
        sock.sendall(request("GET", "/crm/contacts/7"))
        assert b"ana@example.com" in read_answer(sock)
