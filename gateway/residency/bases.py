"""What a basis of a transfer covers on a day: which places, recipients and data. Pure.

    Basis, law, day -> Ground: it is in force, or it is not there

A basis that is void says nothing, as if it were not written: the strictest reading. Once it is confirmed
(GDPR Art. 28(3), last sentence), it counts as it is written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from gateway.model import Location, covers
from gateway.residency.law import FRAMEWORKS, LAW, Regime, expand, inside, standing
from gateway.transfers import Basis, BasisKind

CERTIFIED: Final[Mapping[tuple[BasisKind, Regime], str]] = {
    ("dpf", "EU"): "US-DPF",
    ("dpf", "UK"): "US-DPF-UK",
    ("dpf", "CH"): "US-DPF-CH",
    ("privacy_shield", "EU"): "US-PRIVACY-SHIELD",
    ("privacy_shield", "CH"): "US-PRIVACY-SHIELD-CH",
    ("safe_harbor", "EU"): "US-SAFE-HARBOR",
}
"""The frameworks that bases name, under each law."""


@dataclass(frozen=True, slots=True)
class Under:
    """What bases are read by: the tenant's law, the consents it has given, and the provider asked."""

    law: Regime = "EU"
    consents: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """A basis in force. `places` None: everywhere. Of several things named all must fit; none: any."""

    kind: BasisKind
    places: frozenset[str] | None
    recipients: frozenset[str]
    data: tuple[str, ...]
    purpose: str = ""
    """What the people in a request must have agreed to; empty: nobody is asked."""

    def about(self, category: str) -> bool:
        """Whether it speaks of data of a category. An empty one stands for all there is."""
        return not self.data or bool(category and any(covers(each, category) for each in self.data))

    def reaches(self, at: Location, provider: str, on: date) -> bool:
        """Whether what it speaks of may go to a place."""
        if self.recipients and not self.recipients & {provider, at.operator.casefold()}:
            return False
        return self.places is None or inside(at.country, self.places, on)


def grounds(
    bases: Iterable[Basis],
    under: Under,
    on: date,
    fallen: frozenset[str] = frozenset(),
    *,
    confirmed: bool = False,
    agreed: bool = False,
) -> tuple[Ground, ...]:
    """The bases that count on a day. `agreed`: the people in the request have consented explicitly. `fallen`
    are places and frameworks that count as not adequate, whatever the law says."""
    made = (
        _ground(basis, under, on, fallen)
        for basis in bases
        if (confirmed or not void(basis, under, on)) and CERTIFIED.get((basis.kind, under.law)) not in fallen
    )
    return tuple(ground for ground in made if agreed or not ground.purpose)


def void(basis: Basis, under: Under, on: date) -> str:
    """Why a basis does not count on a day, as a sentence's end; empty when it does."""
    if basis.since and on < date.fromisoformat(basis.since):
        return f"is not in force before {basis.since}"
    if basis.until and on >= date.fromisoformat(basis.until):
        return f"has ended on {basis.until}"
    return _VOID.get(basis.kind, _certified)(basis, under, on)


def ends(basis: Basis, under: Under, on: date) -> date | None:
    """When a basis that counts on a day ends, as far as is known on that day."""
    known = [date.fromisoformat(basis.until)] if basis.until else []
    word = CERTIFIED.get((basis.kind, under.law))
    if word and (until := standing(word)[1]):
        known.append(until)
    if basis.kind == "adequacy":
        named = set(basis.countries)
        known += [a.until for a in LAW.adequacy if a.law == under.law and a.country in named and a.until]
    return min((day for day in known if day > on), default=None)


def inadequate(basis: Basis, under: Under, on: date) -> tuple[str, ...]:
    """The countries a basis names that are not adequate on a day."""
    adequate = expand((), True, on, under.law)
    return tuple(word for word in basis.countries if not inside(word, adequate, on))


def _adequate(basis: Basis, under: Under, on: date) -> str:
    bad = inadequate(basis, under, on)
    return f"is void: {', '.join(bad)} not adequate under the law ({under.law}) on {on}" if bad else ""


def _consented(basis: Basis, under: Under, _on: date) -> str:
    return "" if basis.consent in under.consents else f"is void: the tenant has not given {basis.consent}"


def _certified(basis: Basis, under: Under, on: date) -> str:
    word = CERTIFIED.get((basis.kind, under.law))
    if word is None:
        return f"is void: unknown to the law ({under.law})"
    since, until = standing(word)
    if on < since:
        return f"is void: {word} is in force from {since}"
    return f"is void: {word} fell on {until}" if until and on >= until else ""


_VOID: Final[Mapping[BasisKind, Callable[[Basis, Under, date], str]]] = {
    "adequacy": _adequate,
    "tenant_consent": _consented,
    "scc": lambda *_: "",
    "explicit_consent": lambda *_: "",
}


def _ground(basis: Basis, under: Under, on: date, fallen: frozenset[str]) -> Ground:
    places = _places(basis, under, on)
    return Ground(
        kind=basis.kind,
        places=places - fallen if places is not None and basis.kind == "adequacy" else places,
        recipients=frozenset(map(str.casefold, basis.recipients)),
        data=basis.data,
        purpose=basis.consent if basis.kind == "explicit_consent" else "",
    )


def _places(basis: Basis, under: Under, on: date) -> frozenset[str] | None:
    named = expand(basis.countries, False, on) if basis.countries else None
    if basis.kind == "adequacy":
        return expand((), True, on, under.law) if named is None else named
    word = CERTIFIED.get((basis.kind, under.law))
    return named if word is None else frozenset((FRAMEWORKS[word], word))
