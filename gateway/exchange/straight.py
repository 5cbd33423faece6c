"""The straight way of most requests: reads without a body, of which nothing is asked but to be sent on. Pure.

What it leaves out would have done nothing: `Plan.plain` says so for the plan, `straight` for the request. The
commands and their order are those of the long way (exchange.py).
"""

from collections.abc import Generator
from typing import Any

from gateway.exchange.commands import Command, Send
from gateway.exchange.connecting import acquired, refusal
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed
from gateway.exchange.outgoing import IDEMPOTENT, added_of
from gateway.exchange.restoring import holds_none
from gateway.exchange.signalling import FIELD
from gateway.http1.encode import forward, request_line
from gateway.http1.head import RequestHead, ResponseHead
from gateway.policy.plan import Plan


def straight(plan: Plan, head: RequestHead) -> bool:
    """Whether a request of a plain plan has nothing that has to be looked at more closely."""
    return (
        head.length is None
        and not (head.chunked or head.upgrade)
        and FIELD not in head.index
        and not (head.query and (plan.request.query or plan.unnamed))
        and holds_none(head.query, head.headers)
    )


def straight_on(
    facts: Facts, addressed: Addressed, head: RequestHead
) -> Generator[Command, Any, ResponseHead]:
    """Send it; the head of its answer. Raises Refused, UpstreamError."""
    plan, path = addressed.plan, addressed.path
    facts.subjects.update(addressed.subjects)
    facts.seen.update(addressed.seen)
    facts.target = path
    gate = plan.residing.permission
    refused = yield from acquired(facts, plan, gate)
    if refused is not None:
        raise refusal(facts, gate, refused)
    facts.forwarded = True
    got: ResponseHead = yield Send(sent_as(plan, head, path), None, head.method in IDEMPOTENT)
    return got


def sent_as(plan: Plan, head: RequestHead, path: bytes) -> bytes:
    """The head that the upstream is sent."""
    added = added_of(head, plan, looked=plan.response.body)
    target = plan.base_path + path + b"?" + head.query if head.query else plan.base_path + path
    line = request_line(head.method, target)
    return forward(line, head.headers, added.drop, added.alone, added.host)
