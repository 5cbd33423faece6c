"""Hostile messages through a running gateway: an upstream that reads with a parser of its own, raw callers.

The upstream's parser is llhttp (httptools): what it makes of the bytes is another reader's opinion of them.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import TracebackType
from typing import Any, Self

import httptools

from tests.plane import Loop
from tests.world import RULES

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OPEN = RULES.replace(
    "views:", "  - {id: anyone, network: [127.0.0.0/8], role: admin, purposes: [essential]}\nviews:"
)
"""Whoever calls from here is a client: a hostile message needs no key to get through to framing."""
PASS = OPEN + "unmapped: pass\n"

_HEAD = """\
provider: crm
title: Anything with a path
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
operations:
"""


def anything(maps: str = "") -> str:
    """A pack whose operations are every method on every path of up to 8 segments; `maps` is added to each."""
    calls = [f"{m} /" + "/".join(f"{{p{i}}}" for i in range(n)) for m, n in product(METHODS, range(9))]
    lines = [f'  - {{id: op{i}, call: "{call}"{maps}}}' for i, call in enumerate(calls)]
    return _HEAD + "\n".join(lines) + "\n"


@dataclass
class Heard:
    """One request as the upstream's parser understood it, and its bytes."""

    raw: bytearray = field(default_factory=bytearray)
    target: bytes = b""
    method: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False

    @property
    def framing(self) -> list[bytes]:
        """Names of its framing fields, and of what resembles one."""
        names = [name.lower().strip(b" _-.\t") for name, _ in self.headers]
        return [n for n in names if n.replace(b"_", b"-").endswith((b"transfer-encoding", b"content-length"))]


class _Reading(asyncio.Protocol):
    def __init__(self, upstream: "Recorder") -> None:
        self._upstream = upstream
        self._parser: Any = httptools.HttpRequestParser(self)
        self._now = Heard()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._now.raw += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._upstream.faults.append((bytes(self._now.raw), str(error)))
            self._transport.close()

    def on_message_begin(self) -> None:
        self._upstream.heard.append(self._now)

    def on_url(self, target: bytes) -> None:
        self._now.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._now.headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        self._now.body += data

    def on_message_complete(self) -> None:
        heard, self._now = self._now, Heard()
        heard.method, heard.whole = self._parser.get_method(), True
        end = b"" if heard.method == b"HEAD" else b"ok"
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + end)


class Recorder:
    """An upstream on loopback that remembers what its parser understood (`heard`) and refused (`faults`)."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.faults: list[tuple[bytes, str]] = []
        self._loop = Loop()
        self._server: asyncio.Server = self._loop.run(self._listen())
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: _Reading(self), "127.0.0.1", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._close())
        self._loop.stop()

    async def _close(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def about(self, row: int) -> list[Heard]:
        """What was heard of the messages whose target was marked with this number."""
        mark = b"row=%d&" % row
        return [heard for heard in list(self.heard) if mark in heard.target]


@dataclass(frozen=True)
class Got:
    """What a caller got for its bytes: everything the gateway wrote, and whether it ended the connection."""

    data: bytes
    closed: bool
    reset: bool = False


async def say(port: int, data: bytes, *, half_close: bool, patience: float) -> Got:
    """Send bytes on a new connection and read until the gateway closes it or `patience` seconds are over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(patience):
            while more := await reader.read(65536):
                got += more
        return Got(got, True)
    except TimeoutError:
        return Got(got, False)
    except OSError:
        return Got(got, True, True)
    finally:
        writer.transport.abort()


async def say_all(
    port: int,
    messages: Sequence[bytes],
    *,
    half_close: bool = True,
    patience: float = 60,
    at_once: int = 64,
) -> list[Got]:
    """`say` for many, some at a time, in order."""
    turn = asyncio.Semaphore(at_once)

    async def one(data: bytes) -> Got:
        async with turn:
            return await say(port, data, half_close=half_close, patience=patience)

    return await asyncio.gather(*(one(data) for data in messages))


def statuses(data: bytes) -> list[int]:
    """Statuses of the answers in what a caller got, read by their own framing; -1 for what is no answer."""
    found: list[int] = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if not end or not lines[0].startswith(b"HTTP/1.1 "):
            return [*found, -1]
        found.append(int(lines[0][9:12]))
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"0"))
        data = rest[length:] if rest[:9] != b"HTTP/1.1 " else rest
    return found


def broken_off(sock: socket.socket) -> None:
    """Close with a reset instead of an orderly end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()


def received(sock: socket.socket) -> bytes:
    """Everything until the gateway ends the connection."""
    got = b""
    try:
        while more := sock.recv(65536):
            got += more
    except ConnectionError:
        pass
    return got


def table(title: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Print expected and got, counted (`pytest -s`)."""
    counts: dict[tuple[str, str], int] = {}
    for _, expected, got in rows:
        counts[expected, got] = counts.get((expected, got), 0) + 1
    print(f"\n{title}: {sum(counts.values())} rows")
    for (expected, got), number in sorted(counts.items()):
        print(f"  expected {expected:40} got {got:24} {number}")
