"""Whoever a request would reach: found, judged one by one, counted. Pure.

A refusal refuses the request, or leaves its recipient out where the rules allow that and the place does.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from gateway.audit.record import AGEING, UNJUDGED
from gateway.codecs.program import Found
from gateway.contacts.formerly import NOBODY, Names, asked, merged
from gateway.contacts.listed import Listed, listed
from gateway.contacts.model import UNKNOWN, Reservation, Standing
from gateway.contacts.naming import sender
from gateway.contacts.normalise import normalise
from gateway.contacts.records import known
from gateway.contacts.relied import Dated, ageing, subject
from gateway.contacts.rules import (
    TOO_OFTEN,
    Check,
    Subject,
    Verdict,
    caps,
    carried_out,
    judge,
)
from gateway.errors import HushgateError, StoreError
from gateway.exchange.commands import Command, Lookup, Reserve
from gateway.exchange.facts import Facts
from gateway.exchange.leaving import Carried
from gateway.exchange.refused import Refused
from gateway.exchange.taping import reached_by
from gateway.model import Channel, Mode
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot


@dataclass(slots=True)
class _Recipient:
    carried: Carried
    found: Found
    channel: Channel
    subject: Subject
    pseudonym: str
    listed: Listed | None = None
    """The addresses of a field that lists them, of which this is the `part`th."""
    part: int = 0
    former: Names = NOBODY
    """What a record id was known by before; what is entered there still forbids."""

    @property
    def droppable(self) -> bool:
        """Whether the place allows to leave this recipient out alone; once all who are, are noted."""
        return self.found.droppable if self.listed is None or self.listed.emptied else True


_Judged = tuple[_Recipient, Verdict]


def reach(
    facts: Facts, snapshot: Snapshot, plan: Plan, carriers: list[Carried], *, taped: bool = False
) -> Generator[Command, Any, None]:
    """Judge every recipient; refuse the request, or mark the ones to drop when the rules allow that.

    `taped`: it has them recorded. Nothing is judged of a call that could but does not, and reaches nobody.
    """
    if not taped and plan.operation.channel is None:
        return
    recipients = _recipients(snapshot, plan, carriers)
    if taped:
        recipients = yield from _called(facts, plan, recipients)
    if not recipients:
        raise Refused("contact_unknown_recipient", "no recipient was found where the operation names one")
    facts.reached = tuple(dict.fromkeys(recipient.pseudonym for recipient in recipients))
    standings, dated = yield from _standings(facts, plan, recipients)
    senders = tuple(_senders(plan, carriers))
    refused: list[_Judged] = []
    allowed: list[_Recipient] = []
    for recipient, standing in zip(recipients, standings, strict=True):
        facts.subjects[recipient.pseudonym] = None
        checks = plan.contact.get(recipient.channel, ())
        if plan.recording is not None and not taped:
            checks = tuple(check for check in checks if not check.contact.recording)
        by = (recipient.channel, plan.purposes, checks, facts.now, senders, dated, plan.country)
        verdict = judge(recipient.subject, standing, *by)
        facts.shadow.update(dict.fromkeys(verdict.shadow))
        if verdict.allowed:
            allowed.append(recipient)
        else:
            refused.append((recipient, verdict))
    _carry_out(facts, refused)
    if allowed and plan.limits:
        refused += yield from _count(facts, plan, allowed)
        _carry_out(facts, refused)
    if len(refused) == len(recipients):
        raise _refusal(refused[0][1])
    facts.dropped = len(refused)


def _carry_out(facts: Facts, refused: list[_Judged]) -> None:
    """Mark those who are left out. Raises Refused where one cannot be."""
    for recipient, _ in refused:
        if recipient.listed is not None:
            recipient.listed.gone.add(recipient.part)
    stopping = [verdict for each, verdict in refused if not (verdict.on_refusal == "drop" and each.droppable)]
    for recipient, verdict in refused:
        facts.rules.update(dict.fromkeys(verdict.rules))
        _leave(recipient, verdict.reason)
    if stopping:
        # What no time heals is said first, and then what takes longest.
        raise _refusal(max(stopping, key=lambda v: float("inf") if v.retry_after is None else v.retry_after))


def _leave(recipient: _Recipient, reason: str) -> None:
    carried, found, listed = recipient.carried, recipient.found, recipient.listed
    if listed is None or listed.emptied:
        carried.drop[found.ordinal] = reason
        carried.texts.pop(found.value, None)
    else:
        carried.texts[found.value] = listed.text


def _refusal(verdict: Verdict) -> Refused:
    leave = verdict.on_refusal == "drop"
    return Refused(verdict.reason, rules=verdict.rules, retry_after=verdict.retry_after, droppable=leave)


def _standings(
    facts: Facts, plan: Plan, recipients: list[_Recipient]
) -> Generator[Command, Any, tuple[list[Standing], Dated]]:
    """Ask the registry; of lists that rules rely on, too. Raises StoreError, also when it does not answer.

    Not where the tenant lets contacts pass then; their records say so.
    """
    try:
        lists = [subject(name) for name in plan.lists]
        people = [(each.pseudonym, *each.former) for each in recipients]
        found: list[Standing] = yield Lookup(plan.tenant, [*asked(people), *lists])
    except HushgateError as error:
        if plan.pass_unjudged:
            facts.said = UNJUDGED
            return [UNKNOWN] * len(recipients), dict.fromkeys(plan.lists, facts.now)
        if isinstance(error, StoreError):
            raise
        raise StoreError("registry_unavailable", "") from error
    each = iter(found)
    standings = merged(people, each)
    dated = {name: age.dated for name, age in zip(plan.lists, each, strict=True)}
    if ageing(plan.lists, dated, facts.now):
        facts.said = AGEING
    return standings, dated


# ---- how often ------------------------------------------------------------------------------------------


def _count(facts: Facts, plan: Plan, recipients: list[_Recipient]) -> Generator[Command, Any, list[_Judged]]:
    """Count the contacts that are about to be made; those that would be too many. Raises StoreError."""
    try:
        over = yield from _reserved(facts, plan, recipients, "enforce")
    except StoreError:
        if not plan.pass_unjudged:
            raise
        facts.said, over = UNJUDGED, {}
    try:
        reported = yield from _reserved(facts, plan, recipients, "shadow")
    except StoreError:
        reported = {}
    for checks, _ in reported.values():
        facts.shadow.update(dict.fromkeys(check.rule for check in checks))
    return [(each, _too_often(facts, *over[each.pseudonym])) for each in recipients if each.pseudonym in over]


def _too_often(facts: Facts, checks: Sequence[Check], when: float) -> Verdict:
    return Verdict(
        allowed=False,
        reason=TOO_OFTEN,
        rules=tuple(check.rule for check in checks),
        retry_after=max(1, ceil(when - facts.now)),
        on_refusal=carried_out(checks, timely=True),
    )


def _reserved(
    facts: Facts, plan: Plan, recipients: list[_Recipient], mode: Mode
) -> Generator[Command, Any, dict[str, tuple[list[Check], float]]]:
    """Who is over a limit of rules of one mode, by which of them, and until when. Raises StoreError."""
    limiting: dict[str, list[Check]] = {}
    wanted: list[Reservation] = []
    for each in recipients:
        checks = [check for check in plan.contact.get(each.channel, ()) if check.mode == mode]
        limits, under = caps(checks, each.subject)
        # Somebody who is named twice in a request is reached once.
        if under and each.pseudonym not in limiting:
            limiting[each.pseudonym] = limits
            name = f"{facts.id}.{len(facts.reserved) + len(wanted)}"
            wanted.append(Reservation(id=name, subject=each.pseudonym, caps=under))
    if not wanted:
        return {}
    try:
        answer: list[float | None] = yield Reserve(plan.tenant, wanted, facts.now)
    except StoreError:
        raise
    except HushgateError as error:
        raise StoreError("registry_unavailable", "") from error
    facts.reserved += [each.id for each in wanted]
    return {
        each.subject: (limiting[each.subject], when)
        for each, when in zip(wanted, answer, strict=True)
        if when is not None
    }


# ---- who ------------------------------------------------------------------------------------------------


def _recipients(snapshot: Snapshot, plan: Plan, carriers: list[Carried]) -> list[_Recipient]:
    pseudonymise = snapshot.pseudonymiser(plan.tenant)
    recipients = []
    for carried in carriers:
        for found in carried.found:
            slot = carried.program.slots[found.slot]
            if slot.role != "recipient" or slot.subject is None:
                continue
            kind, channel = slot.subject, _channel(plan, found)
            value = normalise(kind, found.value, plan.country)
            if value is not None:
                ways = known(slot.space, value) if slot.space else (value,)
                person, name = Subject(kind, value), pseudonymise(kind, ways[0])
                former = tuple([pseudonymise(kind, way) for way in ways[1:]]) if snapshot.bare else NOBODY
                recipients.append(_Recipient(carried, found, channel, person, name, former=former))
                continue
            # Numbers are not read so: what stands between two can also stand before an extension.
            several = listed(found.value, plan.country) if kind == "email" else None
            if several is None:
                raise Refused("contact_unknown_recipient", f"a recipient could not be read, at {slot.path}")
            for part, each in several.addresses:
                person, name = Subject(kind, each), pseudonymise(kind, each)
                recipients.append(_Recipient(carried, found, channel, person, name, several, part))
    return recipients


def _called(
    facts: Facts, plan: Plan, recipients: list[_Recipient]
) -> Generator[Command, Any, list[_Recipient]]:
    """Those whom a call is known to have reached in place of the call. Raises StoreError."""
    calls = [each.pseudonym for each in recipients if each.subject.kind == "record"]
    if not calls:
        return recipients
    reached = iter((yield from reached_by(plan, calls, facts.now)))
    out: list[_Recipient] = []
    for each in recipients:
        people = next(reached) if each.subject.kind == "record" else ()
        out += [replace(each, pseudonym=person, former=NOBODY) for person in people] or [each]
    return out


def _channel(plan: Plan, found: Found) -> Channel:
    """Messages to `whatsapp:` addresses are WhatsApp, whatever the operation is called."""
    if "whatsapp" in plan.contact and found.value[:9].lower() == "whatsapp:":
        return "whatsapp"
    return plan.channel or "call"


def _senders(plan: Plan, carriers: Iterable[Carried]) -> Iterator[str]:
    """Whom the contact may come from, as far as the request says."""
    for carried in carriers:
        for found in carried.found:
            slot = carried.program.slots[found.slot]
            if slot.role == "sender" and slot.subject is not None and found.value.strip():
                yield sender(slot.subject, found.value, plan.country)
