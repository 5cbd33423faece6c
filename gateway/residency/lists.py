"""Kept lists of operators as a source of evidence. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from gateway.residency.addresses import Address
from gateway.residency.evidence import NOTHING, Known
from gateway.residency.published import EVERYWHERE, Published


class Lists:
    """All lists of one deployment. Of several that hold an address, one that names its country counts.

    `until` is the day from which they are too old: that of the oldest, `days` after it was fetched.
    """

    __slots__ = ("_lists", "until")
    evidence: Final = "published"

    def __init__(self, lists: Sequence[Published], days: float) -> None:
        self._lists = tuple(lists)
        self.until = min((each.fetched + timedelta(days) for each in lists), default=date.max)

    def about(self, address: Address) -> Known:
        """See Source."""
        best = NOTHING
        for each in self._lists:
            word = each.table.find(address)
            if not word:
                continue
            country, _, region = word.partition(" ")
            if country and country != EVERYWHERE:
                return Known(country=country, operator=each.operator, region=region)
            best = Known(operator=each.operator, region=region, anycast=best.anycast or country == EVERYWHERE)
        return best
