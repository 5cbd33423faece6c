"""Why an exchange is decided as it is: every rule with its reason, and what would be sent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import to_builtins

from gateway.exchange.case import Outcome
from gateway.exchange.exchange import Exchange
from gateway.exchange.replay import outcome_of
from gateway.exchange.script import Script
from gateway.model import Location
from gateway.policy.matchers import personal
from gateway.policy.plan import Considered, Plan

SECRET_HEADERS = frozenset(("authorization", "cookie", "hushgate-key", "proxy-authorization"))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was decided and why. `considered` is empty where no plan was reached (unknown client)."""

    tenant: str
    client: str
    role: str
    purposes: tuple[str, ...]
    operation: str
    upstream: str
    channel: str
    considered: tuple[Considered, ...]
    outcome: Outcome
    shadow: tuple[str, ...]
    standings: tuple[str, ...]
    """what the registry knows of each recipient, in order"""
    answers: Mapping[str, str]
    """personal data category of the answer -> how it is shown"""
    location: Location | None = None
    """where the address is that would be connected to"""


def explain(exchange: Exchange, script: Script, standings: tuple[str, ...] = ()) -> Explanation:
    """From an exchange that was played to its end."""
    facts, plan = exchange.facts, exchange.facts.plan
    identity = facts.identity
    return Explanation(
        tenant=identity.tenant if identity else "-",
        client=identity.client.id if identity else "-",
        role=identity.client.role if identity else "-",
        purposes=plan.purposes if plan else (),
        operation=plan.name if plan else "-",
        upstream=plan.upstream.name if plan else "-",
        channel=(plan.channel or "-") if plan else "-",
        considered=plan.considered if plan else (),
        outcome=outcome_of(script),
        shadow=tuple(facts.shadow),
        standings=standings,
        answers=_answers(plan) if plan else {},
        location=facts.location,
    )


def _answers(plan: Plan) -> dict[str, str]:
    """Per personal category of the answer: shown, or masked and by what."""
    programs = plan.response.bodies.values()
    slots = [slot for program in programs for slot in program.slots if personal(slot.category)]
    return {s.category: f"masked by {', '.join(s.rules)}" if s.mask else "shown" for s in slots}


def as_text(it: Explanation) -> str:
    """For a terminal. Secrets in headers are not shown."""
    out = it.outcome
    lines = [
        f"client     {it.tenant}/{it.client}, role {it.role}, purposes {', '.join(it.purposes) or '-'}",
        f"operation  {it.operation}, upstream {it.upstream}, channel {it.channel}",
    ]
    lines += [f"recipient  {text}" for text in it.standings]
    lines.append("rules")
    width = max((len(c.rule) for c in it.considered), default=0)
    lines += [
        f"  {'*' if c.applies else ' '} {c.rule:{width}}  {c.kind:9}  {c.mode:7}  {c.why}"
        for c in it.considered
    ]
    lines += [f"answer     {category}: {how}" for category, how in it.answers.items()]
    if it.location:
        lines.append(f"address    {_place(it.location)}")
    lines.append(f"decision   {out.effect} {out.status} {out.reason}".rstrip())
    lines.append(f"because    {', '.join(out.rules) or 'no rule stands against it'}")
    if it.shadow:
        lines.append(f"shadow     {', '.join(it.shadow)} would have decided otherwise")
    if out.masked or out.dropped:
        lines.append(f"changes    {out.masked} values masked, {out.dropped} recipients left out")
    return "\n".join([*lines, *_sent(it)])


def _place(at: Location) -> str:
    known = f"{at.evidence} {at.region}".rstrip()
    return f"{at.country or '-'}, {at.operator or '-'} ({known})"


def _sent(it: Explanation) -> list[str]:
    sent = it.outcome.upstream_request
    if sent is None:
        return ["sent       nothing"]
    lines = [f"sent       {sent.method} {sent.path}"]
    lines += [f"           {name}: {_shown(name, value)}" for name, value in sent.headers]
    if sent.body:
        lines += ["", *("           " + line for line in sent.body.decode("utf-8", "replace").splitlines())]
    return lines


def as_members(it: Explanation) -> Mapping[str, object]:
    """For a script, as JSON members."""
    out, sent = it.outcome, it.outcome.upstream_request
    return {
        "tenant": it.tenant,
        "client": it.client,
        "role": it.role,
        "purposes": it.purposes,
        "operation": it.operation,
        "upstream": it.upstream,
        "channel": it.channel,
        "recipients": it.standings,
        "rules": [
            {"rule": c.rule, "kind": c.kind, "mode": c.mode, "applies": c.applies, "why": c.why}
            for c in it.considered
        ],
        "decision": {"effect": out.effect, "status": out.status, "reason": out.reason, "rules": out.rules},
        "shadow": it.shadow,
        "answers": it.answers,
        "address": None if it.location is None else to_builtins(it.location),
        "sent": None
        if sent is None
        else {
            "method": sent.method,
            "path": sent.path,
            "headers": [(name, _shown(name, value)) for name, value in sent.headers],
            "body": sent.body.decode("utf-8", "replace"),
        },
    }


def _shown(name: str, value: str) -> str:
    return "(hidden)" if name.lower() in SECRET_HEADERS else value
