"""A case with a WebSocket, played on a plane as a replay plays it: message by message, on real sockets.

After each message its side says a ping, which goes on at once: what has not passed by then does not pass.
"""

import queue
import socket
from collections.abc import Sequence
from typing import Any

from gateway.exchange.case import CaseMessage
from gateway.exchange.casetalk import MASK, closing
from gateway.websocket.frames import CLOSE, PING, FrameReader, close_code, frame
from gateway.websocket.frames import close as closed
from tests.plane import PATIENCE, Upstream
from tests.wspeers import Wire

PING_OF = {True: frame(PING, b"done?", MASK), False: frame(PING, b"done?")}


class Switching(Upstream):
    """An upstream whose connection is the test's own, `taken()`, once it has answered 101."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._wires: queue.Queue[Wire] = queue.Queue()

    def taken(self) -> Wire:
        """The connection that was switched next."""
        return self._wires.get(timeout=PATIENCE)

    def _answer(self, sock: socket.socket, reply: Any) -> bool:
        goes_on = super()._answer(sock, reply)
        if isinstance(reply, bytes) and reply.startswith(b"HTTP/1.1 101 "):
            kept = sock.dup()
            kept.settimeout(PATIENCE)
            self._wires.put(Wire(kept))
            return False
        return goes_on


def head_of(sock: socket.socket) -> bytes:
    """An answer's head, and not a byte more."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = sock.recv(1)
        assert more, got
        got += more
    return got


def hold(app: Wire, provider: Wire, messages: Sequence[CaseMessage]) -> tuple[bytes, bytes]:
    """What the application and the provider got in all, pings left out."""
    ends = {True: app, False: provider}
    got = {True: b"", False: b""}
    said = {True: False, False: False}
    for message in messages:
        by = message.sends
        closes = message.wire[:1] == b"\x88"
        said[by] = said[by] or closes
        ends[by].send(message.wire, b"" if closes else PING_OF[by])
        if not closes:
            passed, open_still = _until(ends[not by], PING_OF[by])
            got[not by] += passed
            if not open_still:
                break
    else:
        for by, wire in ends.items():
            if not said[by]:
                wire.send(closing(masked=by))
    for by, wire in ends.items():
        got[by] += wire.rest()
        wire.sock.close()
    return got[True], _one_mask(got[False])


def _until(wire: Wire, mark: bytes) -> tuple[bytes, bool]:
    """What comes before this, and whether it came."""
    got = b""
    while not got.endswith(mark):
        more = wire.take(1)
        if not more:
            return got, False
        got += more
    return got.removesuffix(mark), True


def _one_mask(data: bytes) -> bytes:
    """A Close that the gateway itself says has a mask nobody knows beforehand: put the cases' own in."""
    made = b""
    for piece in FrameReader(masked=True, packs=True).feed(data):
        ours = piece.kind == CLOSE and len(piece.payload) > 2 and piece.mask != MASK
        reason = piece.payload[2:].decode()
        made += closed(close_code(piece.payload), reason, MASK) if ours else piece.raw
    return made
