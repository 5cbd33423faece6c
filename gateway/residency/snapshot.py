"""The snapshot that comes along: which country an address is used in, and whose network it is in. Pure.

One file: its format, its SHA-256, a JSON head that says where each layer is from and what its licence asks
for, then the layers' columns, compressed. What it says is an estimate (a geolocation table, and who announces
a block), and weighs least of all that is known of an address.
"""

import hashlib
import lzma
from array import array
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Final

import msgspec

from gateway.errors import InternalError
from gateway.model import Struct
from gateway.residency.ranges import CODE, SHIFT, Ranges, Version

MAGIC: Final = b"hushgate snapshot 1\n"
FILE: Final = "snapshot.bin"
ANYCAST: Final = "~"
"""Ends the word of a network whose addresses are used in many places at once."""


class Source(Struct):
    """Where a layer is from. `rows` are those read, `sha256` of the file they were read from."""

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


class Head(Struct):
    """The file's third line."""

    countries: Layer
    operators: Layer


class Snapshot:
    """Both tables, and where they are from."""

    __slots__ = ("countries", "head", "operators")

    def __init__(self, head: Head, countries: Ranges, operators: Ranges) -> None:
        self.head = head
        self.countries = countries
        self.operators = operators


def dump(countries: Ranges, operators: Ranges, sources: tuple[Source, Source]) -> bytes:
    """The file of two tables."""
    tables = (countries, operators)
    layers = [
        Layer(
            source=source,
            words=table.words,
            lengths=(len(table.columns(4)[1]), len(table.columns(6)[1])),
        )
        for table, source in zip(tables, sources, strict=True)
    ]
    body = b"".join(_column(table, version) for table in tables for version in SHIFT)
    head = msgspec.json.encode(Head(countries=layers[0], operators=layers[1]))
    rest = head + b"\n" + lzma.compress(body, preset=9 | lzma.PRESET_EXTREME)
    return MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def load(raw: bytes) -> Snapshot:
    """The tables of a file. Raises InternalError: the file is a part of the installation."""
    try:
        name, digest, rest = raw.split(b"\n", 2)
        if name + b"\n" != MAGIC:
            raise InternalError("the snapshot of addresses has another format")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            raise InternalError("the snapshot of addresses is damaged")
        head, packed = rest.split(b"\n", 1)
        described = msgspec.json.decode(head, type=Head)
        body = lzma.decompress(packed)
        countries, body = _table(described.countries, body)
        operators, _ = _table(described.operators, body)
    except (ValueError, lzma.LZMAError, msgspec.MsgspecError, OverflowError) as error:
        raise InternalError("the snapshot of addresses cannot be read") from error
    return Snapshot(described, countries, operators)


@cache
def builtin() -> Snapshot:
    """The one that comes along: a tenth of a second and about 6 MB, once per process."""
    try:
        return load(files(__package__).joinpath(FILE).read_bytes())
    except OSError as error:
        raise InternalError("the snapshot of addresses of this installation cannot be read") from error


def _column(table: Ranges, version: Version) -> bytes:
    starts, words = table.columns(version)
    # Differences compress to a third of what the starts themselves do.
    steps = array(CODE[version], [b - a for a, b in zip([0, *starts], starts, strict=False)])
    return steps.tobytes() + words


def _table(layer: Layer, body: bytes) -> tuple[Ranges, bytes]:
    starts: dict[Version, Iterable[int]] = {}
    words: dict[Version, bytes] = {}
    for (version, code), length in zip(CODE.items(), layer.lengths, strict=True):
        steps = array(code)
        size = length * steps.itemsize
        steps.frombytes(body[:size])
        starts[version] = accumulate(steps)
        words[version] = body[size : size + length]
        body = body[size + length :]
    return Ranges(starts, words, layer.words), body
