"""Answers over HTTP/2: interim ones, trailers, long ones that are read, and long ones that are not."""

import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h2.events
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from tests.http2 import connection, send
from tests.intercepting import Proxy
from tests.plane import TIMEOUTS, Upstream, answer
from tests.world import RULES

BLOCK = bytes(range(256)) * 1024
BLOCKS, SOME = 128, 8
BYTES = b"Content-Type: application/octet-stream\r\n"
PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


@dataclass
class Provider:
    """What it answers, by path; `sent` are the blocks of the long answer that have left it."""

    sent: int = 0
    all_of_it: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: bytes) -> Any:
        kind = request.partition(b"x-kind: ")[2].partition(b"\r\n")[0]
        return ANSWERS.get(kind) or self._long(BLOCKS if kind == b"long" else SOME)

    def _long(self, blocks: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n" + BYTES + b"Content-Length: %d\r\n\r\n" % (blocks * len(BLOCK))
        for _ in range(blocks):
            yield BLOCK
            self.sent += 1
        self.all_of_it.set()


ANSWERS = {
    b"": HINT + HINT + answer(PERSON),
    b"trailed": b"HTTP/1.1 200 OK\r\n"
    + BYTES
    + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def proxy(provider: Provider) -> Iterator[Proxy]:
    hasty = dataclasses.replace(TIMEOUTS, progress=1.0)
    with (
        Upstream(provider) as upstream,
        Proxy(upstream, timeouts=hasty, rules=RULES + "unmapped: pass\n") as made,
    ):
        yield made


def fields(proxy: Proxy, kind: bytes = b"") -> list[tuple[bytes, bytes]]:
    path = b"/status" if kind else b"/contacts/7"
    pseudo = {b":method": b"GET", b":scheme": b"https", b":authority": proxy.host.encode(), b":path": path}
    return [*pseudo.items(), (b"x-kind", kind)] if kind else list(pseudo.items())


def seen(proxy: Proxy, kind: bytes = b"") -> list[h2.events.Event]:
    """What a client is told, to the end of the answer."""
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        made.send_headers(1, fields(proxy, kind), end_stream=True)
        sock.sendall(made.data_to_send())
        found: list[h2.events.Event] = []
        while not any(isinstance(event, h2.events.StreamEnded) for event in found):
            data = sock.recv(65536)
            assert data, found
            found += made.receive_data(data)
            sock.sendall(made.data_to_send())
        return found


def test_interim_answers_come_before_the_answer(proxy: Proxy) -> None:
    found = seen(proxy)
    heads = (h2.events.InformationalResponseReceived, h2.events.ResponseReceived)
    said = [dict(event.headers) for event in found if isinstance(event, heads)]
    assert [head[b":status"] for head in said] == [b"103", b"103", b"200"]
    assert said[0][b"link"] == b"</a.css>; rel=preload"
    assert b"ana@" not in b"".join(event.data for event in found if isinstance(event, h2.events.DataReceived))


def test_trailers_come_after_it(proxy: Proxy) -> None:
    found = seen(proxy, b"trailed")
    [trailers] = [event.headers for event in found if isinstance(event, h2.events.TrailersReceived)]
    assert [(name.lower(), value) for name, value in trailers] == [(b"x-sum", b"1")]
    assert b"".join(e.data for e in found if isinstance(e, h2.events.DataReceived)) == b"abc"


def test_a_long_answer_that_is_read(proxy: Proxy) -> None:
    with proxy.tls(protocols=("h2",)) as sock:
        got = send(sock, connection(sock), fields(proxy, b"some"))
    assert got.partition(b"\r\n\r\n")[2] == BLOCK * SOME


def test_a_long_answer_that_is_not_read_does_not_gather(proxy: Proxy, provider: Provider) -> None:
    """Nothing is acknowledged: the provider is held up, and the stream reset when its time is over."""
    with proxy.tls(protocols=("h2",)) as sock:
        made = connection(sock)
        made.increment_flow_control_window(1 << 20)  # the connection's: one stream does not stop another
        made.send_headers(1, fields(proxy, b"long"), end_stream=True)
        made.send_headers(3, fields(proxy), end_stream=True)
        sock.sendall(made.data_to_send())
        ended: dict[int, h2.events.Event] = {}
        while ended.keys() != {1, 3}:
            data = sock.recv(65536)
            assert data, ended
            events = made.receive_data(data)
            ends = (h2.events.StreamReset, h2.events.StreamEnded)
            ended |= {event.stream_id: event for event in events if isinstance(event, ends)}
            sock.sendall(made.data_to_send())
    assert isinstance(ended[1], h2.events.StreamReset)
    assert isinstance(ended[3], h2.events.StreamEnded), "the others go on"
    assert not provider.all_of_it.is_set() and provider.sent < BLOCKS
