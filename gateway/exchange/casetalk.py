"""The messages of a WebSocket in a case file: read, put into frames, and read from frames again. Pure."""

import zlib
from base64 import b64decode
from typing import Final

from gateway.exchange.case import CaseMessage, MessageExpectation
from gateway.exchange.casejson import JsonText
from gateway.strict.kinds import Number, Word, mapped, one_of
from gateway.strict.shapes import ByShape, Key, Table
from gateway.websocket.frames import BINARY, TEXT, FrameReader, close, frame
from gateway.websocket.handshake import VERSION, accepting

HANDSHAKE_KEY: Final = b"aHVzaGdhdGUgY2FzZXMuLg=="
"""What a case's application sends as Sec-WebSocket-Key."""
MASK: Final = b"\x37\xfa\x21\x3d"
"""Of every frame of a case's application (RFC 6455 section 5.7)."""
NORMAL: Final = 1000
ASKED: Final = (
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Version", VERSION),
    (b"Sec-WebSocket-Key", HANDSHAKE_KEY),
)
"""The fields of a handshake that a case need not name."""
AGREED: Final = (
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Accept", accepting(HANDSHAKE_KEY)),
)
"""Those of its answer."""


def closing(*, masked: bool) -> bytes:
    """The Close that ends the WebSocket of a case which says none itself."""
    return close(NORMAL, "", MASK if masked else b"")


class Heard:
    """One side's end: takes the frames that passed, and reads their messages."""

    def __init__(self, *, masked: bool) -> None:
        self._frames = FrameReader(masked=masked, packs=True)
        self._plain = zlib.decompressobj(-15)
        self._packed = b""

    def take(self, wire: bytes) -> bytes:
        """What messages, and parts of messages, say in these bytes. Raises PayloadError, zlib.error."""
        said = b""
        for piece in self._frames.feed(wire):
            if piece.kind not in (TEXT, BINARY):
                continue
            if not piece.packed:
                said += piece.payload
                continue
            self._packed += piece.payload
            if piece.last:
                said += self._plain.decompress(self._packed + b"\x00\x00\xff\xff")
                self._packed = b""
        return said


# ---- the file --------------------------------------------------------------------------------------------


def _base64(text: str) -> bytes | None:
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None


BASE64: Final = Word("bytes in base64", _base64)
ANY_TEXT: Final = Word("a text", lambda text: text)


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _content(what: str) -> tuple[Key, ...]:
    return (
        Key("json", JsonText(), f"{what}: a text message that is JSON."),
        Key("body", ANY_TEXT, f"{what}: any other text message."),
        Key("base64", BASE64, f"{what}: a binary message, in base64."),
        Key("frames", Word("bytes in hex", _hex), f"{what}: the bytes of frames as they are, in hex."),
    )


_CONTENT: Final = ("json", "body", "base64", "frames")


def _passes(
    json: str | None = None, body: str | None = None, base64: bytes | None = None, frames: bytes | None = None
) -> MessageExpectation:
    return MessageExpectation(json=json, payload=base64 if body is None else body.encode(), wire=frames)


def _message(
    says: str,
    json: str | None = None,
    body: str | None = None,
    base64: bytes | None = None,
    frames: bytes | None = None,
    passes: MessageExpectation | None = None,
    masked: int | None = None,
) -> CaseMessage:
    mask = MASK if says == "application" else b""
    text = json if json is not None else body or ""
    wire = frame(TEXT, text.encode(), mask) if base64 is None else frame(BINARY, base64, mask)
    sends = says == "application"
    return CaseMessage(sends=sends, wire=wire if frames is None else frames, passes=passes, masked=masked)


_NOTHING: Final = mapped({"nothing": MessageExpectation(wire=b"")})
_PASSED: Final = Table("what passes", _content("What the other side gets"), _passes, exactly=_CONTENT)
MESSAGE: Final = Table(
    "a message",
    (
        Key("says", one_of("application", "provider"), "Whose it is.", required=True),
        *_content("What it says"),
        Key("passes", ByShape(_NOTHING, _PASSED), "What the other side gets, or `nothing`."),
        Key("masked", Number(0, 1_000_000), "How many of its values were masked."),
    ),
    _message,
    exactly=_CONTENT,
)
