"""What a provider says over a WebSocket about the made-up person, one message for every map. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from gateway.canary.allowed import Allowed
from gateway.canary.answers import Answer, unread
from gateway.canary.bodies import BODIES, INSIDE
from gateway.canary.seeds import Seeds
from gateway.canary.sower import Planted, Sower
from gateway.exchange.casetalk import AGREED
from gateway.exchange.switching import SWITCHED
from gateway.model import DataMap, WebSocket
from gateway.websocket.frames import BINARY, TEXT, frame

NO_KIND: Final = "canary"
"""What a message of no kind that a map names says of its kind."""


def messages(talk: WebSocket, allowed: Allowed, seeds: Seeds) -> Iterator[Answer]:
    """One for each kind, one of no kind, and binary ones; each comes after a 101."""
    told = talk.receives
    if told.any is not None and told.any.text:
        yield _words(told.any, Sower(allowed, seeds, INSIDE))
    elif told.any is not None:
        yield from _kind(NO_KIND, told.any, talk.by, Sower(allowed, seeds, INSIDE))
    for name, data in told.kinds.items():
        yield from _kind(name, data, talk.by, Sower(allowed, seeds, INSIDE))
    for each in told.binary.opaque:
        answer = unread(each, Sower(allowed, seeds, INSIDE))
        yield _said(answer.variant, BINARY, answer.body, answer.planted)


def _words(data: DataMap, sower: Sower) -> Answer:
    return _said("words", TEXT, BODIES["text"].make(sower, data), tuple(sower.planted))


def _kind(name: str, data: DataMap, by: tuple[str, ...], sower: Sower) -> Iterator[Answer]:
    """Nothing where a message of this map has no place for its kind: there is none, then."""
    document = json.loads(BODIES["json"].make(sower, data))
    if not by or _named(document, by, name):
        plain = json.dumps(document).encode()
        yield _said(f"message {name}" if by else "message", TEXT, plain, tuple(sower.planted))


def _named(document: Any, by: tuple[str, ...], name: str) -> bool:
    *way, last = by
    for key in way:
        document = document.setdefault(key, {}) if isinstance(document, dict) else None
    if not isinstance(document, dict):
        return False
    document[last] = name
    return True


def _said(variant: str, kind: int, plain: bytes, planted: tuple[Planted, ...]) -> Answer:
    return Answer(variant, SWITCHED, AGREED, frame(kind, plain), plain, planted)
