"""Instructions that the law speaks against (GDPR Art. 28(3)): transfers on a void basis. Pure.

Such a basis counts for nothing while traffic runs, which is the strictest reading of its rule, until the rule
is changed, or confirmed with a reason: in the rule file, or by a confirmation that is about the rule as it
was then and about what was void of it then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

import msgspec

from gateway.model import Policy, Rule
from gateway.residency.bases import CERTIFIED, Under, ends, inadequate, void
from gateway.residency.law import FRAMEWORKS, standing
from gateway.transfers import Basis, Confirmed


@dataclass(frozen=True, slots=True)
class Infringement:
    """A rule (id, line in its file) and what is wrong with it. `ending`: not yet, but soon. `basis` is what
    is void, as text: the same for as long as the same is void for the same reason."""

    rule: str
    line: int
    found: str
    ending: bool = False
    basis: str = ""


def infringing(policy: Policy, on: date, within: int = 0) -> tuple[Infringement, ...]:
    """Every rule that relies on what is void on a day, or falls within so many days after it.

    Rules that are confirmed, and those not in force that day, are passed over.
    """
    live = [rule for rule in policy.rules if not confirmed(rule, policy, on)]
    return tuple(each for rule in live for each in voids(rule, policy, on, within))


def voids(rule: Rule, policy: Policy, on: date, within: int = 0) -> tuple[Infringement, ...]:
    """What is wrong with one rule on a day, confirmed or not."""
    if not rule.residency or not _in_force(rule, on):
        return ()
    return tuple(_of(rule, Under(policy.law, policy.consents), on, timedelta(days=within)))


def accountable(policy: Policy) -> bool:
    """Whether how a tenant's rules or recipients stand depends on the day."""
    return policy.subprocessors is not None or any(map(relies, policy.rules))


def relies(rule: Rule) -> bool:
    """Whether a rule relies on something that may be void."""
    residency = rule.residency
    return residency is not None and bool(residency.bases or FRAMEWORKS.keys() & set(residency.regions))


def confirmed(rule: Rule, policy: Policy, on: date) -> Confirmed | None:
    """Who has confirmed a rule as it stands on a day, if anybody has."""
    if rule.confirmed:
        return rule.confirmed
    last = next((each for each in reversed(policy.confirmations) if each.rule == rule.id), None)
    if last is None or last.word == "withdraw" or last.text != text_of(rule):
        return None
    if last.basis != basis_of(voids(rule, policy, on)):
        return None
    return Confirmed(by=last.by, reason=last.reason, date=last.date)


def text_of(rule: Rule) -> str:
    """SHA-256 (hex) of what a rule says, wherever it stands in its file and whoever has confirmed it."""
    said = msgspec.structs.replace(rule, line=0, confirmed=None)
    return sha256(msgspec.json.encode(said)).hexdigest()


def basis_of(found: tuple[Infringement, ...]) -> str:
    """SHA-256 (hex) of what is void of a rule."""
    return sha256("\n".join(sorted(each.basis for each in found if not each.ending)).encode()).hexdigest()


def _in_force(rule: Rule, on: date) -> bool:
    began = rule.since is None or date.fromisoformat(rule.since) <= on
    return began and (rule.until is None or on < date.fromisoformat(rule.until))


def _of(rule: Rule, under: Under, on: date, within: timedelta) -> Iterator[Infringement]:
    residency = rule.residency
    if residency is None:
        return
    for word in residency.regions:
        if word in FRAMEWORKS and (why := _fallen(word, on)):
            yield Infringement(rule.id, rule.line, f"a transfer to {word}, which {why}", basis=word)
    for basis in residency.bases:
        why = _void(basis, under, on)
        end = None if why else ends(basis, under, on)
        if why:
            found = f"a transfer on the basis {basis.kind}, which {why}"
            yield Infringement(rule.id, rule.line, found, basis=_told(basis, under, on))
        elif end is not None and end <= on + within:
            yield Infringement(rule.id, rule.line, f"the basis {basis.kind} ends on {end}", ending=True)


def _told(basis: Basis, under: Under, on: date) -> str:
    """A void basis under a law; of countries also which are not adequate, for others may follow."""
    return msgspec.json.encode((under.law, basis, inadequate(basis, under, on))).decode()


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
