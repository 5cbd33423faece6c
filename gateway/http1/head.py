"""Request and response heads: found in a buffer, parsed by one expression, framing decided. Pure.

Canonical heads are read by the compiled kernel where it is there; `*_by_grammar` is the reference for it, and
reads all the others.

Strict where leniency has been used to smuggle: CRLF line ends only, no folding, no white space around names,
one Content-Length or one `Transfer-Encoding: chunked`, one valid Host. Obsolete text (0x80-0xFF) in values is
kept as it is. Names with an underscore are valid tokens and kept, unless they resemble a framing field.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from gateway.http1.fault import Fault, request_fault, response_fault
from gateway.http1.fields import (
    Headers,
    Index,
    connection_options,
    framing,
    join_repeated,
    refuse_shadows,
    split_canonical,
    split_general,
)
from gateway.http1.grammar import (
    FIELD_LINE,
    METHODS,
    REQUEST,
    REQUEST_CANONICAL,
    RESPONSE,
    RESPONSE_CANONICAL,
    SINGLE_REQUEST,
    SINGLE_RESPONSE,
)
from gateway.http1.kernel import read_request, read_response, read_sized
from gateway.http1.target import checked_host, reduce_target, refuse_bad_escape


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Bounds of a head: target and whole head in bytes, field lines in number."""

    max_target: int = 8 * 1024
    max_head: int = 64 * 1024
    max_headers: int = 100


LIMITS = HeadLimits()


