"""Request targets and hosts: reduced to origin-form, or refused (RFC 9112 section 3.2, RFC 3986). Pure.

Paths are left raw: dot segments, `%2e`, `%2f` and doubled slashes are not resolved here. Whoever matches
operations must decode a path once and refuse what it cannot place; what is sent on is the raw path.
"""

import ipaddress

from gateway.http1.fault import request_fault
from gateway.http1.grammar import ABSOLUTE, BAD_ESCAPE, HOST

_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


def checked_host(host: bytes, place: str = "host") -> bytes:
    """Lower-case `host[:port]` when it is valid by RFC 3986 and not empty; else PayloadError."""
    if host.translate(None, b".-").isalnum():
        return host.lower()
    match = HOST.fullmatch(host)
    if match is None:
        raise request_fault("not a valid host", place)
    literal, port = match.groups()
    if (port is not None and int(port) > 65535) or (literal is not None and not _is_ipv6(literal)):
        raise request_fault("not a valid host", place)
    return host.lower()


def _is_ipv6(literal: bytes) -> bool:
    try:
        ipaddress.IPv6Address(literal.decode("ascii"))
    except ValueError:
        return False
    return True


def hostname(host: bytes) -> bytes:
    """The name without the port; an IPv6 literal keeps its brackets.

    >>> hostname(b"a.example:80"), hostname(b"[::1]:80"), hostname(b"[::1]")
    (b'a.example', b'[::1]', b'[::1]')
    """
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host


def refuse_bad_escape(target: bytes) -> None:
    """Refuse `%` that is not followed by two hex digits: decoders disagree on what it means."""
    if BAD_ESCAPE.search(target) is not None:
        raise request_fault("an invalid percent-escape", "target")


def reduce_target(method: str, target: bytes, host: bytes | None) -> tuple[bytes, bytes | None]:
    """Origin-form of a target that does not begin with `/`, and the host (the target's when none was sent).

    Raises PayloadError: `*` for another method than OPTIONS, authority-form, a scheme other than http(s),
    user information, a host that differs from the Host field.
    """
    if target == b"*" and method == "OPTIONS":
        return target, host
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        raise request_fault("neither origin-form nor an http(s) URL", "target")
    scheme, authority, path, query = match.groups(b"")
    named = checked_host(authority, "target")
    default = _DEFAULT_PORTS[scheme.lower()]
    if host is not None and host.removesuffix(default) != named.removesuffix(default):
        raise request_fault("the target's host is not the Host field's", "host")
    if method == "OPTIONS" and not path and not query:
        return b"*", host or named
    return (path or b"/") + query, host or named
