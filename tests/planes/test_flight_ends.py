"""What breaks, is late or changes under a request on the fast path: blocked, and on record."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway import clock
from gateway.audit.log import FileLog
from gateway.errors import StoreError
from gateway.exchange.fastpath import FastPath
from gateway.exchange.readpath import ReadPath
from gateway.native import load
from tests.faultrows import ROWS
from tests.faults import Fault, Row, problem_of
from tests.faulttraffic import PACK_WITH_HEADERS, READ, SECRET, UPSTREAMS, reply
from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, read_answer
from tests.planes.flights import (
    ANSWERS,
    BODY,
    Flights,
    Slow,
    ask,
    person,
    plain,
    wait_for,
)
from tests.world import RULES

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")

READS = [row for row in ROWS if row.asked == READ]


@pytest.mark.parametrize("row", READS, ids=lambda row: row.name)
def test_what_breaks_on_a_known_way(
    row: Row, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is refused, or was not needed: nothing between the two."""
    fault = Fault()
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream, rules=row.policy, pack=PACK_WITH_HEADERS) as gate:
        with gate.connect() as sock:
            usual = [plain(ask(sock)) for _ in range(3)]
            fault.error = RuntimeError(SECRET)
            got = ask(sock)
            fault.error = None
        if fault.met:
            assert UPSTREAMS.encode() not in got
            assert problem_of(got)["status"] == 500
        else:
            assert plain(got) == usual[-1]
        assert plain(gate.talk(READ)) == usual[-1], "the worker serves on"
        assert SECRET not in "".join(p.read_text() for p in (gate.folder / "audit").glob("*.jsonl"))
    assert SECRET not in "".join(capfd.readouterr())


def test_what_breaks_in_the_fast_path_itself_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError(SECRET)

    with Upstream(person) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        usual = [plain(ask(sock)) for _ in range(2)]
        monkeypatch.setattr(FastPath, "answer", broken)
        assert plain(ask(sock)) == usual[-1]
        assert gate.metrics.counts["hushgate_exceptions",] == 1
        monkeypatch.undo()
        once = [RuntimeError(SECRET)]
        append = FileLog.append_text

        def breaking(log: FileLog, text: bytes, accepted: Any) -> None:
            if once:
                raise once.pop()
            append(log, text, accepted)

        monkeypatch.setattr(FileLog, "append_text", breaking)
        assert plain(ask(sock)) == usual[-1] and not once
        assert len(gate.records()) == 4


def test_no_record_no_answer() -> None:
    log = Slow()
    with Upstream(person) as upstream, Gate(upstream, log=log) as gate, gate.connect() as sock:
        usual = [plain(ask(sock)) for _ in range(2)]
        log.error = StoreError("audit_unavailable", "")
        got = ask(sock)
        assert problem_of(got)["type"] == "urn:hushgate:audit_unavailable"
        assert UPSTREAMS.encode() not in got and len(log.records) == 2
        log.error = None
        assert plain(ask(sock)) == usual[-1]


def test_an_answer_waits_for_its_record() -> None:
    log = Slow()
    with Upstream(person) as upstream, Gate(upstream, log=log) as gate, gate.connect() as sock:
        usual = [plain(ask(sock)) for _ in range(2)]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(READ)
        wait_for(lambda: held)
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(PATIENCE)
        log.held = None
        gate.loop.loop.call_soon_threadsafe(held[0])
        assert plain(read_answer(sock)) == usual[-1]


def test_a_log_that_does_not_answer_in_time() -> None:
    log = Slow()
    impatient = dataclasses.replace(TIMEOUTS, answer=0.2, progress=0.2)
    with (
        Upstream(person) as upstream,
        Gate(upstream, log=log, timeouts=impatient) as gate,
        gate.connect() as sock,
    ):
        usual = [plain(ask(sock)) for _ in range(2)]
        held = log.held = list[Callable[[], None]]()
        sock.sendall(READ)
        wait_for(lambda: len(held) == 2)
        gate.loop.loop.call_soon_threadsafe(held[1])
        log.held = None
        got = read_answer(sock)
        assert problem_of(got)["type"] == "urn:hushgate:audit_unavailable"
        again = log.held = list[Callable[[], None]]()
        sock.sendall(READ)
        wait_for(lambda: again)
        gate.loop.loop.call_soon_threadsafe(held[0])  # what is late is not taken for this one's
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(PATIENCE)
        log.held = None
        gate.loop.loop.call_soon_threadsafe(again[0])
        assert plain(read_answer(sock)) == usual[-1]


