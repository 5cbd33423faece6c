"""One exchange's hands on the wire: carries out its commands between a caller and an upstream connection."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, PayloadError, UpstreamError
from gateway.exchange.commands import (
    Acquire,
    Collect,
    Command,
    Hangup,
    NotPermitted,
    Release,
    Send,
    Switch,
    Through,
)
from gateway.exchange.exchange import Exchange
from gateway.http1.encode import chunk, end_to_end, last_chunk, response_head
from gateway.http1.head import RequestHead, ResponseHead
from gateway.planes.driver import PENDING, Driver
from gateway.planes.reverse.reply import COLLECT, PIECES, PUMP, Reply
from gateway.planes.reverse.talk import TALK, Talk
from gateway.planes.reverse.upstream import UpstreamConnection, reset

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller

Known = Mapping[type[Command], Any]
"""Answers to commands, where there is one of a kind."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Turn(Reply):
    """Hands (planes.driver), Owner (planes.reverse.upstream) of one connection; reset for each exchange."""

    __slots__ = ("_acquired", "_ask_limit", "_ask_part", "_ask_parts", "_ask_size", "_hung", "_sent", "head")

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._worker = caller.worker
        self.driver = Driver(self, caller.worker.services)
        self.reset(None)

    def reset(self, head: RequestHead | None) -> None:
        """Forget the last exchange."""
        self.head = head
        self.asking = None
        self.forget()
        self._ask_parts: list[bytes] = []
        self._ask_size = 0
        self._ask_limit = 0
        self._ask_part = False
        self._acquired: Acquire | None = None
        self._connection = None
        self._sent: Send | None = None
        self._hung = False
        """Whether a WebSocket was ended as it should be."""

    @property
    def caller(self) -> "Caller":
        """Whose turn it is."""
        return self._caller

    # ---- commands ----------------------------------------

    def collect(self, command: Collect) -> Any:
        """Read the request body."""
        caller = self._caller
        head = self.head
        if caller.body_done or head is None:
            return b""
        if head.length is not None and head.length > command.limit and not command.part:
            raise PayloadError("body_too_large", f"more than {command.limit} bytes", "content-length")
        self._ask_limit, self._ask_part = command.limit, command.part
        self.asking = COLLECT
        self._continue(head)
        caller.expect("body")
        caller.feed()
        if caller.gone and self.asking == COLLECT:
            raise self._left()
        return PENDING

    def acquire(self, command: Acquire) -> Any:
        """A pooled connection, or a new one."""
        self._acquired = command
        connection = self._worker.pool.take(command.upstream, command.permit)
        if connection is not None:
            self._connection = connection
            return connection.address
        resume, fail = self.driver.continuations()
        self._worker.dial(command, self._opened(resume), fail)
        return PENDING

    def send(self, command: Send) -> Any:
        """Write the request; the answer comes through on_answer."""
        connection, head = self._connection, self.head
        if connection is None or head is None:
            raise UpstreamError("upstream_unreachable", "no connection")
        self._sent = command
        self._sent_at = self._worker.tick()
        self._caller.expect("answer")
        if not connection.alive:
            self.on_upstream_lost(UpstreamError("upstream_invalid", "the pooled connection closed"), True)
            return PENDING
        if command.through is not None:
            self._upload(connection, head, command.head, command.through)
            return PENDING
        data = command.head + command.body if command.body else command.head
        connection.begin(self, head.method, data, upgrade=command.upgrade)
        if command.body is None and not self._caller.body_done:
            self.asking = PUMP
            self._continue(head)
            self._caller.feed()
            if self._caller.gone and self.asking == PUMP:
                raise self._left()
        return PENDING

    def release(self, command: Release) -> None:
        """Answer the caller; the exchange ends."""
        if self.talk is not None or (self._flow is not None and self._flow.begun):
            return  # an answer within an answer: `over` breaks the connection off
        if not self.answered or command.abandon:
            self._drop_upstream()
        self._caller.answer(command.head, command.body)

    def take_over(
        self, exchange: Exchange, connection: UpstreamConnection | None, known: Known, until: type[Command]
    ) -> bool:
        """Stand where a request waits for the answer to a command: the exchange is stepped to there, by what
        is `known`, and nothing done.

        False where it would not have come there. `connection` None: there is none yet, or the answer has come
        whole (`settled`).
        """
        run = exchange.run()
        command = next(run)
        while type(command) is not until:
            if type(command) not in known:
                run.close()
                return False
            if isinstance(command, Acquire):
                self._acquired = command
            command = run.send(known[type(command)])
        exchange.facts.waited = 0.0  # to be stepped takes time, but is no wait
        if isinstance(command, Send):
            self._sent = command
        self._connection = connection
        if connection is not None and connection.owner is not None:  # it was not lost
            connection.owner = self
        self.driver.adopt(exchange, run)
        return True

    def sent_at(self, when: float) -> None:
        """It was sent then (monotonic seconds)."""
        self._sent_at = when

    def over(self) -> None:
        """The exchange has ended."""
        flow = self._flow
        broken = (self.answering == PUMP and not self.answered) or (flow and flow.begun and not flow.ended)
        if broken or (self.talk is not None and not self._hung):
            self._drop_upstream()
            self._caller.abort()
        self._caller.turn_over()

    def switch(self, command: Switch) -> Any:
        """Answer, and carry a WebSocket."""
        self._count_wait()
        self.answering = TALK
        self.talk = Talk(self, command)
        self.talk.begin()
        return PENDING

    def hangup(self, command: Hangup) -> None:
        """End it."""
        self._hung = True
        if self.talk is not None:
            self.talk.hangup(command)

    # ---- a WebSocket's side ----------------------------------------

    def ask_caller(self, wanted: bool) -> None:
        """Read on from the caller, or not."""
        self.asking = TALK if wanted else None
        if wanted:
            self._caller.feed()

    def ask_upstream(self, wanted: bool) -> None:
        """Read on from the upstream, or not."""
        if wanted:
            self.go_on()
        elif self._connection is not None:
            self._connection.pause()

    def to_upstream(self, data: bytes) -> None:
        """Write to it, if it is still there."""
        if self._connection is not None:
            self._connection.write(data)

    def released(self) -> UpstreamConnection | None:
        """The upstream's connection, which is the turn's no more."""
        connection, self._connection = self._connection, None
        return connection

    # ---- the caller's side ----------------------------------------

    def on_request_data(self, data: bytes) -> None:
        """A part of the request body."""
        if self.talk is not None:
            self.talk.sends.on_data(data)
            return
        self._ask_size += len(data)
        if self.asking == PUMP:
            self._pump_request(data)
            return
        outgrown = self._ask_size > self._ask_limit
        if outgrown and not self._ask_part:
            raise PayloadError("body_too_large", f"more than {self._ask_limit} bytes", "body")
        self._ask_parts.append(data)
        if outgrown:
            self.asking = None
            self._caller.expect("answer")
            self._collected()

    def on_request_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request body is complete."""
        mode, self.asking = self.asking, None
        exchange = self.driver.exchange
        if mode == PUMP:
            if exchange is not None:
                exchange.facts.request_bytes = self._ask_size
            if self.head is not None and self._connection is not None:
                self._end_request(self._connection, self.head, trailers)
        elif mode == COLLECT and not self._caller.flight.late(self._ask_parts):
            self._caller.expect("answer")
            self._collected()

    def on_request_error(self, error: HushgateError) -> None:
        """The request body broke its format's rules."""
        mode, self.asking = self.asking, None
        if mode == COLLECT:
            self.driver.fail(error)
            return
        if self._connection is not None and mode == PUMP:
            reset(self._connection.transport)
        self._cut(error)

    def on_caller_gone(self) -> None:
        """The caller's connection closed. What was sent is seen to its end, so that it is on record."""
        if self.talk is not None:
            self.talk.finish()
        elif self.asking == COLLECT:
            self.driver.fail(PayloadError("malformed_request", "the caller closed within the body", "body"))
        elif self.asking == PUMP:
            self._cut(UpstreamError("upstream_invalid", "the caller closed within the body"))
        elif self.answering == PIECES or (self.answering == PUMP and not self.answered):
            self._cut(UpstreamError("upstream_invalid", "the caller went away"))

    def on_deadline(self, expected: str) -> None:
        """What was expected did not come in time."""
        if self.talk is not None and not self.talk.over:
            self.talk.on_deadline(expected)
        elif expected == "body":
            self.driver.fail(PayloadError("request_timeout", "", "body"))
        elif self.asking == PUMP and not self._caller.held:
            self._cut(PayloadError("request_timeout", "", "body"), now=True)
        else:
            self._cut(UpstreamError("upstream_timeout", ""), now=True)

    # ---- the upstream's side ----------------------------------------

    def on_interim(self, head: ResponseHead) -> None:
        """103 and the like go on to the caller; 100 is between us and the upstream."""
        takes = self.head is not None and self.head.version_minor == 1
        if head.status != 100 and takes:
            self._caller.write(response_head(head.status, head.reason, end_to_end(head.headers)))

    def on_answer(self, head: ResponseHead) -> None:
        """The answer's head; what the exchange wants of its body is known when this returns."""
        self._caller.expect("progress")
        self.driver.resume(head)
        connection = self._connection
        if self.answering is None and connection is not None and not connection.body_done:
            connection.pause()

    def on_whole(self, head: ResponseHead, body: bytes) -> None:
        """An answer that came in one piece: complete before the exchange sees its head."""
        connection = self._connection
        if connection is None:
            return
        self._count_wait()
        self._settle(connection)
        self.settled(head, body)

    def settled(self, head: ResponseHead, body: bytes) -> None:
        """The same, of one whose connection has been given back."""
        self.answered = True
        self._answer_parts = [body]
        self.driver.resume(head)

    def on_upstream_lost(self, error: HushgateError, silent: bool) -> None:
        """Broken: sent again when that is safe, else the exchange fails."""
        connection, sent, acquired = self._connection, self._sent, self._acquired
        self._connection = None
        if self.talk is not None:
            self.talk.receives.on_end()
            return
        if silent and connection and connection.used and sent and sent.retry and acquired:
            self._sent = Send(sent.head, sent.body, False, upgrade=sent.upgrade)
            self._worker.metrics.add("hushgate_upstream_retries", acquired.upstream.name)
            _, fail = self.driver.continuations()
            self._worker.dial(acquired, self._again, fail)
            return
        self._cut(error)

    def upstream_writable(self, writable: bool) -> None:
        """Back-pressure from a slow upstream."""
        if self.talk is not None:
            self.talk.upstream_writable(writable)
        elif self.asking == PUMP:
            self._caller.hold(not writable)

    # ---- inside ----------------------------------------

    def _opened(self, resume: Any) -> Any:
        acquired = self._acquired

        def opened(got: UpstreamConnection | NotPermitted) -> None:
            if isinstance(got, NotPermitted):
                resume(got)
            elif self._acquired is acquired:
                self._connection = got
                resume(got.address)
            else:
                got.abandon()

        return opened

    def _again(self, connection: UpstreamConnection | NotPermitted) -> None:
        exchange = self.driver.exchange
        if isinstance(connection, NotPermitted) or self._sent is None or exchange is None:
            self._cut(UpstreamError("upstream_unreachable", "no permitted address for another try"))
            return
        self._connection = connection
        exchange.facts.address = connection.address
        self.send(self._sent)

    def _left(self) -> PayloadError:
        """The caller went within the body while something else was waited for: the rest will not come."""
        self.asking = None
        self._drop_upstream()
        return PayloadError("malformed_request", "the caller closed within the body", "body")

    def _continue(self, head: RequestHead) -> None:
        if head.expects_continue and not self._caller.body_begun:
            self._caller.write(CONTINUE)

    def _pump_request(self, data: bytes) -> None:
        connection = self._connection
        self._caller.expect("answer")
        through = self._sent.through if self._sent is not None else None
        if connection is None or self.head is None:
            return
        if through is not None:
            connection.write(chunk(through.feed(data)))
        else:
            connection.write(chunk(data) if self.head.chunked else data)

    def _collected(self) -> None:
        """The exchange gets what was collected."""
        parts, self._ask_parts = self._ask_parts, []
        self.driver.resume(b"".join(parts))

    def _upload(
        self, connection: UpstreamConnection, head: RequestHead, begun: bytes, through: Through
    ) -> None:
        """Send what is there of a body that is sent on as it is read. Raises HushgateError."""
        self.asking = PUMP
        connection.begin(self, head.method, begun + chunk(through.ready()))
        if self._caller.gone:
            raise self._left()
        if self._caller.body_done:
            self.on_request_end([])
        else:
            self._caller.feed()

    def _end_request(
        self, connection: UpstreamConnection, head: RequestHead, trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """All of the body was read. Raises HushgateError."""
        through = self._sent.through if self._sent is not None else None
        if through is not None:
            try:
                connection.write(chunk(through.finish()) + last_chunk())
            except HushgateError:
                reset(connection.transport)
                raise
        elif head.chunked:
            connection.write(last_chunk(trailers))
