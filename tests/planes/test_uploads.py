"""Request bodies that a real worker sends on as it reads them: framing, memory, and how they break off."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.codecs.program import Limits
from gateway.http1.encode import chunk, last_chunk
from tests.exchange.test_uploading import PACK, TIGHT, array, lines, rows
from tests.plane import PATIENCE, Gate, read_answer
from tests.planes.test_streams import resident, unchunked
from tests.service.house import House, running
from tests.world import KEYS

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink:
    """An upstream that takes one request; what came of it, and how that ended."""

    def __init__(self, *, keep: bool = True, early: bytes = b"") -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._keep, self._early = keep, early
        self.got = b""
        self.size = 0
        self.end = ""
        self.over = threading.Event()

    def __enter__(self) -> "Sink":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        sock, _ = self._server.accept()
        with sock:
            tail = b""
            try:
                while not tail.endswith(b"\r\n0\r\n\r\n"):
                    data = sock.recv(65536)
                    self.size += len(data)
                    tail = (tail + data)[-16:]
                    if self._keep:
                        self.got += data
                    if not data or self._early:
                        break
                self.end = "whole" if tail.endswith(b"\r\n0\r\n\r\n") else "cut"
                sock.sendall(self._early or (DONE if self.end == "whole" else b""))
            except ConnectionError:
                self.end = "reset"
            self.over.set()


def gate(sink: Sink, limits: Limits = TIGHT) -> Gate:
    return Gate(sink, pack=PACK, limits=limits)


def head(kind: str, framing: str) -> bytes:
    return (
        b"POST /crm/load HTTP/1.1\r\nHost: gw.test\r\nHushgate-Key: %b\r\nContent-Type: %b\r\n%b\r\n\r\n"
        % (KEYS["admin"], kind.encode(), framing.encode())
    )


BODIES: Mapping[str, bytes] = {
    "text/csv": rows(900),
    "application/x-ndjson": lines(900),
    "application/json": array(900),
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("kind", BODIES)
def test_an_upload_arrives_whole(kind: str, framing: str) -> None:
    body = BODIES[kind]
    parts = [body[at : at + 999] for at in range(0, len(body), 999)]
    with Sink() as sink, gate(sink) as it, it.connect() as sock:
        if framing == "length":
            sock.sendall(head(kind, f"Content-Length: {len(body)}"))
        else:
            sock.sendall(head(kind, "Transfer-Encoding: chunked"))
        for part in parts:
            sock.sendall(part if framing == "length" else chunk(part))
        sock.sendall(b"" if framing == "length" else last_chunk())
        assert read_answer(sock).startswith(b"HTTP/1.1 204 ")
        assert sink.over.wait(PATIENCE) and sink.end == "whole"
        assert unchunked(sink.got.partition(b"\r\n\r\n")[2]) == body
        intent, outcome = it.records()
    assert (intent.phase, outcome.phase, outcome.effect) == ("intent", "outcome", "allow")
    assert outcome.request_bytes == len(body)
    assert outcome.seen == {"user.name": 900, "user.contact.phone_number": 900}


def test_all_of_it_in_one_go() -> None:
    """The end of the body is here before the upstream is connected to."""
    body = rows(200)
    with Sink() as sink, gate(sink) as it, it.connect() as sock:
        sock.sendall(head("text/csv", "Transfer-Encoding: chunked") + chunk(body) + last_chunk())
        assert read_answer(sock).startswith(b"HTTP/1.1 204 ")
        assert sink.over.wait(PATIENCE) and unchunked(sink.got.partition(b"\r\n\r\n")[2]) == body


LATE = {
    "a mask": (rows(300) + b"[redacted],+33639980001,1\r\n", 409, "masked_value_written"),
    "a row": (rows(300) + b'"A"na,+33639980001,1\r\n', 422, "unparseable_body"),
    "no end of a cell": (rows(300) + b'"Ana', 422, "unparseable_body"),
}


@pytest.mark.parametrize(("what", "at_once"), [*((what, False) for what in LATE), ("no end of a cell", True)])
def test_a_refusal_half_way_is_never_taken_for_a_whole_request(what: str, at_once: bool) -> None:
    body, status, reason = LATE[what]
    with Sink() as sink, gate(sink) as it, it.connect() as sock:
        sock.sendall(head("text/csv", f"Content-Length: {len(body)}"))
        for part in [body] if at_once else [body[at : at + 2000] for at in range(0, len(body), 2000)]:
            sock.sendall(part)
            time.sleep(0 if at_once else 0.01)
        got = read_answer(sock)
        assert got.startswith(b"HTTP/1.1 %d " % status)
        problem = json.loads(got.partition(b"\r\n\r\n")[2])
        assert problem["type"] == f"urn:hushgate:{reason}" and b"Ana" not in got
        assert sink.over.wait(PATIENCE) and sink.end in ("cut", "reset")
        assert b"\r\n0\r\n" not in sink.got and b"redacted" not in sink.got
        records = it.records()
        assert ("hushgate_exceptions",) not in it.metrics.counts
    assert [(r.phase, r.effect, r.reason) for r in records] == [
        ("intent", "allow", ""),
        ("outcome", "error", reason),
    ]


def test_a_caller_that_leaves_half_way() -> None:
    body = rows(300)
    with Sink() as sink, gate(sink) as it:
        with it.connect() as sock:
            sock.sendall(head("text/csv", f"Content-Length: {len(body) + 100}") + body)
        assert sink.over.wait(PATIENCE) and sink.end in ("cut", "reset")
        end = time.monotonic() + PATIENCE
        while len(it.records()) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert [(r.phase, r.effect) for r in it.records()] == [("intent", "allow"), ("outcome", "error")]


def test_an_answer_before_the_end_goes_to_the_caller() -> None:
    body = rows(300)
    with Sink(early=b"HTTP/1.1 507 Full\r\nContent-Length: 0\r\n\r\n") as sink, gate(sink) as it:
        with it.connect() as sock:
            sock.sendall(head("text/csv", f"Content-Length: {len(body) + 100}") + body)
            assert read_answer(sock).startswith(b"HTTP/1.1 507 ")
        assert [(r.phase, r.status) for r in it.records()] == [("intent", 0), ("outcome", 507)]


def test_above_the_limit_without_the_option_it_is_refused() -> None:
    with Sink() as sink, gate(sink, Limits(max_body=5_000)) as it:
        for kind, body in BODIES.items():
            got = it.talk(head(kind, f"Content-Length: {len(body)}") + body)
            assert got.startswith(b"HTTP/1.1 413 ") and b"urn:hushgate:body_too_large" in got
        assert [record.phase for record in it.records()] == ["refusal"] * 3
        assert sink.size == 0


@pytest.mark.parametrize("kind", ["application/xml", "multipart/form-data; boundary=b", "text/plain"])
def test_what_does_not_stream_is_refused_above_the_limit(kind: str) -> None:
    with Sink() as sink, gate(sink) as it:
        got = it.talk(head(kind, "Content-Length: 9000") + b"x" * 9000)
        assert got.startswith(b"HTTP/1.1 413 ") and b"urn:hushgate:body_too_large" in got
        assert sink.size == 0


# ---- memory ---------------------------------------------------------------------------------------------

SIZE = 32 * 1024 * 1024
MOST = 50 * 1024 * 1024
"""A few times the 10 MiB that are held and looked through before anything is sent."""
LARGE: Mapping[str, tuple[bytes, bytes, bytes]] = {
    "text/csv": (b"name,phone,n\r\n", b'"Ana %b",+33639980001,1.10\r\n' % (b"x" * 150) * 1000, b""),
    "application/json": (b"[", b'{"name": "Ana %b", "n": 1.10},' % (b"x" * 150) * 1000, b"{}]"),
}


def parts(kind: str) -> Iterator[bytes]:
    first, block, last = LARGE[kind]
    yield first
    for _ in range(SIZE // len(block)):
        yield block
    yield last


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_upload_takes_little_memory(kind: str, tmp_path: Path) -> None:
    with Sink(keep=False) as sink:
        house = House(tmp_path, sink.port)
        (tmp_path / "packs" / "crm" / "pack.yaml").write_bytes(PACK)
        with house.config.open("a") as out:
            out.write("limits: {uploads: stream}\n")
        with running(house), socket.create_connection(house.apps, PATIENCE) as sock:
            [worker] = house.pids()
            before = most = resident(worker)
            sock.sendall(head(kind, "Transfer-Encoding: chunked"))
            for part in parts(kind):
                sock.sendall(chunk(part))
                most = max(most, resident(worker))
            sock.sendall(last_chunk())
            assert read_answer(sock).startswith(b"HTTP/1.1 204 ")
        assert sink.end == "whole" and sink.size > SIZE - len(LARGE[kind][1])
    assert most - before < MOST, f"{(most - before) / 1e6:.1f} MB"
