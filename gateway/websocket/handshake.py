"""The opening handshake (RFC 6455 section 4): what a client asks, and what fits as an answer. Pure."""

import re
from base64 import b64encode
from hashlib import sha1
from typing import Final

from gateway.errors import PayloadError, UpstreamError
from gateway.http1.head import RequestHead, ResponseHead

VERSION: Final = b"13"
FIELDS: Final = frozenset(
    b"sec-websocket-key sec-websocket-version sec-websocket-extensions sec-websocket-accept".split()
)
"""Fields that this gateway writes anew towards the upstream and towards the client."""

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_key: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==").fullmatch
"""Sixteen octets in base64 (section 4.1)."""
_names: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


def asks(head: RequestHead) -> bool:
    """Whether a request asks for a WebSocket, well or badly."""
    if not head.upgrade:
        return False
    named = (head.get(b"upgrade") or b"").lower().split(b",")
    return any(name.strip().partition(b"/")[0] == b"websocket" for name in named)


def check(head: RequestHead) -> None:
    """Refuse a handshake that is not one. Raises PayloadError (sections 4.1 and 4.2.1)."""
    if head.get(b"sec-websocket-version") != VERSION:
        raise PayloadError("websocket_required", "another version than 13", "sec-websocket-version")
    if head.method != "GET" or head.version_minor != 1 or head.chunked or head.length:
        raise PayloadError("malformed_request", "a WebSocket is asked for with a GET in HTTP/1.1", "upgrade")
    if _key(head.get(b"sec-websocket-key") or b"") is None:
        raise PayloadError("malformed_request", "not sixteen octets in base64", "sec-websocket-key")
    protocols(head)


def protocols(head: RequestHead) -> list[bytes]:
    """The subprotocols a client offers. Raises PayloadError for what is no list of names, each once."""
    field = head.get(b"sec-websocket-protocol")
    if field is None:
        return []
    found = [name.strip(b" \t") for name in field.split(b",")]
    if not all(map(_names, found)) or len(set(found)) != len(found):
        raise PayloadError("malformed_request", "not names, each once", "sec-websocket-protocol")
    return found


def accepting(key: bytes) -> bytes:
    """What a server answers to a key (section 4.2.2).

    >>> accepting(b"dGhlIHNhbXBsZSBub25jZQ==")
    b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return b64encode(sha1(key + _MAGIC, usedforsecurity=False).digest())


def fits(head: RequestHead, got: ResponseHead) -> None:
    """Refuse a 101 that does not answer this request. Raises UpstreamError (section 4.1)."""
    upgrade, connection = got.get(b"upgrade") or b"", got.get(b"connection") or b""
    options = [option.strip(b" \t") for option in connection.lower().split(b",")]
    if upgrade.lower() != b"websocket" or b"upgrade" not in options:
        raise _unfit("no upgrade to a WebSocket", "upgrade")
    if got.get(b"sec-websocket-accept") != accepting(head.get(b"sec-websocket-key") or b""):
        raise _unfit("not what answers the key", "sec-websocket-accept")
    chosen = got.get(b"sec-websocket-protocol")
    if chosen is not None and chosen not in protocols(head):
        raise _unfit("a subprotocol that was not offered", "sec-websocket-protocol")


def _unfit(detail: str, place: str) -> UpstreamError:
    return UpstreamError("upstream_invalid", detail, place)
