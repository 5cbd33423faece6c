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
    began = facts.tick()
    connected: str | NotPermitted = yield Acquire(plan.upstream, gate)
    facts.waited += facts.tick() - began
    address = connected.addresses[0] if isinstance(connected, NotPermitted) else connected
    facts.address = address
    judged = gate.explain(address)
    facts.location = judged.location
    if isinstance(connected, NotPermitted):
        raise Refused(judged.reason or "location_unknown", rules=judged.rules)
    if judged.shadow:
        facts.shadow.update(dict.fromkeys(judged.shadow))
