"""A real worker on real sockets, in a thread: upstreams that answer raw bytes, callers that send them.

with Upstream(lambda request: b"HTTP/1.1 200 OK...") as upstream, Gate(upstream) as gate:
    answer = gate.talk(b"GET /crm/status HTTP/1.1...")
"""

import asyncio
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import uvloop

from gateway.audit.aio import open_log
from gateway.audit.chain import decode
from gateway.audit.record import Record, TextLog
from gateway.codecs.program import Limits
from gateway.contacts.model import Registry
from gateway.contacts.sqlite import SqliteRegistry
from gateway.deployment import Audit, Config, Timeouts
from gateway.deployment import Log as LogSettings
from gateway.http1.head import HeadLimits
from gateway.metrics import Metrics
from gateway.model import Upstream as UpstreamModel
from gateway.parent import Parent
from gateway.planes.reverse.worker import Worker
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from gateway.secret import Secret
from tests.world import KEYS, PACK, RING, RULES, pack_of

PATIENCE = 30.0
"""seconds any single wait may take before the test fails"""

Reply = Callable[[bytes], "bytes | Iterator[bytes | float]"]
"""A request (head and body) -> what is written: bytes, or pieces with pauses in seconds; b"" closes."""


@dataclass
class Loop:
    """An event loop in a thread."""

    loop: asyncio.AbstractEventLoop = field(default_factory=uvloop.new_event_loop)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Run a coroutine there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def stop(self) -> None:
        """End it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        with warnings.catch_warnings(record=True) as open_yet:  # uvloop hangs where a warning raises
            warnings.simplefilter("always")
            self.loop.close()
        assert not open_yet, [str(one.message) for one in open_yet]


class Port(Protocol):
    """Anything that listens on loopback."""

    port: int


class Upstream:
    """A provider on loopback that answers what it is told, and remembers what it got."""

    def __init__(self, reply: Reply, host: str = "127.0.0.1", port: int = 0) -> None:
        self._reply = reply
        self._server = socket.create_server((host, port))
        self.port = self._server.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = self.ended = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                while (request := read_message(sock)) is not None:
                    self.requests.append(request)
                    if not self._answer(sock, self._reply(request)):
                        return
            except OSError:
                return
            finally:
                self.ended += 1

    def _answer(self, sock: socket.socket, reply: "bytes | Iterator[bytes | float]") -> bool:
        for piece in (reply,) if isinstance(reply, bytes) else reply:
            if isinstance(piece, float):
                threading.Event().wait(piece)
            elif piece == b"":
                return False
            else:
                sock.sendall(piece)
        return True


def read_message(sock: socket.socket) -> bytes | None:
    """One request with its body (by Content-Length or chunks), None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    wanted = int(fields.get(b"content-length", b"0"))
    chunked = fields.get(b"transfer-encoding") == b"chunked"
    while len(body) < wanted or (chunked and not (body.endswith(b"\r\n\r\n") and b"0\r\n" in body)):
        more = sock.recv(65536)
        if not more:
            return None
        body += more
    return head + b"\r\n\r\n" + body


def answer(
    body: bytes, *, status: bytes = b"200 OK", kind: bytes = b"application/json", extra: bytes = b""
) -> bytes:
    """A whole upstream answer."""
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        kind,
        len(body),
        extra,
        body,
    )


TIMEOUTS = Timeouts(head=30, body=30, idle=30, answer=30, progress=30, connect=30, drain=5, pool=30)


