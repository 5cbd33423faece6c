"""Heads and chunks written anew, and the fields that may travel on. Pure.

Whatever the caller hands over, no line end and no NUL inside a field leaves here: that would be our own fault
(InternalError), and it is checked on the finished head by counting bytes.
"""

from collections.abc import Iterable, Sequence

from gateway.errors import InternalError
from gateway.http1 import kernel
from gateway.http1.fields import Headers, split_options
from gateway.http1.grammar import HOP_BY_HOP, OWN_PREFIX, PROTECTED

Pairs = Sequence[tuple[bytes, bytes]]

_NOTHING: frozenset[bytes] = frozenset()
_NAMELESS = frozenset({b"keep-alive", b"close"})


def request_head(method: str, target: bytes, headers: Pairs) -> bytes:
    """A request's head in HTTP/1.1, with the empty line. Raises InternalError on what would split it."""
    return _head(request_line(method, target), headers)


def response_head(status: int, reason: bytes, headers: Pairs) -> bytes:
    """An answer's head in HTTP/1.1, with the empty line. Raises InternalError on CR, LF or NUL."""
    return _head(status_line(status, reason), headers)


def request_line(method: str, target: bytes) -> bytes:
    """A request's first line without its end. Raises InternalError on white space that divides it anew."""
    line = b"%b %b HTTP/1.1" % (method.encode("ascii", "replace"), target)
    if line.count(b" ") != 2:
        raise InternalError("white space in a method or target", "request line")
    return line


def status_line(status: int, reason: bytes) -> bytes:
    """An answer's first line without its end; CR, LF and NUL are refused where the head is written."""
    return b"HTTP/1.1 %d %b" % (status, reason)


def forward(
    line: bytes,
    headers: Headers,
    drop: frozenset[bytes] = _NOTHING,
    extra: kernel.Pairs = (),
    first: kernel.Pairs = (),
) -> bytes:
    """The head of a message that travels on: `line`, `first`, what is end-to-end of `headers`, `extra`.

    `headers` lose what end_to_end(headers, drop) leaves out; `first` and `extra` are written as they are.
    Raises InternalError on CR, LF or NUL in any of them.
    """
    if kernel.forward is not None:
        made = kernel.forward(line, first, headers, drop, extra)
        if made is not None:
            return made
    return forward_by_rule(line, headers, drop, extra, first)


def answer_head(
    status: int,
    reason: bytes,
    headers: Headers,
    drop: frozenset[bytes],
    size: int,
    decision: bytes,
    masked: int,
) -> bytes:
    """The head of an answer that goes on with a body of `size` bytes, as `forward` does it. It says which
    decision it comes of, and how many values were masked, if any.
    """
    if kernel.answered is not None:
        made = kernel.answered(status, reason, headers, drop, size, decision, masked)
        if made is not None:
            return made
    own = [(b"Content-Length", b"%d" % size), (b"Hushgate-Decision", decision)]
    if masked:
        own.append((b"Hushgate-Masked", b"%d" % masked))
    return forward_by_rule(status_line(status, reason), headers, drop, own)


def forward_by_rule(
    line: bytes,
    headers: Headers,
    drop: frozenset[bytes] = _NOTHING,
    extra: kernel.Pairs = (),
    first: kernel.Pairs = (),
) -> bytes:
    """What forward does, for every head and in Python alone."""
    return _head(line, [*first, *end_to_end(headers, drop), *extra])


def _head(line: bytes, headers: Pairs) -> bytes:
    fields = b"\r\n".join(map(b": ".join, headers))
    head = b"%b\r\n%b\r\n\r\n" % (line, fields) if fields else line + b"\r\n\r\n"
    # Our own line ends are two bytes each; any other CR, LF or NUL makes the difference larger.
    if len(head) - len(head.translate(None, b"\r\n\0")) != 2 * len(headers) + 4:
        raise InternalError("a line end or NUL in a field", "head")
    return head


def chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112 section 7.1); b"" for no data, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Pairs = ()) -> bytes:
    """The end of a chunked body with its trailer section. Raises InternalError as heads do."""
    return _head(b"0", trailers)


def end_to_end(headers: Iterable[tuple[bytes, bytes]], drop: frozenset[bytes] = _NOTHING) -> Headers:
    """Headers that may travel on, order and case kept (RFC 9110 section 7.6.1).

    Leaves out hop-by-hop fields, those that Connection names (never one whose loss changes the meaning:
    parsing has refused those before), and those in `drop` (lower-case names).
    """
    kept = [pair for pair in headers if (low := pair[0].lower()) not in HOP_BY_HOP and low not in drop]
    named = _named(headers)
    return [pair for pair in kept if pair[0].lower() not in named] if named else kept


def _named(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    values = [value for name, value in headers if len(name) == 10 and name.lower() == b"connection"]
    if not values:
        return _NOTHING
    options = split_options(b",".join(values).lower()) - _NAMELESS - PROTECTED
    return frozenset(option for option in options if not option.startswith(OWN_PREFIX))
