"""Answers the gateway writes itself: RFC 9457 problems, with the members a provider's SDK reads. Pure."""

from collections.abc import Mapping

import msgspec

from gateway.errors import REASONS
from gateway.http1.encode import response_head
from gateway.model import Pack

_PHRASES: Mapping[int, bytes] = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    409: b"Conflict",
    410: b"Gone",
    413: b"Content Too Large",
    414: b"URI Too Long",
    415: b"Unsupported Media Type",
    417: b"Expectation Failed",
    421: b"Misdirected Request",
    422: b"Unprocessable Content",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    451: b"Unavailable For Legal Reasons",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
_RESERVED = frozenset(("type", "title", "status", "detail", "instance", "rules", "retry_after"))


def problem(
    reason: str,
    identifier: str,
    *,
    detail: str = "",
    rules: tuple[str, ...] = (),
    retry_after: int | None = None,
    status: int | None = None,
    pack: Pack | None = None,
    head_only: bool = False,
) -> tuple[bytes, bytes]:
    """(head, body) of a refusal. `pack` says what its provider's SDK reads; `head_only` answers HEAD.

    `detail` never holds personal data: it comes from the reasons table, a path or a rule id.
    """
    known = REASONS[reason]
    code = status or known.status
    wait = retry_after if retry_after is not None else known.retry_after
    body = refusal_body(reason, identifier, detail, rules, wait, code, pack)
    kind = _ARRAY if pack and pack.refusal_in_array else _PROBLEM
    return _head(code, identifier, len(body), wait, kind), b"" if head_only else body


_PROBLEM = b"application/problem+json"
_ARRAY = b"application/json"


def refusal_body(
    reason: str,
    identifier: str,
    detail: str,
    rules: tuple[str, ...],
    wait: int | None,
    code: int,
    pack: Pack | None,
) -> bytes:
    """The body alone: `wait` in seconds, `code` the status it comes with."""
    known = REASONS[reason]
    text = detail or known.title
    members: dict[str, object] = {
        "type": f"urn:hushgate:{reason}",
        "title": known.title,
        "status": code,
        "detail": text,
        "instance": f"urn:hushgate:decision:{identifier}",
        "rules": rules,
    }
    if wait is not None:
        members["retry_after"] = wait
    words = {"detail": text, "status": str(code), "reason": reason, "id": identifier}
    for name, value in (pack.refusal if pack else {}).items():
        if name not in _RESERVED:
            members[name] = _fill(value, words)
    return msgspec.json.encode([members] if pack and pack.refusal_in_array else members)


def _head(code: int, identifier: str, length: int, wait: int | None, kind: bytes) -> bytes:
    headers = [
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % length),
        (b"Cache-Control", b"no-store"),
        (b"Hushgate-Decision", identifier.encode()),
    ]
    if wait is not None:
        headers.append((b"Retry-After", b"%d" % wait))
    if code == 405:
        headers.append((b"Allow", b"POST"))
    if code == 401:
        headers.append((b"WWW-Authenticate", b'Hushgate-Key realm="hushgate"'))
    if code == 426:  # RFC 9110 section 15.5.22, RFC 6455 section 4.2.2
        headers += [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Version", b"13"),
        ]
    if code == 407:
        headers.append((b"Proxy-Authenticate", b'Basic realm="hushgate"'))
    return response_head(code, _PHRASES.get(code, b"Refused"), headers)


def _fill(value: str | int, words: Mapping[str, str]) -> str | int:
    if isinstance(value, int):
        return value
    for word, text in words.items():
        value = value.replace("{" + word + "}", text)
    return value
