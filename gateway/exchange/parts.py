"""The calls in an envelope, read as strictly as requests on the wire: what is not known is refused. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.codecs.scalars import CONTAINERS
from gateway.errors import PayloadError
from gateway.exchange.facts import Facts
from gateway.exchange.finding import PURPOSE
from gateway.exchange.refused import Refused
from gateway.http1.fields import Headers
from gateway.http1.grammar import HOP_BY_HOP, OPTION
from gateway.http1.head import RequestHead
from gateway.model import Composite
from gateway.policy.calls import METHODS
from gateway.policy.plan import Plan

_PRESET: Final = HOP_BY_HOP | frozenset(
    b"accept accept-encoding authorization content-encoding content-length content-type cookie expect host "
    b"proxy-authorization range if-range via x-http-method-override".split()
)
"""Header fields a call in an envelope has from the envelope, or not at all."""


@dataclass(slots=True)
class Part:
    """One call of an envelope. `at` is its place among those the caller sent."""

    at: int
    member: dict[str, Any]
    name: str | None
    target: str
    head: RequestHead
    body: Any
    refers: set[str] = field(default_factory=set)
    facts: Facts | None = None
    plan: Plan | None = None
    refused: Refused | None = None
    """Why it was left out; the rest went on."""
    apart: bool = False
    """Whether it may be left out, if rules allow that too."""


def members(document: Any, shape: Composite) -> list[Any]:
    """The calls of an envelope. Raises PayloadError."""
    if document.__class__ is not dict:
        raise _unreadable("an envelope is an object", "body")
    calls = document.get(shape.requests)
    if calls.__class__ is not list or not calls:
        raise _unreadable("an envelope without calls", shape.requests)
    if len(calls) > shape.most:
        raise _unreadable(f"more than {shape.most} calls", shape.requests)
    flags = {*shape.flags, shape.together}
    for key, value in document.items():
        if key != shape.requests and (key not in flags or value.__class__ is not bool):
            raise _unreadable("a member that is not known, or neither true nor false", "body")
    return calls


def part_of(shape: Composite, at: int, member: Any, purpose: bytes | None) -> Part:
    """One call. `purpose` is the one the envelope states. Raises PayloadError; its place is in the call."""
    known = {shape.method, shape.path, shape.body, shape.headers, shape.name}
    if member.__class__ is not dict or not member.keys() <= known:
        raise _unreadable("a call with a member that is not known", "")
    method, target, body = member.get(shape.method), member.get(shape.path), member.get(shape.body)
    if method not in METHODS:
        raise _unreadable("a method that is not known", shape.method)
    if target.__class__ is not str or not target or "#" in target:
        raise _unreadable("a path that cannot be read", shape.path)
    if body is not None and body.__class__ not in CONTAINERS:
        raise _unreadable("a body that is neither an object nor an array", shape.body)
    headers = _headers(member.get(shape.headers) if shape.headers else None, shape.headers or "")
    path = target if target.startswith("/") else shape.below + target
    return Part(at, member, _name(member, shape), target, _head(method, path, headers, body, purpose), body)


def _name(member: Mapping[str, Any], shape: Composite) -> str | None:
    if shape.name is None:
        return None
    name = member.get(shape.name)
    if name.__class__ is not str or not name.isascii() or not name.replace("_", "a").isalnum():
        raise _unreadable("a name that is not of letters, digits and underscores", shape.name)
    return str(name)


def _headers(written: Any, place: str) -> Headers:
    if written is None:
        return []
    if written.__class__ is not dict:
        raise _unreadable("header fields that are no object", place)
    made: Headers = []
    for name, value in written.items():
        readable = value.__class__ is str and value.isascii() and value.isprintable()
        low = name.encode().lower()
        if not readable or OPTION.fullmatch(low) is None:
            raise _unreadable("a header field that cannot be read", place)
        if low in _PRESET or low.startswith(b"hushgate-"):
            raise _unreadable("a header field that a call in an envelope cannot have", place)
        made.append((name.encode(), value.encode()))
    return made


def _head(method: str, target: str, headers: Headers, body: Any, purpose: bytes | None) -> RequestHead:
    raw = target.encode()
    path, _, query = raw.partition(b"?")
    index = {name.lower(): value for name, value in headers} | {b"content-type": b"application/json"}
    if len(index) != len(headers) + 1:
        raise _unreadable("a header field twice", "headers")
    if purpose is not None:
        index[PURPOSE] = purpose
    return RequestHead(
        method=method,
        target=raw,
        path=path,
        query=query,
        version_minor=1,
        headers=headers,
        index=index,
        host=b"",
        length=None if body is None else 1,
        chunked=False,
        keep_alive=True,
        expects_continue=False,
        upgrade=False,
    )


def _unreadable(detail: str, place: str) -> PayloadError:
    return PayloadError("unparseable_body", detail, place)
