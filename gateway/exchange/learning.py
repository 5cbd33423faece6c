"""What an error in an answer says of a recipient: opted out at the carrier, or no such number. Pure."""

from collections.abc import Generator
from hashlib import sha256
from typing import Any

from gateway.codecs.encodings import decode
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits
from gateway.codecs.table import reader_for
from gateway.errors import PayloadError
from gateway.exchange.commands import Command
from gateway.exchange.effects import Meant, Source, entered, holds, records
from gateway.exchange.facts import Facts
from gateway.hooks import Hook
from gateway.http1.head import ResponseHead
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

_WHOLE = Hook()


def tells(facts: Facts, plan: Plan, head: ResponseHead) -> bool:
    """Whether an answer has to be read for what it says of recipients."""
    return head.status >= 400 and bool(plan.operation.learns) and bool(facts.reached)


def learn(
    facts: Facts, snapshot: Snapshot, plan: Plan, head: ResponseHead, raw: bytes, limits: Limits
) -> Generator[Command, Any, None]:
    """Enter it. Of several recipients nobody knows which one is meant. Raises StoreError."""
    try:
        body = decode(raw, (head.get(b"content-encoding") or b"").strip().lower(), limits)
        codec = reader_for(head.get(b"content-type")).codec
        if codec is not JSON:
            return
        reads = records(codec, codec.parse(body, limits), body, _WHOLE)
    except (PayloadError, ValueError):
        return  # it is withheld, or passed on without its body: it says nothing that is understood
    if len(facts.reached) != 1:
        return
    [subject] = facts.reached
    found = [
        Meant(effect.means, subject, effect.channel or plan.channel, facts.now, facts.id)
        for effect in plan.operation.learns
        if any(holds(effect.when, read) for read in reads)
    ]
    source = Source(plan.upstream.provider, plan.operation.id, evidence=sha256(raw).hexdigest())
    yield from entered(facts, plan.tenant, found[:1], source, snapshot.opt_out(plan.tenant))
