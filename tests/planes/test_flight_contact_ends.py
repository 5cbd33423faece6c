"""What breaks or is late under a message on the fast path: nobody is reached twice, or without a record."""

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gateway.exchange.contactpath
import gateway.exchange.restoring
from gateway.audit.log import FileLog
from gateway.codecs import scanning
from gateway.contacts.sqlite import SqliteRegistry
from gateway.errors import StoreError
from gateway.exchange.contactpath import ContactPath
from gateway.exchange.fastpath import FastPath
from gateway.native import load
from gateway.planes.reverse.pool import Pool
from gateway.planes.reverse.upstream import UpstreamConnection
from tests.faults import Fault, Install, breaking, problem_of
from tests.faulttraffic import SECRET, SMS
from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, read_answer
from tests.planes.flights import Flights, Slow, ask, plain, said, wait_for
from tests.planes.test_flight_contact import SENT, sent
from tests.world import RULES

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")

DAY = RULES + "rules:\n  - {id: r, contact: {within: '00:00-24:00', timezone: Europe/Paris}}\n"
"""Under which everybody is judged anew."""


class Reader:
    """The compiled one, if it may `know` any form, with a place to break it."""

    def __init__(self, own: Any, know: bool) -> None:
        self.own, self.know = own, know

    def add(self, *known: Any) -> None:
        self.own.add(*known)

    def read(self, body: bytes) -> Any:
        return self.own.read(body) if self.know else None


def reading(step: Install, *, know: bool) -> Install:
    """A step of what reads forms."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        original = gateway.exchange.restoring.alike
        patch.setattr(gateway.exchange.contactpath, "alike", lambda *each: Reader(original(*each), know))
        step(patch, fault)

    return install


STEPS = {
    "reading the form": reading(breaking(Reader, "read"), know=True),
    "the look at its body": reading(breaking(gateway.exchange.contactpath, "untouched"), know=False),
    "taking the form apart": reading(breaking(scanning, "pairs"), know=False),
    "naming a sender or recipient": breaking(gateway.exchange.contactpath, "normalise"),
    "the judgement": breaking(gateway.exchange.contactpath, "judge"),
    "the lookup": breaking(SqliteRegistry, "standings"),
    "a connection": breaking(Pool, "take"),
    "whom it reaches": breaking(ContactPath, "reaches"),
    "the intent": breaking(ContactPath, "intent"),
    "writing it": breaking(ContactPath, "sent"),
    "sending it": breaking(UpstreamConnection, "begin"),
    "the answer": breaking(FastPath, "answer"),
    "the log": breaking(FileLog, "append_text"),
}


def in_pieces(sock: socket.socket, asked: bytes) -> bytes:
    """A request whose body comes after its head."""
    head, _, body = asked.partition(b"\r\n\r\n")
    sock.sendall(head + b"\r\n\r\n")
    time.sleep(0.02)
    return ask(sock, body)


@pytest.mark.parametrize("put", [ask, in_pieces])
@pytest.mark.parametrize("name", STEPS)
def test_what_breaks_on_a_known_way(
    name: str,
    put: Callable[[socket.socket, bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fault = Fault()
    STEPS[name](monkeypatch, fault)
    with Upstream(sent) as upstream, Gate(upstream, rules=DAY) as gate:
        with gate.connect() as sock:
            usual = [plain(put(sock, SMS)) for _ in range(3)][-1]
            fault.error = RuntimeError(SECRET)
            got = put(sock, SMS)
            fault.error = None
        assert fault.met
        if plain(got) == usual:
            assert len(upstream.requests) == 4
        else:
            assert problem_of(got)["status"] in (500, 503) and len(upstream.requests) <= 4
            assert gate.records()[-1].phase in ("outcome", "refusal")
        assert plain(gate.talk(SMS)) == usual, "the worker serves on"
        records = gate.records()
        outcomes = [r.id for r in records if r.phase == "outcome"]
        assert {r.id for r in records if r.phase == "intent"} == set(outcomes) and len(upstream.requests) >= 4
        assert len(outcomes) == len(set(outcomes))
        assert SECRET not in "".join(p.read_text() for p in (gate.folder / "audit").glob("*.jsonl"))
    assert SECRET not in "".join(capfd.readouterr())


def test_nothing_is_sent_before_its_intent_is_on_record() -> None:
    log = Slow()
    with Upstream(sent) as upstream, Gate(upstream, log=log) as gate, gate.connect() as sock:
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(SMS)
        wait_for(lambda: held)
        assert len(upstream.requests) == 2
        gate.loop.loop.call_soon_threadsafe(held[0])
        wait_for(lambda: len(held) == 2)
        assert len(upstream.requests) == 3
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(PATIENCE)
        log.held = None
        gate.loop.loop.call_soon_threadsafe(held[1])
        assert plain(read_answer(sock)) == usual
        assert [r.phase for r in log.records] == ["intent", "outcome"] * 3


@pytest.mark.parametrize("taken", [0, 1], ids=["intent", "outcome"])
@pytest.mark.parametrize("put", [ask, in_pieces])
def test_a_log_that_refuses(taken: int, put: Callable[[socket.socket, bytes], bytes]) -> None:
    log = Slow()
    with Upstream(sent) as upstream, Gate(upstream, log=log) as gate, gate.connect() as sock:
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(SMS)
        wait_for(lambda: held)
        log.held = None
        if taken:
            log.error = StoreError("audit_unavailable", "")
            gate.loop.loop.call_soon_threadsafe(held[0])
            got = read_answer(sock)
        else:
            with gate.connect() as other:
                log.error = StoreError("audit_unavailable", "")
                got = put(other, SMS)
        assert problem_of(got)["type"] == "urn:hushgate:audit_unavailable"
        assert len(upstream.requests) == 2 + taken
        log.error = None
        if not taken:
            gate.loop.loop.call_soon_threadsafe(held[0])
            assert plain(read_answer(sock)) == usual
        assert plain(gate.talk(SMS)) == usual


def test_an_intent_that_is_not_taken_in_time() -> None:
    log = Slow()
    impatient = dataclasses.replace(TIMEOUTS, answer=0.2, progress=0.2)
    with (
        Upstream(sent) as upstream,
        Gate(upstream, log=log, timeouts=impatient) as gate,
        gate.connect() as sock,
    ):
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(SMS)
        wait_for(lambda: len(held) == 2)
        log.held = None
        gate.loop.loop.call_soon_threadsafe(held[1])
        assert problem_of(read_answer(sock))["type"] == "urn:hushgate:audit_unavailable"
        gate.loop.loop.call_soon_threadsafe(held[0])  # late: nothing is sent for it
        assert plain(ask(sock, SMS)) == usual
        assert len(upstream.requests) == 3


def test_a_connection_that_ends_while_its_intent_is_written() -> None:
    log = Slow()
    with Upstream(sent) as upstream, Gate(upstream, log=log) as gate, gate.connect() as sock:
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(SMS)
        wait_for(lambda: held)
        [flight] = [caller.flight for caller in gate.worker._callers]
        connection = flight._connection
        assert connection is not None
        gate.loop.loop.call_soon_threadsafe(connection.transport.abort)
        wait_for(lambda: not connection.alive)
        log.held = None
        gate.loop.loop.call_soon_threadsafe(held[0])
        assert problem_of(read_answer(sock))["type"] == "urn:hushgate:upstream_invalid"
        assert [(r.phase, r.effect) for r in log.records[-2:]] == [("intent", "allow"), ("outcome", "error")]
        said(log.records)  # none of it took less than no time
        assert len(upstream.requests) == 2
        assert plain(ask(sock, SMS)) == usual


def test_a_message_is_never_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an upstream that goes away made of it, nobody knows."""
    flights = Flights(monkeypatch)
    count = iter(range(9))

    def dying(_: bytes) -> bytes:
        return b"" if next(count) == 2 else answer(SENT, status=b"201 Created")

    with Upstream(dying) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]
        assert problem_of(ask(sock, SMS))["type"] == "urn:hushgate:upstream_invalid"
        assert plain(ask(sock, SMS)) == usual
        assert len(upstream.requests) == 4 and flights.begun >= 2
        assert [(r.phase, r.effect) for r in gate.records()][4:6] == [
            ("intent", "allow"),
            ("outcome", "error"),
        ]


