"""WebSocket frames, read in pieces as their bytes come, checked, and written (RFC 6455 section 5). Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.errors import PayloadError

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

MAX_CONTROL: Final = 125
"""bytes of payload a control frame may have (section 5.5)"""
NO_CODE: Final = 1005
"""what a Close frame without a code counts as (section 7.4.1)"""
BROKEN: Final = 1006
"""what a connection that ended without a Close frame counts as"""
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_CODES: Final = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))
"""Codes that may be sent: those of the registry, and those of libraries and applications (section 7.4)."""


class Piece(NamedTuple):
    """A part of one data frame, or a whole control frame.

    `kind`: TEXT or BINARY, also of what continues a message; or CLOSE, PING, PONG. `raw` is what came,
    `payload` the same without header and mask. `first` and `last`: it begins and ends its message. `whole`:
    its frame ends with it. `packed`: the message is compressed. `mask`: the frame's, b"" without one.
    """

    kind: int
    raw: bytes
    payload: bytes
    first: bool
    last: bool
    whole: bool
    packed: bool
    mask: bytes


class _Frame:
    """A data frame under way: how much is missing of its payload, and what its pieces say."""

    __slots__ = ("fin", "first", "left", "mask", "seen")

    def __init__(self, fin: bool, first: bool, length: int, mask: bytes) -> None:
        self.fin = fin
        self.first = first
        self.left = length
        self.mask = mask
        self.seen = 0


class FrameReader:
    """The frames of one direction. `masked`: they come from a client. `packs`: compression was agreed on.

    After an error it is of no further use.
    """

    __slots__ = ("_frame", "_held", "_kind", "_masked", "_packed", "_packs")

    def __init__(self, *, masked: bool, packs: bool) -> None:
        self._masked = masked
        self._packs = packs
        self._held = b""
        self._frame: _Frame | None = None
        self._kind = 0
        """Of the message under way; 0 between two."""
        self._packed = False

    @property
    def between(self) -> bool:
        """Whether what was handed out ends where a frame does."""
        return self._frame is None

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces in these bytes. Raises PayloadError where a frame is not valid."""
        data = self._held + data if self._held else data
        at = 0
        while True:
            frame = self._frame
            if frame is None:
                found = self._next(data, at)
                if found is None:
                    break
                at, piece = found
                yield piece
                continue
            if at >= len(data):
                break
            end = min(len(data), at + frame.left)
            yield self._part(frame, data[at:end], b"")
            at = end
        self._held = data[at:]

    def _next(self, data: bytes, at: int) -> tuple[int, Piece] | None:
        """The frame that begins at `at`: its whole where it is a control frame, else as much as is here."""
        if len(data) < at + 2:
            return None
        first, second = data[at], data[at + 1]
        opcode = first & 0x0F
        self._check(first, second, opcode)
        size = second & 0x7F
        start = at + 2 + (0 if size < 126 else 2 if size == 126 else 8)
        end = start + 4 if self._masked else start
        if len(data) < end:
            return None
        length = size if size < 126 else _length(data[at + 2 : start])
        mask = data[start:end]
        if opcode >= CLOSE:
            return self._control(data, at, end, length, mask, opcode)
        begins = opcode != CONTINUATION
        if begins:
            self._kind, self._packed = opcode, bool(first & 0x40)
        frame = self._frame = _Frame(bool(first & 0x80), begins, length, mask)
        last = min(len(data), end + length)
        return last, self._part(frame, data[end:last], data[at:end])

    def _check(self, first: int, second: int, opcode: int) -> None:
        """What the first two bytes of a frame say is allowed here (sections 5.1, 5.2, 5.4, 5.5)."""
        if opcode not in _OPCODES:
            raise _invalid("an opcode that is not known")
        if first & 0x30 or (first & 0x40 and not (self._packs and opcode in (TEXT, BINARY))):
            raise _invalid("a reserved bit is set")
        if bool(second & 0x80) != self._masked:
            raise _invalid("not masked" if self._masked else "masked")
        if opcode >= CLOSE:
            if not first & 0x80 or second & 0x7F > MAX_CONTROL:
                raise _invalid("a control frame that is long or in fragments")
        elif (opcode == CONTINUATION) != bool(self._kind):
            raise _invalid("a message within a message" if self._kind else "nothing to continue")

    def _control(
        self, data: bytes, at: int, start: int, length: int, mask: bytes, opcode: int
    ) -> tuple[int, Piece] | None:
        end = start + length
        if len(data) < end:
            return None
        payload = unmasked(data[start:end], mask, 0)
        if opcode == CLOSE:
            close_code(payload)
        return end, Piece(opcode, data[at:end], payload, True, True, True, False, mask)

    def _part(self, frame: _Frame, body: bytes, header: bytes) -> Piece:
        payload = unmasked(body, frame.mask, frame.seen) if frame.mask else body
        frame.left -= len(body)
        frame.seen += len(body)
        whole = not frame.left
        last = whole and frame.fin
        kind, first, frame.first = self._kind, frame.first, False
        if whole:
            self._frame = None
        if last:
            self._kind = 0
        return Piece(kind, header + body, payload, first, last, whole, self._packed, frame.mask)


def _length(written: bytes) -> int:
    """A length in 2 or 8 bytes, which no shorter form could say (section 5.2)."""
    length = int.from_bytes(written)
    if length < (126 if len(written) == 2 else 65536) or length >> 63:
        raise _invalid("a length that is not written as it should be")
    return length


def close_code(payload: bytes) -> int:
    """The code of a Close frame, NO_CODE without one. Raises PayloadError for what may not be sent (7.4)."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2])
    if len(payload) < 2 or code not in _CODES:
        raise _invalid("a close code that may not be sent")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise PayloadError("unparseable_body", "the reason of a close is not UTF-8", "close") from None
    return code


def unmasked(body: bytes, mask: bytes, seen: int) -> bytes:
    """A payload without its mask (or with it); `seen` bytes of the same frame came before (section 5.3)."""
    size = len(body)
    if not mask or not size:
        return body
    turn = seen & 3
    key = (mask[turn:] + mask[:turn]) * ((size >> 2) + 1)
    made = int.from_bytes(body, "little") ^ int.from_bytes(key[:size], "little")
    return made.to_bytes(size, "little")


def frame(kind: int, payload: bytes, mask: bytes = b"", *, packed: bool = False) -> bytes:
    """One whole frame. `mask`: four bytes for one to a server, none for one to a client."""
    size = len(payload)
    bit = 0x80 if mask else 0
    head = bytes((0x80 | (0x40 if packed else 0) | kind,))
    if size < 126:
        head += bytes((bit | size,))
    elif size < 65536:
        head += bytes((bit | 126,)) + size.to_bytes(2)
    else:
        head += bytes((bit | 127,)) + size.to_bytes(8)
    return head + mask + unmasked(payload, mask, 0)


def close(code: int, reason: str, mask: bytes = b"") -> bytes:
    """A Close frame. `reason` is cut to what fits."""
    return frame(CLOSE, code.to_bytes(2) + reason.encode("ascii", "replace")[: MAX_CONTROL - 2], mask)


def _invalid(detail: str) -> PayloadError:
    return PayloadError("websocket_invalid", detail, "frame")