class Framed(Protocol):
    """What a body reader needs to know of a head."""

    @property
    def length(self) -> int | None:
        """Content-Length when it delimits the body."""
        ...

    @property
    def chunked(self) -> bool:
        """Whether the body is chunked."""
        ...


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A request's head with one reading.

    `target` is origin-form or `*`; `path` is its raw part before `?`, `query` the rest without it. `host` is
    lower-case with the port that was sent, b"" only in HTTP/1.0. `length` is None without Content-Length: the
    body is chunked or there is none. `index` is by lower-case name. `upgrade` says that the client offers one
    (Upgrade named by Connection); it may be ignored (RFC 9110 section 7.8).
    """

    method: str
    target: bytes
    path: bytes
    query: bytes
    version_minor: int
    headers: Headers
    index: Index
    host: bytes
    length: int | None
    chunked: bool
    keep_alive: bool
    expects_continue: bool
    upgrade: bool

    def get(self, name: bytes) -> bytes | None:
        """Value by lower-case name; lines of a list field are joined with b", " (Cookie: b"; ")."""
        return self.index.get(name)

    def __repr__(self) -> str:
        # Targets and fields hold personal data and credentials: never in a log or traceback.
        return f"RequestHead({self.method}, {len(self.headers)} fields)"


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """An answer's head with one reading.

    `length`, `chunked`, `close_delimited` say how the body that follows ends; none set: there is none, as for
    HEAD, 1xx, 204, 304, whatever the fields (kept in `headers`) say. Set-Cookie must be read from `headers`.
    """

    status: int
    reason: bytes
    version_minor: int
    headers: Headers
    index: Index
    length: int | None
    chunked: bool
    close_delimited: bool
    keep_alive: bool

    def get(self, name: bytes) -> bytes | None:
        """Value by lower-case name; lines of a list field are joined with b", "."""
        return self.index.get(name)

    def __repr__(self) -> str:
        return f"ResponseHead({self.status}, {len(self.headers)} fields)"


def find_head(buffer: bytes | bytearray, limits: HeadLimits = LIMITS, start: int = 0) -> int:
    """End index of a request's head block in `buffer`, or -1 when more bytes are needed.

    `start` may say how many bytes an earlier call has seen. Refuses as soon as no valid head can follow.
    Raises PayloadError: malformed_request, uri_too_long, head_too_large.
    """
    # One empty line may come first (RFC 9112 section 2.2); its CRLF must not be taken for the head's end.
    first = 2 if buffer[:2] == b"\r\n" else 0
    end = buffer.find(b"\r\n\r\n", max(first, start - 3))
    if end >= 0:
        _check_size(end + 4, limits, request_fault)
        return end + 4
    if buffer and not (0x41 <= buffer[0] <= 0x5A or buffer[0] == 0x0D):
        raise request_fault("not an HTTP request", "request line")
    _refuse_bare_line_ends(buffer, start, request_fault)
    if len(buffer) > limits.max_target + 64 and buffer.find(b"\r\n", first, limits.max_target + 64) < 0:
        raise request_fault("longer than the limit", "target", "uri_too_long")
    _check_size(len(buffer), limits, request_fault)
    return -1


def find_response_head(buffer: bytes | bytearray, limits: HeadLimits = LIMITS, start: int = 0) -> int:
    """End index of an answer's head block, or -1. Raises UpstreamError as soon as no valid head can follow.

    A head all of whose lines end in a bare LF is found too: RFC 9112 section 2.2 lets one take it, and
    old servers send it. A mixture is refused: there a bare LF is likely injected.
    """
    line_end = buffer.find(b"\n")
    bare = line_end > 0 and buffer[line_end - 1] != 0x0D
    mark = b"\n\n" if bare else b"\r\n\r\n"
    end = buffer.find(mark, max(0, start - 3))
    if end >= 0:
        _check_size(end + len(mark), limits, response_fault)
        return end + len(mark)
    if not b"HTTP/1.".startswith(buffer[:7]):
        raise response_fault("not an HTTP/1 answer", "status line")
    if not bare:
        _refuse_bare_line_ends(buffer, start, response_fault)
    _check_size(len(buffer), limits, response_fault)
    return -1


def _check_size(size: int, limits: HeadLimits, fault: Fault) -> None:
    if size > limits.max_head:
        raise fault("longer than the limit", "head", "head_too_large")


def _refuse_bare_line_ends(buffer: bytes | bytearray, start: int, fault: Fault) -> None:
    # A CR that was the last byte seen is looked at again, now with what follows it.
    start -= start > 0 and buffer[start - 1] == 0x0D
    pairs = buffer.count(b"\r\n", start)
    if buffer.count(b"\n", start) != pairs or buffer.count(b"\r", start) - buffer.endswith(b"\r") != pairs:
        raise fault("a bare CR or LF", "head")


def parse_request_head(block: bytes, limits: HeadLimits = LIMITS) -> RequestHead:
    """Parse a request's head, from the request line to the empty line (RFC 9112 sections 2 to 6).

    Raises PayloadError: malformed_request, uri_too_long, head_too_large, expectation_failed,
    unsupported_encoding (a transfer coding other than chunked).
    """
    if read_request is not None:
        read = read_request(block, limits.max_target, limits.max_head, limits.max_headers)
        if read is not None:
            return RequestHead(*read)
    return request_by_grammar(block, limits)


def request_by_grammar(block: bytes, limits: HeadLimits = LIMITS) -> RequestHead:
    """What parse_request_head does, for every head and in Python alone."""
    if len(block) > limits.max_head:
        raise request_fault("longer than the limit", "head", "head_too_large")
    if (match := REQUEST_CANONICAL.fullmatch(block)) is not None:
        headers, index = split_canonical(block, match.end(3) + 2)
    elif (match := REQUEST.fullmatch(block)) is not None:
        headers, index = split_general(block, match.end(3) + 2)
        refuse_shadows(index, request_fault)
    else:
        raise _explained(block, "request line", request_fault)
    name, target, digit = match.groups()
    minor = digit[0] - 0x30
    if len(target) > limits.max_target:
        raise request_fault("longer than the limit", "target", "uri_too_long")
    if len(headers) != len(index):
        index = join_repeated(headers, SINGLE_REQUEST, request_fault)
    if len(headers) > limits.max_headers:
        raise request_fault("more fields than the limit", "head", "head_too_large")
    method = METHODS.get(name) or _rare_method(name)
    target, host = _place(method, target, index.get(b"host"), minor)
    length, chunked = framing(index, minor, request_fault)
    keep_alive, upgrade = _connection(index, minor, request_fault)
    expects = b"expect" in index and _expects(index[b"expect"], minor) and (chunked or bool(length))
    path, _, query = target.partition(b"?")
    return RequestHead(
        method,
        target,
        path,
        query,
        minor,
        headers,
        index,
        host,
        length,
        chunked,
        keep_alive,
        expects,
        upgrade,
    )


def _rare_method(name: bytes) -> str:
    # CONNECT asks for a tunnel that nobody could look into; PRI is the preface of HTTP/2.
    if name in (b"CONNECT", b"PRI"):
        raise request_fault("a method that is not served here", "request line")
    return name.decode("ascii")


def _place(method: str, target: bytes, host: bytes | None, minor: int) -> tuple[bytes, bytes]:
    if host is not None:
        host = checked_host(host)
    elif minor:
        raise request_fault("missing", "host")
    if b"%" in target:
        refuse_bad_escape(target)
    if target[0] != 0x2F:
        target, host = reduce_target(method, target, host)
    return target, host or b""


def _connection(index: Index, minor: int, fault: Fault) -> tuple[bool, bool]:
    if b"connection" not in index:
        return minor == 1, False
    options = connection_options(index[b"connection"], fault)
    keep_alive = b"close" not in options and (minor == 1 or b"keep-alive" in options)
    return keep_alive, b"upgrade" in options and b"upgrade" in index


def _expects(value: bytes, minor: int) -> bool:
    if value.lower() != b"100-continue":
        raise request_fault("an expectation other than 100-continue", "expect", "expectation_failed")
    # RFC 9110 section 10.1.1: an HTTP/1.0 client cannot take a 100.
    return minor == 1


def next_request(buffer: bytes, limits: HeadLimits = LIMITS) -> tuple[RequestHead, int] | None:
    """The head at the start of `buffer` and where it ends; None when more bytes are needed.

    Raises PayloadError as find_head and parse_request_head do.
    """
    end = buffer.find(b"\r\n\r\n") + 4
    if end > 3 and read_request is not None:
        # What the kernel reads is canonical, and for such a head this is where find_head ends it, too.
        read = read_request(buffer[:end], limits.max_target, limits.max_head, limits.max_headers)
        if read is not None:
            return RequestHead(*read), end
    end = find_head(buffer, limits)
    return None if end < 0 else (parse_request_head(buffer[:end], limits), end)


_ASKS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Methods whose answers have bodies."""


