"""An answer that an exchange takes and gives in pieces: waits for the upstream and for the caller."""

from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, UpstreamError
from gateway.exchange.commands import Begin, Next, Write
from gateway.http1.encode import chunk, last_chunk
from gateway.planes.driver import PENDING

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller
    from gateway.planes.reverse.reply import Reply


class Flow:
    """One answer. Made when the exchange first asks for a part, or begins.

    At most one of `_enough` (bytes the exchange waits for; 0: it does not) and `_writing` (it waits until the
    caller has read) is set. While neither is, the exchange waits for something else, or has ended.
    """

    __slots__ = (
        "_caller",
        "_chunked",
        "_enough",
        "_failed",
        "_parts",
        "_size",
        "_turn",
        "_writing",
        "begun",
        "ended",
    )

    def __init__(self, turn: "Reply", caller: "Caller", parts: list[bytes]) -> None:
        self._turn = turn
        self._caller = caller
        self._parts = parts
        self._size = sum(map(len, parts))
        self._enough = 0
        self._writing = False
        self._chunked = False
        self._failed: HushgateError | None = None
        self.begun = False
        """Whether the caller got a head."""
        self.ended = False
        """Whether the caller got the end."""

    @property
    def wants(self) -> bool:
        """Whether the exchange waits for more of the upstream's body."""
        return self._enough > 0

    @property
    def waited_for(self) -> bool:
        """Whether the exchange waits for the upstream or the caller, and not for a store."""
        return self._writing or self._enough > 0

    # ---- the exchange's side ----------------------------------------

    def next(self, command: Next) -> Any:
        """A part of the body, when there is enough of it."""
        if self._failed is not None:
            raise self._failed
        turn = self._turn
        if turn.answered or self._size >= command.enough:
            return self._take()
        self._enough = command.enough
        turn.wait()
        turn.go_on()
        return PENDING

    def begin(self, command: Begin) -> None:
        """The head."""
        if self._failed is not None:
            raise self._failed
        self.begun = True
        self._chunked = command.chunked
        self._caller.begin_answer(command.head, keep=command.chunked)
        self._caller.expect("progress")

    def write(self, command: Write) -> Any:
        """A piece of the body."""
        caller = self._caller
        if self._failed is not None:
            raise self._failed
        if caller.gone:
            raise UpstreamError("upstream_invalid", "the caller went away")
        data = chunk(command.data) if self._chunked and command.data else command.data
        if command.last:
            self.ended = True
            data = data + last_chunk() if self._chunked else data
        if data:
            caller.write(data)
        caller.expect("progress")
        if command.last or not caller.clogged:
            return None
        self._writing = True
        self._turn.wait()
        return PENDING

    # ---- the wire's side ----------------------------------------

    def on_data(self, data: bytes) -> None:
        """A part of the upstream's body."""
        self._parts.append(data)
        self._size += len(data)
        if self._enough and self._size >= self._enough:
            self._hand()

    def on_answered(self) -> None:
        """The upstream's body is complete."""
        if self._enough:
            self._hand()

    def on_writable(self) -> None:
        """The caller has read what it got."""
        if self._writing:
            self._writing = False
            self._caller.expect("progress")
            self._turn.resume(None)

    def fail(self, error: HushgateError, now: bool) -> None:
        """The answer cannot go on; said when the exchange next asks, or `now`, whatever it waits for."""
        self._failed = error
        self._parts, self._size = [], 0
        if now or self.waited_for:
            self._enough, self._writing = 0, False
            self._turn.driver.fail(error)

    def _hand(self) -> None:
        self._enough = 0
        self._turn.resume(self._take())

    def _take(self) -> tuple[bytes, bool]:
        parts, self._parts, self._size = self._parts, [], 0
        return (parts[0] if len(parts) == 1 else b"".join(parts)), self._turn.answered
