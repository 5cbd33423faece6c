"""The answer's half of a Turn: from an upstream connection to the exchange or the caller, or through both."""

from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, UpstreamError
from gateway.exchange.commands import Begin, Break, CollectAnswer, Next, Pipe, Write
from gateway.http1.encode import chunk, last_chunk
from gateway.planes.driver import PENDING, Driver
from gateway.planes.reverse.flow import Flow
from gateway.planes.reverse.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller
    from gateway.planes.reverse.talk import Talk
    from gateway.planes.reverse.worker import Worker

COLLECT, PUMP, PIECES = 1, 2, 3


class Reply:
    """What a Turn does with its answer.

    `asking` and `answering` are None, COLLECT (gathered for the exchange), PUMP (through) or, of an answer,
    PIECES (to and from the exchange, by `_flow`). `answered`: the upstream's answer is complete.
    """

    __slots__ = (
        "_answer_limit",
        "_answer_parts",
        "_answer_size",
        "_caller",
        "_chunked_out",
        "_connection",
        "_flow",
        "_sent_at",
        "_worker",
        "answered",
        "answering",
        "asking",
        "driver",
        "pumped",
        "talk",
    )

    _caller: "Caller"
    _worker: "Worker"
    _connection: UpstreamConnection | None
    driver: Driver
    asking: int | None

    def forget(self) -> None:
        """Forget the last answer."""
        self.answering: int | None = None
        self.answered = False
        self.pumped = 0
        self._answer_parts: list[bytes] = []
        self._answer_size = 0
        self._answer_limit = 0
        self._sent_at = 0.0
        """When the upstream or the caller began to be waited for, 0.0 when it is not."""
        self._chunked_out = False
        self._flow: Flow | None = None
        self.talk: Talk | None = None

    # ---- commands ----------------------------------------

    def collect_answer(self, command: CollectAnswer) -> Any:
        """Gather the answer's body."""
        if self.answered:
            body = b"".join(self._answer_parts)
            if len(body) > command.limit:
                raise _too_long(command.limit)
            return body
        self._answer_limit = command.limit
        self.answering = COLLECT
        return PENDING

    def pipe(self, command: Pipe) -> Any:
        """Answer with the upstream's own body."""
        connection = self._connection
        self._chunked_out = command.chunked
        self.answering = PUMP
        self._caller.begin_answer(command.head, keep=command.chunked or self._has_length())
        if self.answered:
            self._write_whole()
            return (self.pumped, None)
        if connection is None or self._caller.gone:
            self._drop_upstream()
            return (0, UpstreamError("upstream_invalid", "the caller went away"))
        self._caller.expect("progress")
        connection.go_on()
        return PENDING

    def next(self, command: Next) -> Any:
        """A part of the answer's body."""
        return self._pieces().next(command)

    def begin(self, command: Begin) -> None:
        """Answer with what will come in pieces."""
        self._pieces().begin(command)

    def write(self, command: Write) -> Any:
        """A piece of it."""
        return self._pieces().write(command)

    def break_off(self, command: Break) -> None:
        """Nothing that was sent is taken for complete."""
        del command
        self._drop_upstream()
        self._caller.abort()

    # ---- the wire's side ----------------------------------------

    def on_data(self, data: bytes) -> None:
        """A part of the answer's body."""
        if self.talk is not None:
            self.talk.receives.on_data(data)
            return
        if self.answering == PUMP:
            self.pumped += len(data)
            self._caller.since = self._worker.lately
            self._caller.write(chunk(data) if self._chunked_out else data)
            return
        flow = self._flow
        if flow is not None:
            self._caller.since = self._worker.lately
            connection = self._connection
            flow.on_data(data)
            if connection is not None and not flow.wants:
                connection.pause()  # a caller that does not read must not fill the memory
            return
        self._answer_size += len(data)
        if self.answering == COLLECT and self._answer_size > self._answer_limit:
            self._cut(_too_long(self._answer_limit))
            return
        self._answer_parts.append(data)

    def on_answered(self) -> None:
        """The answer is complete."""
        if self.talk is not None:
            self.talk.receives.on_end()
            return
        self.answered = True
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
        elif self._flow is not None:
            self._flow.on_answered()

    def caller_writable(self, writable: bool) -> None:
        """Back-pressure from a slow caller."""
        if self._flow is not None and writable:
            self._flow.on_writable()
        if self.talk is not None and writable:
            self.talk.receives.on_writable()
        connection = self._connection
        if connection is None or self.answering != PUMP:
            return
        if writable:
            self._caller.expect("progress")
            connection.go_on()
        else:
            connection.pause()

    # ---- the flow's side ----------------------------------------

    def wait(self) -> None:
        """From here on the time is not the gateway's own."""
        self._sent_at = self._worker.tick()

    def resume(self, answer: Any) -> None:
        """What the exchange waited for is there."""
        self._count_wait()
        self.driver.resume(answer)

    def go_on(self) -> None:
        """Read more of the answer."""
        if self._connection is not None:
            self._connection.go_on()

    # ---- inside ----------------------------------------

    def _pieces(self) -> Flow:
        flow = self._flow
        if flow is None:
            self._count_wait()
            self.answering = PIECES
            self._caller.expect("progress")
            parts, self._answer_parts = self._answer_parts, []
            flow = self._flow = Flow(self, self._caller, parts)
        return flow

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
        if exchange is not None and self._sent_at:
            exchange.facts.waited += self._worker.tick() - self._sent_at
            self._sent_at = 0.0
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

    def _cut(self, error: HushgateError, *, now: bool = False) -> None:
        """The exchange cannot go on: an answer half sent is broken off, anything else is refused.

        An answer in pieces hears of it when it waits for the wire; `now`: also when it waits for a store.
        """
        self._drop_upstream()
        self.asking = None
        self._count_wait()
        flow = self._flow
        if flow is not None:
            if flow.begun:
                self._caller.abort()
            flow.fail(error, now)
        elif self.answering == PUMP:
            self._caller.abort()
            self.driver.resume((self.pumped, error))
        else:
            self.driver.fail(error)


def _too_long(limit: int) -> UpstreamError:
    return UpstreamError("response_too_large", f"the answer has more than {limit} bytes")