class Gate:
    """A worker in a thread, with the tests' pack and rules in front of an Upstream."""

    def __init__(
        self,
        upstream: "Upstream | Port | None",
        *,
        rules: str = RULES,
        timeouts: Timeouts = TIMEOUTS,
        limits: Limits | None = None,
        max_connections: int = 1000,
        change: Callable[[UpstreamModel], UpstreamModel] = lambda u: u,
        networks: tuple[tuple[str, str, str], ...] = (("127.0.0.0/8", "FR", "OVH"),),
        registry: Registry | None = None,
        log: TextLog | None = None,
        tls: Any = None,
        pack: bytes = PACK,
        parent: Parent | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hushgate-test-"))
        port = upstream.port if upstream else 9
        self.upstream = change(
            UpstreamModel(
                name="crm-1",
                provider="crm",
                url=f"http://127.0.0.1:{port}",
                region="FR",
                operator="OVH",
                prefix="/crm",
            )
        )
        made = _config(self.folder, timeouts, limits or Limits(), max_connections)
        self._config = replace(made, parent=parent)
        self._networks = networks
        self._registry, self._log, self._tls, self._pack = registry, log, tls, pack
        self.metrics = Metrics()
        self.snapshot = self.snapshot_of(rules)
        self.loop = Loop()

    def snapshot_of(self, rules: str) -> Snapshot:
        """A snapshot of other rules, to put in force with `replace`."""
        policy = read_rules(rules.encode(), "acme.yaml")
        return Snapshot(
            tenants=[Tenant(policy.tenant, policy.clients, lambda: policy)],
            packs=[pack_of(self._pack, "crm/pack.yaml")],
            upstreams=[self.upstream],
            table=AddressTable(self._networks),
            secrets=Secrets.of(RING),
        )

    def __enter__(self) -> Self:
        self.loop.run(self._start())
        return self

    async def _start(self) -> None:
        self.registry = self._registry or SqliteRegistry(self.folder / "state.db")
        self.log = self._log or open_log(str(self.folder / "audit"), 0, "written")
        self.worker = Worker(self._config, self.snapshot, self.log, self.registry, self.metrics)
        self.port = await self.worker.listen("127.0.0.1", 0, self._tls)
        self._stop = asyncio.Event()
        self._running = asyncio.ensure_future(self.worker.run(self._stop))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.run(self._end())
        self.loop.stop()

    async def _end(self) -> None:
        self._stop.set()
        for caller in list(self.worker._callers):
            caller.abort()
        await self._running
        self.log.close()
        self.registry.close()
        await asyncio.sleep(0.02)  # transports that were aborted close in the next turns of the loop

    def drain(self) -> None:
        """Begin to stop, without waiting for it."""
        self.loop.loop.call_soon_threadsafe(self._stop.set)

    def replace(self, rules: str) -> None:
        """Reload; it is in force on return."""
        self.loop.run(self._replace(rules))

    async def _replace(self, rules: str) -> None:
        self.worker.replace(self.snapshot_of(rules))

    source = "127.0.0.1"
    """The address callers have; any of 127.0.0.0/8."""

    def connect(self) -> socket.socket:
        """A caller's connection."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE, (self.source, 0))

    def talk(self, *pieces: bytes) -> bytes:
        """Send pieces on a new connection, read until the gateway closes or one answer is complete."""
        with self.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)
            return read_answer(sock)

    def records(self) -> list[Record]:
        """Everything in the log, the log's own records left out."""
        lines = b"".join(p.read_bytes() for p in sorted((self.folder / "audit").glob("*.jsonl"))).splitlines()
        return [r for r in (decode(line).record for line in lines) if r.phase not in ("start", "stop")]


def _config(folder: Path, timeouts: Timeouts, limits: Limits, max_connections: int) -> Config:
    return Config(
        file=str(folder / "hushgate.yaml"),
        listeners=(),
        upstreams=(),
        networks=(),
        rules=str(folder),
        plugins=(),
        state=f"sqlite://{folder}/state.db",
        audit=Audit(str(folder / "audit"), "written"),
        keyring=Secret(""),
        admin=None,
        limits=limits,
        head_limits=HeadLimits(),
        timeouts=timeouts,
        max_connections=max_connections,
        log=LogSettings("info", "json"),
    )


def request(method: str, path: str, body: bytes = b"", *, client: str = "support", extra: str = "") -> bytes:
    """A request as a caller sends it; `extra` are header lines with their line ends."""
    length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
    key = f"Hushgate-Key: {KEYS[client].decode()}\r\n" if client else ""
    return f"{method} {path} HTTP/1.1\r\nHost: gw.test\r\n{key}{length}{extra}\r\n".encode() + body


def read_answer(sock: socket.socket) -> bytes:
    """One answer: head and body by its framing; less when the connection ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = _recv(sock)
        if not more:
            return data
        data += more
    return finished(sock, data)


def finished(sock: socket.socket, data: bytes) -> bytes:
    """An answer whose head has come, with its body."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in fields:
        wanted = int(fields[b"content-length"])
        while len(body) < wanted and (more := _recv(sock)):
            body += more
    elif fields.get(b"transfer-encoding") == b"chunked":
        while not body.endswith(b"0\r\n\r\n") and (more := _recv(sock)):
            body += more
    elif fields.get(b"connection") == b"close":
        while more := _recv(sock):
            body += more
    return head + b"\r\n\r\n" + body


def _recv(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionError:
        return b""
