"""From a request that asks for a WebSocket to the connection's end. Pure.

The handshake is an exchange like any other. The upstream's consent is checked, and is on record, before the
application hears of it; how the connection ended, with all counts, is on record before it ends.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from gateway.errors import HushgateError, InternalError, PayloadError, StoreError
from gateway.exchange.answering import switched
from gateway.exchange.commands import Command, Hangup, Switch
from gateway.exchange.facts import Facts
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.exchange.talking import OneWay, Receives, Sends, Talking
from gateway.http1.head import RequestHead, ResponseHead
from gateway.policy.plan import Plan
from gateway.websocket.closing import code_of
from gateway.websocket.deflate import PLAIN, agreed, offered
from gateway.websocket.frames import BROKEN
from gateway.websocket.handshake import asks, check, fits

if TYPE_CHECKING:
    from gateway.exchange.exchange import Env

SWITCHED = 101


def offer_of(plan: Plan, head: RequestHead, *, able: bool) -> bytes | None:
    """The extensions that a request for a WebSocket offers; None: it is none, and its operation neither.

    `able`: whether the plane carries out Switch. Raises Refused, PayloadError.
    """
    asked = asks(head)
    if plan.talk is None:
        if asked:
            raise Refused("upgrade_required_refused")
        return None
    if not asked:
        raise PayloadError("websocket_required", "", "upgrade")
    if not able:
        raise Refused("upgrade_required_refused")
    check(head)
    return offered(head.get(b"sec-websocket-extensions"))


def switch(
    facts: Facts, env: "Env", plan: Plan, offer: bytes, got: ResponseHead
) -> Generator[Command, Any, None]:
    """Carry the WebSocket. `got` is the upstream's 101. Raises HushgateError while nothing is released."""
    if facts.head is None or plan.talk is None or facts.identity is None:
        raise InternalError("a WebSocket of nobody")
    fits(facts.head, got)
    packing = agreed(offer, got.get(b"sec-websocket-extensions")) or PLAIN
    until = facts.started + plan.expires - facts.now
    it = Talking(facts, env.snapshot, env.lookups, env.limits, facts.identity, plan.talk.by, until)
    sends = Sends(it, plan.talk.sends, packing.client, masked=True)
    receives = Receives(it, plan.talk.receives, packing.server, masked=False)
    head = switched(facts, plan, got)
    yield from recorded(facts.record("stream", SWITCHED))
    facts.intended = True
    began = facts.tick()
    error: HushgateError | None = None
    try:
        yield Switch(head, sends, receives)
    except HushgateError as ended:
        error = ended
    facts.waited += facts.tick() - began - sends.spent - receives.spent
    yield from _end(facts, sends, receives, error)


def _end(
    facts: Facts, sends: OneWay, receives: OneWay, error: HushgateError | None
) -> Generator[Command, Any, None]:
    """Record how it ended, and end it. A log that does not accept that ends it too."""
    facts.closed = True
    facts.now += facts.tick() - facts.started
    facts.sent, facts.request_bytes = sends.messages, sends.bytes
    facts.received, facts.response_bytes = receives.messages, receives.bytes
    said = sends.code or receives.code or BROKEN
    facts.close = said if error is None else code_of(error.reason)
    rules = error.rules if isinstance(error, Refused) else ()
    try:
        reason = "" if error is None else error.reason
        yield from recorded(facts.record("outcome", SWITCHED, reason=reason, rules=rules))
    except StoreError as unwritten:
        error = error or unwritten
    if error is None:
        yield Hangup(0, "")
    else:
        yield Hangup(code_of(error.reason), f"{error.reason} {facts.id}")
