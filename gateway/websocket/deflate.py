"""permessage-deflate (RFC 7692): what is offered and agreed on, and messages inflated and deflated. Pure."""

import re
import zlib
from dataclasses import dataclass
from typing import Final

from gateway.codecs.encodings import FREE
from gateway.codecs.program import Limits
from gateway.errors import PayloadError, UpstreamError

NAME: Final = b"permessage-deflate"
FIELD: Final = "sec-websocket-extensions"
WIDEST: Final = 15
"""bits of the largest window"""
LEVEL: Final = 6
_WINDOW: Final = 1 << WIDEST
_TAIL: Final = b"\x00\x00\xff\xff"
"""what a sender leaves out at the end of a message (section 7.2.1)"""

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(
    rb"[ \t]*;[ \t]*(" + _TOKEN + rb")(?:=(?:(" + _TOKEN + rb')|"(' + _TOKEN + rb')"))?'
)
_EXTENSION: Final = re.compile(rb"[ \t]*(" + _TOKEN + rb")((?:" + _PARAMETER.pattern + rb")*)[ \t]*")
_BITS: Final = re.compile(rb"[89]|1[0-5]").fullmatch
_FLAGS: Final = frozenset((b"server_no_context_takeover", b"client_no_context_takeover"))
_WINDOWS: Final = frozenset((b"server_max_window_bits", b"client_max_window_bits"))

Parameters = dict[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Packing:
    """How one direction's messages are compressed. `keeps`: each goes on from the one before."""

    keeps: bool
    bits: int


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed on, for messages of the client and of the server."""

    client: Packing | None
    server: Packing | None


PLAIN: Final = Agreed(None, None)
"""Nothing is compressed."""


def offered(field: bytes | None) -> bytes:
    """Of the extensions a client offers, those that go on: of permessage-deflate, all valid offers.

    Raises PayloadError for what is no list of extensions.
    """
    try:
        found = _extensions(field)
    except ValueError:
        raise PayloadError("malformed_request", "not a list of extensions", FIELD) from None
    kept = [written for name, parameters, written in found if name == NAME and _offer(parameters)]
    return b", ".join(kept)


def agreed(offer: bytes, field: bytes | None) -> Agreed | None:
    """What the server's answer to `offer` (as `offered` gave it) says; None: nothing is compressed.

    Raises UpstreamError for an answer that does not fit the offer.
    """
    try:
        answers = _extensions(field)
        if not answers:
            return None
        ((name, got, _),) = answers
        offers = [parameters for _, parameters, _ in _extensions(offer)]
    except ValueError:
        raise _unfit() from None
    if name != NAME or not any(_answers(got, asked) for asked in offers):
        raise _unfit()
    return Agreed(_packing(got, b"client"), _packing(got, b"server"))


def _packing(parameters: Parameters, side: bytes) -> Packing:
    bits = int(parameters.get(side + b"_max_window_bits") or WIDEST)
    return Packing(side + b"_no_context_takeover" not in parameters, bits)


def _offer(parameters: Parameters) -> bool:
    """Whether an offer is valid (section 7.1): `client_max_window_bits` may come without a value."""
    return all(
        value is None
        if name in _FLAGS
        else name in _WINDOWS and (_BITS(value) is not None if value else name[:1] == b"c" and value is None)
        for name, value in parameters.items()
    )


def _answers(got: Parameters, asked: Parameters) -> bool:
    """Whether an answer accepts an offer (section 7.1)."""
    if not _offer(got) or any(name in got and not got[name] for name in _WINDOWS):
        return False
    wide = asked.get(b"server_max_window_bits")
    if wide and int(got.get(b"server_max_window_bits") or WIDEST + 1) > int(wide):
        return False
    if b"server_no_context_takeover" in asked and b"server_no_context_takeover" not in got:
        return False
    return b"client_max_window_bits" not in got or b"client_max_window_bits" in asked


def _extensions(field: bytes | None) -> list[tuple[bytes, Parameters, bytes]]:
    """Name, parameters and text of each extension of a field. Raises ValueError."""
    if field is None or not field.strip(b" \t"):
        return []
    found = []
    for part in field.split(b","):
        match = _EXTENSION.fullmatch(part)
        if match is None:
            raise ValueError
        pairs = [(name, bare or quoted or None) for name, bare, quoted in _PARAMETER.findall(match[2])]
        parameters: Parameters = dict(pairs)
        if len(parameters) != len(pairs):
            raise ValueError
        found.append((match[1], parameters, part.strip(b" \t")))
    return found


class Inflater:
    """Messages of one direction without their compression, within bounds."""

    __slots__ = ("_keeps", "_limits", "_stream", "_window")

    def __init__(self, packing: Packing, limits: Limits) -> None:
        self._keeps = packing.keeps
        self._limits = limits
        self._stream = zlib.decompressobj(-WIDEST)
        self._window = b""

    def message(self, packed: bytes) -> bytes:
        """A whole message. Raises PayloadError: body_too_large, unparseable_body."""
        if not self._keeps:
            self._stream = zlib.decompressobj(-WIDEST)
        bound = min(self._limits.max_body, FREE + self._limits.max_inflate_ratio * len(packed))
        try:
            made = self._stream.decompress(packed + _TAIL, bound + 1)
        except zlib.error:
            raise PayloadError("unparseable_body", "not what deflate makes", "message") from None
        if len(made) > bound:
            raise PayloadError("body_too_large", "the message inflates beyond the limit", "message")
        if self._keeps:
            self._window = (self._window + made)[-_WINDOW:] if len(made) < _WINDOW else made[-_WINDOW:]
        if self._stream.eof:  # a last block (section 7.2.3.4): another stream goes on with the same window
            if self._stream.unused_data not in (_TAIL, b"\0" + _TAIL):
                raise PayloadError("unparseable_body", "bytes after the end", "message")
            self._stream = zlib.decompressobj(-WIDEST, zdict=self._window)
        return made


class Deflater:
    """Messages of one direction compressed as was agreed on."""

    __slots__ = ("_bits", "_keeps", "_stream")

    def __init__(self, packing: Packing) -> None:
        self._bits = packing.bits
        self._keeps = packing.keeps
        self._stream = self._fresh()

    def message(self, plain: bytes) -> tuple[bytes, bool]:
        """A whole message, and whether it is compressed: in the smallest window zlib cannot."""
        if self._bits == 8:
            return plain, False
        if not self._keeps:
            self._stream = self._fresh()
        made = self._stream.compress(plain) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return made.removesuffix(_TAIL) or b"\0", True

    def _fresh(self) -> "zlib._Compress":
        return zlib.compressobj(LEVEL, zlib.DEFLATED, -max(self._bits, 9))


def _unfit() -> UpstreamError:
    return UpstreamError("upstream_invalid", "an extension that was not offered", FIELD)
