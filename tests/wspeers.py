"""WebSockets through a gateway on real sockets: a provider that is told what to do, and an application.

Frames are written and read here by hand, so that nothing of the gateway's judges the gateway.
"""

import base64
import hashlib
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.plane import PATIENCE
from tests.world import KEYS, PACK

KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
).decode()
MASK = b"\x37\xfa\x21\x3d"
LIVE = (
    PACK
    + b"""
  - id: live
    call: GET /live
    request: {query: {email: {is: user.contact.email, subject: email}}}
    response: {json: {message: user}}
    websocket:
      by: event
      sends:
        json: {$: system.operations}
        kinds:
          find: {email: {is: user.contact.email, subject: email}, event: system.operations}
          note: {$: {type: contact}, event: system.operations}
      receives:
        json: {$: {type: contact}, event: system.operations}
        kinds:
          plain: {$: system.operations}
  - id: raw
    call: GET /raw
    websocket:
      sends: {json: {$: system.operations}}
      receives: {json: {$: system.operations}}
  - id: kinds
    call: GET /kinds
    websocket:
      by: data.type
      sends: {kinds: {hello: {$: system.operations}}}
      receives: {kinds: {hello: {$: system.operations}}, binary: user.content.private}
  - id: words
    call: GET /words
    websocket:
      sends: {text: user.content.private}
      receives: {text: user.content.private}
"""
)


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    """A payload under a mask, byte by byte."""
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def wrote(first: int, payload: bytes, mask: bytes = b"", *, bits: int | None = None) -> bytes:
    """A frame whose first byte is `first`; `bits` says how its length is written."""
    size, flag = len(payload), 0x80 if mask else 0
    form = bits if bits is not None else 7 if size < 126 else 16 if size < 65536 else 64
    told_in = {7: size & 0x7F, 16: 126, 64: 127}[form]
    length = bytes((flag | told_in,)) + (b"" if form == 7 else size.to_bytes(form // 8))
    return bytes((first,)) + length + mask + (masked(payload, mask) if mask else payload)


def said(payload: bytes | str, first: int = 0x81) -> bytes:
    """A frame of an application."""
    return wrote(first, payload.encode() if isinstance(payload, str) else payload, MASK)


def told(payload: bytes | str, first: int = 0x81) -> bytes:
    """A frame of a provider."""
    return wrote(first, payload.encode() if isinstance(payload, str) else payload)


@dataclass(frozen=True)
class Frame:
    """One that was read."""

    first: int
    payload: bytes
    masked: bool

    @property
    def code(self) -> int:
        """Of a Close."""
        assert self.first == 0x88, self
        return int.from_bytes(self.payload[:2])


class Wire:
    """One end of a WebSocket."""

    def __init__(self, sock: socket.socket, head: bytes = b"", rest: bytes = b"") -> None:
        self.sock = sock
        self.head = head
        self._data = rest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, *pieces: bytes) -> None:
        """Write bytes."""
        for piece in pieces:
            self.sock.sendall(piece)

    def take(self, size: int) -> bytes:
        """Exactly that many; fewer where the connection ends."""
        while len(self._data) < size and (more := self._more()):
            self._data += more
        got, self._data = self._data[:size], self._data[size:]
        return got

    def frame(self) -> Frame:
        """The next frame."""
        first, second = self.take(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.take(2 if size == 126 else 8))
        mask = self.take(4) if second & 0x80 else b""
        payload = self.take(size)
        assert len(payload) == size, "the connection ended within a frame"
        return Frame(first, masked(payload, mask) if mask else payload, bool(mask))

    def rest(self) -> bytes:
        """All that comes until the connection ends."""
        while more := self._more():
            self._data += more
        got, self._data = self._data, b""
        return got

    def _more(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except ConnectionError:
            return b""


def opened(sock: socket.socket) -> tuple[bytes, bytes]:
    """A head, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return data, b""
        data += more
    head, mark, rest = data.partition(b"\r\n\r\n")
    return head + mark, rest


Answer = Callable[[bytes], bytes]


def switching(extra: str = "", accept: str = ACCEPT) -> Answer:
    """A provider's answer that agrees; `extra` are header lines with their ends."""
    lines = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return lambda _: f"{lines}Sec-WebSocket-Accept: {accept}\r\n{extra}\r\n".encode()


class Provider:
    """Listens on loopback. `answer` answers a head; then the connection is the test's: `taken()`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._server = socket.create_server((host, 0))
        self.port = self._server.getsockname()[1]
        self.answer: Answer = switching()
        self.heads: list[bytes] = []
        self._wires: queue.Queue[tuple[int, Wire]] = queue.Queue()
        self._forgotten = 0
        """How often: what was accepted before is nobody's, also when it turns up after."""
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        for sock in self._open:
            sock.close()

    def taken(self) -> Wire:
        """The connection that was made next."""
        while True:
            when, wire = self._wires.get(timeout=PATIENCE)
            if when == self._forgotten:
                return wire
            wire.sock.close()

    def forget(self) -> None:
        """Connections that were not taken."""
        self._forgotten += 1
        while self._open:
            self._open.pop().close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock, self._forgotten), daemon=True).start()

    def _serve(self, sock: socket.socket, when: int) -> None:
        try:
            head, rest = opened(sock)
            if not head:
                return
            self.heads.append(head)
            sock.sendall(self.answer(head))
        except OSError:
            return
        self._wires.put((when, Wire(sock, head, rest)))


def asking(
    path: str, *, host: str = "gw.test", client: str = "support", extra: str = "", key: str = KEY
) -> bytes:
    """A handshake; `client` "" says no key."""
    who = f"Hushgate-Key: {KEYS[client].decode()}\r\n" if client else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{who}Connection: keep-alive, Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extra}\r\n"
    ).encode()


def dialled(sock: socket.socket, asked: bytes) -> Wire:
    """An application's end, once the handshake is answered."""
    sock.settimeout(PATIENCE)
    sock.sendall(asked)
    head, rest = opened(sock)
    return Wire(sock, head, rest)
