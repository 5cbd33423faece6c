"""Tables of ranges as a file: format, SHA-256, a JSON head, then the tables' columns, compressed. Pure."""

import hashlib
import lzma
from array import array
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate
from typing import Final

import msgspec

from gateway.errors import PayloadError
from gateway.model import Struct
from gateway.residency.ranges import CODE, SHIFT, Ranges, Version

MOST: Final = 64 << 20
"""bytes of columns, unpacked"""


class Source(Struct):
    """Where a layer is from. `rows` are those read, `sha256` of the files they were read from."""

    name: str
    licence: str
    attribution: str
    dated: date
    rows: int
    sha256: tuple[str, ...]


class Layer(Struct):
    """One table of the file: its source, its words, and the length of its columns (IPv4, IPv6)."""

    source: Source
    words: tuple[str, ...]
    lengths: tuple[int, int]


def layer(table: Ranges, source: Source) -> Layer:
    """What a file's head says of a table."""
    lengths = (len(table.columns(4)[1]), len(table.columns(6)[1]))
    return Layer(source=source, words=table.words, lengths=lengths)


def seal(magic: bytes, head: Struct, tables: Sequence[Ranges]) -> bytes:
    """The file."""
    body = b"".join(_column(table, version) for table in tables for version in SHIFT)
    rest = msgspec.json.encode(head) + b"\n" + lzma.compress(body, preset=9 | lzma.PRESET_EXTREME)
    return magic + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def unseal[H: Struct](magic: bytes, raw: bytes, kind: type[H]) -> tuple[H, bytes]:
    """The head, and the columns of all tables. Raises PayloadError."""
    try:
        name, digest, rest = raw.split(b"\n", 2)
        if name + b"\n" != magic:
            raise PayloadError("unparseable_body", "another format", "table of addresses")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            raise PayloadError("unparseable_body", "it is damaged", "table of addresses")
        head, packed = rest.split(b"\n", 1)
        body = lzma.LZMADecompressor().decompress(packed, MOST)
        return msgspec.json.decode(head, type=kind), body
    except (ValueError, lzma.LZMAError, msgspec.MsgspecError) as error:
        raise PayloadError("unparseable_body", "it cannot be read", "table of addresses") from error


def table(of: Layer, body: bytes) -> tuple[Ranges, bytes]:
    """A layer's table, from the columns that begin with its; and the rest of them. Raises PayloadError."""
    starts: dict[Version, Iterable[int]] = {}
    words: dict[Version, bytes] = {}
    try:
        for (version, code), length in zip(CODE.items(), of.lengths, strict=True):
            steps = array(code)
            size = length * steps.itemsize
            steps.frombytes(body[:size])
            starts[version] = accumulate(steps)
            words[version] = body[size : size + length]
            body = body[size + length :]
            if len(words[version]) != length:
                raise ValueError
        return Ranges(starts, words, of.words), body
    except (ValueError, OverflowError) as error:
        raise PayloadError("unparseable_body", "it cannot be read", "table of addresses") from error


def _column(of: Ranges, version: Version) -> bytes:
    starts, words = of.columns(version)
    # Differences compress to a third of what the starts themselves do.
    steps = array(CODE[version], [b - a for a, b in zip([0, *starts], starts, strict=False)])
    return steps.tobytes() + words
