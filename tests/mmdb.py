"""Writes small databases in the MaxMind DB format 2.0 (maxmind.github.io/MaxMind-DB)."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

MARK = b"\xab\xcd\xefMaxMind.com"
_UINT16, _UINT32, _UINT64, _MAP, _ARRAY, _BOOL = 5, 6, 9, 7, 11, 14

Record = Mapping[str, Any]


def database(
    records: Iterable[tuple[str, Record]], *, built: int, kind: str = "Test", version: int = 6
) -> bytes:
    """Records of blocks, none within another, made at `built` (epoch seconds); `version` 4: IPv4 alone."""
    nodes: list[list[Any]] = [[None, None]]
    for cidr, record in records:
        _enter(nodes, _bits(cidr, version), record)
    data = b""
    places: dict[str, int] = {}
    tree = b""
    for node in nodes:
        for link in node:
            if isinstance(link, Mapping):
                text = repr(sorted(link.items()))
                if text not in places:
                    places[text] = len(data)
                    data += _value(dict(link))
                link = len(nodes) + 16 + places[text]
            tree += (len(nodes) if link is None else link).to_bytes(3, "big")
    about = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, built),
        "database_type": kind,
        "description": {"en": "A test"},
        "ip_version": (_UINT16, version),
        "languages": ["en"],
        "node_count": (_UINT32, len(nodes)),
        "record_size": (_UINT16, 24),
    }
    return tree + bytes(16) + data + MARK + _value(about)


def _bits(cidr: str, version: int) -> str:
    network = ip_network(cidr)
    bits = format(int(network.network_address), f"0{network.max_prefixlen}b")[: network.prefixlen]
    return "0" * 96 + bits if network.version < version else bits


def _enter(nodes: list[list[Any]], bits: str, record: Record) -> None:
    at = 0
    for bit in map(int, bits[:-1]):
        if nodes[at][bit] is None:
            nodes[at][bit] = len(nodes)
            nodes.append([None, None])
        at = nodes[at][bit]
    nodes[at][int(bits[-1])] = record


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return _control(_BOOL, int(value))
        case str():
            raw = value.encode()
            return _control(2, len(raw)) + raw
        case dict():
            return _control(_MAP, len(value)) + b"".join(_value(k) + _value(v) for k, v in value.items())
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_value, value))
        case (kind, number):
            short: bytes = number.to_bytes(8, "big").lstrip(b"\0")
            return _control(kind, len(short)) + short
        case _:
            return _value((_UINT32, value))


def _control(kind: int, size: int) -> bytes:
    least, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    assert size < 285, "longer than any name in a test"
    return bytes([least, kind - 7]) + more if kind > 7 else bytes([kind << 5 | least]) + more
