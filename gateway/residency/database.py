"""Country and ASN databases that a deployment supplies, of whatever provider. Pure: readers are given.

| record of      | country                | system                                             |
|----------------|------------------------|----------------------------------------------------|
| GeoLite2, DB-IP | `country.iso_code`    | `autonomous_system_number`                         |
| IPinfo         | `country`, `country_code` | `asn` (`AS16276`)                                |
| ip-location-db | `country_code`         | `autonomous_system_number`                         |
"""

from collections.abc import Mapping
from datetime import date
from typing import Final, Protocol

from gateway.errors import PayloadError
from gateway.residency.addresses import Address
from gateway.residency.evidence import Known
from gateway.residency.law import COUNTRIES
from gateway.residency.operators import by_system

DAMAGED: Final = Known(damaged=True)


class Reader(Protocol):
    """As much of maxminddb's as is used."""

    def get(self, ip_address: Address) -> object:
        """The record of an address, None when there is none. Raises PayloadError where it cannot be read."""


class Database:
    """One or two databases as a source; `until` is the day from which they are too old."""

    __slots__ = ("_countries", "_systems", "until")
    evidence: Final = "database"

    def __init__(self, countries: Reader | None, systems: Reader | None, until: date = date.max) -> None:
        self._countries = countries
        self._systems = systems
        self.until = until

    def about(self, address: Address) -> Known:
        """See Source. A country that ISO 3166 does not know is none."""
        try:
            place, system = _record(self._countries, address), _record(self._systems, address)
        except PayloadError:
            return DAMAGED
        operator = by_system().get(_system(system))
        return Known(
            country=_country(place),
            operator=operator.name if operator else "",
            anycast=operator is not None and operator.anycast,
        )


def _record(reader: Reader | None, address: Address) -> Mapping[str, object]:
    record = reader.get(address) if reader is not None else None
    return record if isinstance(record, dict) else {}


def _country(record: Mapping[str, object]) -> str:
    found = record.get("country_code", record.get("country"))
    if isinstance(found, dict):
        found = found.get("iso_code")
    return found if isinstance(found, str) and found in COUNTRIES else ""


def _system(record: Mapping[str, object]) -> int:
    found = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(found, str) and found[:2] == "AS" and found[2:].isdecimal():
        found = int(found[2:])
    return found if isinstance(found, int) else 0
