"""One exchange's hands on the wire: carries out its commands between a caller and an upstream connection."""

from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, PayloadError, UpstreamError
from gateway.exchange.commands import Acquire, Collect, CollectAnswer, NotPermitted, Pipe, Release, Send
from gateway.http1.encode import chunk, end_to_end, last_chunk, response_head
from gateway.http1.head import RequestHead, ResponseHead
from gateway.planes.driver import PENDING, Driver
from gateway.planes.reverse.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
COLLECT, PUMP = 1, 2


class Turn:
    """Hands (planes.driver) and Owner (planes.reverse.upstream) of one connection; reset for each exchange.

    `asking` and `answering` are None, COLLECT (gathered for the exchange) or PUMP (through).
    """

    __slots__ = (
        "_acquired",
        "_answer_limit",
        "_answer_parts",
        "_answer_size",
        "_answered",
        "_ask_limit",
        "_ask_parts",
        "_ask_size",
        "_caller",
        "_chunked_out",
        "_connection",
        "_sent",
        "_sent_at",
        "_worker",
        "answering",
        "asking",
        "driver",
        "head",
        "pumped",
    )

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._worker = caller.worker
        self.driver = Driver(self, caller.worker.services)
        self.reset(None)

    def reset(self, head: RequestHead | None) -> None:
        """Forget the last exchange."""
        self.head = head
        self.asking: int | None = None
        self.answering: int | None = None
        self.pumped = 0
        self._ask_parts: list[bytes] = []
        self._ask_size = 0
        self._ask_limit = 0
        self._answer_parts: list[bytes] = []
        self._answer_size = 0
        self._answer_limit = 0
        self._answered = False
        self._acquired: Acquire | None = None
        self._connection: UpstreamConnection | None = None
        self._sent: Send | None = None
        self._sent_at = 0.0
        self._chunked_out = False

    # ---- commands ----------------------------------------

    def collect(self, command: Collect) -> Any:
        """Read the request body."""
        caller = self._caller
        head = self.head
        if caller.body_done or head is None:
            return b""
        if head.length is not None and head.length > command.limit:
            raise PayloadError("body_too_large", f"more than {command.limit} bytes", "content-length")
        self._ask_limit = command.limit
        self.asking = COLLECT
        self._continue(head)
        caller.expect("body")
        caller.feed()
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
        connection.begin(self, head.method, command.head + command.body if command.body else command.head)
        if command.body is None and not self._caller.body_done:
            self.asking = PUMP
            self._continue(head)
            self._caller.feed()
        return PENDING

    def collect_answer(self, command: CollectAnswer) -> Any:
        """Gather the answer's body."""
        if self._answered:
            body = b"".join(self._answer_parts)
            if len(body) > command.limit:
                raise _too_long(command.limit)
            return body
        self._answer_limit = command.limit
        self.answering = COLLECT
        return PENDING

    def release(self, command: Release) -> None:
        """Answer the caller; the exchange ends."""
        if not self._answered or command.abandon:
            self._drop_upstream()
        self._caller.answer(command.head, command.body)

    def pipe(self, command: Pipe) -> Any:
        """Answer with the upstream's own body."""
        connection = self._connection
        self._chunked_out = command.chunked
        self.answering = PUMP
        self._caller.begin_answer(command.head, keep=command.chunked or self._has_length())
        if self._answered:
            self._write_whole()
            return (self.pumped, None)
        if connection is None or self._caller.gone:
            self._drop_upstream()
            return (0, UpstreamError("upstream_invalid", "the caller went away"))
        self._caller.expect("progress")
        connection.go_on()
        return PENDING

    def over(self) -> None:
        """The exchange has ended."""
        if self.answering == PUMP and not self._answered:
            self._drop_upstream()
            self._caller.abort()
        self._caller.turn_over()

    # ---- the caller's side ----------------------------------------

    def on_request_data(self, data: bytes) -> None:
        """A part of the request body."""
        self._ask_size += len(data)
        if self.asking == PUMP:
            self._pump_request(data)
            return
        if self._ask_size > self._ask_limit:
            raise PayloadError("body_too_large", f"more than {self._ask_limit} bytes", "body")
        self._ask_parts.append(data)

    def on_request_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request body is complete."""
        mode, self.asking = self.asking, None
        exchange = self.driver.exchange
        if mode == PUMP:
            if exchange is not None:
                exchange.facts.request_bytes = self._ask_size
            if self.head is not None and self.head.chunked and self._connection is not None:
                self._connection.write(last_chunk(trailers))
        elif mode == COLLECT:
            self._caller.expect("answer")
            self.driver.resume(b"".join(self._ask_parts))

    def on_request_error(self, error: HushgateError) -> None:
        """The request body broke its format's rules."""
        mode, self.asking = self.asking, None
        if mode == COLLECT:
            self.driver.fail(error)
        else:
            self._cut(error)

    def on_caller_gone(self) -> None:
        """The caller's connection closed. What was sent is seen to its end, so that it is on record."""
        if self.asking == COLLECT:
            self.driver.fail(PayloadError("malformed_request", "the caller closed within the body", "body"))
        elif self.asking == PUMP:
            self._cut(UpstreamError("upstream_invalid", "the caller closed within the body"))
        elif self.answering == PUMP and not self._answered:
            self._cut(UpstreamError("upstream_invalid", "the caller went away"))

    def on_deadline(self, expected: str) -> None:
        """What was expected did not come in time."""
        if expected == "body":
            self.driver.fail(PayloadError("request_timeout", "", "body"))
        elif self.asking == PUMP and not self._caller.held:
            self._cut(PayloadError("request_timeout", "", "body"))
        else:
            self._cut(UpstreamError("upstream_timeout", ""))

    def caller_writable(self, writable: bool) -> None:
        """Back-pressure from a slow caller."""
        connection = self._connection
        if connection is None or self.answering != PUMP:
            return
        if writable:
            self._caller.expect("progress")
            connection.go_on()
        else:
            connection.pause()

    # ---- the upstream's side ----------------------------------------

    def on_interim(self, head: ResponseHead) -> None:
        """103 and the like go on to the caller; 100 is between us and the upstream."""
        if head.status != 100 and self.head is not None and self.head.version_minor == 1:
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
        self._answered = True
        self._answer_parts = [body]
        self._count_wait()
        self._settle(connection)
        self.driver.resume(head)

    def on_data(self, data: bytes) -> None:
        """A part of the answer's body."""
        if self.answering == PUMP:
            self.pumped += len(data)
            self._caller.since = self._worker.lately
            self._caller.write(chunk(data) if self._chunked_out else data)
            return
        self._answer_size += len(data)
        if self.answering == COLLECT and self._answer_size > self._answer_limit:
            self._cut(_too_long(self._answer_limit))
            return
        self._answer_parts.append(data)

    def on_answered(self) -> None:
        """The answer is complete."""
        self._answered = True
        connection = self._connection
        if connection is None:
            return
        self._count_wait()
        trailers = connection.trailers
        self._settle(connection)
        if self.answering == COLLECT:
            self.driver.resume(b"".join(self._answer_parts))
        elif self.answering == PUMP:
            if self._chunked_out:
                self._caller.write(last_chunk(trailers))
            self.driver.resume((self.pumped, None))

    def on_upstream_lost(self, error: HushgateError, silent: bool) -> None:
        """Broken: sent again when that is safe, else the exchange fails."""
        connection, sent, acquired = self._connection, self._sent, self._acquired
        self._connection = None
        if silent and connection and connection.used and sent and sent.retry and acquired:
            self._sent = Send(sent.head, sent.body, False)
            self._worker.metrics.add("hushgate_upstream_retries", acquired.upstream.name)
            _, fail = self.driver.continuations()
            self._worker.dial(acquired, self._again, fail)
            return
        self._cut(error)

    def upstream_writable(self, writable: bool) -> None:
        """Back-pressure from a slow upstream."""
        if self.asking == PUMP:
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

    def _continue(self, head: RequestHead) -> None:
        if head.expects_continue and not self._caller.body_begun:
            self._caller.write(CONTINUE)

    def _pump_request(self, data: bytes) -> None:
        connection = self._connection
        self._caller.expect("answer")
        if connection is not None and self.head is not None:
            connection.write(chunk(data) if self.head.chunked else data)

    def _has_length(self) -> bool:
        connection = self._connection
        response = connection.response if connection else None
        return response is None or response.length is not None

    def _write_whole(self) -> None:
        body = b"".join(self._answer_parts)
        self.pumped = len(body)
        if self._chunked_out:
            self._caller.write(chunk(body) + last_chunk())
        elif body:
            self._caller.write(body)

    def _count_wait(self) -> None:
        exchange = self.driver.exchange
        if exchange is not None:
            exchange.facts.waited += self._worker.tick() - self._sent_at
            exchange.facts.response_bytes = exchange.facts.response_bytes or self.pumped

    def _settle(self, connection: UpstreamConnection) -> None:
        """Give the connection back, unless the request is still being written on it."""
        self._connection = None
        if self.asking == PUMP:
            self.asking = None
            connection.abandon()
        elif connection.release():
            self._worker.pool.put(connection, self._worker.lately)

    def _drop_upstream(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def _cut(self, error: HushgateError) -> None:
        """The exchange cannot go on: an answer half sent is broken off, anything else is refused."""
        self._drop_upstream()
        self.asking = None
        if self._sent_at:
            self._count_wait()
        if self.answering == PUMP:
            self._caller.abort()
            self.driver.resume((self.pumped, error))
        else:
            self.driver.fail(error)


def _too_long(limit: int) -> UpstreamError:
    return UpstreamError("upstream_invalid", f"the answer has more than {limit} bytes")
