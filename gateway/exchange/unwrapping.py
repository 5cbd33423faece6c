"""Requests that hold requests: each is asked as one of its own, under the plan of its own operation. Pure.

    body -> calls -> each: operation, plan, contact, guards, tokens, as `asking` does it for any request
         -> body again, of what was understood, without those that were left out

One that is refused refuses all, unless rules allow to leave it out and the caller does not want all or none.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits
from gateway.codecs.table import reader_for
from gateway.errors import HushgateError, PayloadError
from gateway.exchange.asking import Asked, ask
from gateway.exchange.commands import Collect, Command
from gateway.exchange.facts import Facts
from gateway.exchange.finding import PURPOSE, Addressed, decided
from gateway.exchange.lookups import Lookups
from gateway.exchange.parts import Part, members, part_of
from gateway.exchange.references import escaped, referred_in, referred_in_target, unescaped
from gateway.exchange.refused import Refused
from gateway.http1.head import RequestHead
from gateway.model import Composite
from gateway.policy.routes import Target
from gateway.policy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Asking:
    """What all calls of one envelope are asked with."""

    facts: Facts
    snapshot: Snapshot
    lookups: Lookups
    addressed: Addressed
    shape: Composite
    limits: Limits


def ask_parts(it: Asking, head: RequestHead) -> Generator[Command, Any, tuple[Asked, list[Part]]]:
    """Collect the envelope and ask all that is in it. Raises Refused, PayloadError, StoreError."""
    facts, limits, shape = it.facts, it.limits, it.shape
    bare = replace(head, length=None, chunked=False)
    asked = yield from ask(facts, it.snapshot, bare, it.addressed, limits)
    raw = yield Collect(limits.max_body)
    facts.request_bytes = len(raw)
    coding = (head.get(b"content-encoding") or b"").strip().lower()
    document = _read(head, decode(raw, coding, limits), limits)
    parts: list[Part] = []
    named: dict[str, Part] = {}
    for at, member in enumerate(members(document, shape)):
        try:
            part = part_of(shape, at, member, head.get(PURPOSE))
            yield from _decide(it, part, named, document)
        except HushgateError as error:
            raise _placed(error, f"{shape.requests}[{at}]") from error
        parts.append(part)
        if part.name is not None:
            named[part.name] = part
    facts.parts = tuple(part.plan.operation.id for part in parts if part.plan)
    kept = [part.member for part in parts if part.refused is None]
    if not kept:
        raise next(part.refused for part in parts if part.refused)
    document[shape.requests] = kept
    asked.body = encode(JSON.dump(document), coding)
    return asked, parts


def _read(head: RequestHead, body: bytes, limits: Limits) -> Any:
    if reader_for(head.get(b"content-type")).codec is not JSON:
        raise PayloadError("unsupported_media_type", "an envelope is JSON", "content-type")
    return JSON.parse(body, limits)


def _decide(
    it: Asking, part: Part, before: dict[str, Part], document: dict[str, Any]
) -> Generator[Command, Any, None]:
    """Ask one call, and say so in it when rules leave it out. Raises Refused, PayloadError, StoreError."""
    if part.name is not None and part.name in before:
        raise PayloadError("unparseable_body", "a name that another call has", it.shape.name or "")
    facts = part.facts = it.facts.part()
    part.apart = it.shape.together is None or document.get(it.shape.together) is not True
    _refer(it.shape, part, before)
    try:
        yield from _ask(it, part, facts)
    except Refused as no:
        it.facts.absorb(facts)
        if not (no.droppable and part.apart):
            raise
        part.refused = no
    gone = next((before[name].refused for name in sorted(part.refers) if before[name].refused), None)
    part.refused = part.refused or gone  # what it would refer to is not there
    it.facts.absorb(facts)
    if part.refused:
        it.facts.dropped += 1
        it.facts.rules.update(dict.fromkeys(part.refused.rules))


def _refer(shape: Composite, part: Part, before: dict[str, Part]) -> None:
    if shape.references is None:
        return
    part.refers = referred_in_target(shape.references, part.target, shape.path)
    for key in (shape.body, shape.headers):
        if key is not None:
            part.refers |= referred_in(shape.references, part.member.get(key), key)
    if not part.refers <= before.keys():
        raise PayloadError("unparseable_body", "a reference to a call that is not before it", "")


def _ask(it: Asking, part: Part, facts: Facts) -> Generator[Command, Any, None]:
    """Find the call's operation and plan, ask it, and put what is to be sent into its member."""
    upstream, identity = it.addressed.plan.upstream, it.addressed.identity
    path = escaped(it.shape.references, part.head.path.decode()).encode()
    addressed = decided(facts, it.snapshot, part.head, identity, Target(upstream, path))
    plan = part.plan = addressed.plan
    facts.shadow.update(dict.fromkeys(plan.shadow))
    if plan.operation.composite is not None:
        raise Refused("access_denied", "an envelope in an envelope")
    if plan.denial:
        raise Refused(plan.denial.reason, rules=plan.denial.rules)
    if plan.channel and part.refers:
        raise Refused("contact_unknown_recipient", "a reference in a call that reaches somebody")
    if plan.lookups is not None:
        it.lookups.take(plan.tenant, plan.client.id, plan.lookups, facts.started)
    if path != part.head.path:
        addressed = addressed._replace(subjects={})  # a reference names nobody
    body = None if part.body is None else JSON.dump(part.body)
    asked = yield from handing(ask(facts, it.snapshot, part.head, addressed, it.limits), body or b"")
    facts.target = asked.path
    _put(it.shape, part, path, asked, body)


