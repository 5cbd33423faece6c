"""How a request comes to where its data may go: with the consent of its people, or with less in it.

Pure. A request that may not go where its upstream stands is not sent there as it is:

    not permitted -> do its people consent (explicit_consent)? -> is what may not go there in it at all?
                  -> may it be taken out (strip)? -> refused
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from gateway.codecs.encodings import decode, encode
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Codec, Limits, Program, Tally
from gateway.codecs.table import media_type, reader_for
from gateway.contacts import formerly
from gateway.contacts.formerly import NOBODY
from gateway.contacts.grounds import explicit, satisfied
from gateway.contacts.model import Standing
from gateway.exchange.asking import Asked
from gateway.exchange.commands import Command, Lookup
from gateway.exchange.connecting import acquired, connect, refusal
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed
from gateway.exchange.refused import Refused
from gateway.http1.head import RequestHead
from gateway.policy.plan import Plan, Side
from gateway.residency.callers import CALLER
from gateway.residency.judge import Explanation


def admit(facts: Facts, plan: Plan) -> None:
    """Whether the call may come from where it does. Raises Refused."""
    callers = plan.residing.callers
    if callers is None:
        return
    found = callers.judge(facts.peer.address)
    if found.shadow:
        facts.shadow.update(dict.fromkeys(found.shadow))
    if found.rules:
        where = found.country or "a place that is not known"
        raise Refused(CALLER, f"a call from {where}", found.rules)


def settle(
    facts: Facts, addressed: Addressed, head: RequestHead, asked: Asked, limits: Limits
) -> Generator[Command, Any, Asked]:
    """Connect; returns the request as it may be sent there. Raises Refused, UpstreamError, StoreError."""
    plan, gate = addressed.plan, addressed.plan.permission
    residing = plan.residing
    if residing.agreed is None and not residing.content:
        yield from connect(facts, plan, gate)
        return asked
    refused = yield from acquired(facts, plan, gate)
    if refused is None:
        return asked
    if residing.agreed is not None and asked.upload is None and (yield from _agreed(facts, plan)):
        gate = residing.agreed
        refused = yield from acquired(facts, plan, gate)
        if refused is None:
            return asked
    failed = [gate.explain(address) for address in refused.addresses]
    about = [each for each in failed if _spoken(each, residing.content)]
    if not about or asked.upload is not None:
        raise refusal(facts, gate, refused)
    gone = frozenset(category for each in about for category in each.categories)
    lean = _Lean(asked, addressed, head, residing.lean(gone), limits)
    made, removed = lean.made(), lean.removed
    rules = frozenset(rule for each in about for rule in each.rules)
    if lean.stuck or (removed and not rules <= residing.strips):
        raise refusal(facts, gate, refused)
    yield from connect(facts, plan, gate.but_for(rules, gone))
    if removed:
        facts.rules.update(dict.fromkeys(sorted(rules)))
        lean.note(facts)
    return made


def _spoken(judged: Explanation, content: frozenset[str]) -> bool:
    """Whether an address is refused for what the request holds alone."""
    return judged.location is not None and bool(judged.rules) and content.issuperset(judged.rules)


def _agreed(facts: Facts, plan: Plan) -> Generator[Command, Any, bool]:
    """Whether everybody in the request has consented, by name of the use, to each transfer."""
    people = list(facts.reached or facts.subjects)
    if not people or facts.more:
        return False
    named = [(each, *facts.former.get(each, NOBODY)) for each in people]
    standings: list[Standing] = yield Lookup(plan.tenant, formerly.asked(named))
    return all(
        satisfied("consent", explicit(standing), None, plan.residing.purposes, (), facts.now)
        for standing in formerly.merged(named, standings)
    )


@dataclass(slots=True)
class _Lean:
    """A request with what may not leave taken out. `stuck`: something is where it cannot be taken out."""

    asked: Asked
    addressed: Addressed
    head: RequestHead
    side: Side
    limits: Limits
    stuck: bool = False
    ran: "list[tuple[Program, Tally]] | None" = None

    def made(self) -> Asked:
        """The request without it. Raises PayloadError."""
        self.ran = []
        asked, side = self.asked, self.side
        if side.path and side.path.masks:
            params = self.addressed.params
            self.stuck |= self._rewritten(PATH, params, side.path) != params
        out = replace(asked)
        if side.query and asked.query:
            pairs = QUERY.parse(asked.query, self.limits)
            out.query = QUERY.dump(self._rewritten(QUERY, pairs, side.query))
        if side.headers:
            out.headers = self._rewritten(HEADERS, asked.headers, side.headers)
        if asked.body:
            out.body = self._body(asked.body)
        elif asked.body is None and (self.head.chunked or self.head.length):
            self.stuck = True
        return out

    @property
    def removed(self) -> int:
        """How many values were taken out."""
        return sum(sum(tally.masked) + tally.unmapped for _, tally in self.ran or ())

    def note(self, facts: Facts) -> None:
        """Put on record what was taken out."""
        for program, tally in self.ran or ():
            facts.note_taken(program, tally)

    def _rewritten(self, codec: Codec, document: Any, program: Program) -> Any:
        tally = Tally.of(program)
        if self.ran is not None:
            self.ran.append((program, tally))
        return codec.rewrite(document, program, tally)

    def _body(self, body: bytes) -> bytes:
        content_type = self.head.get(b"content-type")
        coding = (self.head.get(b"content-encoding") or b"").strip().lower()
        opaque = self.side.unread(media_type(content_type))
        if opaque is not None:
            self.stuck |= not opaque.shown
            return body
        name, codec = reader_for(content_type)
        document = codec.parse(decode(body, coding, self.limits), self.limits)
        made = self._rewritten(codec, document, self.side.bodies[name])
        return encode(codec.dump(made), coding) if self.removed else body
