"""One caller's connection: reads requests one after another, gives each to a Turn, writes its answer."""

import asyncio
from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, PayloadError
from gateway.exchange.exchange import Exchange
from gateway.http1.body import CloseReader, Reader, reader_for
from gateway.http1.head import RequestHead, next_request
from gateway.planes.reverse.flight import Flight
from gateway.planes.reverse.turn import Turn
from gateway.planes.reverse.upstream import reset
from gateway.policy.identity import Peer

if TYPE_CHECKING:
    from gateway.planes.reverse.worker import Worker

BUFFER = 64 * 1024
"""bytes read ahead of what is being worked on (pipelined requests, a body not wanted yet)"""


class Caller(asyncio.Protocol):
    """An asyncio protocol. `expected` names what has to come: head, idle, body, answer, progress, websocket,
    closing, linger.

    `since`: when it began to be expected (monotonic seconds).
    """

    __slots__ = (
        "_buffer",
        "_clogged",
        "_close",
        "_ended",
        "_endless",
        "_feeding",
        "_lingering",
        "_paused",
        "_reader",
        "body_begun",
        "busy",
        "expected",
        "flight",
        "gone",
        "head",
        "held",
        "peer",
        "scheme",
        "since",
        "transport",
        "turn",
        "worker",
    )

    def __init__(self, worker: "Worker") -> None:
        self.worker = worker
        self.turn = Turn(self)
        self.flight = Flight(self)
        self.transport: Any = None
        self.peer = Peer("")
        self.scheme = "http"
        self.busy = False
        self.gone = False
        self.body_begun = False
        self.expected = "idle"
        self.since = 0.0
        self.head = b""
        """Of the last request that was read, as it came."""
        self._buffer = b""
        self._clogged = False
        self._ended = False
        self._endless = False
        self._reader: Reader | None = None
        self._feeding = False
        self.held = False
        self._paused = False
        self._close = False
        self._lingering = False

    # ---- asyncio ----------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self.transport = transport
        self.transport.set_write_buffer_limits(high=BUFFER)
        self.peer = self.who(transport)
        self.scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        self.expect("idle")
        if not self.worker.admit(self):
            self._close = True
            self._refuse_head(PayloadError("overloaded", ""))

    def who(self, transport: asyncio.BaseTransport) -> Peer:
        """Who is at the other end."""
        return Peer(_address(transport), _sans(transport))

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of requests."""
        if self._lingering:
            return
        if not (self.busy or self._buffer or self._clogged or self._ends) and self.flight.begin(data):
            return
        self._buffer = self._buffer + data if self._buffer else data
        self.feed()
        if len(self._buffer) > BUFFER and (self.busy or self._clogged):
            self.reading(False)

    def eof_received(self) -> bool:
        """asyncio: the caller will send no more; what it has sent whole still gets its answers.

        TLS has no half-closed connections (and asyncio would warn).
        """
        self._ended = True
        self.feed()
        waiting = self.busy or (self._clogged and bool(self._buffer))
        return waiting and self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: closed."""
        del exc
        self.gone = True
        if self.busy and not self.flight.up:
            self.turn.on_caller_gone()
        if not self.busy:
            self.worker.forget(self)

    def pause_writing(self) -> None:
        """asyncio: the caller reads slower than we write. Its next request waits until it has read."""
        self._clogged = True
        self.turn.caller_writable(False)

    def resume_writing(self) -> None:
        """asyncio: it caught up."""
        self._clogged = False
        self.turn.caller_writable(True)
        if not self.busy:
            self.turn_over()

    # ---- reading ----------------------------------------

    @property
    def body_done(self) -> bool:
        """Whether the request has no body, or all of it was read."""
        return self._reader is None or self._reader.done

    @property
    def clogged(self) -> bool:
        """Whether what was written waits for the caller to read."""
        return self._clogged

    def feed(self) -> None:
        """Work through what has arrived. Not re-entered: the loop picks up what an answer lets through."""
        if self._feeding:
            return
        self._feeding = True
        try:
            while (
                self._buffer
                and not self._lingering
                and (self._read_body() if self.busy else self._read_head())
            ):
                pass
        finally:
            self._feeding = False
        self._read_on()
        if self._ended:
            self._at_end()

    def _at_end(self) -> None:
        """Nothing more will arrive: what was not sent whole is missing for good."""
        if not self.busy:
            if not self._clogged:
                self.transport.close()
        elif self.turn.talk is not None:
            if not self._buffer:
                self.turn.talk.sends.on_end()
        elif self.turn.asking is not None and not self.body_done:
            self._close = True
            self.turn.on_request_error(
                PayloadError("malformed_request", "the caller closed within the body", "body")
            )

    def hold(self, held: bool) -> None:
        """The upstream takes no more of the body (or does again): stop reading it (or go on)."""
        self.held = held
        if held:
            self.reading(False)
        else:
            self._read_on()

    def _read_on(self) -> None:
        if self._paused and not self.held and len(self._buffer) <= BUFFER:
            self.reading(True)

    def reading(self, wanted: bool) -> None:
        """Read from the caller, or stop (back-pressure)."""
        if wanted == self._paused and not self.gone:
            self._paused = not wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _read_head(self) -> bool:
        worker = self.worker
        if self._clogged:
            return False
        try:
            found = next_request(self._buffer, worker.head_limits)
        except HushgateError as error:
            self._refuse_head(error)
            return False
        if found is None:
            if self.expected == "idle":
                self.expect("head")
            return False
        head, end = found
        self.head = self._buffer[:end]
        self._buffer = self._buffer[end:]
        self._reader = reader_for(head)
        self.body_begun = bool(self._buffer)
        self._close = self._close or not head.keep_alive or worker.draining
        self.busy = True
        self.expect("answer")
        self.turn.reset(head)
        self.begin(head)
        return True

    @property
    def flyable(self) -> bool:
        """Whether a request that is there may go on the fast path: the connection does not end with it."""
        return not (self._clogged or self._ends)

    def flies(self) -> None:
        """What has just come is a request that the flight has begun with."""
        self._reader = self.turn.head = None
        self.busy = True
        self.expect("answer")

    def lands(self, head: bytes, body: bytes) -> None:
        """The flight has come to its end with this answer."""
        if self._buffer or self._ends:
            self.answer(head, body)
            self.turn_over()
            return
        self.transport.write(head + body)
        self.busy = False
        self.expect("idle")

    @property
    def _ends(self) -> bool:
        """Whether the connection ends with what is under way on it, or has."""
        return self._close or self._ended or self.gone or self.worker.draining

    def begin(self, head: RequestHead) -> None:
        """Start the exchange of a request."""
        worker = self.worker
        exchange = Exchange(worker.env, worker.identifier(), head, self.peer, worker.now(), self.scheme)
        self.turn.driver.start(exchange)

    def _read_body(self) -> bool:
        reader, turn = self._reader, self.turn
        if reader is None or self.body_done or turn.asking is None:
            return False
        try:
            payload, used = reader.feed(self._buffer)
            self._buffer = self._buffer[used:]
            if payload:
                self.body_begun = True
                turn.on_request_data(payload)
            if reader.done:
                turn.on_request_end(reader.trailers)
        except HushgateError as error:
            self._close = True
            turn.on_request_error(error)
            return not self.busy
        return bool(used) or not self.busy

    def _refuse_head(self, error: HushgateError) -> None:
        """What came is no request: one answer, and the connection ends (RFC 9112 9.3)."""
        worker = self.worker
        self._buffer = b""
        self._close = True
        self.busy = True
        self._lingering = True
        self.turn.reset(None)
        exchange = Exchange(worker.env, worker.identifier(), None, self.peer, worker.now())
        self.turn.driver.start(exchange, exchange.refuse(error))

    # ---- answering ----------------------------------------

    def write(self, data: bytes) -> None:
        """To the caller, if it is still there."""
        if not self.gone:
            self.transport.write(data)

    def answer(self, head: bytes, body: bytes) -> None:
        """A whole answer."""
        self.begin_answer(head, keep=True, body=body)

    def begin_answer(self, head: bytes, *, keep: bool, body: bytes = b"") -> None:
        """The head of an answer; `keep` False ends the body with the connection."""
        last = self._ended and not self._buffer
        self._endless = not keep
        self._close = self._close or not keep or not self.body_done or self.worker.draining or last
        asked = self.turn.head
        if self._close:
            head = head[:-2] + b"Connection: close\r\n\r\n"
        elif asked is not None and asked.version_minor == 0:
            head = head[:-2] + b"Connection: keep-alive\r\n\r\n"
        self.write(head + body if body else head)

    def switch(self, head: bytes) -> None:
        """Answer with a head after which there is no more HTTP on this connection."""
        self._close = True
        self._reader = CloseReader()
        self.write(head)
        self.expect("websocket")

    def settled(self) -> None:
        """Both sides of what came in place of HTTP have said all they had to say."""
        if self._reader is not None:
            self._reader.eof()

    def abort(self) -> None:
        """Break the connection off, so that what was sent is not taken for complete."""
        self._close = True
        if self.gone:
            return
        if self._endless:
            reset(self.transport)
        self.transport.abort()

    def drain(self) -> None:
        """The worker is stopping: an idle connection ends now, a busy one with its answer."""
        if self.turn.talk is not None:
            self.turn.talk.drain()
        elif self.busy or self._buffer:
            self._close = True
        elif not self.gone:
            self.transport.close()

    def turn_over(self) -> None:
        """The exchange has ended: the next request, or the end of the connection."""
        self.busy = False
        if self.gone:
            self.worker.forget(self)
            return
        if self._close:
            self._end()
            return
        self.flight.ended(self.turn.driver.exchange)
        self.expect("idle")
        self.held = False
        self.feed()

    def _end(self) -> None:
        if self._ended or (self.body_done and not self._lingering):
            self.transport.close()
            return
        self._lingering = True
        self._buffer = b""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.reading(True)
        self.expect("linger")

    # ---- time ----------------------------------------

    def expect(self, what: str) -> None:
        """What has to come next, from now on and within its timeout."""
        self.expected = what
        self.since = self.worker.lately

    def check(self, now: float) -> None:
        """Called every so often: act on a deadline that has passed."""
        if now < self.since + self.worker.timeouts[self.expected]:
            return
        self.since = now
        if self.expected == "head":
            self._refuse_head(PayloadError("request_timeout", "", "head"))
        elif self.flight.up:
            self.flight.on_deadline(self.expected)
        elif self.busy:
            self.turn.on_deadline(self.expected)
        elif self._clogged or self.transport.is_closing():
            self.transport.abort()  # what is still to be written is not being read: closing would wait for it
        else:
            self.transport.close()


def _address(transport: asyncio.BaseTransport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def _sans(transport: asyncio.BaseTransport) -> tuple[str, ...]:
    certificate = transport.get_extra_info("peercert") or {}
    return tuple(
        value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI", "email")
    )
