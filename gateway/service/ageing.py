"""Tells every day that what a running gateway knows of addresses has aged; a start and a reload do so too."""

import asyncio
import logging
from collections.abc import Callable
from datetime import date
from typing import Final

from gateway import clock
from gateway.deployment import Geo
from gateway.residency.locate import AddressTable

log = logging.getLogger("hushgate.geo")

ROUND: Final = 600.0
"""seconds between two looks at the day"""
_DAY: Final = 86_400.0


class Ageing:
    """Looks at the table in force, which `table` gives."""

    __slots__ = ("_geo", "_table", "_told")

    def __init__(self, geo: Geo, table: Callable[[], AddressTable]) -> None:
        self._geo = geo
        self._table = table
        self._told = date.min

    async def run(self) -> None:
        """Look again and again, until cancelled. Of today a start has told."""
        self._told = clock.today()
        while True:
            self.look(clock.today())
            await asyncio.sleep(ROUND)

    def look(self, today: date) -> None:
        """Tell of the oldest list or database once a day, from `warn` on."""
        left = (self._table().until - today).days
        if today == self._told or left * _DAY > self._geo.refuse - self._geo.warn:
            return
        self._told = today
        if left > 0:
            log.warning("a list or database is used for %d days more; see hushgate geo", left)
        else:
            log.error("a list or database is too old: what it knows of is nowhere now; see hushgate geo")
