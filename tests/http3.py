"""A client of HTTP/3 on aioquic, spoken to in the words of HTTP/1.1; its datagrams go by UDP or in a tunnel.

with Client(Udp(port), "crm.example") as client:
    answer = client.ask([(b":method", b"GET"), ...], b"")
"""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self

from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamReset
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from trustme import LeafCert

from tests.wireguard import Tunnel

PATIENCE = 30.0
Fields = Sequence[tuple[bytes, bytes]]
PEER = ("gateway", 1)


class Wire(Protocol):
    """Where datagrams go."""

    def send(self, data: bytes) -> None:
        """One."""

    def receive(self, within: float) -> bytes:
        """One, or b"" when none has come within so many seconds."""

    def close(self) -> None:
        """No more."""


class Udp:
    """Loopback, from any port or one's own."""

    def __init__(self, port: int, own: int = 0) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", own))
        self.own = int(self._sock.getsockname()[1])
        self._sock.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        """One."""
        self._sock.send(data)

    def receive(self, within: float) -> bytes:
        """One."""
        self._sock.settimeout(max(within, 0.001))
        try:
            return self._sock.recv(65536)
        except (TimeoutError, ConnectionError):
            return b""

    def close(self) -> None:
        """No more."""
        self._sock.close()


class Tunnelled:
    """In a tunnel, to an address."""

    def __init__(self, tunnel: Tunnel, host: str, port: int) -> None:
        self._tunnel, self._to = tunnel, (host, port)

    def send(self, data: bytes) -> None:
        """One."""
        self._tunnel.say(*self._to, data)

    def receive(self, within: float) -> bytes:
        """One."""
        return self._tunnel.hear(within)

    def close(self) -> None:
        """The tunnel goes on."""


class Client:
    """A connection. `closed`: why it has ended, once it has."""

    def __init__(self, wire: Wire, name: str, ca: bytes, shows: LeafCert | None = None) -> None:
        config = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=name, cadata=ca)
        config.verify_mode = ssl.CERT_REQUIRED
        if shows is not None:
            first, *rest = (load_pem_x509_certificate(blob.bytes()) for blob in shows.cert_chain_pems)
            config.certificate, config.certificate_chain = first, rest
            config.private_key = load_pem_private_key(shows.private_key_pem.bytes(), None)
        self._wire = wire
        self._quic = QuicConnection(configuration=config)
        self.http = H3Connection(self._quic)
        self.shaken = False
        self.closed: str | None = None
        self.answers: dict[int, tuple[list[tuple[bytes, bytes]], bytearray]] = {}
        self.heads: list[Fields] = []
        self._ended: set[int] = set()

    def __enter__(self) -> Self:
        try:
            self._quic.connect(PEER, time.monotonic())
            self._until(lambda: self.shaken)
        except BaseException:
            self._wire.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._quic.close()
        self._flush()
        self._wire.close()

    def ask(self, fields: Fields, body: bytes = b"") -> bytes:
        """A request; the answer as HTTP/1.1 writes it, b"closed" or b"reset" in place of one."""
        number = self.begin(fields, body)
        self._until(lambda: number in self._ended)
        return self.answer(number)

    def begin(self, fields: Fields, body: bytes = b"", trailers: Fields = (), *, more: bool = False) -> int:
        """Send a request; its stream. `more`: it is left open."""
        number = self._quic.get_next_available_stream_id()
        self.answers[number] = [], bytearray()
        self.http.send_headers(number, list(fields), end_stream=not body)
        if body:
            self.http.send_data(number, body, end_stream=not trailers)
        if trailers:
            self.http.send_headers(number, list(trailers), end_stream=True)
        return number

    def take_back(self, number: int) -> None:
        """No answer to a request is wanted any more; said with what is sent next."""
        self._quic.stop_stream(number, 0x10C)

    def answer(self, number: int) -> bytes:
        """What has come on a stream."""
        if number not in self._ended:
            return b"closed"
        fields, body = self.answers[number]
        if not fields:
            return b"reset"
        (_, status), *rest = fields
        return b"\r\n".join([b"HTTP/1.1 " + status, *map(b": ".join, rest)]) + b"\r\n\r\n" + bytes(body)

    def wait(self, *numbers: int) -> None:
        """Until these have been answered."""
        self._until(lambda: set(numbers) <= self._ended)

    def _until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        self._flush()
        while not done() and self.closed is None:
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError
            data = self._wire.receive(min((self._quic.get_timer() or deadline) - now, deadline - now))
            if data:
                self._quic.receive_datagram(data, PEER, time.monotonic())
            else:
                self._quic.handle_timer(time.monotonic())
            self._take()
            self._flush()

    def _take(self) -> None:
        while (event := self._quic.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self.shaken = True
            elif isinstance(event, ConnectionTerminated):
                self.closed = event.reason_phrase or str(event.error_code)
            elif isinstance(event, StreamReset):
                self._ended.add(event.stream_id)
            for part in self.http.handle_event(event):
                if isinstance(part, HeadersReceived):
                    self._head(part)
                elif isinstance(part, DataReceived):
                    self.answers[part.stream_id][1].extend(part.data)
                if isinstance(part, HeadersReceived | DataReceived) and part.stream_ended:
                    self._ended.add(part.stream_id)

    def _head(self, part: HeadersReceived) -> None:
        self.heads.append(part.headers)
        if not dict(part.headers).get(b":status", b"").startswith(b"1"):
            self.answers[part.stream_id][0].extend(part.headers)

    def _flush(self) -> None:
        for data, _ in self._quic.datagrams_to_send(time.monotonic()):
            self._wire.send(data)
