"""A country or ASN database (MMDB) that a deployment supplies; damage in it becomes an error of ours."""

import struct
from datetime import UTC, date, datetime, timedelta
from typing import Final

import maxminddb

from gateway.errors import PayloadError
from gateway.residency.addresses import Address

_DAMAGED: Final = (
    maxminddb.InvalidDatabaseError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    struct.error,
)
"""What the reader raises at bytes that make no sense: it was written for files that do."""
AHEAD: Final = timedelta(days=2)
"""How far the day it was made may lie ahead of this machine's clock."""


class Reading:
    """One database. Raises PayloadError for a file that is none, or was made ahead of its time."""

    __slots__ = ("_name", "_reader", "_version", "built")

    def __init__(self, name: str, today: date) -> None:
        self._name = name
        try:
            self._reader = maxminddb.open_database(name, maxminddb.MODE_MMAP)
            about = self._reader.metadata()
            self._version = int(about.ip_version)
            self.built = datetime.fromtimestamp(about.build_epoch, UTC).date()
            """The day it was made."""
        except (*_DAMAGED, OSError) as error:
            raise PayloadError("unparseable_body", _said(error), name) from error
        if self.built > today + AHEAD:
            raise PayloadError("unparseable_body", f"made on {self.built}, which is to come", name)

    def get(self, ip_address: Address) -> object:
        """The record of an address, None when there is none. Raises PayloadError where it cannot be read."""
        if ip_address.version > self._version:
            return None  # one of IPv4 alone says nothing of IPv6
        try:
            return self._reader.get(ip_address)
        except _DAMAGED as error:
            raise PayloadError("unparseable_body", "a damaged database", self._name) from error


def _said(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or "no such database"
