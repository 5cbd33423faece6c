"""The judgement whether data may go to an address. Pure; `today` is a parameter.

Every rule can only take addresses away. Without any, an address must still be located: globally routable, or
named by the operator.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.model import Location, Mode, Residency, Upstream
from gateway.residency.addresses import parse
from gateway.residency.bases import Ground, Under, grounds
from gateway.residency.law import FRAMEWORKS, expand, inside
from gateway.residency.locate import DECLARED, AddressTable, is_known

REGION: Final = "region_not_allowed"
OPERATOR: Final = "operator_not_allowed"
UNKNOWN: Final = "location_unknown"
QUARANTINED: Final = "recipient_quarantined"
SUBPROCESSORS: Final = "subprocessors"
"""Id under which a tenant's list of sub-processors refuses."""

_PRIORITY: Final = (UNKNOWN, REGION, OPERATOR, QUARANTINED)
_MODES: Final[tuple[Mode, ...]] = ("enforce", "shadow")
_MEMO: Final = 4096
"""addresses remembered per gate"""
_PLACES: Final = 1024
"""places remembered per gate: however many addresses there are, they stand at few"""


@dataclass(frozen=True, slots=True)
class ResidencyCheck:
    """One residency rule that applies to the exchange. `data`: its categories that the rule is about."""

    rule: str
    mode: Mode
    residency: Residency
    data: tuple[str, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an address is permitted (`reason` empty) or not (a key of errors.REASONS).

    `rules` are the enforced rules that failed (none when the address cannot be located at all), `shadow`
    those that would have. `location` is where the address is, if that is known. `categories` are those that
    may not go there, `bases` on what those rely that leave their regions.
    """

    reason: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    location: Location | None
    categories: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What a refusal says: the category and where it may not go, never a value."""
        if not self.reason or self.location is None:
            return ""
        data = ", ".join(self.categories[:_TOLD]) or "data"
        more = f" and {len(self.categories) - _TOLD} more" if len(self.categories) > _TOLD else ""
        return f"{data}{more} to {self.location.country or 'an unknown country'}" + (
            f" ({self.location.operator})" if self.location.operator else ""
        )


_TOLD: Final = 3
"""categories that a refusal names"""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check with its region words expanded for the day. None: no restriction of that kind."""

    rule: str
    mode: Mode
    places: frozenset[str] | None
    home: frozenset[str]
    """Of the places those that no adequacy is needed for."""
    operators: frozenset[str] | None
    shares: "tuple[_Share, ...]" = ()
    data: tuple[str, ...] = ()
    links: bool = False
    reason: str = OPERATOR
    """Of another operator."""


@dataclass(frozen=True, slots=True)
class _Share:
    """The categories of a check that the same grounds speak of, in the order in which these are asked.

    An empty category stands for all there is.
    """

    categories: tuple[str, ...]
    grounds: tuple[Ground, ...]


class _Finding(NamedTuple):
    """What one check says: why not, about which categories, and what it relied on."""

    reason: str
    categories: tuple[str, ...]
    bases: dict[str, None]


class Gate:
    """The permit of one (rules, upstream, day): call it with an address, as exchange.commands.Permit.

    `recipients` are the operators of the tenant's sub-processors that may be used; None: it keeps no list.
    `void` are places that count as not adequate, whatever the law says. `under` is what bases are read by;
    `agreed`: the people in the request have consented to the transfer explicitly.
    """

    __slots__ = ("_checks", "_judge", "_provider", "_table", "_today", "explain")

    def __init__(
        self,
        rules: tuple[ResidencyCheck, ...],
        table: AddressTable,
        upstream: Upstream,
        today: date,
        recipients: frozenset[str] | None = None,
        void: frozenset[str] = frozenset(),
        under: Under | None = None,
        *,
        agreed: bool = False,
    ) -> None:
        under = under or Under(provider=upstream.provider)
        listed = () if recipients is None else (_listed(recipients),)
        self._checks = (*(_bind(check, today, void, under, agreed) for check in rules), *listed)
        self._table = table
        self._provider = under.provider
        self._today = today

        bound = _bound_to(upstream)

        self._judge = lru_cache(maxsize=_PLACES)(self._judged)

        @lru_cache(maxsize=_PLACES)
        def known(rows: tuple[Location, ...]) -> Explanation:
            return self._judge((*table.placed(rows, upstream, today), *bound))

        @lru_cache(maxsize=_MEMO)
        def explain(address: str) -> Explanation:
            seen = table.seen(address, today)
            return known(seen.rows) if is_known(seen, upstream) else self._judge(())

        self.explain: Callable[[str], Explanation] = explain
        """Takes an address in text form, answers its Explanation; remembered per address."""

    def __call__(self, address: str) -> Location | None:
        """Where the address is when data may go there, None when it may not."""
        explanation = self.explain(address)
        return None if explanation.reason else explanation.location

    def declared(self, region: str, operator: str) -> Explanation:
        """The same, of a host that is not asked: by what its pack says of it."""
        return self._judge((Location(country=region, operator=operator, evidence=DECLARED),))

    @property
    def restricts(self) -> bool:
        """Whether anything could be refused where it is known to be."""
        return bool(self._checks)

    @property
    def searches(self) -> bool:
        """Whether a rule asks for the URLs in the texts of requests."""
        return any(check.links for check in self._checks)

    def unknown(self) -> Explanation:
        """The same, of what is nowhere."""
        return self._judge(())

    def literal(self, text: str) -> Explanation:
        """The same, of an address that is no upstream's: by what is known of it alone."""
        address = parse(text)
        return self._judge(() if address is None else self._table.find(address, self._today))

    @classmethod
    def every(cls, gates: "Sequence[Gate]") -> "Gate":
        """The permit for what all of some gates permit; `gates` are of one upstream and day, at least one."""
        joined = copy(gates[0])
        joined.explain = lambda address: _joined([gate.explain(address) for gate in gates])
        return joined

    def but_for(self, rules: frozenset[str], categories: frozenset[str]) -> "Gate":
        """The permit of a request without data of these categories, which is what these rules are about."""
        other, full = copy(self), self.explain

        def explain(address: str) -> Explanation:
            judged = full(address)
            if judged.reason == UNKNOWN or not judged.rules:
                return judged
            if rules.issuperset(judged.rules) and categories.issuperset(judged.categories):
                return Explanation("", (), judged.shadow, judged.location, bases=judged.bases)
            return judged

        other.explain = explain
        return other

    def _judged(self, locations: tuple[Location, ...]) -> Explanation:
        if not locations:
            rules = {mode: tuple(c.rule for c in self._checks if c.mode == mode) for mode in _MODES}
            return Explanation(UNKNOWN, rules["enforce"], rules["shadow"], None)
        failed: list[str] = []
        shadow: list[str] = []
        reasons: set[str] = set()
        categories: dict[str, None] = {}
        bases: dict[str, None] = {}
        for check in self._checks:
            it = self._finding(check, locations)
            if check.mode == "enforce":
                bases |= it.bases
            if it.reason and check.mode == "enforce":
                failed.append(check.rule)
                reasons.add(it.reason)
                categories |= dict.fromkeys(it.categories)
            elif it.reason:
                shadow.append(check.rule)
        return Explanation(
            reason=next((reason for reason in _PRIORITY if reason in reasons), "") if reasons else "",
            rules=tuple(failed),
            shadow=tuple(shadow),
            location=locations[0],
            categories=tuple(categories),
            bases=tuple(bases),
        )

    def _finding(self, check: _Bound, locations: tuple[Location, ...]) -> _Finding:
        away: set[str] = set()
        bases: dict[str, None] = {}
        places = check.places
        if places is not None:
            for at in locations:
                if not inside(at.country, places, self._today):
                    self._rely(check, at, bases, away)
                elif not inside(at.country, check.home, self._today):
                    bases["adequacy"] = None
        if away:
            return _Finding(REGION, tuple([each for each in check.data if each in away]), bases)
        operators = check.operators
        if operators is not None and not all(at.operator.casefold() in operators for at in locations):
            return _Finding(check.reason, check.data, bases)
        return _Finding("", (), bases)

    def _rely(self, check: _Bound, at: Location, bases: dict[str, None], away: set[str]) -> None:
        """Add the bases on which data of a check may go to a place, and the categories that none lets go."""
        for share in check.shares:
            for ground in share.grounds:
                if ground.reaches(at, self._provider, self._today):
                    bases[ground.kind] = None
                    break
            else:
                away.update(share.categories)


def _joined(found: Sequence[Explanation]) -> Explanation:
    first = next((each for each in found if each.reason), found[0])
    return Explanation(
        reason=first.reason,
        rules=tuple(dict.fromkeys(rule for each in found for rule in each.rules)),
        shadow=tuple(dict.fromkeys(rule for each in found for rule in each.shadow)),
        location=first.location,
        categories=tuple(dict.fromkeys(category for each in found for category in each.categories)),
        bases=tuple(dict.fromkeys(base for each in found for base in each.bases)),
    )


def permit(rules: tuple[ResidencyCheck, ...], table: AddressTable, upstream: Upstream, today: date) -> Gate:
    """The permit for an upstream under these rules on a day (UTC); keep it for the day, it remembers."""
    return Gate(rules, table, upstream, today)


def _bound_to(upstream: Upstream) -> tuple[Location, ...]:
    """Where else data goes that is sent to an upstream: to where its credential's account is kept."""
    region = upstream.account_region
    if region is None:
        return ()
    return (Location(country=region.upper(), operator=upstream.operator, evidence=DECLARED),)


def _listed(recipients: frozenset[str]) -> _Bound:
    names = frozenset(name.casefold() for name in recipients)
    return _Bound(SUBPROCESSORS, "enforce", None, frozenset(), names, reason=QUARANTINED)


def _bind(check: ResidencyCheck, today: date, void: frozenset[str], under: Under, agreed: bool) -> _Bound:
    residency = check.residency
    regional = bool(residency.regions or residency.adequacy or residency.bases)
    places = expand(residency.regions, residency.adequacy, today, under.law)
    home = expand(residency.regions, False, today)
    operators = frozenset(operator.casefold() for operator in residency.operators)
    if check.confirmed:  # a framework's word counts as it is written, void or not
        places |= FRAMEWORKS.keys() & {word.upper() for word in residency.regions}
    known = {"confirmed": check.confirmed, "agreed": agreed}
    return _Bound(
        rule=check.rule,
        mode=check.mode,
        places=places - (void - home) - (void & FRAMEWORKS.keys()) if regional else None,
        home=home,
        operators=operators or None,
        shares=_shares(check.data, grounds(residency.bases, under, today, void, **known)),
        data=check.data,
        links=residency.links,
    )


def _shares(data: tuple[str, ...], every: tuple[Ground, ...]) -> tuple[_Share, ...]:
    """What is judged at once, in the order of the categories."""
    made: dict[tuple[int, ...], list[str]] = {}
    for category in data or ("",):
        about = tuple(n for n, ground in enumerate(every) if ground.about(category))
        made.setdefault(about, []).append(category)
    return tuple(_Share(tuple(data), tuple(every[n] for n in about)) for about, data in made.items())
