"""How a tenant's instructions and recipients stand on a day, and the steps from one day to another. Pure.

An instruction the law speaks against is `suspended`, or `confirmed` and carried out; a sub-processor is
`waiting`, `open` or `objected`. Each change is one audit record.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final, Literal

from msgspec.structs import replace

from gateway.audit.record import Record
from gateway.model import Policy, Rule, Struct, View
from gateway.policy.fields import VIEW
from gateway.policy.infringing import (
    Infringement,
    allowed,
    basis_of,
    confirmed,
    exposed,
    relies,
    text_of,
    voids,
)
from gateway.recipients import Decision, Subprocessor
from gateway.residency.recipients import opens, state
from gateway.transfers import Confirmation, Confirmed

SOUND: Final = "sound"
"""Of an instruction that the law does not speak against."""
Kind = Literal["rule", "recipient"]
Key = tuple[str, Kind, str]


class Standing(Struct):
    """How one rule or recipient (`name`) stands. `text` and `basis` as transfers.Confirmation has them;
    `told` says why, `version` is the SHA-256 of the rule file."""

    tenant: str
    kind: Kind
    name: str
    state: str
    told: str = ""
    text: str = ""
    basis: str = ""
    version: str = ""

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.tenant, self.kind, self.name


def standings(policy: Policy, on: date) -> tuple[Standing, ...]:
    """Of every rule that relies on something that may be void, and of every line of the list."""
    rules = [_rule(rule, policy, on) for rule in policy.rules if relies(rule)]
    views = [_view(role, policy, on) for role in policy.views]
    return (*rules, *views, *(_recipient(line, policy, on) for line in policy.subprocessors or ()))


def _rule(rule: Rule, policy: Policy, on: date) -> Standing:
    return _instruction(rule.id, rule, voids(rule, policy, on), confirmed(rule, policy, on), policy)


def _view(role: str, policy: Policy, on: date) -> Standing:
    found = exposed(role, policy, on)
    said = allowed(found[0], policy) if found else None
    return _instruction(VIEW + role, policy.views[role], found, said, policy)


def _instruction(
    name: str, it: Rule | View, found: tuple[Infringement, ...], said: Confirmed | None, policy: Policy
) -> Standing:
    where = " in the rule file" if it.confirmed else ""
    told = f"confirmed{where} by {said.by} on {said.date}: {said.reason}" if said else ""
    return Standing(
        tenant=policy.tenant,
        kind="rule",
        name=name,
        state=SOUND if not found else "confirmed" if said else "suspended",
        told=told or "; ".join(each.found for each in found),
        text=text_of(it),
        basis=basis_of(found) if found else "",
        version=policy.version,
    )


def _recipient(line: Subprocessor, policy: Policy, on: date) -> Standing:
    now = state(line, on)
    last = line.objected if now == "objected" else line.approved
    said = f", {now} by {last.by} on {last.date}" if last else ""
    why = f": {last.reason}" if last and last.reason else ""
    wait = f", opens on {opens(line)}" if now == "waiting" else ""
    return Standing(
        tenant=policy.tenant,
        kind="recipient",
        name=f"{line.operator} ({', '.join(line.purposes)})" if line.purposes else line.operator,
        state=now,
        told=f"{line.dpa}, announced {line.announced}{wait}{said}{why}",
        version=policy.version,
    )


WORDS: Final[Mapping[str, str]] = {
    "suspended": "suspended",
    "confirmed": "resumed",
    SOUND: "resolved",
    "waiting": "announced",
    "open": "opened",
    "objected": "closed",
}
"""What is done when something comes to stand so."""


def steps(before: Iterable[Standing], after: Iterable[Standing]) -> Iterator[tuple[str, Standing]]:
    """(word, how it stands now) of everything that stands differently, in order. What is new and sound is
    none."""
    was = {each.key: each for each in before}
    for now in after:
        old = was.pop(now.key, None)
        if old is None and now.state == SOUND:
            continue
        if old is None or (old.state, old.text, old.basis) != (now.state, now.text, now.basis):
            yield WORDS[now.state], _explained(old, now)
    for old in was.values():
        told = "it is not in the rules any more"
        yield "resolved" if old.kind == "rule" else "unlisted", _retold(old, told)


def _explained(old: Standing | None, now: Standing) -> Standing:
    """What has become of an instruction, and why."""
    if old is None or now.kind == "recipient":
        return now
    changed = "the rule was changed" if old.text != now.text else ""
    if now.state == SOUND:
        return _retold(now, changed or "its basis is in force again, or the rule is not")
    lapsed = old.state == "confirmed" and now.state == "suspended"
    why = changed or ("something else of it is void" if old.basis != now.basis else "")
    if lapsed:
        why = f"the confirmation does not hold any more{why and f', {why}'}"
    return _retold(now, f"{why}: {now.told}") if why else now


def _retold(it: Standing, told: str) -> Standing:
    return replace(it, told=told)


def record_of(word: str, it: Standing, at: float, number: int) -> Record:
    """The audit record of a step at a time (seconds since the epoch); `number` tells it from others then."""
    return Record(
        phase="step",
        id=f"step-{int(at * 1e6):x}-{number}",
        at=at,
        tenant=it.tenant,
        reason=word,
        policy=it.version,
        note=it.told,
        rules=(it.name,) if it.kind == "rule" else (),
        operator=it.name if it.kind == "recipient" else "",
    )


_SAID: Final = {"confirm": "confirmed", "withdraw": "withdrawn", "approve": "approved", "object": "objected"}


def said(it: Confirmation | Decision, at: float) -> Record:
    """The audit record of what somebody said of a rule or a recipient."""
    rule = it.rule if isinstance(it, Confirmation) else ""
    return Record(
        phase="step",
        id=f"said-{int(at * 1e6):x}",
        at=at,
        tenant=it.tenant,
        reason=_SAID[it.word],
        rules=(rule,) if rule else (),
        operator=it.operator if isinstance(it, Decision) else "",
        note=f"by {it.by}: {it.reason}" if it.reason else f"by {it.by}",
    )
