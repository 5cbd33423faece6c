"""Requests on the fast path: what comes of them is what comes of any other; what breaks there is blocked."""

import dataclasses
import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gateway import clock
from gateway.audit.log import FileLog
from gateway.audit.record import Record
from gateway.errors import StoreError
from gateway.exchange.fastpath import FastPath
from gateway.http1.encode import chunk, last_chunk
from gateway.metrics import METRICS
from gateway.native import load
from gateway.planes.reverse.flight import Flight
from tests.faultrows import ROWS
from tests.faults import Fault, Row, problem_of
from tests.faulttraffic import PACK_WITH_HEADERS, READ, SECRET, UPSTREAMS, reply
from tests.logs import record_of
from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, finished, read_answer, request
from tests.world import RULES

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")

PERSON = {
    "id": "7",
    "name": {"first": UPSTREAMS, "last": "Silva"},
    "email": "ana@example.com",
    "born": "1990-01-02",
}
BODY = json.dumps(PERSON).encode()
STRANGE = json.dumps({**PERSON, "nickname": "Ann", "phone": None, "more": [1, "+33639980001"]}).encode()
GZIP = b"Content-Encoding: gzip\r\n"


def late(*pieces: bytes) -> Iterator[bytes | float]:
    """An answer in pieces."""
    for piece in pieces:
        yield piece
        yield 0.05


ANSWERS: dict[str, Callable[[], bytes | Iterator[bytes | float]]] = {
    "a person": lambda: answer(BODY),
    "with a charset": lambda: answer(BODY, kind=b"application/json; charset=utf-8"),
    "with what no map names": lambda: answer(STRANGE),
    "with validators": lambda: answer(BODY, extra=b'ETag: "1"\r\nLast-Modified: x\r\nSet-Cookie: a=b\r\n'),
    "with fields of the connection": lambda: answer(BODY, extra=b"Connection: X-Own\r\nX-Own: 1\r\n"),
    "with our own fields": lambda: answer(BODY, extra=b"Hushgate-Decision: forged\r\n"),
    "with a reason": lambda: answer(BODY, status=b"200 Fine"),
    "zipped": lambda: answer(gzip.compress(BODY, mtime=0), extra=GZIP),
    "said to be zipped": lambda: answer(BODY, extra=GZIP),
    "not found": lambda: answer(b'{"message": "nobody called ana@example.com"}', status=b"404 Not Found"),
    "broken": lambda: answer(b"{}", status=b"500 Oh"),
    "created": lambda: answer(BODY, status=b"201 Created"),
    "nobody": lambda: answer(b"{}"),
    "nothing": lambda: answer(b""),
    "without a body": lambda: b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": lambda: b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "a part": lambda: answer(BODY, status=b"206 Partial Content"),
    "a redirect": lambda: answer(b"", status=b"302 Found", extra=b"Location: /contacts/8\r\n"),
    "a link": lambda: answer(BODY, extra=b"Link: </contacts/8>; rel=next\r\n"),
    "a place": lambda: answer(BODY, extra=b"Content-Location: /contacts/7?email=ana@example.com\r\n"),
    "no JSON": lambda: answer(BODY[:-2]),
    "a name twice": lambda: answer(b'{"id": "7", "email": "a@b.example", "email": "c@d.example"}'),
    "a text": lambda: answer(UPSTREAMS.encode(), kind=b"text/plain"),
    "a page": lambda: answer(b"<p>" + UPSTREAMS.encode(), kind=b"text/html"),
    "a sound": lambda: answer(UPSTREAMS.encode(), kind=b"audio/wav"),
    "without a type": lambda: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "in chunks": lambda: (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunk(BODY[:9]) + chunk(BODY[9:]) + last_chunk()
    ),
    "to the end": lambda: late(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY, b""),
    "for the last time": lambda: answer(BODY, extra=b"Connection: close\r\n"),
    "after a hint": lambda: b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n" + answer(BODY),
    "in two pieces": lambda: late(answer(BODY)[:-20], answer(BODY)[-20:]),
    "in half a head": lambda: late(answer(BODY)[:20], answer(BODY)[20:]),
    "too much": lambda: answer(BODY) + b"more",
    "cut off": lambda: late(answer(BODY)[:-20], b""),
    "garbage": lambda: b"\0\0\0\r\n\r\n",
    "no answer": lambda: b"",
    "switched": lambda: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}  # fmt: skip


LAST = frozenset(
    ("to the end", "for the last time", "too much", "cut off", "garbage", "no answer", "switched")
)
"""After which an upstream's connection is not used again."""


COUNTED = frozenset(
    name for name, metric in METRICS.items() if metric.kind == "counter" and "pool" not in name
)


