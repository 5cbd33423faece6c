"""Traffic of the fast path's tests: what upstreams answer; how requests are made, counted and compared."""

import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.audit.record import Record
from gateway.exchange.fastpath import FastPath
from gateway.http1.encode import chunk, last_chunk
from gateway.metrics import METRICS
from gateway.planes.reverse.flight import Flight
from tests.faulttraffic import READ, UPSTREAMS
from tests.logs import record_of
from tests.plane import PATIENCE, Gate, Upstream, answer, finished, read_answer

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


class Flights:
    """Counts requests that began on the fast path, and those that were answered there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = self.landed = 0
        begin, answered = Flight.begin, FastPath.answer

        def tallied(flight: Flight, raw: bytes) -> bool:
            began = begin(flight, raw)
            self.begun += began
            return began

        def made(path: FastPath, *given: Any) -> bool:
            did = answered(path, *given)
            self.landed += did
            return did

        patch.setattr(Flight, "begin", tallied)
        patch.setattr(FastPath, "answer", made)


COUNTED = frozenset(
    name for name, metric in METRICS.items() if metric.kind == "counter" and "pool" not in name
)


def counted(gate: Gate) -> dict[tuple[str, ...], float]:
    """What a worker counted, but for connections."""
    gate.worker.metrics.settle()
    return {key: n for key, n in gate.worker.metrics.counts.items() if key[0] in COUNTED}


def played(
    made: Callable[[], bytes | Iterator[bytes | float]], asked: bytes = READ, usual: bytes = BODY
) -> tuple[object, ...]:
    """All that anybody sees of an answer that comes on a way that is known, and of the next one."""
    replies: list[Callable[[], bytes | Iterator[bytes | float]]] = [lambda: answer(usual)]
    with Upstream(lambda _: replies[-1]()) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            got = [ask(sock, asked), ask(sock, asked)]
            replies.append(made)
            got.append(ask(sock, asked))
        replies.pop()
        with gate.connect() as sock:
            got += [ask(sock, asked), ask(sock, asked)]
        return list(map(plain, got)), list(map(plain, upstream.requests)), said(gate.records()), counted(gate)


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


OWN = re.compile(
    rb"[0-9a-f]{12}-[0-9a-f]+|127\.0\.0\.1:[0-9]+|(?<=Retry-After: )[0-9]+|(?<=\"retry_after\":)[0-9]+"
)


def plain(got: bytes) -> bytes:
    """A message without the name of its exchange, a port, or what depends on the second."""
    return OWN.sub(b"OWN", got)


def said(records: Sequence[Record]) -> list[Record]:
    """Records without what differs between two runs."""
    times = [(record.phase, record.added_us, record.total_us) for record in records]
    assert all(total >= added >= 0 for _, added, total in times), times
    return [replace(r, id=plain(r.id.encode()).decode(), at=0.0, added_us=0, total_us=0) for r in records]


def wait_for(true: Callable[[], Any]) -> None:
    """Until it is."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def grounded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Flight, "begin", lambda *_: False)
