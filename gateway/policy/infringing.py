"""Instructions that the law speaks against (GDPR Art. 28(3)): transfers on a void basis, and views that show
special categories to who acts for marketing. Pure.

What is void counts for nothing while traffic runs, which is the strictest reading of its rule, until the rule
is changed, or confirmed with a reason: in the rule file, or by a confirmation that is about the rule as it
was then and about what was void of it then. A view goes by the name `view:<role>`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from gateway.model import Client, Policy, Rule, View, covers
from gateway.policy.fields import VIEW
from gateway.policy.matchers import in_force
from gateway.policy.sensitive import MARKETING, markets, readers, shown, touches
from gateway.residency.bases import CERTIFIED, Under, ends, inadequate, void
from gateway.residency.law import FRAMEWORKS, standing
from gateway.transfers import Basis, Confirmation, Confirmed


@dataclass(frozen=True, slots=True)
class Infringement:
    """A rule (id, line in its file) and what is wrong with it. `ending`: not yet, but soon. `basis` is what
    is void, as text: the same for as long as the same is void for the same reason.
    `mend` is what would do."""

    rule: str
    line: int
    found: str
    ending: bool = False
    basis: str = ""
    mend: str = "a basis that is in force, or a confirmation with a reason"


def infringing(policy: Policy, on: date, within: int = 0) -> tuple[Infringement, ...]:
    """Every rule that relies on what is void on a day, or falls within so many days after it, and every view
    that shows what it may not.

    What is confirmed, and rules not in force that day, are passed over.
    """
    live = [rule for rule in policy.rules if not confirmed(rule, policy, on)]
    transfers = [each for rule in live for each in voids(rule, policy, on, within)]
    views = [each for role in policy.views for each in exposed(role, policy, on)]
    return (*transfers, *(each for each in views if not allowed(each, policy)))


def voids(rule: Rule, policy: Policy, on: date, within: int = 0) -> tuple[Infringement, ...]:
    """What is wrong with one rule on a day, confirmed or not."""
    if not rule.residency or not in_force(rule, on):
        return ()
    return tuple(_of(rule, Under(policy.law, policy.consents), on, timedelta(days=within)))


def accountable(policy: Policy) -> bool:
    """Whether how a tenant's rules or recipients stand depends on the day."""
    return policy.subprocessors is not None or any(map(relies, policy.rules)) or touches(policy)


def relies(rule: Rule) -> bool:
    """Whether a rule relies on something that may be void."""
    residency = rule.residency
    return residency is not None and bool(residency.bases or FRAMEWORKS.keys() & set(residency.regions))


def confirmed(rule: Rule, policy: Policy, on: date) -> Confirmed | None:
    """Who has confirmed a rule as it stands on a day, if anybody has."""
    if rule.confirmed:
        return rule.confirmed
    last = _said(policy, rule.id)
    if last is None or last.text != text_of(rule) or last.basis != basis_of(voids(rule, policy, on)):
        return None
    return Confirmed(by=last.by, reason=last.reason, date=last.date)


def _said(policy: Policy, name: str) -> Confirmation | None:
    """The confirmation of a rule or view that was not withdrawn, if there is one."""
    last = next((each for each in reversed(policy.confirmations) if each.rule == name), None)
    return None if last is None or last.word == "withdraw" else last


def exposed(role: str, policy: Policy, on: date) -> tuple[Infringement, ...]:
    """What is wrong with a view on a day, confirmed or not: nothing, or one thing."""
    found = list(readers(policy, role, on))
    if not found:
        return ()
    told = "; ".join(f"{', '.join(c)} to the client {client.id}" for client, c in found)
    basis = msgspec.json.encode([(client.id, c) for client, c in found]).decode()
    said = f"special categories are shown for {MARKETING}: {told}"
    return (Infringement(VIEW + role, policy.views[role].line, said, basis=basis, mend=_MEND),)


_MEND: Final = "a view or rule that hides them, or a confirmation with a reason"


def allowed(it: Infringement, policy: Policy) -> Confirmed | None:
    """Who has confirmed a view with what it shows, if anybody has."""
    view = policy.views[it.rule.removeprefix(VIEW)]
    last = _said(policy, it.rule)
    if view.confirmed or last is None or last.text != text_of(view) or last.basis != basis_of((it,)):
        return view.confirmed
    return Confirmed(by=last.by, reason=last.reason, date=last.date)


def closed(policy: Policy, client: Client, purposes: tuple[str, ...], on: date) -> tuple[str, ...]:
    """The special categories that are hidden from a client although its view shows them."""
    if not markets(purposes) or not (found := exposed(client.role, policy, on)):
        return ()
    return () if allowed(found[0], policy) else shown(policy, client, on)


def granting(policy: Policy, client: Client, purposes: tuple[str, ...], on: date) -> Callable[[str], View]:
    """By category: the client's view, or one that grants nothing and hides in the same way."""
    view, hidden = policy.views[client.role], closed(policy, client, purposes, on)
    shut = View(hide_with=view.hide_with)
    return lambda category: shut if any(covers(each, category) for each in hidden) else view


def text_of(rule: Rule | View) -> str:
    """SHA-256 (hex) of what a rule says, wherever it stands in its file and whoever has confirmed it."""
    said = msgspec.structs.replace(rule, line=0, confirmed=None)
    return sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def basis_of(found: tuple[Infringement, ...]) -> str:
    """SHA-256 (hex) of what is void of a rule."""
    return sha256("\n".join(sorted(each.basis for each in found if not each.ending)).encode()).hexdigest()


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
