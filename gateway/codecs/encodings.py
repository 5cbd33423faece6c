"""Content codings (RFC 9110 section 8.4.1) read and written within bounds. Pure.

A body that inflates beyond its bounds, is cut short, or is followed by other bytes is refused.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.codecs.program import Limits
from gateway.errors import PayloadError

FREE = 64 * 1024
"""decoded bytes that no ratio is asked of: a small body may be mostly repetition"""
MAX_MEMBERS = 100
"""gzip members in one body; each costs a copy of what follows it"""
LEVEL = 3
"""of 9: the time to answer is worth more than the last tenth of the size"""

_ZLIB, _GZIP, _RAW = 15, 31, -15


@dataclass(frozen=True, slots=True)
class Coding:
    """How a coding is read (within a number of decoded bytes) and written."""

    decode: Callable[[bytes, int], bytes]
    encode: Callable[[bytes], bytes]


def decode(raw: bytes, coding: bytes, limits: Limits) -> bytes:
    """The body without its content coding (`coding` is lower case and stripped, b"" for none).

    Raises PayloadError: unsupported_encoding (stacked codings too), body_too_large, unparseable_body.
    """
    return _named(coding).decode(raw, min(limits.max_body, FREE + limits.max_inflate_ratio * len(raw)))


def encode(body: bytes, coding: bytes) -> bytes:
    """The body with its content coding. Raises PayloadError for a coding that decode would refuse."""
    return _named(coding).encode(body)


def _named(coding: bytes) -> Coding:
    try:
        return CODINGS[coding]
    except KeyError:
        raise PayloadError(
            "unsupported_encoding", "not identity, gzip or deflate", "content-encoding"
        ) from None


def _gunzip(raw: bytes, bound: int) -> bytes:
    """RFC 1952: one or more members, one after the other."""
    parts: list[bytes] = []
    for _ in range(MAX_MEMBERS):
        part, raw = _inflate(raw, _GZIP, bound)
        parts.append(part)
        bound -= len(part)
        if not raw:
            return b"".join(parts)
    raise _unreadable()


def _undeflate(raw: bytes, bound: int) -> bytes:
    """RFC 9110 section 8.4.1.2: the zlib format; some senders leave its wrapping out."""
    try:
        body, rest = _inflate(raw, _ZLIB, bound)
    except PayloadError as error:
        if error.reason == "body_too_large":
            raise
        body, rest = _inflate(raw, _RAW, bound)
    if rest:
        raise _unreadable()
    return body


def _inflate(raw: bytes, wbits: int, bound: int) -> tuple[bytes, bytes]:
    """One stream, and what follows it."""
    stream = zlib.decompressobj(wbits)
    try:
        body = stream.decompress(raw, bound + 1)
    except zlib.error as error:
        raise _unreadable() from error
    if len(body) > bound:
        raise _too_large()
    if not stream.eof:
        raise _unreadable()
    return body, stream.unused_data


def _deflater(wbits: int) -> Callable[[bytes], bytes]:
    return lambda body: zlib.compress(body, LEVEL, wbits)


def _identity(raw: bytes, bound: int) -> bytes:
    if len(raw) > bound:
        raise _too_large()
    return raw


def _too_large() -> PayloadError:
    return PayloadError("body_too_large", "the body decodes to more than the limit", "body")


def _unreadable() -> PayloadError:
    return PayloadError("unparseable_body", "the body does not decode as its content coding says", "body")


_PLAIN = Coding(_identity, lambda body: body)
_GZIPPED = Coding(_gunzip, _deflater(_GZIP))

CODINGS: Mapping[bytes, Coding] = {
    b"": _PLAIN,
    b"identity": _PLAIN,
    b"gzip": _GZIPPED,
    b"x-gzip": _GZIPPED,
    b"deflate": Coding(_undeflate, _deflater(_ZLIB)),
}
