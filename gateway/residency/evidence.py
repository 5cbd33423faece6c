"""What is known of an address, from several sources of different weight. Pure.

| evidence   | is                                                          | may say               |
|------------|-------------------------------------------------------------|-----------------------|
| network    | a block in the deployment's own table                       | country, operator     |
| published  | a block in a list that a cloud publishes                    | country, operator     |
| database   | a country or ASN database that the deployment supplies      | country, operator     |
| snapshot   | the tables that come along                                  | country, operator     |
| declared   | what the upstream or the provider's pack says of itself     | country, operator     |

Of the first four the strongest that speaks is asked, for country and operator each. What is declared counts
beside it: where both agree it is one place, where they do not it is two, and data must be allowed to go to
either.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from gateway.model import Location, Struct
from gateway.residency.addresses import Address
from gateway.residency.snapshot import ANYCAST, Snapshot

Evidence = Literal["network", "published", "database", "snapshot", "declared"]


class Known(Struct):
    """What one source says of an address; "" where it does not say."""

    country: str = ""
    operator: str = ""


NOTHING: Final = Known()


class Source(Protocol):
    """One source of evidence."""

    @property
    def evidence(self) -> Evidence:
        """Which row of the table above it is."""

    def about(self, address: Address) -> Known:
        """What it says of a globally routable address."""


class Estimate:
    """The snapshot as a source; `load` is called when it is first asked.

    Where a network's addresses are used all over the world, it names no country.
    """

    __slots__ = ("_load",)
    evidence: Final = "snapshot"

    def __init__(self, load: Callable[[], Snapshot]) -> None:
        self._load = load

    def about(self, address: Address) -> Known:
        """See Source."""
        snapshot = self._load()
        operator = snapshot.operators.find(address)
        if operator.endswith(ANYCAST):
            return Known(operator=operator.removesuffix(ANYCAST))
        return Known(country=snapshot.countries.find(address), operator=operator)


def weighed(sources: Sequence[Source], address: Address) -> Location | None:
    """What the strongest sources say, the strongest first in `sources`; None when none says anything.

    Country and operator may be from different ones; `evidence` is that of the country, if it is known.
    """
    country = operator = ""
    evidence: Evidence | None = None
    for source in sources:
        if country and operator:
            break
        known = source.about(address)
        if known.country and not country:
            country, evidence = known.country, source.evidence
        operator = operator or known.operator
        evidence = evidence or (source.evidence if known.operator else None)
    return Location(country=country, operator=operator, evidence=evidence) if evidence else None
