"""Which zones a country has, and in which country a zone is: by the tz database's own table. Pure.

`zone.tab` names one country for each zone. A zone that it does not have (UTC, an old name) is in none.
"""

from functools import cache
from importlib.resources import files


@cache
def _table() -> tuple[tuple[str, str], ...]:
    text = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((row[0], row[2].strip()) for row in rows)


@cache
def zones_in(country: str) -> tuple[str, ...]:
    """Names of all zones of a country (ISO 3166), none for one that there is not."""
    return tuple(zone for owner, zone in _table() if owner == country)


@cache
def country_of(zone: str) -> str | None:
    """The country (ISO 3166) that a zone is in; None where that is not known."""
    return next((owner for owner, name in _table() if name == zone), None)
