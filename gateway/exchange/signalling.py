"""`Sec-GPC: 1` (Global Privacy Control): the person's data may not be sold, shared, or advertised with. Pure.

https://www.w3.org/TR/gpc/ : no other value means anything. An application hands the field on with the request
it makes for somebody; who is named in that request has objected from then on.
"""

from collections.abc import Generator
from hashlib import sha256
from typing import Any, Final

from gateway.contacts.model import Entry
from gateway.exchange.commands import Command
from gateway.exchange.effects import added
from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.http1.head import RequestHead
from gateway.model import overlaps
from gateway.policy.plan import Plan

FIELD: Final = b"sec-gpc"
USES: Final = ("marketing.advertising", "third_party_sharing")
"""Data uses that the signal is about."""


def heard(facts: Facts, plan: Plan, head: RequestHead) -> Generator[Command, Any, None]:
    """Enter the objections of whoever is named, and refuse what they are about. Raises Refused, StoreError.

    The request alone is refused where it names nobody.
    """
    if head.get(FIELD) != b"1":
        return
    made = [_entry(facts, subject, use) for subject in facts.reached or facts.subjects for use in USES]
    yield from added(facts, plan.tenant, made)
    if any(overlaps(use, purpose) for use in USES for purpose in plan.purposes):
        raise Refused("objection_signalled")


def _entry(facts: Facts, subject: str, use: str) -> Entry:
    """One a day of a person is enough: the signal comes with every request."""
    day = int(facts.now // 86_400)
    said = f"{subject}\1{use}\1{day}"
    return Entry(
        id=f"gpc-{sha256(said.encode()).hexdigest()[:40]}",
        subject=subject,
        act="objected",
        at=facts.now,
        purpose=use,
        source="gpc",
        detail="Sec-GPC: 1",
    )
