"""One connection to an upstream: writes a request, reads its answer, tells its owner."""

import asyncio
import os
import socket
import struct
from typing import Any, Protocol

from gateway.errors import HushgateError, UpstreamError
from gateway.http1.body import NO_BODY, CloseReader, Reader, reader_for
from gateway.http1.head import HeadLimits, ResponseHead, next_response
from gateway.model import Upstream

FLUSH = 2.0
"""seconds what was written last has to go"""


class Owner(Protocol):
    """Who uses the connection for one exchange."""

    def on_interim(self, head: ResponseHead) -> None:
        """An informational answer (1xx)."""

    def on_answer(self, head: ResponseHead) -> None:
        """The answer's head."""

    def on_whole(self, head: ResponseHead, body: bytes) -> None:
        """An answer whose whole body came with its head, in place of the three others."""

    def on_data(self, data: bytes) -> None:
        """A part of the answer's body."""

    def on_answered(self) -> None:
        """The answer is complete."""

    def on_upstream_lost(self, error: HushgateError, silent: bool) -> None:
        """It broke; `silent` when not one byte of an answer had come."""

    def upstream_writable(self, writable: bool) -> None:
        """Whether more of the request body may be written."""


class UpstreamConnection(asyncio.Protocol):
    """An asyncio protocol with at most one owner at a time; without one it is idle in the pool."""

    __slots__ = (
        "_buffer",
        "_ended",
        "_limits",
        "_method",
        "_orderly",
        "_reader",
        "_silent",
        "_upgrade",
        "address",
        "alive",
        "idle_since",
        "on_idle_lost",
        "owner",
        "paused",
        "response",
        "transport",
        "upstream",
        "used",
    )

    def __init__(self, upstream: Upstream, address: str, limits: HeadLimits) -> None:
        self.upstream = upstream
        self.address = address
        self.transport: Any = None
        self.owner: Owner | None = None
        self.response: ResponseHead | None = None
        self.alive = False
        self.used = False
        self.paused = False
        self.idle_since = 0.0
        self.on_idle_lost: Any = None
        self._limits = limits
        self._buffer = b""
        self._method = "GET"
        self._orderly = False
        self._reader: Reader | None = None
        self._silent = True
        self._upgrade = False
        self._ended: tuple[Exception | None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self.transport = transport
        self.alive = True

    def begin(self, owner: Owner, method: str, data: bytes, *, upgrade: bool = False) -> None:
        """Send a request (head, and body as far as it is there) for `owner`.

        `upgrade`: 101 is an answer too, and what comes after it is its body, to the end of the connection.
        """
        self.owner = owner
        self.response = None
        self._reader = None
        self._method = method
        self._upgrade = upgrade
        self._silent = True
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of an answer."""
        owner = self.owner
        if owner is None:
            self.abandon()
            return
        self._silent = False
        self._buffer = self._buffer + data if self._buffer else data
        try:
            self._read()
        except HushgateError as error:
            self._lose(error)

    def _read(self) -> None:
        while self._buffer and self.owner is not None and not self.paused:
            if self.response is None:
                if not self._read_head():
                    return
            elif not self._read_body():
                return

    def _read_head(self) -> bool:
        found = next_response(self._buffer, self._method, self._limits)
        owner = self.owner
        if found is None or owner is None:
            return False
        head, end = found
        self._buffer = self._buffer[end:]
        if 100 <= head.status < 200:
            if head.status != 101:
                owner.on_interim(head)
                return True
            if not self._upgrade:
                raise UpstreamError("upstream_invalid", "switched protocols unasked")
            self.response, self._reader = head, CloseReader()
            owner.on_answer(head)
            return True
        self.response = head
        if len(self._buffer) == head.length:
            body, self._buffer = self._buffer, b""
            self._reader = NO_BODY
            owner.on_whole(head, body)
            return True
        self._reader = reader_for(head)
        if self._reader.done:
            self._complete(head_first=True)
        else:
            owner.on_answer(head)
        return True

    def _read_body(self) -> bool:
        reader = self._reader
        owner = self.owner
        if reader is None or owner is None:
            return False
        payload, used = reader.feed(self._buffer)
        self._buffer = self._buffer[used:]
        if payload:
            owner.on_data(payload)
        if reader.done:
            self._complete(head_first=False)
            return False
        return bool(used)

    def _complete(self, *, head_first: bool) -> None:
        owner, head = self.owner, self.response
        if owner is None or head is None:
            return
        if self._buffer:
            raise UpstreamError("upstream_invalid", "bytes after the end of the answer")
        if head_first:
            owner.on_answer(head)
        owner.on_answered()

    def write(self, data: bytes) -> None:
        """More of the request body."""
        if self.alive:
            self.transport.write(data)

    @property
    def trailers(self) -> list[tuple[bytes, bytes]]:
        """Those of the answer read last."""
        return self._reader.trailers if self._reader is not None else []

    @property
    def body_done(self) -> bool:
        """Whether the answer being read has no more to come."""
        return self._reader is not None and self._reader.done

    def pause(self) -> None:
        """Stop handing on bytes (back-pressure)."""
        if not self.paused:
            self.paused = True
            if self.alive:
                self.transport.pause_reading()

    def go_on(self) -> None:
        """Hand bytes on again."""
        if self.paused:
            self.paused = False
            if self.alive:
                self.transport.resume_reading()
            try:
                self._read()
            except HushgateError as error:
                self._lose(error)
            if self._ended is not None and not self.paused and self.owner is not None:
                self._end(self._ended[0])

    def release(self) -> bool:
        """The owner is done. True when the connection can be used again."""
        head = self.response
        self.owner = None
        reusable = self.alive and head is not None and head.keep_alive and not self._buffer
        if not reusable:
            self.abandon()
        elif self.paused:  # for the last of the body
            self.paused = False
            self.transport.resume_reading()
        self.used = True
        return reusable

    def abandon(self) -> None:
        """Close at once, whatever is under way."""
        self.owner = None
        self._buffer = b""
        if self.alive:
            self.alive = False
            self.transport.abort()

    def finish(self) -> None:
        """Close when what was written has gone, or is not being read."""
        self.owner = None
        self._buffer = b""
        if self.alive:
            self.alive = False
            self.transport.close()
            asyncio.get_running_loop().call_later(FLUSH, self.transport.abort)

    def eof_received(self) -> bool:
        """asyncio: the upstream has sent all it will. TLS says so only after a close_notify."""
        self._orderly = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: closed. Completes an answer that ends with the connection, else fails it."""
        self.alive = False
        if self.owner is None:
            if self.on_idle_lost is not None:
                self.on_idle_lost(self)
        elif self.paused:
            self._ended = (exc,)  # bytes that came before the end are still to be read
        else:
            self._end(exc)

    def _end(self, exc: Exception | None) -> None:
        owner = self.owner
        try:
            if self._reader is None:
                raise UpstreamError("upstream_invalid", "the connection closed before an answer")
            if exc is not None:
                raise UpstreamError("upstream_invalid", "the connection broke within the answer")
            if not self._orderly:
                raise UpstreamError("upstream_invalid", "the connection ended without a close_notify")
            self._reader.eof()
            if owner is not None:
                owner.on_answered()
        except HushgateError as error:
            self._lose(error)

    def _lose(self, error: HushgateError) -> None:
        owner, silent = self.owner, self._silent
        self.abandon()
        if owner is not None:
            owner.on_upstream_lost(error, silent)

    def pause_writing(self) -> None:
        """asyncio: the upstream reads slower than we write."""
        if self.owner is not None:
            self.owner.upstream_writable(False)

    def resume_writing(self) -> None:
        """asyncio: it caught up."""
        if self.owner is not None:
            self.owner.upstream_writable(True)


def reset(transport: asyncio.BaseTransport) -> None:
    """Let closing send a reset: nobody takes what was sent on the connection for all there is."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with socket.socket(fileno=os.dup(sock.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
