"""How an exchange comes to a connection, to an address where its data may go. Pure."""

from collections.abc import Generator
from typing import Any

from gateway.exchange.commands import Acquire, Command, NotPermitted
from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.policy.plan import Plan
from gateway.residency.judge import Gate


def connect(facts: Facts, plan: Plan, permission: Gate | None = None) -> Generator[Command, Any, None]:
    """Connect to the plan's upstream. Raises Refused, UpstreamError."""
    gate = plan.permission if permission is None else permission
    refused = yield from acquired(facts, plan, gate)
    if refused is not None:
        raise refusal(facts, gate, refused)


def acquired(facts: Facts, plan: Plan, gate: Gate) -> Generator[Command, Any, NotPermitted | None]:
    """Connect; where no address is permitted, those there are. Raises UpstreamError."""
    began = facts.tick()
    connected: str | NotPermitted = yield Acquire(plan.upstream, gate)
    facts.waited += facts.tick() - began
    if isinstance(connected, NotPermitted):
        return connected
    facts.address = connected
    judged = gate.explain(connected)
    facts.location, facts.bases = judged.location, judged.bases
    if judged.shadow:
        facts.shadow.update(dict.fromkeys(judged.shadow))
    return None


def refusal(facts: Facts, gate: Gate, refused: NotPermitted) -> Refused:
    """Why there is no address: what is said of the first."""
    facts.address = refused.addresses[0]
    judged = gate.explain(facts.address)
    facts.location = judged.location
    return Refused(judged.reason or "location_unknown", judged.told, rules=judged.rules)
