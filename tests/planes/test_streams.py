"""Answers that stream through a real worker: first bytes, back-pressure, memory, and how they break off."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.record import Record
from gateway.codecs.program import Limits
from gateway.http1.encode import chunk, last_chunk
from tests.exchange.test_exchange_streaming import PACK, SMALL, lines, people, rows
from tests.plane import PATIENCE, TIMEOUTS, Gate, Upstream, answer, request
from tests.service.house import House, running

ASKED = request("GET", "/crm/export")
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"name": "Ana %d", "phone": "+33639980001"}\n\n'


def gate(upstream: Upstream, **more: object) -> Gate:
    return Gate(upstream, pack=PACK, **{"limits": SMALL, **more})  # type: ignore[arg-type]  # as Gate has them


def everything(sock: socket.socket) -> tuple[bytes, bool]:
    """All that comes, and whether the end was an orderly one."""
    got = b""
    try:
        while data := sock.recv(65536):
            got += data
    except ConnectionError:
        return got, False
    return got, True


def unchunked(body: bytes) -> bytes:
    """The payload of chunks, which have to be complete."""
    out = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            assert body == b"\r\n"
            return out
        out, body = out + body[: int(size, 16)], body[int(size, 16) + 2 :]


def settled(it: Gate, phase: str = "outcome") -> list[Record]:
    """The records, once there is one of that phase."""
    end = time.monotonic() + PATIENCE
    while not any(record.phase == phase for record in it.records()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return it.records()


def test_an_event_leaves_before_the_next_one_is_sent() -> None:
    seen = threading.Event()

    def reply(_: bytes) -> Iterator[bytes | float]:
        yield CHUNKED % b"text/event-stream" + chunk(EVENT % 1)
        assert seen.wait(PATIENCE), "the caller did not get the first event"
        yield chunk(EVENT % 2) + last_chunk()

    with Upstream(reply) as upstream, gate(upstream) as it, it.connect() as sock:
        sock.sendall(ASKED)
        got = b""
        while b"Ana 1" not in got:
            data = sock.recv(65536)
            assert data
            got += data
        assert b"+336" not in got and not [r for r in it.records() if r.phase == "outcome"]
        seen.set()
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += sock.recv(65536)
        assert unchunked(got.partition(b"\r\n\r\n")[2]).count(b"data: ") == 2
        sock.sendall(request("GET", "/crm/nothing"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 403 "), "the connection lives on"
        assert [r.phase for r in it.records()][:2] == ["stream", "outcome"]


FIRST = {
    "csv": (b"text/csv", b"name,phone,n\r\nAna 1,+33639980001,1\r\n", b"Ana 2,+33639980001,1\r\n"),
    "ndjson": (
        b"application/x-ndjson",
        b'{"name": "Ana 1", "phone": "+33639980001"}\n',
        b'{"name": "Ana 2", "phone": "+33639980001"}\n',
    ),
    "json": (b"application/json", json.dumps(people(15_000))[:-1].encode() + b",", b'{"name": "Ana 2"}]'),
}
"""A type, a beginning of which a record can leave (of JSON more than a glance), and a last record."""


@pytest.mark.parametrize("form", FIRST)
def test_the_first_record_leaves_before_the_last_is_sent(form: str) -> None:
    kind, first, last = FIRST[form]
    seen = threading.Event()

    def reply(_: bytes) -> Iterator[bytes | float]:
        yield CHUNKED % kind + chunk(first)
        assert seen.wait(PATIENCE), "the caller did not get the first record"
        yield chunk(last) + last_chunk()

    with Upstream(reply) as upstream, gate(upstream) as it, it.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(ASKED)
        got = b""
        while b"Ana 1" not in got:
            got += sock.recv(65536)
        assert [record.phase for record in it.records()] == ["stream"]
        seen.set()
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += sock.recv(65536)
    assert b"Ana 2" in got and b"+336" not in got


def test_the_head_of_a_stream_leaves_before_any_event() -> None:
    seen = threading.Event()

    def reply(_: bytes) -> Iterator[bytes | float]:
        yield CHUNKED % b"text/event-stream"
        assert seen.wait(PATIENCE), "the caller did not get the head"
        yield last_chunk()

    with Upstream(reply) as upstream, gate(upstream) as it, it.connect() as sock:
        sock.sendall(ASKED)
        got = sock.recv(65536)
        assert got.startswith(b"HTTP/1.1 200 ") and b"chunked" in got
        seen.set()
        assert sock.recv(65536) == b"0\r\n\r\n"


BODIES: dict[str, tuple[str, bytes]] = {
    "csv": ("text/csv", rows(20_000)),
    "ndjson": ("application/x-ndjson", lines(20_000)),
    "json": ("application/json", json.dumps(people(20_000)).encode()),
}


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("body", BODIES)
def test_bodies_of_every_framing(body: str, framing: str) -> None:
    kind, sent = BODIES[body]
    head = CHUNKED % kind.encode()

    def reply(_: bytes) -> Iterator[bytes | float]:
        if framing == "length":
            yield answer(sent, kind=kind.encode())
        elif framing == "chunked":
            yield (
                head + b"".join(chunk(sent[at : at + 999]) for at in range(0, len(sent), 999)) + last_chunk()
            )
        else:
            yield head.replace(b"Transfer-Encoding: chunked", b"Connection: close") + sent
            yield b""

    with Upstream(reply) as upstream, gate(upstream) as it:
        with it.connect() as sock:
            sock.sendall(ASKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            got, _ = everything(sock)
        records = settled(it)
    masked = unchunked(got.partition(b"\r\n\r\n")[2])
    assert masked.count(b"Ana ") == 20_000 and b"+336" not in masked
    assert [r.phase for r in records] == ["stream", "outcome"]
    assert records[-1].masked == {"user.contact.phone_number": 20_000}
    assert records[-1].response_bytes == len(sent)


def test_a_caller_of_the_old_kind_reads_to_the_end_of_the_connection() -> None:
    sent = answer(rows(20_000), kind=b"text/csv")
    with Upstream(lambda _: sent) as upstream, gate(upstream) as it, it.connect() as sock:
        sock.sendall(ASKED.replace(b"HTTP/1.1", b"HTTP/1.0"))
        got, orderly = everything(sock)
    assert orderly and b"Connection: close\r\n" in got and got.count(b"Ana ") == 20_000


def cut(_: bytes) -> Iterator[bytes | float]:
    yield CHUNKED % b"text/csv" + chunk(rows(50))
    yield b""


def broken(_: bytes) -> Iterator[bytes | float]:
    yield CHUNKED % b"text/csv" + chunk(rows(50) + b'"a"b,2\r\n') + chunk(rows(50)) + last_chunk()


def silent(_: bytes) -> Iterator[bytes | float]:
    yield CHUNKED % b"text/csv" + chunk(rows(50))
    yield 3.0


def misframed(_: bytes) -> Iterator[bytes | float]:
    yield CHUNKED % b"text/csv" + chunk(rows(50)) + b"no chunk\r\n"


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (cut, "upstream_invalid"),
        (broken, "unparseable_response"),
        (silent, "upstream_timeout"),
        (misframed, "upstream_invalid"),
    ],
)
def test_a_stream_that_breaks_is_never_taken_for_complete(
    reply: Callable[[bytes], Iterator[bytes | float]], reason: str, minor: int
) -> None:
    timeouts = replace(TIMEOUTS, progress=0.3)
    with Upstream(reply) as upstream, gate(upstream, timeouts=timeouts) as it, it.connect() as sock:
        sock.sendall(ASKED.replace(b"HTTP/1.1", b"HTTP/1.%d" % minor))
        got, orderly = everything(sock)
        records = settled(it)
        assert ("hushgate_exceptions",) not in it.metrics.counts
        it.metrics.settle()
        assert it.metrics.counts["hushgate_decisions", "error", reason] == 1
    assert b"+336" not in got
    assert b"\r\n0\r\n" not in got if minor else not orderly
    assert [(r.phase, r.reason, r.effect) for r in records] == [
        ("stream", "", "allow"),
        ("outcome", reason, "error"),
    ]


def flood(_: bytes) -> Iterator[bytes | float]:
    yield CHUNKED % b"text/csv" + chunk(rows(1))
    row = chunk(b"Ana,+33639980001,1\r\n" * 3000)
    while True:
        yield row


def test_a_caller_that_leaves_is_on_record() -> None:
    with Upstream(flood) as upstream, gate(upstream) as it:
        with it.connect() as sock:
            sock.sendall(ASKED)
            assert sock.recv(65536)
        records = settled(it)
    assert (records[-1].phase, records[-1].reason) == ("outcome", "upstream_invalid")


def test_a_slow_caller_holds_the_upstream_back() -> None:
    sent = 0

    def counted(asked: bytes) -> Iterator[bytes | float]:
        nonlocal sent
        for piece in flood(asked):
            yield piece
            sent += 1

    timeouts = replace(TIMEOUTS, progress=5)  # far longer than the stillness that is waited for
    with Upstream(counted) as upstream, gate(upstream, timeouts=timeouts) as it, it.connect() as sock:
        sock.sendall(ASKED)
        before, still = -1, 0
        while still < 10:
            time.sleep(0.02)
            still = still + 1 if sent == before else 0
            before = sent
        taken = sent
        for _ in range(100):
            assert sock.recv(1 << 20)
        while sent == taken:
            assert sock.recv(1 << 20), "the upstream goes on when the caller does"
        records = settled(it, "outcome")  # nobody reads again: the deadline is the caller's too
    assert records[-1].reason == "upstream_timeout"


def test_a_body_that_is_broken_at_its_beginning_is_refused() -> None:
    body = b'"a"b\r\n' * 50_000
    with Upstream(lambda _: answer(body, kind=b"text/csv")) as upstream, gate(upstream) as it:
        got = it.talk(ASKED)
    assert got.startswith(b"HTTP/1.1 502 ") and b"urn:hushgate:unparseable_response" in got


PART = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
ANA = PART.format("name", "Ana") + PART.format("phone", "+33639980001")
WHOLE = {
    "xml": ("application/xml", "<people>{}</people>", "<name>Ana</name><phone>+33639980001</phone>"),
    "multipart": ("multipart/form-data; boundary=b", "{}--b--\r\n", ANA),
    "text": ("text/plain", "{}", "Ana, called back\n"),
    "an object": ("application/json", '{{"phone": "+33639980001", "name": "{}"}}', "Ana "),
}
"""What does not stream: its type, the body around its records, and a record."""


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("form", WHOLE)
def test_what_does_not_stream_is_refused_above_the_limit(form: str, framing: str) -> None:
    kind, around, record = WHOLE[form]
    for count, status in ((3, 200), (40_000, 502)):
        sent = around.format(record * count).encode()
        reply = answer(sent, kind=kind.encode())
        if framing == "chunked":
            pieces = [chunk(sent[at : at + 5000]) for at in range(0, len(sent), 5000)]
            reply = CHUNKED % kind.encode() + b"".join(pieces) + last_chunk()
        with Upstream(lambda _, reply=reply: reply) as upstream, gate(upstream) as it:  # type: ignore[misc]  # bound
            got = it.talk(ASKED)
            record_ = it.records()[-1]
        assert got.startswith(b"HTTP/1.1 %d " % status) and b"+336" not in got
        assert (b"Ana" in got) == (status == 200)
        if status == 502:
            assert b"urn:hushgate:response_too_large" in got and b"the limit" in got
            assert (record_.phase, record_.effect, record_.reason) == (
                "refusal",
                "refuse",
                "response_too_large",
            )


# ---- memory ---------------------------------------------------------------------------------------------

SIZE = 64 * 1024 * 1024
MOST = 40 * 1024 * 1024


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def much(kind: bytes, first: bytes, block: bytes, last: bytes) -> Callable[[bytes], Iterator[bytes | float]]:
    """A body of SIZE bytes that exists nowhere."""

    def reply(_: bytes) -> Iterator[bytes | float]:
        count = SIZE // len(block)
        length = len(first) + count * len(block) + len(last)
        yield b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, length) + first
        for _number in range(count):
            yield block
        yield last

    return reply


ROW = b"%b,+33639980001,1\r\n" % (b"Ana " * 50)
ITEM = b'{"name": "Ana", "phone": "+33639980001", "n": 1.10},\n'
LARGE = {
    "csv": much(b"text/csv", b"name,phone,n\r\n", ROW * 1_000, b""),
    "json": much(b"application/json", b"[\n", ITEM * 1_000, ITEM[:-2] + b"]"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_body_takes_little_memory(kind: str, tmp_path: Path) -> None:
    with Upstream(LARGE[kind]) as upstream:
        house = House(tmp_path, upstream.port)
        (tmp_path / "packs" / "crm" / "pack.yaml").write_bytes(PACK)
        with running(house), socket.create_connection(house.apps, PATIENCE) as sock:
            [worker] = house.pids()
            before = most = resident(worker)
            sock.sendall(ASKED)
            taken, tail = 0, b""
            while not tail.endswith(b"0\r\n\r\n"):
                data = sock.recv(1 << 20)
                assert data, "cut short"
                taken, tail = taken + len(data), (tail + data)[-16:]
                most = max(most, resident(worker))
    assert taken > SIZE // 2
    assert most - before < MOST, f"{(most - before) / 1e6:.1f} MB"


def test_limits_say_what_is_large() -> None:
    """The same body, whole and in pieces."""
    body = json.dumps(people(500)).encode()
    for limits, phase in ((Limits(), "read"), (Limits(max_body=len(body) - 1), "stream")):
        with Upstream(lambda _: answer(body)) as upstream, gate(upstream, limits=limits) as it:
            assert it.talk(ASKED).count(b"Ana ") == 500
            assert it.records()[0].phase == phase


def test_what_a_caller_does_not_read_is_not_gathered() -> None:
    """Nothing of the upstream is read while the caller is waited for, however much comes."""
    with Upstream(flood) as upstream, gate(upstream) as it, it.connect() as sock:
        sock.sendall(ASKED)
        assert sock.recv(1024)
        most, end = 0, time.monotonic() + 3.0
        while time.monotonic() < end:
            for caller in list(it.worker._callers):
                flow = caller.turn._flow
                most = max(most, flow._size if flow else 0)
            time.sleep(0.001)
    assert most < 4 << 20
