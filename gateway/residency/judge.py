"""The judgement whether data may go to an address. Pure; `today` is a parameter.

Every rule can only take addresses away. Without any, an address must still be located: globally routable, or
named by the operator.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from gateway.model import Location, Mode, Residency, Upstream
from gateway.residency.addresses import parse
from gateway.residency.law import FRAMEWORKS, expand, inside
from gateway.residency.locate import DECLARED, AddressTable, locate

REGION: Final = "region_not_allowed"
OPERATOR: Final = "operator_not_allowed"
UNKNOWN: Final = "location_unknown"
QUARANTINED: Final = "recipient_quarantined"
SUBPROCESSORS: Final = "subprocessors"
"""Id under which a tenant's list of sub-processors refuses."""

_PRIORITY: Final = (UNKNOWN, REGION, OPERATOR, QUARANTINED)
_MEMO: Final = 4096
"""addresses remembered per gate"""


@dataclass(frozen=True, slots=True)
class ResidencyCheck:
    """One residency rule that applies to the exchange."""

    rule: str
    mode: Mode
    residency: Residency


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an address is permitted (`reason` empty) or not (a key of errors.REASONS).

    `rules` are the enforced rules that failed (none when the address cannot be located at all), `shadow`
    those that would have. `location` is where the address is, if that is known.
    """

    reason: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    location: Location | None


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check with its region words expanded for the day. None: no restriction of that kind."""

    rule: str
    mode: Mode
    places: frozenset[str] | None
    operators: frozenset[str] | None
    links: bool = False
    reason: str = OPERATOR
    """Of another operator."""


class Gate:
    """The permit of one (rules, upstream, day): call it with an address, as exchange.commands.Permit.

    `recipients` are the operators of the tenant's sub-processors that may be used; None: it keeps no list.
    `void` are places that count as not adequate, whatever the law says.
    """

    __slots__ = ("_checks", "_table", "_today", "explain")

    def __init__(
        self,
        rules: tuple[ResidencyCheck, ...],
        table: AddressTable,
        upstream: Upstream,
        today: date,
        recipients: frozenset[str] | None = None,
        void: frozenset[str] = frozenset(),
    ) -> None:
        listed = () if recipients is None else (_listed(recipients),)
        self._checks = (*(_bind(check, today, void) for check in rules), *listed)
        self._table = table
        self._today = today

        @lru_cache(maxsize=_MEMO)
        def explain(address: str) -> Explanation:
            return self._judge(locate(table, address, upstream, today))

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
        return self._judge(() if address is None else self._table.find(address))

    @classmethod
    def every(cls, gates: "Sequence[Gate]") -> "Gate":
        """The permit for what all of some gates permit; `gates` are of one upstream and day, at least one."""
        joined = copy(gates[0])
        joined.explain = lambda address: _joined([gate.explain(address) for gate in gates])
        return joined

    def _judge(self, locations: tuple[Location, ...]) -> Explanation:
        if not locations:
            rules = tuple(check.rule for check in self._checks if check.mode == "enforce")
            shadow = tuple(check.rule for check in self._checks if check.mode == "shadow")
            return Explanation(UNKNOWN, rules, shadow, None)
        failed = [(check, reason) for check in self._checks if (reason := self._failure(check, locations))]
        enforced = [(check.rule, reason) for check, reason in failed if check.mode == "enforce"]
        reasons = {reason for _, reason in enforced}
        return Explanation(
            reason=next((reason for reason in _PRIORITY if reason in reasons), ""),
            rules=tuple(rule for rule, _ in enforced),
            shadow=tuple(check.rule for check, _ in failed if check.mode == "shadow"),
            location=locations[0],
        )

    def _failure(self, check: _Bound, locations: tuple[Location, ...]) -> str:
        places, operators = check.places, check.operators
        if places is not None and not all(inside(at.country, places, self._today) for at in locations):
            return REGION
        if operators is not None and not all(at.operator.casefold() in operators for at in locations):
            return check.reason
        return ""


def _joined(found: Sequence[Explanation]) -> Explanation:
    first = next((each for each in found if each.reason), found[0])
    return Explanation(
        reason=first.reason,
        rules=tuple(dict.fromkeys(rule for each in found for rule in each.rules)),
        shadow=tuple(dict.fromkeys(rule for each in found for rule in each.shadow)),
        location=first.location,
    )


def permit(rules: tuple[ResidencyCheck, ...], table: AddressTable, upstream: Upstream, today: date) -> Gate:
    """The permit for an upstream under these rules on a day (UTC); keep it for the day, it remembers."""
    return Gate(rules, table, upstream, today)


def _listed(recipients: frozenset[str]) -> _Bound:
    names = frozenset(name.casefold() for name in recipients)
    return _Bound(SUBPROCESSORS, "enforce", None, names, reason=QUARANTINED)


def _bind(check: ResidencyCheck, today: date, void: frozenset[str]) -> _Bound:
    residency = check.residency
    regional = bool(residency.regions or residency.adequacy)
    places = expand(residency.regions, residency.adequacy, today)
    kept = expand(residency.regions, False, today) if void else places
    operators = frozenset(operator.casefold() for operator in residency.operators)
    return _Bound(
        rule=check.rule,
        mode=check.mode,
        places=places - (void - kept) - (void & FRAMEWORKS.keys()) if regional else None,
        operators=operators or None,
        links=residency.links,
    )
