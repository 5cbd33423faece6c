"""Field sections: split into headers, indexed by lower-case name, and what they say about framing. Pure.

The functions take the Fault of their side; the section they get has already matched the grammar.
"""

from collections.abc import Iterable

from gateway.http1.fault import Fault
from gateway.http1.grammar import (
    FIELDS,
    OPTION,
    OWN_PREFIX,
    PROTECTED,
    PUNCTUATION,
    SHADOWS,
)

MAX_DIGITS = 18
"""Digits of a Content-Length."""

Headers = list[tuple[bytes, bytes]]
Index = dict[bytes, bytes]

_PLAIN_OPTIONS = {b"keep-alive": frozenset({b"keep-alive"}), b"close": frozenset({b"close"})}
_NONE: frozenset[bytes] = frozenset()


def split_canonical(block: bytes, start: int) -> tuple[Headers, Index]:
    """Split a head that matched the canonical grammar; `start` is where its first field line begins."""
    headers: Headers = []
    index: Index = {}
    section = block[start:-4]
    if section:
        # A plain loop: measured faster than an expression's findall and than comprehensions over two passes.
        for line in section.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            headers.append((name, value))
            index[name.lower()] = value
    return headers, index


def split_general(block: bytes, start: int) -> tuple[Headers, Index]:
    """Split a head that matched the general grammar: optional white space is trimmed (RFC 9112 section 5)."""
    headers = [(name, value.rstrip(b" \t")) for name, value in FIELDS.findall(block, start)]
    return headers, {name.lower(): value for name, value in headers}


def refuse_shadows(names: Iterable[bytes], fault: Fault) -> None:
    """Refuse names that differ from a framing field only by punctuation; `names` are lower-case."""
    for name in names:
        framing = SHADOWS.get(name.translate(None, PUNCTUATION))
        if framing is not None and framing != name:
            raise fault("a field name resembles a framing field", framing.decode())


def join_repeated(headers: Headers, single: frozenset[bytes], fault: Fault) -> Index:
    """Index headers of which some name repeats: lists are joined, fields that must be single are refused."""
    index: Index = {}
    for name, value in headers:
        low = name.lower()
        if low not in index:
            index[low] = value
        elif low in single or low.startswith(OWN_PREFIX):
            raise fault("a field that must be single is repeated", low.decode())
        else:
            index[low] += (b"; " if low == b"cookie" else b", ") + value
    return index


def framing(index: Index, minor: int, fault: Fault) -> tuple[int | None, bool]:
    """Content-Length and whether the body is chunked (RFC 9112 section 6): at most one of the two.

    Only `chunked` is a transfer coding here: a body in another one could not be looked into.
    """
    coding = index.get(b"transfer-encoding")
    length = index.get(b"content-length")
    if coding is None:
        return (None if length is None else _decimal(length, fault)), False
    if length is not None:
        raise fault("both content-length and transfer-encoding", "transfer-encoding")
    if minor == 0:
        raise fault("transfer-encoding in HTTP/1.0", "transfer-encoding")
    if coding.lower() != b"chunked":
        raise fault("a transfer coding other than chunked", "transfer-encoding", "unsupported_encoding")
    return None, True


def _decimal(length: bytes, fault: Fault) -> int:
    # No leading zeros, which some read as octal, and no number that overflows 64 bits anywhere.
    if not length.isdigit() or len(length) > MAX_DIGITS or (length[0] == 0x30 and len(length) > 1):
        raise fault("not a decimal length", "content-length")
    return int(length)


def connection_options(value: bytes, fault: Fault) -> frozenset[bytes]:
    """Lower-case options of a Connection field; refuses those that would strip a field with a meaning."""
    low = value.lower()
    plain = _PLAIN_OPTIONS.get(low)
    if plain is not None:
        return plain
    options = split_options(low)
    for option in options:
        if OPTION.fullmatch(option) is None:
            raise fault("an option that is not a token", "connection")
        if option in PROTECTED or option.startswith(OWN_PREFIX):
            raise fault("an option names an end-to-end field", "connection")
    return options


def split_options(low: bytes) -> frozenset[bytes]:
    """Elements of a comma-separated list; empty ones are ignored (RFC 9110 section 5.6.1)."""
    return frozenset(filter(None, (option.strip(b" \t") for option in low.split(b",")))) if low else _NONE
