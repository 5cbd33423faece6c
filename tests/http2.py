"""A client of HTTP/2 on the h2 library, for one request at a time, spoken to in the words of HTTP/1.1."""

import socket
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events
import h2.exceptions

Fields = Sequence[tuple[bytes, bytes]]


def connection(sock: socket.socket, *, checks: bool = True) -> h2.connection.H2Connection:
    """A connection whose preface has been sent. Without `checks` it sends what no client may."""
    config = h2.config.H2Configuration(
        client_side=True,
        header_encoding=None,
        validate_outbound_headers=checks,
        normalize_outbound_headers=checks,
    )
    made = h2.connection.H2Connection(config)
    made.initiate_connection()
    sock.sendall(made.data_to_send())
    return made


def ask(sock: socket.socket, head: bytes, body: bytes) -> bytes:
    """Send a request that is written as in HTTP/1.1; returns the answer, written so."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, path, _ = first.split(b" ")
    pairs = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
    host = dict(pairs)[b"host"]
    pseudo = [(b":method", method), (b":authority", host), (b":scheme", b"https"), (b":path", path)]
    return send(sock, connection(sock), [*pseudo, *(pair for pair in pairs if pair[0] != b"host")], body)


def send(sock: socket.socket, made: h2.connection.H2Connection, fields: Fields, body: bytes = b"") -> bytes:
    """Send these fields; returns the answer; b"reset CODE" or b"closed" in place of one."""
    stream = made.get_next_available_stream_id()
    made.send_headers(stream, fields, end_stream=not body)
    if body:
        made.send_data(stream, body, end_stream=True)
    sock.sendall(made.data_to_send())
    return read(sock, made, stream)


def read(sock: socket.socket, made: h2.connection.H2Connection, stream: int) -> bytes:
    """The answer on a stream."""
    head, got = b"", b""
    while True:
        data = _recv(sock)
        if not data:
            return head + got + b"closed"
        for event in made.receive_data(data):
            if isinstance(event, h2.events.ConnectionTerminated):
                return head + got + b"closed"
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                (_, status), *fields = event.headers
                head = b"\r\n".join([b"HTTP/1.1 " + status, *map(b": ".join, fields)]) + b"\r\n\r\n"
            elif isinstance(event, h2.events.DataReceived):
                got += event.data
                made.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamReset):
                return head + got + b"reset %d" % event.error_code
            elif isinstance(event, h2.events.StreamEnded):
                return head + got
        sock.sendall(made.data_to_send())


def _recv(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionError:
        return b""
