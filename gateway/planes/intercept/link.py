"""The way in memory between mitmproxy and a Caller: an asyncio transport at one end, streams at the other."""

import asyncio
from typing import Any, Protocol

HIGH = 64 * 1024
"""bytes that wait to be read, above which the Caller is told to stop writing"""


class Reading(Protocol):
    """What a transport is made for; a Caller."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""

    def eof_received(self) -> bool:
        """No more will come; False: close."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""

    def pause_writing(self) -> None:
        """Stop."""

    def resume_writing(self) -> None:
        """Go on."""


class Link:
    """Both ends. mitmproxy's: `read`, `write`, `drain`, `is_closing`, `close`, and `write_eof` for the end of
    its bytes. The Caller's: `out`.
    """

    __slots__ = (
        "_closing",
        "_ended",
        "_held",
        "_loop",
        "_parts",
        "_room",
        "_size",
        "_stopped",
        "_waiter",
        "broken",
        "out",
        "side",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, extra: dict[str, Any]) -> None:
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self.broken = False
        self._closing = False
        self._stopped = False
        self._held: list[bytes] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self.out = Out(self, extra)
        self.side: Reading | None = None

    # ---- mitmproxy's end ----------------------------------------

    async def read(self, _: int) -> bytes:
        """What the Caller has written; b"" at the end of it."""
        while not self._parts and not self._ended:
            self._waiter = self._loop.create_future()
            await self._waiter
        parts, self._parts, self._size = self._parts, [], 0
        if self._stopped and self.side is not None:
            self._stopped = False
            self.side.resume_writing()
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """To the Caller, unless it reads nothing now: then it waits."""
        if self._held is not None:
            self._held.append(data)
        elif self.side is not None and not self._closing:
            self.side.data_received(data)

    async def drain(self) -> None:
        """Wait until the Caller reads again."""
        while self._held and not self._closing:
            self._room = self._room or self._loop.create_future()
            await asyncio.shield(self._room)

    def write_eof(self) -> None:
        """No more bytes will come."""
        if self.side is not None and not self._closing and not self.side.eof_received():
            self.out.close()

    def is_closing(self) -> bool:
        """Whether nothing more is taken."""
        return self._closing

    @property
    def closed(self) -> bool:
        """Whether the Caller is through with this connection, not only with writing to it."""
        return self._closing

    def close(self) -> None:
        """mitmproxy is through."""
        self._parts, self._size = [], 0
        self.lose()

    # ---- the Caller's end, as Out uses it ----------------------------------------

    def give(self, data: bytes) -> None:
        """Bytes of the Caller's."""
        if self._ended:
            return
        self._parts.append(data)
        self._size += len(data)
        self._wake()
        if self._size > HIGH and not self._stopped and self.side is not None:
            self._stopped = True
            self.side.pause_writing()

    def end(self) -> None:
        """The Caller writes no more."""
        self._ended = True
        self._wake()

    def lose(self) -> None:
        """The Caller is through; what it wrote before is still there to be read."""
        if self._closing:
            return
        self._closing = True
        self.end()
        self._make_room()
        side, self.side = self.side, None
        if side is not None:
            self._loop.call_soon(side.connection_lost, None)

    def hold(self, held: bool) -> None:
        """Whether the Caller reads."""
        if held:
            self._held = self._held or []
            return
        waiting, self._held = self._held, None
        self._make_room()
        if waiting and self.side is not None:
            self._loop.call_soon(self.write, b"".join(waiting))

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Out:
    """What a Caller has for its transport."""

    __slots__ = ("_extra", "_link")

    def __init__(self, link: Link, extra: dict[str, Any]) -> None:
        self._link = link
        self._extra = extra

    def write(self, data: bytes) -> None:
        """asyncio: send."""
        self._link.give(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """asyncio: of the connection that was intercepted."""
        return self._extra.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """asyncio: they are fixed here."""

    def pause_reading(self) -> None:
        """asyncio: read no more."""
        self._link.hold(True)

    def resume_reading(self) -> None:
        """asyncio: read on."""
        self._link.hold(False)

    def can_write_eof(self) -> bool:
        """asyncio: yes."""
        return True

    def write_eof(self) -> None:
        """asyncio: the end of what is written."""
        self._link.end()

    def is_closing(self) -> bool:
        """asyncio: closing or closed."""
        return self._link.closed

    def close(self) -> None:
        """asyncio: close, when what was written has been read."""
        self._link.lose()

    def abort(self) -> None:
        """asyncio: close. What was written may go before: it is for its framing to say that it is not all."""
        self._link.broken = True
        self._link.lose()
