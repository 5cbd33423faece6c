"""The residency rules of one plan: where its data may go, who may ask for it, and what can be done
instead of refusing. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from gateway.model import Operation, Policy, Rule, overlaps
from gateway.policy.infringing import confirmed
from gateway.policy.matchers import Situation, categories, obstacle, sent
from gateway.residency.bases import Under
from gateway.residency.callers import CallerCheck, Callers
from gateway.residency.judge import Gate, ResidencyCheck
from gateway.residency.locate import AddressTable
from gateway.residency.recipients import usable


@dataclass(frozen=True, slots=True)
class Residing[S]:
    """What a plan knows of residency.

    `agreed` is the permit where the people in a request have consented for `purposes`; None: no rule asks
    them. `content` are the rules about what a request holds, `strips` those of them that take it out rather
    than refuse; `lean` gives what finds data of some categories in a request. `routes` would rather ask
    another upstream.
    """

    permission: Gate
    agreed: Gate | None
    purposes: tuple[str, ...]
    content: frozenset[str]
    strips: frozenset[str]
    lean: Callable[[frozenset[str]], S]
    callers: Callers | None
    routes: frozenset[str]


def residing[S](
    policy: Policy,
    table: AddressTable,
    it: Situation,
    live: Iterable[Rule],
    lean: Callable[[frozenset[str]], S],
) -> Residing[S]:
    """From the rules that apply. `lean` makes what takes categories out of a request; it is remembered."""
    rules = [rule for rule in live if rule.residency]
    purposes = _purposes(rules)
    content = frozenset(rule.id for rule in rules if _by_content(rule, it.operation))
    return Residing(
        permission=_gate(policy, table, it, rules),
        agreed=_gate(policy, table, it, rules, agreed=True) if purposes else None,
        purposes=purposes,
        content=content,
        strips=frozenset(rule.id for rule in rules if rule.on_refusal == "strip"),
        lean=_remembered(lean),
        callers=_callers(rules, table, it.operation, it.today),
        routes=frozenset(rule.id for rule in rules if rule.residency and rule.residency.route),
    )


def permission(
    policy: Policy,
    table: AddressTable,
    it: Situation,
    void: frozenset[str] = frozenset(),
    *,
    agreed: bool = False,
) -> Gate:
    """Where all that a call may hold can go. `void`: places that count as not adequate. `agreed`: the people
    in it have consented explicitly."""
    live = [rule for rule in policy.rules if rule.residency and obstacle(rule, it, policy.consents) is None]
    return _gate(policy, table, it, live, void, agreed=agreed)


def _gate(
    policy: Policy,
    table: AddressTable,
    it: Situation,
    rules: Iterable[Rule],
    void: frozenset[str] = frozenset(),
    *,
    agreed: bool = False,
) -> Gate:
    checks = tuple(check for rule in rules if (check := _check(rule, it.operation, policy, it.today)))
    listed = usable(policy.subprocessors, it.purposes, it.today)
    under = Under(policy.law, policy.consents, it.provider)
    return Gate(checks, table, it.upstream, it.today, listed, void, under, agreed=agreed)


def _by_content(rule: Rule, operation: Operation) -> bool:
    """Whether a rule is about what a request really holds, not about what the operation could.

    What the messages of a WebSocket hold is not known when the connection is made.
    """
    if operation.websocket is not None or rule.mode == "shadow":
        # A rule that only watches has no body read for it: what could not be read would be refused.
        return False
    return rule.on_refusal == "strip" or rule.scope.direction == "request"


def _check(rule: Rule, operation: Operation, policy: Policy, today: date) -> ResidencyCheck | None:
    residency = rule.residency
    if residency is None or not (residency.regions or residency.adequacy or _more(rule)):
        return None
    content = _by_content(rule, operation)
    touched = sent(operation) if content else categories(operation)
    data = tuple(sorted(c for c in touched if _about(rule, c)))
    if rule.scope.data and not data and not content:
        return None
    carried_out = confirmed(rule, policy, today) is not None
    return ResidencyCheck(rule.id, rule.mode, residency, data, carried_out)


def _more(rule: Rule) -> bool:
    residency = rule.residency
    return residency is not None and bool(residency.operators or residency.bases)


def _about(rule: Rule, category: str) -> bool:
    return not rule.scope.data or any(overlaps(each, category) for each in rule.scope.data)


def _purposes(rules: Iterable[Rule]) -> tuple[str, ...]:
    every = [basis for rule in rules if rule.residency for basis in rule.residency.bases]
    return tuple(dict.fromkeys(each.consent for each in every if each.kind == "explicit_consent"))


def _callers(rules: Iterable[Rule], table: AddressTable, operation: Operation, today: date) -> Callers | None:
    touched = categories(operation)
    checks = [
        CallerCheck(rule.id, rule.mode, rule.residency.callers)
        for rule in rules
        if rule.residency
        and rule.residency.callers
        and (not rule.scope.data or any(_about(rule, category) for category in touched))
    ]
    return Callers(checks, table, today) if checks else None


def _remembered[S](make: Callable[[frozenset[str]], S]) -> Callable[[frozenset[str]], S]:
    """Few sets of categories ever fail together."""
    known: dict[frozenset[str], S] = {}

    def lean(categories: frozenset[str]) -> S:
        if categories not in known:
            known[categories] = make(categories)
        return known[categories]

    return lean
