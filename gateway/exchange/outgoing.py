"""The head of a request as it is sent to the upstream. Pure."""

from typing import Final

from gateway.exchange.answering import OURS
from gateway.exchange.asking import Asked
from gateway.exchange.finding import KEY, PURPOSE
from gateway.http1.encode import forward, request_line
from gateway.http1.fields import Headers
from gateway.http1.head import RequestHead
from gateway.policy.plan import Added, Plan

VIA: Final = (b"Via", b"1.1 hushgate")
UPGRADE: Final = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
"""RFC 9110 9.2.2."""

_CONDITIONS: Final = frozenset((b"range", b"if-range", b"if-none-match", b"if-modified-since"))
_DROP: Final = OURS | {KEY, PURPOSE, b"host", b"content-length", b"expect"}
_READABLE_CODINGS: Final = (b"gzip", b"deflate", b"br", b"zstd", b"identity")
_MOST: Final = 64
"""ways to say what codings are accepted, remembered per plan"""


def request_head(head: RequestHead, plan: Plan, asked: Asked, *, looked: bool, offer: bytes | None) -> bytes:
    """The head. `looked`: the answer is read here. `offer`: extensions of the WebSocket that is asked for."""
    added = added_of(head, plan, looked=looked)
    headers: Headers = [*added.fields]
    drop = added.drop
    if head.chunked or head.length is not None:
        headers.append(_framing(head, asked))
    headers.append(VIA)
    if offer is not None:
        drop |= {b"sec-websocket-extensions"}
        headers += UPGRADE
        if offer:
            headers.append((b"Sec-WebSocket-Extensions", offer))
    target = asked.path + b"?" + asked.query if asked.query else asked.path
    line = request_line(head.method, plan.base_path + target)
    return forward(line, asked.headers, drop, headers, added.host)


def added_of(head: RequestHead, plan: Plan, *, looked: bool) -> Added:
    """What does not depend on the request but for the codings it accepts: kept with the plan."""
    accepted = head.index.get(b"accept-encoding") if looked else b""
    made = plan.added.get((looked, accepted))
    if made is None:
        if len(plan.added) >= _MOST:
            plan.added.clear()
        made = plan.added[looked, accepted] = _added(plan, accepted, looked=looked)
    return made


def _added(plan: Plan, accepted: bytes | None, *, looked: bool) -> Added:
    upstream, drop, fields = plan.upstream, _DROP, []
    if looked:
        drop |= _CONDITIONS | {b"accept-encoding"}
        fields.append((b"Accept-Encoding", _readable(accepted)))
    if upstream.credential:
        drop |= {upstream.credential_header.lower().encode()}
        fields.append((upstream.credential_header.encode(), upstream.credential.encode()))
    return Added(drop, tuple(fields), (*fields, VIA), ((b"Host", plan.authority),))


def _framing(head: RequestHead, asked: Asked) -> tuple[bytes, bytes]:
    """How the body is sent: as long as it is now, or as the caller framed it."""
    if asked.body is not None:
        return b"Content-Length", b"%d" % len(asked.body)
    if head.length is None or asked.upload is not None:
        return b"Transfer-Encoding", b"chunked"
    return b"Content-Length", b"%d" % head.length


def _readable(accepted: bytes | None) -> bytes:
    """The codings both the caller and this gateway read; a refused identity is not offered to anybody."""
    offered = [part.strip() for part in (accepted or b"").lower().split(b",")]
    kept = [part for part in offered if part.partition(b";")[0].strip() in _READABLE_CODINGS]
    return b", ".join(kept) or b"identity"
