"""Where an IP address stands and who runs it. Pure.

What is known of an address (the deployment's own network table, else other evidence) beats what an upstream
declares; where both speak and disagree, both count. An address that is not globally routable is known only
when the operator named it: a name that suddenly resolves into the inside of the network (DNS rebinding) leads
nowhere.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.model import AGAINST, Location, Upstream
from gateway.residency.addresses import Address, is_routable, parse
from gateway.residency.evidence import Known, Source, joined, silenced
from gateway.residency.law import FRAMEWORKS, expand, inside
from gateway.residency.networks import Networks, Row

DECLARED: Final = "declared"
PACK: Final = "pack"
"""Kinds of Location.evidence; the others are those of networks and sources."""
_MEMO: Final = 8192
"""addresses remembered per table"""


Rows = tuple[Location, ...]
Stated = Mapping[str, Location]


class Seen(NamedTuple):
    """What is known of an address, whatever is declared. `address` None: the text is no address.

    `unheard`: something knows of it that is not believed (damaged, too old). `rows` are empty then.
    """

    address: Address | None
    rows: Rows
    public: bool
    unheard: bool


class AddressTable:
    """Longest-prefix match over the deployment's networks, and what other sources know beside them.

    `sources` come strongest first; `stated` is where a provider's pack says that an upstream's host is,
    by the upstream's name. Raises ConfigError with every unusable row.
    """

    __slots__ = ("_networks", "_said", "_sources", "placed", "seen")

    def __init__(
        self,
        networks: Sequence[Row],
        sources: Sequence[Source] = (),
        stated: Stated = MappingProxyType({}),
    ) -> None:
        self._sources = tuple(sources)
        self._networks = Networks(networks)
        # Many addresses, of which sources say few different things.
        self._said = lru_cache(maxsize=_MEMO)(self._weighed)
        self.seen: Callable[[str, date], Seen] = lru_cache(maxsize=_MEMO)(self._seen)
        """Takes an address in text form and a day; remembered, for all plans that ask."""
        self.placed: Callable[[Rows, Upstream, date], Rows] = lru_cache(maxsize=_MEMO)(
            partial(_placed, stated)
        )
        """Every place of an address of which this much is known; remembered as well."""

    @property
    def until(self) -> date:
        """The day from which the first of its sources is too old."""
        return min((source.until for source in self._sources), default=date.max)

    def find(self, address: Address, on: date | None = None) -> Rows:
        """The rows of the smallest block that holds the address: more than one if rows contradict.

        Where there is none, what the other sources know of a globally routable one, as `weighed`.
        """
        rows = self._networks.find(address)
        return rows if rows or not is_routable(address) else self._known(address, on)[0]

    def _seen(self, text: str, on: date) -> Seen:
        address = parse(text)
        if address is None:
            return Seen(None, (), public=False, unheard=False)
        rows, public = self._networks.find(address), is_routable(address)
        return Seen(address, *((rows, public, False) if rows or not public else self._known(address, on)))

    def _known(self, address: Address, on: date | None) -> tuple[Rows, bool, bool]:
        return self._said(tuple([source.about(address) for source in self._sources]), on)

    def _weighed(self, said: tuple[Known, ...], on: date | None) -> tuple[Rows, bool, bool]:
        unheard = silenced(self._sources, said, on)
        known = None if unheard else joined(self._sources, said)
        return () if known is None else (known,), True, unheard


def locate(table: AddressTable, address: str, upstream: Upstream, on: date) -> Rows:
    """Every place the address may stand at: all of them must be allowed. Empty when it is not known.

    The first is what the audit record names. `on` decides what a declared region word (`EU`) stands for.
    """
    seen = table.seen(address, on)
    return table.placed(seen.rows, upstream, on) if is_known(seen, upstream) else ()


def is_known(seen: Seen, upstream: Upstream) -> bool:
    """Whether an address stands anywhere: by what is known of it, or where its upstream says."""
    if seen.rows:
        return True
    return not seen.unheard and (seen.public or seen.address in named(upstream))


def _placed(stated: Stated, rows: Rows, upstream: Upstream, on: date) -> Rows:
    declared = Location(country=upstream.region, operator=upstream.operator, evidence=DECLARED)
    told = _told(stated.get(upstream.name), declared, on)
    if not rows:
        return told
    found = tuple(_precise(row, declared) for row in rows)
    if all(_agrees(row, declared, on) for row in rows):
        return found if all(row.country for row in rows) else (*told[:-1], *found)
    against = (replace(at, evidence=at.evidence + AGAINST) for at in found)
    return (*against, *told)


def _told(host: Location | None, declared: Location, on: date) -> Rows:
    """What is declared; and before it what the provider's pack says of the host, where that is not the same.

    Providers answer at hosts of one region for callers that meant another: the name alone decides there.
    """
    if host is None or _agrees(host, declared, on) or _agrees(declared, host, on):
        return (declared,)
    return replace(host, operator=declared.operator, evidence=PACK + AGAINST), declared


@lru_cache(maxsize=1024)
def named(upstream: Upstream) -> frozenset[Address]:
    """The addresses the operator wrote down for an upstream: `connect`, and a URL with an address as host."""
    texts = [_host(upstream.url)]
    for entry in upstream.connect:
        texts += [entry, _host(f"//{entry}")]
    return frozenset(address for text in texts if (address := parse(text)) is not None)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _precise(row: Location, declared: Location) -> Location:
    """The row, completed by what only the declaration can know: certification, and an unnamed operator."""
    certified = not row.country or FRAMEWORKS.get(declared.country.upper()) == row.country
    return Location(
        country=declared.country.upper() if certified else row.country,
        operator=row.operator or declared.operator,
        evidence=row.evidence,
        region=row.region,
    )


def _agrees(row: Location, declared: Location, on: date) -> bool:
    word = declared.country.upper()
    region = inside(row.country, expand((word,), False, on), on) or FRAMEWORKS.get(word) == row.country
    same = row.operator.casefold() == declared.operator.casefold()
    return (not row.country or region) and (not row.operator or not declared.operator or same)
