"""The snapshot that comes along: which country an address is used in, and whose network it is in. Pure.

What it says is an estimate (a geolocation table, and who announces a block), and weighs least of all that is
known of an address. Its head says where each layer is from and what its licence asks for.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from gateway.errors import InternalError, PayloadError
from gateway.model import Struct
from gateway.residency.ranges import Ranges
from gateway.residency.tables import Layer, Source, layer, seal, table, unseal

MAGIC: Final = b"hushgate snapshot 1\n"
FILE: Final = "snapshot.bin"
ANYCAST: Final = "~"
"""Ends the word of a network whose addresses are used in many places at once."""


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
    head = Head(countries=layer(countries, sources[0]), operators=layer(operators, sources[1]))
    return seal(MAGIC, head, (countries, operators))


def load(raw: bytes) -> Snapshot:
    """The tables of a file. Raises InternalError: the file is a part of the installation."""
    try:
        head, body = unseal(MAGIC, raw, Head)
        countries, body = table(head.countries, body)
        operators, _ = table(head.operators, body)
    except PayloadError as error:
        raise InternalError(f"the snapshot of addresses: {error.detail}") from error
    return Snapshot(head, countries, operators)


@cache
def builtin() -> Snapshot:
    """The one that comes along: a tenth of a second and about 6 MB, once per process."""
    try:
        return load(files(__package__).joinpath(FILE).read_bytes())
    except OSError as error:
        raise InternalError("the snapshot of addresses of this installation cannot be read") from error