def test_an_upstream_that_is_silent() -> None:
    answers = [answer(SENT), answer(SENT)]

    def pausing(_: bytes) -> Iterator[bytes | float]:
        yield 0.0 if answers else 1.5
        yield answers.pop() if answers else b""

    impatient = dataclasses.replace(TIMEOUTS, answer=0.2)
    with Upstream(pausing) as upstream, Gate(upstream, timeouts=impatient) as gate, gate.connect() as sock:
        ask(sock, SMS), ask(sock, SMS)
        assert problem_of(ask(sock, SMS))["type"] == "urn:hushgate:upstream_timeout"
        assert [r.phase for r in gate.records()] == ["intent", "outcome"] * 3


def test_a_registry_that_fails_later(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(sent) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        usual = [plain(ask(sock, SMS)) for _ in range(2)][-1]

        async def failing(*_: Any) -> Any:
            raise StoreError("registry_unavailable", "")

        with monkeypatch.context() as patch:
            patch.setattr(SqliteRegistry, "standings", failing)
            assert problem_of(ask(sock, SMS))["type"] == "urn:hushgate:registry_unavailable"
        assert len(upstream.requests) == 2 and flights.begun == 2
        assert plain(ask(sock, SMS)) == usual


def test_a_caller_that_leaves_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    log = Slow()
    with Upstream(sent) as upstream, Gate(upstream, log=log) as gate:
        with gate.connect() as sock:
            ask(sock, SMS), ask(sock, SMS)
            held = log.held = list[Callable[[], None]]()
            sock.sendall(SMS)
            wait_for(lambda: held)
            assert flights.begun == 2
        log.held = None
        gate.loop.loop.call_soon_threadsafe(held[0])
        wait_for(lambda: len(log.records) == 6)
        wait_for(lambda: not gate.worker._callers)
        assert [r.phase for r in log.records] == ["intent", "outcome"] * 3 and len(upstream.requests) == 3