class Flights:
    """Counts requests that began on the fast path, and those that were answered there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = self.landed = 0
        begin, answered = Flight.begin, FastPath.answer

        def counted(flight: Flight, raw: bytes) -> bool:
            began = begin(flight, raw)
            self.begun += began
            return began

        def made(path: FastPath, *given: Any) -> bool:
            did = answered(path, *given)
            self.landed += did
            return did

        patch.setattr(Flight, "begin", counted)
        patch.setattr(FastPath, "answer", made)


def person(asked: bytes) -> bytes:
    del asked
    return answer(BODY)


def ask(sock: socket.socket, asked: bytes = READ) -> bytes:
    """A request and its answer on a connection; what comes before it is passed over."""
    sock.sendall(asked)
    got = read_answer(sock)
    while got.startswith(b"HTTP/1.1 1"):  # the answer follows, or has come with it
        _, _, rest = got.partition(b"\r\n\r\n")
        got = finished(sock, rest) if b"\r\n\r\n" in rest else read_answer(sock)
    return got


OWN = re.compile(rb"[0-9a-f]{12}-[0-9a-f]+|127\.0\.0\.1:[0-9]+")


def plain(got: bytes) -> bytes:
    """A message without the name of its exchange, or a port."""
    return OWN.sub(b"OWN", got)


def said(records: Sequence[Record]) -> list[Record]:
    """Records without what differs between two runs."""
    assert all(record.total_us >= record.added_us >= 0 for record in records)
    return [replace(r, id=plain(r.id.encode()).decode(), at=0.0, added_us=0, total_us=0) for r in records]


def wait_for(true: Callable[[], Any]) -> None:
    """Until it is."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def grounded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Flight, "begin", lambda *_: False)


def played(made: Callable[[], bytes | Iterator[bytes | float]]) -> tuple[object, ...]:
    """All that anybody sees of an answer that comes on a way that is known, and of the next one."""
    replies: list[Callable[[], bytes | Iterator[bytes | float]]] = [lambda: answer(BODY)]
    with Upstream(lambda _: replies[-1]()) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            got = [ask(sock), ask(sock)]
            replies.append(made)
            got.append(ask(sock))
        replies.pop()
        with gate.connect() as sock:
            got += [ask(sock), ask(sock)]
        gate.worker.metrics.settle()
        counts = {key: n for key, n in gate.worker.metrics.counts.items() if key[0] in COUNTED}
        return list(map(plain, got)), list(map(plain, upstream.requests)), said(gate.records()), counts


@pytest.mark.parametrize("name", ANSWERS)
def test_both_ways_are_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    flown = played(ANSWERS[name])
    assert flights.begun == 4 - (name in LAST), "all but the first, and the first on a new connection"
    assert flights.landed >= flights.begun - 1
    grounded(monkeypatch)
    assert flown == played(ANSWERS[name])


@pytest.mark.parametrize(
    "name", ["a person", "with validators", "zipped", "with a reason", "with what no map names"]
)
def test_the_usual_lands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    played(ANSWERS[name])
    assert flights.landed == 4


REQUESTS = {
    "another person": request("GET", "/crm/contacts/8"),
    "a token": request("GET", "/crm/contacts/123456789012345"),
    "an escape": request("GET", "/crm/contacts/a%20b"),
    "a query": request("GET", "/crm/contacts/7?a=b"),
    "another's": request("GET", "/crm/contacts/7", client="admin"),
    "nobody's": request("GET", "/crm/contacts/7").replace(b"key-support", b"key-nobody"),
    "without a key": request("GET", "/crm/contacts/7", client=""),
    "one more field": request("GET", "/crm/contacts/7", extra="X-Trace: 1\r\n"),
    "for the last time": request("GET", "/crm/contacts/7", extra="Connection: close\r\n"),
    "with a body": request("GET", "/crm/contacts/7", b"{}"),
    "another way": request("GET", "/crm/recordings/7"),
    "no way": request("GET", "/crm/contacts/7/more"),
    "a list": request("GET", "/crm/contacts"),
    "no name": request("GET", "/crm/contacts/"),
    "a method": request("DELETE", "/crm/contacts/7"),
    "with what is no HTTP": READ.replace(b"Host", b"Ho st"),
    "in old HTTP": READ.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two at once": READ + READ,
    "with an empty line before": b"\r\n" + READ,
    "two in one": READ.replace(b"/7 ", b"/7 HTTP/1.1\r\nA: b\r\n\r\nGET /crm/contacts/7 ", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_other_requests_are_not_taken_for_their_like(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> tuple[object, ...]:
        with Upstream(person) as upstream, Gate(upstream) as gate:
            with gate.connect() as sock:
                got = [ask(sock), ask(sock), ask(sock, REQUESTS[name])]
                if name == "two at once" and got[2].count(b"HTTP/1.1 200 ") < 2:
                    got[2] += read_answer(sock)
            gate.talk(READ)
            return (
                [plain(each) for each in got],
                list(map(plain, upstream.requests[:4])),
                said(gate.records())[:5],
            )

    flown = seen()
    grounded(monkeypatch)
    assert flown == seen()


def test_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(person) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        whole = plain(ask(sock))
        for cut in (1, 20, len(READ) - 1):
            sock.sendall(READ[:cut])
            time.sleep(0.02)
            assert plain(ask(sock, READ[cut:])) == whole
        sock.sendall(READ * 3)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 3 or not got.endswith(b"}"):
            got += sock.recv(65536)
        assert plain(got) == whole * 3
        assert flights.begun == 0


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


class Slow:
    """A log that holds records back, or refuses them, when it is told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.held: list[Callable[[], None]] | None = None
        self.error: Exception | None = None

    def append_text(self, text: bytes, accepted: Callable[[Exception | None], None]) -> None:
        self.append(record_of(text), accepted)

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        if self.error is not None:
            accepted(self.error)
            return
        if self.held is not None:
            self.held.append(lambda: self._take(record, accepted))
            return
        self._take(record, accepted)

    def _take(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        self.records.append(record)
        accepted(None)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


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
        assert isinstance(way, FastPath)
        head = way._facts.head
        assert head is not None and not head.headers and b"hushgate-key" not in head.index
        assert b"key-support" not in way.before + way.after
