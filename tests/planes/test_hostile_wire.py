"""Callers and upstreams that are slow, greedy or leave: floods, slow loris, half-closed and reset ends."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, read_answer, request
from tests.planes.hostile import broken_off, received, statuses
from tests.world import RULES

if TYPE_CHECKING:
    from gateway.planes.reverse.dial import Dialer

PASS = RULES + "unmapped: pass\n"
CONTACT = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
QUICK = replace(TIMEOUTS, head=0.4, body=0.4, idle=0.6, answer=0.6, progress=0.6)
CHUNKED = request("POST", "/crm/contacts", extra="Content-Type: application/json\r\n").replace(
    b"Content-Length: 0", b"Transfer-Encoding: chunked"
)


def contact() -> Upstream:
    return Upstream(lambda _: answer(CONTACT))


FLOODS = {
    "1 MB header": (b"GET /crm/contacts/7 HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    "10,000 headers": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10_000 + b"\r\n", 431),
    "1 MB target": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "many chunk extensions": (CHUNKED + b"1;aaaaaaa=bbbbbbbb\r\n \r\n" * 5_000, 400),
    "one endless chunk extension": (CHUNKED + b"1;a=" + b"b" * 100_000, 400),
    "trailers": (CHUNKED + b"0\r\n" + b"X: a\r\n" * 10_000, 400),
    "NULs": (b"\0" * 100_000, 400),
    "empty lines": (b"\r\n" * 50_000, 400),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods_in_one_request(kind: str) -> None:
    data, status = FLOODS[kind]
    with contact() as upstream, Gate(upstream, timeouts=QUICK) as gate, gate.connect() as sock:
        with suppress(ConnectionError):
            sock.sendall(data)
        got = statuses(received(sock))
        assert got == [status]
        assert not upstream.requests


def test_slow_loris_on_many_connections_does_not_keep_others_out() -> None:
    with contact() as upstream, Gate(upstream, timeouts=QUICK) as gate:
        slow = [gate.connect() for _ in range(200)]
        for step in range(3):
            for sock in slow:
                sock.sendall(b"GET /crm/contacts/7 HTTP/1.1\r\nHost: a\r\n"[step * 12 : step * 12 + 12])
            assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 200 ")
        assert {tuple(statuses(received(sock))) for sock in slow} == {(408,)}
        for sock in slow:
            sock.close()
        assert len(upstream.requests) == 3


def test_a_byte_now_and_then_does_not_put_the_deadline_off() -> None:
    with contact() as upstream, Gate(upstream, timeouts=QUICK) as gate, gate.connect() as sock:
        sock.settimeout(0.1)
        got = b""
        for byte in request("GET", "/crm/contacts/7"):
            sock.sendall(bytes([byte]))
            try:
                got = sock.recv(1000)
                break
            except TimeoutError:
                continue
        assert got.startswith(b"HTTP/1.1 408 ")
        assert not upstream.requests


def test_pipelining_flood_is_answered_in_order() -> None:
    with contact() as upstream, Gate(upstream) as gate, gate.connect() as sock:
        many = 2000
        whole = request("GET", "/crm/contacts/7") * many
        threading.Thread(target=sock.sendall, args=(whole,), daemon=True).start()
        got = b""
        while got.count(b"HTTP/1.1 200 OK") < many or not got.endswith(b"}"):
            more = sock.recv(1 << 20)
            assert more
            got += more
        assert statuses(got) == [200] * many


def test_who_pipelines_and_does_not_read_is_not_buffered_without_bound() -> None:
    large = b'{"id": "%b"}' % (b"x" * 100_000)
    with (
        Upstream(lambda _: answer(large)) as upstream,
        Gate(upstream, timeouts=QUICK) as gate,
        gate.connect() as sock,
    ):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(request("GET", "/crm/contacts/7") * 300)
        deadline = time.monotonic() + PATIENCE
        while not upstream.requests or (gate.worker._callers and time.monotonic() < deadline):
            time.sleep(0.01)
        assert not gate.worker._callers, "a caller that does not read is let go"
        assert len(upstream.requests) < 150, "answers are piled up for a caller that reads none"


def test_refused_connections_are_let_go() -> None:
    with contact() as upstream, Gate(upstream, max_connections=1) as gate, gate.connect() as held:
        held.sendall(request("GET", "/crm/contacts/7"))
        read_answer(held)
        refused = [gate.connect() for _ in range(20)]
        assert {tuple(statuses(received(sock))) for sock in refused} == {(503,)}
        deadline = time.monotonic() + PATIENCE
        while gate.worker._refused and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not gate.worker._refused
        for sock in refused:
            sock.close()


def test_half_closed_after_pipelined_requests() -> None:
    closed = threading.Event()

    def after(_: bytes) -> bytes:
        closed.wait(PATIENCE)
        return answer(CONTACT)

    with Upstream(after) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        sock.sendall(request("GET", "/crm/contacts/7") * 5)
        sock.shutdown(socket.SHUT_WR)
        closed.set()
        got = received(sock)
        assert statuses(got) == [200] * 5 and got.count(b"Connection: close") == 1
        assert len(upstream.requests) == 5


def test_half_closed_within_a_body() -> None:
    with contact() as upstream, Gate(upstream) as gate, gate.connect() as sock:
        body = request("POST", "/crm/contacts", b'{"email":"x"}', extra="Content-Type: application/json\r\n")
        sock.sendall(body[:-3])
        sock.shutdown(socket.SHUT_WR)
        assert statuses(received(sock)) == [400]
        assert not upstream.requests


@pytest.mark.parametrize("rules", [RULES, PASS], ids=["read", "through"])
def test_reset_within_the_request_body(rules: str) -> None:
    path = "/crm/contacts" if rules is RULES else "/crm/status"
    method = "POST" if rules is RULES else "GET"
    with contact() as upstream, Gate(upstream, rules=rules) as gate:
        for _ in range(5):
            sock = gate.connect()
            sock.sendall(
                request(method, path, b"x" * 1000, extra="Content-Type: application/json\r\n")[:-500]
            )
            time.sleep(0.02)
            broken_off(sock)
        settled(gate, 5)
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 200 ")
        assert [r for r in upstream.requests if b"contacts/7" not in r] == []


def settled(gate: Gate, records: int) -> None:
    """So many on record, where a request arrived before its reset; and nobody is kept."""
    until(lambda: len(gate.records()) >= records, 5)
    assert until(lambda: not gate.worker._callers)


def until(happened: Callable[[], bool], patience: float = PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happened()


class Door:
    """Dials only once it is open."""

    def __init__(self, gate: Gate) -> None:
        self._dialer, self._open = gate.worker._dialer, threading.Event()
        self.knocked = threading.Event()

    async def dial(self, *given: Any) -> Any:
        """Dialer.dial, later."""
        self.knocked.set()
        await asyncio.get_running_loop().run_in_executor(None, self._open.wait, PATIENCE)
        return await self._dialer.dial(*given)

    def open(self) -> None:
        """Now."""
        self._open.set()


def test_who_leaves_within_the_body_while_the_upstream_is_dialled_leaves_nothing_open() -> None:
    with contact() as upstream, Gate(upstream, rules=PASS) as gate:
        door = Door(gate)
        gate.worker._dialer = cast("Dialer", door)
        sock = gate.connect()
        sock.sendall(request("GET", "/crm/status", b"x" * 1000)[:-500])
        assert door.knocked.wait(PATIENCE)
        broken_off(sock)
        assert until(lambda: any(caller.gone for caller in gate.worker._callers))
        door.open()
        assert until(lambda: not gate.worker._callers)
        assert until(lambda: bool(upstream.ended)), "the half request's connection is closed"
        assert [record.reason for record in gate.records()] == ["malformed_request"]
        assert upstream.requests == []


def test_deadlines_hold_for_what_somebody_asked_who_has_left() -> None:
    arrived, silent = threading.Event(), threading.Event()

    def stalls(_: bytes) -> Iterator[bytes | float]:
        arrived.set()
        silent.wait(PATIENCE)
        yield b""

    with Upstream(stalls) as upstream, Gate(upstream, timeouts=QUICK) as gate:
        sock = gate.connect()
        sock.sendall(request("DELETE", "/crm/contacts/7"))
        assert arrived.wait(PATIENCE)
        broken_off(sock)
        assert until(lambda: len(gate.records()) == 2)
        assert [(r.phase, r.reason) for r in gate.records()] == [
            ("intent", ""),
            ("outcome", "upstream_timeout"),
        ]
        assert until(lambda: not gate.worker._callers)
        silent.set()


def test_a_drain_waits_for_what_somebody_asked_who_has_left() -> None:
    arrived, answers = threading.Event(), threading.Event()

    def slow(_: bytes) -> Iterator[bytes | float]:
        arrived.set()
        answers.wait(PATIENCE)
        yield answer(b"{}")

    with Upstream(slow) as upstream, Gate(upstream) as gate:
        sock = gate.connect()
        sock.sendall(request("DELETE", "/crm/contacts/7"))
        assert arrived.wait(PATIENCE)
        broken_off(sock)
        assert until(lambda: any(caller.gone for caller in gate.worker._callers))
        gate.drain()
        assert until(lambda: gate.worker.draining)
        answers.set()
    assert [(r.phase, r.effect) for r in gate.records()][-1] == ("outcome", "allow")


def test_reset_within_the_answer() -> None:
    def flood(_: bytes) -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
        for _number in range(1000):
            yield b"x" * 100_000

    with Upstream(flood) as upstream, Gate(upstream, rules=PASS) as gate:
        for _ in range(3):
            sock = gate.connect()
            sock.sendall(request("GET", "/crm/status"))
            sock.recv(1000)
            broken_off(sock)
        settled(gate, 3)
        assert gate.metrics.counts.get(("hushgate_exceptions",), 0) == 0


@pytest.mark.parametrize("after", [0, 20, 60, 90])
@pytest.mark.parametrize("path", ["/crm/contacts/7", "/crm/status"])
def test_upstream_reset(after: int, path: str) -> None:
    """A reset at any point: a 502 or a broken connection, never a part as a whole."""

    class Breaking(Upstream):
        """Answers so many bytes, then resets."""

        def _serve(self, sock: socket.socket) -> None:
            sock.recv(65536)
            sock.sendall(answer(CONTACT)[:after])
            time.sleep(0.05)
            broken_off(sock)

    with Breaking(lambda _: b"") as upstream, Gate(upstream, rules=PASS) as gate, gate.connect() as sock:
        sock.sendall(request("GET", path, extra="Connection: close\r\n"))
        head, _, body = received(sock).partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200"):
            assert b"Content-Length: %d" % len(CONTACT) in head and len(body) < len(CONTACT)
        else:
            assert json.loads(body)["type"] == "urn:hushgate:upstream_invalid"
        assert b"@" not in body


def test_a_body_that_stalls_on_its_way_through_is_the_callers_fault() -> None:
    with contact() as upstream, Gate(upstream, rules=PASS, timeouts=QUICK) as gate, gate.connect() as sock:
        sock.sendall(request("GET", "/crm/status", b"x" * 1000)[:-500])
        assert statuses(received(sock)) == [408]
    assert gate.records()[-1].reason == "request_timeout"
