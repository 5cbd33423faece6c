"""Instructions that the law speaks against (GDPR Art. 28(3)): transfers on a void basis. Pure.

Such a basis counts for nothing while traffic runs, which is the strictest reading of its rule, until the rule
is changed, or confirmed with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.model import Policy, Rule
from gateway.residency.bases import CERTIFIED, Under, ends, void
from gateway.residency.law import FRAMEWORKS, standing
from gateway.transfers import Basis


@dataclass(frozen=True, slots=True)
class Infringement:
    """A rule (id, line in its file) and what is wrong with it. `ending`: not yet, but soon."""

    rule: str
    line: int
    found: str
    ending: bool = False


def infringing(policy: Policy, on: date, within: int = 0) -> tuple[Infringement, ...]:
    """Every rule that relies on what is void on a day, or falls within so many days after it.

    Rules that are confirmed, and those not in force that day, are passed over.
    """
    under = Under(policy.law, policy.consents)
    live = [rule for rule in policy.rules if rule.residency and not rule.confirmed and _in_force(rule, on)]
    return tuple(each for rule in live for each in _of(rule, under, on, timedelta(days=within)))


def _in_force(rule: Rule, on: date) -> bool:
    began = rule.since is None or date.fromisoformat(rule.since) <= on
    return began and (rule.until is None or on < date.fromisoformat(rule.until))


def _of(rule: Rule, under: Under, on: date, within: timedelta) -> Iterator[Infringement]:
    residency = rule.residency
    if residency is None:
        return
    for word in residency.regions:
        if word in FRAMEWORKS and (why := _fallen(word, on)):
            yield Infringement(rule.id, rule.line, f"a transfer to {word}, which {why}")
    for basis in residency.bases:
        why = _void(basis, under, on)
        end = None if why else ends(basis, under, on)
        if why:
            yield Infringement(rule.id, rule.line, f"a transfer on the basis {basis.kind}, which {why}")
        elif end is not None and end <= on + within:
            yield Infringement(rule.id, rule.line, f"the basis {basis.kind} ends on {end}", ending=True)


def _void(basis: Basis, under: Under, on: date) -> str:
    """Why the law does not carry a basis. One that by its own dates is over, or not there yet, is no mistake,
    but for clauses: they are not looked at again by themselves."""
    dated = (basis.since and on < date.fromisoformat(basis.since)) or (
        basis.until and on >= date.fromisoformat(basis.until)
    )
    if dated and (basis.kind in ("tenant_consent", "adequacy") or (basis.kind, under.law) in CERTIFIED):
        return ""
    return void(basis, under, on)


def _fallen(word: str, on: date) -> str:
    since, until = standing(word)
    if on < since:
        return f"is in force from {since}"
    return f"fell on {until}" if until and on >= until else ""
