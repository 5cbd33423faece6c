"""A parent proxy on loopback: answers CONNECT, and carries bytes to a port of this machine."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

PATIENCE = 30.0
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ParentProxy:
    """`says` is its answer to every CONNECT, or one per address; b"" closes, None says nothing at all.

    `to`: the port on loopback that every address is carried to. `asked`: the heads it was sent. `unused`: a
    tunnel that it granted was closed before anything was sent.
    """

    def __init__(
        self,
        to: int,
        says: bytes | None = GRANTED,
        *,
        of: Mapping[str, bytes] = {},
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._to, self._says, self._of, self._tls = to, says, of, tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.asked: list[bytes] = []
        self.unused = threading.Event()
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._open.append(sock)
            head = b""
            while b"\r\n\r\n" not in head:
                more = sock.recv(4096)
                if not more:
                    return
                head += more
            self.asked.append(head)
            said = self._of.get(head.split(b" ")[1].decode(), self._says)
            if said is None:
                return  # and stays open
            sock.sendall(said)
            if b" 200 " not in said:
                sock.close()
                return
            first = sock.recv(65536)
            if not first:
                self.unused.set()
                return
            other = socket.create_connection(("127.0.0.1", self._to), timeout=PATIENCE)
            self._open.append(other)
            other.sendall(first)
            threading.Thread(target=_carry, args=(other, sock), daemon=True).start()
            _carry(sock, other)


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