def next_response(
    buffer: bytes, request_method: str, limits: HeadLimits = LIMITS
) -> tuple[ResponseHead, int] | None:
    """The same for an answer's head. Raises UpstreamError."""
    if read_sized is not None and request_method in _ASKS:
        found = read_sized(buffer, limits.max_head, limits.max_headers, ResponseHead)
        if found is not None:
            return found
    end = buffer.find(b"\r\n\r\n") + 4
    if end > 3 and read_response is not None:
        read = read_response(buffer[:end], limits.max_head, limits.max_headers)
        if read is not None:
            return _delimited(request_method, *read), end
    end = find_response_head(buffer, limits)
    return None if end < 0 else (parse_response_head(buffer[:end], request_method, limits), end)


def parse_response_head(block: bytes, request_method: str, limits: HeadLimits = LIMITS) -> ResponseHead:
    """Parse an answer's head; how its body ends depends on the request's method (RFC 9112 section 6.3).

    Raises UpstreamError `upstream_invalid`.
    """
    if read_response is not None:
        read = read_response(block, limits.max_head, limits.max_headers)
        if read is not None:
            return _delimited(request_method, *read)
    return response_by_grammar(block, request_method, limits)


def response_by_grammar(block: bytes, request_method: str, limits: HeadLimits = LIMITS) -> ResponseHead:
    """What parse_response_head does, for every head and in Python alone."""
    _check_size(len(block), limits, response_fault)
    line_end = block.find(b"\n")
    if line_end > 0 and block[line_end - 1] != 0x0D:
        # A CR anywhere in such a head is a bare one now, and refused below.
        block = block.replace(b"\n", b"\r\n")
    if (match := RESPONSE_CANONICAL.fullmatch(block)) is not None:
        headers, index = split_canonical(block, block.find(b"\n") + 1)
    elif (match := RESPONSE.fullmatch(block)) is not None:
        headers, index = split_general(block, block.find(b"\n") + 1)
        refuse_shadows(index, response_fault)
    else:
        raise _explained(block, "status line", response_fault)
    digit, code, reason = match.groups(b"")
    minor, status = digit[0] - 0x30, int(code)
    if len(headers) != len(index):
        index = join_repeated(headers, SINGLE_RESPONSE, response_fault)
    if len(headers) > limits.max_headers:
        raise response_fault("more fields than the limit", "head")
    length, chunked = framing(index, minor, response_fault)
    keep_alive, _ = _connection(index, minor, response_fault)
    return _delimited(request_method, status, reason, minor, headers, index, length, chunked, keep_alive)


def _delimited(
    request_method: str,
    status: int,
    reason: bytes,
    minor: int,
    headers: Headers,
    index: Index,
    length: int | None,
    chunked: bool,
    keep_alive: bool,
) -> ResponseHead:
    if _is_bodiless(request_method, status):
        # A body announced where there can be none may follow all the same: such a connection is not reused.
        lying = status < 205 and request_method != "HEAD" and (chunked or bool(length))
        return ResponseHead(
            status, reason, minor, headers, index, None, False, False, keep_alive and not lying
        )
    until_close = length is None and not chunked
    return ResponseHead(
        status, reason, minor, headers, index, length, chunked, until_close, keep_alive and not until_close
    )


def _is_bodiless(method: str, status: int) -> bool:
    if status == 204 or status == 304 or status < 200 or method == "HEAD":
        return True
    return method == "CONNECT" and status < 300


def _explained(block: bytes, start_line: str, fault: Fault) -> Exception:
    """Say which line broke the grammar: number, never content."""
    lines = block.removeprefix(b"\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n")
    for number, line in enumerate(lines[1:], 1):
        if FIELD_LINE.fullmatch(line) is None:
            return fault("not a valid field line", f"header line {number}")
    return fault("not valid HTTP/1.1", start_line)
