"""What both sides of a case's WebSocket say, played through the lanes of a Switch, one by one. Pure."""

import zlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

from gateway.audit.record import Record
from gateway.errors import HushgateError, PayloadError
from gateway.exchange.case import CaseMessage, Passed
from gateway.exchange.casetalk import MASK, Heard, closing
from gateway.exchange.commands import Command, Hangup, Lane, Pass, Receive, Switch
from gateway.websocket.frames import close

Ask = Callable[[Command], Any]
"""What the world says to a command that is not about the wire. Raises HushgateError."""


class OneSide:
    """A lane and the end it leads to."""

    def __init__(self, lane: Lane, ask: Ask, *, masked: bool) -> None:
        self.lane = lane
        self.masked = masked
        self.passed = b""
        """All of it, as it would be on the wire."""
        self.over = False
        self._heard = Heard(masked=masked)
        self._ask = ask
        self._run: Generator[Command, Any, HushgateError | None] = lane.run()

    def feed(self, data: bytes | None = None) -> bytes:
        """Bytes have come (None: it begins); what passes. Raises what the lane ends with."""
        before = len(self.passed)
        failed = None if self.over else self._step(data)
        if failed is not None:
            raise failed
        return self.passed[before:]

    def read(self, wire: bytes) -> bytes:
        """What messages say in frames that passed; b"" where they cannot be read, as what never was JSON."""
        try:
            return self._heard.take(wire)
        except (PayloadError, zlib.error):
            return b""

    def end(self, code: int, reason: str) -> None:
        """A Close, where one may still be said."""
        if code and self.lane.between and not self.lane.closed:
            self.passed += close(code, reason, MASK if self.masked else b"")

    def _step(self, answer: Any) -> HushgateError | None:
        error: HushgateError | None = None
        try:
            while True:
                command = self._run.send(answer) if error is None else self._run.throw(error)
                answer, error = None, None
                if isinstance(command, Receive):
                    return None
                if isinstance(command, Pass):
                    self.passed += command.data
                    continue
                try:
                    answer = self._ask(command)
                except HushgateError as said:
                    error = said
        except StopIteration as end:
            self.over = True
            made: HushgateError | None = end.value
            return made


class Conversation:
    """A WebSocket that is open. `passed`: of each message of the case, none of those after its end."""

    def __init__(self, switch: Switch, ask: Ask, records: Callable[[], Sequence[Record]]) -> None:
        self.sends = OneSide(switch.sends, ask, masked=True)
        self.receives = OneSide(switch.receives, ask, masked=False)
        self.passed: list[Passed] = []
        self._records = records

    def hold(self, messages: Sequence[CaseMessage]) -> None:
        """Say them all, then Close. Raises the error of a lane that does not let one through."""
        for side in (self.sends, self.receives):
            side.feed()
        for message in messages:
            side = self.sends if message.sends else self.receives
            self.passed.append(Passed())
            self._say(side, message.wire)
        for side in (self.sends, self.receives):
            side.feed(closing(masked=side.masked))

    def _say(self, side: OneSide, wire: bytes) -> None:
        before, seen = len(side.passed), len(self._records())
        try:
            side.feed(wire)
        finally:
            passed = side.passed[before:]
            told = (r for r in self._records()[seen:] if r.phase == "message")
            masked = sum(sum(record.masked.values()) + record.unmapped for record in told)
            self.passed[-1] = Passed(wire=passed, payload=side.read(passed), masked=masked)

    def end(self, command: Hangup) -> None:
        """It is ended."""
        for side in (self.sends, self.receives):
            side.end(command.code, command.reason)
