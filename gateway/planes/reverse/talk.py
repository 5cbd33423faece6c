"""A WebSocket on the wire: two directions, each stepped for itself, until both have ended or one has to."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import HushgateError, PayloadError
from gateway.exchange.commands import Hangup, Lane, Pass, Receive, Switch
from gateway.planes.driver import PENDING, LaneDriver
from gateway.websocket.frames import close

if TYPE_CHECKING:
    from gateway.planes.reverse.turn import Turn

TALK: Final = 4
"""What a Turn asks and answers with while it is a WebSocket."""


class Side:
    """One direction's hands (planes.driver.LaneHands). What comes while nobody asks waits where it is read.

    `ask` opens or closes the tap it comes from; `give` writes to the other side, and says whether more may be
    written.
    """

    __slots__ = (
        "_ask",
        "_direction",
        "_ended",
        "_give",
        "_metrics",
        "_parts",
        "_talk",
        "_waiting",
        "_writing",
        "driver",
        "lane",
        "over",
    )

    def __init__(
        self,
        talk: "Talk",
        direction: str,
        lane: Lane,
        ask: Callable[[bool], None],
        give: Callable[[bytes], bool],
    ) -> None:
        self._talk = talk
        self._ask = ask
        self._give = give
        self._parts: list[bytes] = []
        self._ended = False
        self._waiting = False
        self._writing = False
        self.lane = lane
        self.over = False
        services = talk.turn.driver.services
        self._direction, self._metrics = direction, services.metrics
        self.driver = LaneDriver(self, services)

    # ---- the lane's side ----------------------------------------

    def receive(self, command: Receive) -> Any:
        """What has come."""
        del command
        self.count()
        if self._parts:
            parts, self._parts = self._parts, []
            return b"".join(parts)
        if self._ended:
            return b""
        self._waiting = True
        self._ask(True)
        return PENDING

    def send_on(self, command: Pass) -> Any:
        """To the other side."""
        self._talk.moved()
        if self._give(command.data):
            return None
        self._writing = True
        return PENDING

    def ended(self, error: HushgateError | None) -> None:
        """The lane has ended."""
        self.over = True
        self.count()
        self._talk.lane_ended(self, error)

    def count(self) -> None:
        """What became of messages since."""
        for effect, count in self.lane.told().items():
            self._metrics.add("hushgate_websocket_messages", self._direction, effect, by=count)

    # ---- the wire's side ----------------------------------------

    def on_data(self, data: bytes) -> None:
        """Bytes have come."""
        self._talk.moved()
        if self._waiting:
            self._waiting = False
            self.driver.resume(data)
        else:
            self._parts.append(data)
        if not self._waiting:
            self._ask(False)

    def on_end(self) -> None:
        """No more will come."""
        self._ended = True
        if self._waiting:
            self._waiting = False
            self.driver.resume(b"")

    def on_writable(self) -> None:
        """The other side takes more."""
        if self._writing:
            self._writing = False
            self.driver.resume(None)


class Talk:
    """Both directions of one WebSocket; `over` once the exchange has been told that it has ended."""

    __slots__ = ("_command", "_free", "over", "receives", "sends", "turn")

    def __init__(self, turn: "Turn", command: Switch) -> None:
        self.turn = turn
        self.over = False
        self._command = command
        self._free = True
        self.sends = Side(self, "sent", command.sends, turn.ask_caller, self._to_upstream)
        self.receives = Side(self, "received", command.receives, turn.ask_upstream, self._to_caller)

    def begin(self) -> None:
        """Answer, and step both directions."""
        self.turn.caller.switch(self._command.head)
        self.sends.driver.start(self.sends.lane.run())
        if not self.over:
            self.receives.driver.start(self.receives.lane.run())

    # ---- how it ends ----------------------------------------

    def lane_ended(self, side: Side, error: HushgateError | None) -> None:
        """A direction has ended: with a Close, with its connection, or for a reason."""
        if error is not None:
            self.stop(error)
        elif not side.lane.closed or (self.sends.over and self.receives.over):
            self.finish()
        elif not self.over:
            self.turn.caller.expect("closing")

    def finish(self) -> None:
        """Nothing more is to come."""
        if self._halt():
            self.turn.driver.resume(None)

    def stop(self, error: HushgateError) -> None:
        """Nothing more is passed."""
        if self._halt():
            self.turn.driver.fail(error)

    def _halt(self) -> bool:
        if self.over:
            return False
        self.over = True
        for side in (self.sends, self.receives):
            side.driver.stop()
            side.count()
        return True

    def drain(self) -> None:
        """The worker is stopping."""
        self.stop(PayloadError("draining", ""))

    def on_deadline(self, expected: str) -> None:
        """Nothing has moved in time, or a Close had no answer."""
        if expected == "closing":
            self.finish()
        else:
            self.stop(PayloadError("request_timeout", "", "frame"))

    def hangup(self, command: Hangup) -> None:
        """Say why to whoever can be told, and end both connections."""
        turn, sends, receives = self.turn, self.sends.lane, self.receives.lane
        connection, caller = turn.released(), turn.caller
        if connection is not None:
            if command.code and sends.between and not sends.closed:
                connection.write(close(command.code, command.reason, os.urandom(4)))
            connection.finish()
        if not receives.between:
            caller.abort()
        elif command.code and not receives.closed:
            caller.write(close(command.code, command.reason))
        elif sends.closed and receives.closed:
            caller.settled()

    # ---- the wire ----------------------------------------

    def moved(self) -> None:
        """Something came, or went on: the connection is in use."""
        caller = self.turn.caller
        if caller.expected == "websocket":
            caller.since = caller.worker.lately

    def upstream_writable(self, writable: bool) -> None:
        """Whether the upstream takes more."""
        self._free = writable
        if writable:
            self.sends.on_writable()

    def _to_upstream(self, data: bytes) -> bool:
        self.turn.to_upstream(data)
        return self._free

    def _to_caller(self, data: bytes) -> bool:
        caller = self.turn.caller
        caller.write(data)
        return not caller.clogged
