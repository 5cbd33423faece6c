"""What is known of an address, from several sources of different weight. Pure.

| evidence   | is                                                          | may say               |
|------------|-------------------------------------------------------------|-----------------------|
| network    | a block in the deployment's own table                       | country, operator     |
| published  | a block in a list that a cloud publishes                    | country, operator     |
| database   | a country or ASN database that the deployment supplies      | country, operator     |
| snapshot   | the tables that come along                                  | country, operator     |
| declared   | what the upstream or the provider's pack says of itself     | country, operator     |

Of the first four the strongest that speaks is asked, for country and operator each. Whose addresses are used
all over the world is asked of all: of such an address an estimate names no country. What is declared counts
beside it: where both agree it is one place, where they do not it is two, and data must be allowed to go to
either. What is too old or damaged does not speak, and nor does any weaker one in its place: where the address
is is then not known.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, Literal, Protocol

from gateway.model import Location, Struct
from gateway.residency.addresses import Address
from gateway.residency.snapshot import ANYCAST, Snapshot

Evidence = Literal["network", "published", "database", "snapshot", "declared"]


class Known(Struct):
    """What one source says of an address; "" where it does not say.

    `region` is the operator's own word for the place; `anycast`: it is one of many places; `damaged`: what it
    says cannot be read.
    """

    country: str = ""
    operator: str = ""
    region: str = ""
    anycast: bool = False
    damaged: bool = False


NOTHING: Final = Known()


class Source(Protocol):
    """One source of evidence."""

    @property
    def evidence(self) -> Evidence:
        """Which row of the table above it is."""

    @property
    def until(self) -> date:
        """The day from which it is too old."""

    def about(self, address: Address) -> Known:
        """What it says of a globally routable address."""


class Estimate:
    """The snapshot as a source; `load` is called when it is first asked. It is as old as the installation."""

    __slots__ = ("_known", "_load")
    evidence: Final = "snapshot"
    until: Final = date.max

    def __init__(self, load: Callable[[], Snapshot]) -> None:
        self._load = load
        self._known: dict[tuple[str, str], Known] = {}
        """By the words of both tables, of which there are few."""

    def about(self, address: Address) -> Known:
        """See Source."""
        snapshot = self._load()
        words = snapshot.countries.find(address), snapshot.operators.find(address)
        known = self._known.get(words)
        if known is None:
            country, operator = words
            known = self._known[words] = Known(
                country=country,
                operator=operator.removesuffix(ANYCAST),
                anycast=operator.endswith(ANYCAST),
            )
        return known


def weighed(sources: Sequence[Source], address: Address, on: date | None = None) -> Location | None:
    """What the strongest sources say, the strongest first in `sources`; None when none says anything.

    On a day `on` which a source is too old for, None for every address it speaks of, as where one is damaged.
    """
    said = tuple(source.about(address) for source in sources)
    return None if silenced(sources, said, on) else joined(sources, said)


def silenced(sources: Sequence[Source], said: Sequence[Known], on: date | None) -> bool:
    """Whether any source knows of the address and is not believed: it is damaged, or too old on the day."""
    return any(
        known.damaged or (on is not None and on >= source.until and known != NOTHING)
        for source, known in zip(sources, said, strict=True)
    )


def joined(sources: Sequence[Source], said: Sequence[Known]) -> Location | None:
    """What comes of what each source said; None when none said anything.

    Country and operator may be from different ones; `evidence` is that of the country, if it is known.
    """
    anycast = any(known.anycast for known in said)
    country = operator = region = ""
    evidence: Evidence | None = None
    for source, known in zip(sources, said, strict=True):
        placed = known.country if source.evidence == "published" or not anycast else ""
        if placed and not country:
            country, region, evidence = placed, known.region, source.evidence
        operator = operator or known.operator
        evidence = evidence or (source.evidence if known.operator else None)
    if evidence is None:
        return None
    return Location(country=country, operator=operator, evidence=evidence, region=region)