def handing(run: Generator[Command, Any, Asked], body: bytes) -> Generator[Command, Any, Asked]:
    """Step the asking of one call. Its body is here; every other command is the plane's."""
    answer: Any = None
    error: HushgateError | None = None
    while True:
        try:
            command = run.send(answer) if error is None else run.throw(error)
        except StopIteration as done:
            made: Asked = done.value
            return made
        answer = error = None
        if isinstance(command, Collect):
            answer = body
            continue
        try:
            answer = yield command
        except HushgateError as failed:
            error = failed


def _put(shape: Composite, part: Part, path: bytes, asked: Asked, body: bytes | None) -> None:
    """What was understood and rewritten takes the place of what was written."""
    head, member = part.head, part.member
    if asked.path != path or asked.query != head.query:
        plain = head.path.decode()
        written = plain if asked.path == path else unescaped(shape.references, asked.path.decode(), plain)
        if not part.target.startswith("/"):
            written = written.removeprefix(shape.below)
        member[shape.path] = written + ("?" + asked.query.decode() if asked.query else "")
    if asked.body is not None and body is not None:
        _refuse_new(shape, body, asked.body)
        member[shape.body] = Raw(asked.body)
    if shape.headers and asked.headers != head.headers:
        member[shape.headers] = {name.decode(): value.decode("latin-1") for name, value in asked.headers}
    _refuse_new(shape, part.target.encode(), str(member[shape.path]).encode())


def _refuse_new(shape: Composite, before: bytes, after: bytes) -> None:
    """A token may stand for a text that would be read as a reference."""
    sign = shape.references.open.encode() if shape.references else b""
    if sign and after.count(sign) > before.count(sign):
        raise PayloadError("token_not_allowed", "a token for what would be a reference", "")


def _placed(error: HushgateError, place: str) -> HushgateError:
    """The same error, saying in which call it is."""
    inner = f"{place}.{error.place}" if error.place else place
    if isinstance(error, Refused):
        detail = f"{error.detail} ({inner})" if error.detail else f"in {inner}"
        return Refused(error.reason, detail, error.rules, error.retry_after)
    if isinstance(error, PayloadError):
        return error.at(inner)
    return error
