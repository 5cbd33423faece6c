"""Content codings (RFC 9110 section 8.4) taken off bodies within bounds, and put on again as they came. Pure.

A body that inflates beyond its bounds, is cut short, or is followed by other bytes is refused. Several
codings one over the other are read in the reverse of the order in which the sender named them.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from gateway.codecs.codings.br import BR
from gateway.codecs.codings.coding import Coding, Plain, Reader, unreadable
from gateway.codecs.codings.deflate import DEFLATE, GZIP
from gateway.codecs.codings.zstd import ZSTD
from gateway.codecs.program import Limits
from gateway.errors import PayloadError

FREE = 64 * 1024
"""decoded bytes that no ratio is asked of: a small body may be mostly repetition"""
MAX_STACKED = 3
"""codings one over the other; nobody needs two, and each inflates what the one before did"""

_PLAIN = Coding(Plain, Plain, lambda body: body, lambda raw, bound: raw if len(raw) <= bound else None)

CODINGS: Mapping[bytes, Coding] = {
    b"identity": _PLAIN,
    b"gzip": GZIP,
    b"x-gzip": GZIP,  # RFC 9110 section 8.4.1.3
    b"deflate": DEFLATE,
    b"br": BR,
    b"zstd": ZSTD,
}


@lru_cache(maxsize=64)
def codings(named: bytes) -> tuple[Coding, ...]:
    """The codings of a Content-Encoding value (lower case, repeated lines joined) in the order of encoding.

    Empty elements do not count (RFC 9110 section 5.6.1); no coding at all is identity.
    Raises PayloadError: unsupported_encoding.
    """
    names = [name for part in named.split(b",") if (name := part.strip(b" \t"))]
    if len(names) > MAX_STACKED or not all(name in CODINGS for name in names):
        expected = f"not identity, or at most {MAX_STACKED} of gzip, deflate, br and zstd"
        raise PayloadError("unsupported_encoding", expected, "content-encoding")
    return tuple(CODINGS[name] for name in names if name != b"identity") or (_PLAIN,)


def decode(raw: bytes, coding: bytes, limits: Limits) -> bytes:
    """The body without its content codings (`coding` as in Content-Encoding, lower case, b"" for none).

    Raises PayloadError: unsupported_encoding, body_too_large, unparseable_body.
    """
    layers = codings(coding)
    bound = min(limits.max_body, FREE + limits.max_inflate_ratio * len(raw))
    if len(layers) == 1:
        body = layers[0].once(raw, bound)
        if body is not None:
            return body
    decoder = Decoder(coding, limits)
    body = decoder.feed(raw)
    return body + decoder.finish()


def encode(body: bytes, coding: bytes) -> bytes:
    """The body with its content codings. Raises PayloadError for a coding that decode would refuse."""
    for layer in codings(coding):
        body = layer.encode(body)
    return body


class Decoder:
    """Takes the codings off a body that comes in parts. What it holds back does not grow with the body."""

    __slots__ = ("_layers", "_most", "_ratio", "_taken")

    def __init__(self, coding: bytes, limits: Limits, *, stream: bool = False) -> None:
        """`stream` leaves `limits.max_body` out: the ratio holds at every moment, and the length is free.

        Raises PayloadError: unsupported_encoding.
        """
        self._layers = [_Layer(layer.reader()) for layer in reversed(codings(coding))]
        self._ratio = limits.max_inflate_ratio
        self._most = None if stream else limits.max_body
        self._taken = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` completes, in pieces of at most 8 MiB, usually 64 KiB; to be run to its end.

        Raises PayloadError: body_too_large, unparseable_body; the decoder is of no use after that.
        """
        self._taken += len(data)
        bound = FREE + self._ratio * self._taken
        if self._most is not None:
            bound = min(bound, self._most)
        flow: Iterable[bytes] = (data,)
        for layer in self._layers:
            flow = layer.through(flow, bound)
        return iter(flow)

    def feed(self, data: bytes) -> bytes:
        """What `data` completes, at once: as much as the ratio allows. Raises what `pieces` does."""
        return b"".join(self.pieces(data))

    def finish(self) -> bytes:
        """The body ends here; nothing is left to give. Raises PayloadError when it was cut short."""
        if not all(layer.reader.ended for layer in self._layers):
            raise unreadable()
        return b""


class _Layer:
    """One reader, and how much it gave. An inner coding is bounded as the body is: it may be the bomb."""

    __slots__ = ("_given", "reader")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._given = 0

    def through(self, flow: Iterable[bytes], bound: int) -> Iterator[bytes]:
        for data in flow:
            for piece in self.reader.read(data):
                self._given += len(piece)
                if self._given > bound:
                    raise PayloadError("body_too_large", "the body decodes to more than the limit", "body")
                yield piece


class Encoder:
    """Puts the codings on a body that comes in parts. Holds back no more than the windows of its codings."""

    __slots__ = ("_fed", "_writers")

    def __init__(self, coding: bytes) -> None:
        """Raises PayloadError for a coding that decode would refuse."""
        self._writers = [layer.writer() for layer in codings(coding)]
        self._fed = False

    def feed(self, data: bytes) -> bytes:
        """More of the body: the encoded bytes that are ready, perhaps none yet."""
        self._fed = self._fed or bool(data)
        for writer in self._writers:
            data = writer.write(data)
        return data

    def flush(self) -> bytes:
        """All that is held back, so that the receiver can read everything fed so far; costs some size."""
        data = b""
        if self._fed:
            for writer in self._writers:
                data = writer.write(data) + writer.flush()
        self._fed = False
        return data

    def finish(self) -> bytes:
        """The end of the body; nothing can be fed after it."""
        data = b""
        for writer in self._writers:
            data = writer.write(data) + writer.finish()
        return data