def test_an_upstream_that_is_silent() -> None:
    answers = [answer(BODY), answer(BODY)]

    def pausing(_: bytes) -> Iterator[bytes | float]:
        yield 0.0 if answers else 1.5
        yield answers.pop() if answers else b""

    impatient = dataclasses.replace(TIMEOUTS, answer=0.2)
    with Upstream(pausing) as upstream, Gate(upstream, timeouts=impatient) as gate, gate.connect() as sock:
        ask(sock), ask(sock)
        assert problem_of(ask(sock))["type"] == "urn:hushgate:upstream_timeout"
        assert [r.phase for r in gate.records()] == ["read", "read", "refusal"]


def test_a_pooled_connection_that_died_is_replaced() -> None:
    count = iter(range(9))

    def dying(_: bytes) -> bytes:
        return b"" if next(count) == 2 else answer(BODY)

    with Upstream(dying) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        got = [plain(ask(sock)) for _ in range(4)]
        assert got == [got[0]] * 4
        assert len(upstream.requests) == 5 and len(gate.records()) == 4
        assert gate.metrics.counts["hushgate_upstream_retries", "crm-1"] == 1


def test_a_caller_that_leaves_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    slow = [False]

    def pausing(_: bytes) -> Iterator[bytes | float]:
        if slow[0]:
            yield 0.3
        yield answer(BODY)

    with Upstream(pausing) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            ask(sock), ask(sock)
            slow[0] = True
            sock.sendall(READ)
            wait_for(lambda: flights.begun == 2)
        wait_for(lambda: len(gate.records()) == 3)
        wait_for(lambda: not gate.worker._callers)
        assert [r.phase for r in gate.records()] == ["read"] * 3


def test_the_last_answer_of_a_worker_that_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    slow = [False]

    def pausing(_: bytes) -> Iterator[bytes | float]:
        if slow[0]:
            yield 0.5
        yield answer(BODY)

    with Upstream(pausing) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        ask(sock), ask(sock)
        slow[0] = True
        sock.sendall(READ)
        wait_for(lambda: flights.begun == 2)
        gate.drain()
        got = read_answer(sock)
        assert got.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in got
        assert sock.recv(1) == b""


def test_other_rules_are_in_force_with_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(person) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        ask(sock)
        assert UPSTREAMS.encode() in ask(sock) and flights.begun == 1
        gate.replace(
            RULES.replace("support: {show: [user.name, user.unique_id]", "support: {show: [user.unique_id]")
        )
        assert UPSTREAMS.encode() not in ask(sock) and flights.begun == 1
        assert UPSTREAMS.encode() not in ask(sock) and flights.begun == 2
        first, *_, last = gate.records()
        assert first.policy != last.policy


def test_a_plan_ends_at_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(person) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        ask(sock), ask(sock)
        assert flights.begun == 1
        gate.worker.now = lambda: clock.now() + 86_400
        ask(sock)
        assert flights.begun == 1


def test_a_way_that_leads_nowhere_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with (
        Upstream(lambda _: ANSWERS["in chunks"]()) as upstream,
        Gate(upstream) as gate,
        gate.connect() as sock,
    ):
        for _ in range(30):
            assert ask(sock).startswith(b"HTTP/1.1 200 ")
    assert flights.begun == 17 and flights.landed == 0


def test_keys_are_not_kept() -> None:
    with Upstream(person) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            ask(sock), ask(sock)
        paths = gate.worker.env.snapshot.paths
        assert len(paths) == 1 and b"key-support" not in repr(paths).encode()
        [[way]] = [ways.values() for ways in paths.values()]
        assert isinstance(way, ReadPath)
        head = way._facts.head
        assert head is not None and not head.headers and b"hushgate-key" not in head.index
        assert b"key-support" not in way.before + way.after
