"""One exchange from request head to released answer: a generator of commands. Pure.

    exchange = Exchange(...); run = exchange.run()
    command = next(run)
    while True: command = run.send(the plane's answer to command)    # or run.throw(HushgateError)

No record, no release: every Release, Pipe and Begin of upstream bytes comes after an accepted Append, and an
act's Send after its intent. tests/exchange holds this as an assertion on the list of commands.
"""

from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

from gateway.audit.record import Phase
from gateway.errors import HushgateError, PayloadError, StoreError
from gateway.exchange.alone import enforced, sifted
from gateway.exchange.answering import Answer, Outgrown, Withheld, empty, read, unread
from gateway.exchange.asking import Asked, ask
from gateway.exchange.clicking import click
from gateway.exchange.commands import (
    CollectAnswer,
    Command,
    GiveBack,
    Next,
    Pipe,
    Release,
    Send,
)
from gateway.exchange.connecting import connect
from gateway.exchange.echoing import looks
from gateway.exchange.environment import Env
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed, address
from gateway.exchange.inbound import receive
from gateway.exchange.joining import link
from gateway.exchange.learning import learn, tells
from gateway.exchange.outcome import problem
from gateway.exchange.outgoing import IDEMPOTENT, VIA, request_head
from gateway.exchange.parts import Part
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.exchange.rewrapping import read_parts
from gateway.exchange.settling import admit, settle
from gateway.exchange.signalling import heard
from gateway.exchange.straight import straight, straight_on
from gateway.exchange.streaming import Passage, Way, short, stream, way_of
from gateway.exchange.switching import SWITCHED, offer_of, switch
from gateway.exchange.taping import remember
from gateway.exchange.unwrapping import Asking, ask_parts
from gateway.exchange.uploading import Upload
from gateway.http1.head import RequestHead, ResponseHead
from gateway.policy.identity import Peer
from gateway.policy.plan import Plan
from gateway.residency.judge import Gate

__all__ = ("IDEMPOTENT", "VIA", "Env", "Exchange")


class Exchange:
    """One request and its answer. `facts` is open to the plane, which adds to `waited` and `address`, and may
    say who is asking where that is known before the request (a proxy's own authentication). `went`: what the
    request was found to be, if it went the straight way, or its plan is brief.

    `scheme`: `http` or `https`, by which callers reach a gateway that they name as the host, so that links in
    answers lead back to it; None on a plane where they name the provider.
    """

    __slots__ = ("_env", "_head", "facts", "failed", "went")

    def __init__(
        self,
        env: Env,
        identifier: str,
        head: RequestHead | None,
        peer: Peer,
        now: float,
        scheme: str | None = None,
    ) -> None:
        self._env = env
        self._head = head
        self.failed = False
        self.went: Addressed | None = None
        self.facts = Facts(identifier, head, peer, now, env.tick, scheme)

    def run(self) -> Generator[Command, Any, None]:
        """The exchange itself; refuses on any error of the house."""
        try:
            yield from self._begin()
        except Refused as no:
            yield from self.refuse(no, no.rules, no.retry_after)
        except HushgateError as error:
            yield from self.refuse(error, error.rules)

    def refuse(
        self, error: HushgateError, rules: tuple[str, ...] = (), retry_after: int | None = None
    ) -> Generator[Command, Any, None]:
        """Record a refusal and answer it. When the record is not accepted, say only that."""
        facts = self.facts
        if facts.reserved and not facts.forwarded:
            yield from self._give_back()
        head, body = self._problem(error.reason, error, rules, retry_after)
        phase: Phase = "outcome" if facts.intended else "refusal"
        try:
            if not facts.closed:
                yield from recorded(facts.record(phase, _status(head), reason=error.reason, rules=rules))
        except StoreError as unwritten:
            head, body = self._problem(unwritten.reason, unwritten)
        yield Release(head, body, abandon=True)

    def _give_back(self) -> Generator[Command, Any, None]:
        """Contacts that are not made after all do not count. Where that fails, they do: the stricter way."""
        plan = self.facts.plan
        if plan is not None:
            with suppress(HushgateError):
                yield GiveBack(plan.tenant, self.facts.reserved)

    def _problem(
        self,
        reason: str,
        error: HushgateError | None,
        rules: tuple[str, ...] = (),
        retry_after: int | None = None,
        status: int | None = None,
    ) -> tuple[bytes, bytes]:
        detail = ""
        if error is not None and error.detail:
            detail = f"{error.detail} ({error.place})" if error.place else error.detail
        return problem(
            reason,
            self.facts.id,
            detail=detail,
            rules=(*self.facts.rules, *(r for r in rules if r not in self.facts.rules)),
            retry_after=retry_after,
            status=status,
            pack=self.facts.pack,
            head_only=self._head is not None and self._head.method == "HEAD",
        )

    def _begin(self) -> Generator[Command, Any, None]:
        """What comes from outside has a way of its own, and no client's key."""
        head, facts, env = self._head, self.facts, self._env
        if head is None:
            raise HushgateError("malformed_request", "")
        inbox = env.snapshot.inbox
        came = None if inbox is None or facts.peer.intercepted else inbox.find(head.host, head.path)
        if came is None:
            yield from self._steps(head)
        elif came.route is None:
            yield from click(env, facts, head, came.rest)
        else:
            yield from receive(env, facts, head, came)

    def _steps(self, head: RequestHead) -> Generator[Command, Any, None]:
        facts = self.facts
        addressed = self._addressed(head)
        plan = addressed.plan
        if plan.denial:
            raise Refused(plan.denial.reason, rules=plan.denial.rules)
        admit(facts, plan)
        if addressed.routed:
            facts.routed(addressed.routed, addressed.came)
        if plan.plain and straight(plan, head):
            self.went = addressed
            got: ResponseHead = yield from straight_on(facts, addressed, head)
            yield from self._release(plan, got, ())
            return
        offer = offer_of(plan, head, able=self._env.switches)
        if plan.lookups is not None:
            self._env.lookups.take(plan.tenant, plan.client.id, plan.lookups, facts.started)
        asked, parts = yield from self._ask(head, addressed)
        facts.target = asked.path
        yield from heard(facts, plan, head)
        if parts:
            gates = [part.plan.permission for part in parts if part.plan and part.refused is None]
            yield from connect(facts, plan, Gate.every([plan.permission, *gates]))
        else:
            asked = yield from settle(facts, addressed, head, asked, self._env.limits)
        if plan.acts:
            yield from recorded(facts.record("intent", 0))
            facts.intended = True
        looked = looks(facts, plan) or bool(parts)
        request = request_head(head, plan, asked, looked=looked, offer=offer)
        retry = head.method in IDEMPOTENT and (asked.body is not None or not (head.chunked or head.length))
        facts.forwarded = True
        if asked.upload is None:
            got = yield Send(request, asked.body, retry, upgrade=offer is not None)
        else:
            got = yield from _uploaded(Send(request, None, False, asked.upload), asked.upload)
        if got.status == SWITCHED and offer is not None:
            yield from switch(facts, self._env, plan, offer, got)
        else:
            yield from self._release(plan, got, parts)

    def _addressed(self, head: RequestHead) -> Addressed:
        """What the request is. Raises Refused, PayloadError."""
        facts = self.facts
        addressed = address(facts, self._env.snapshot, head)
        plan = facts.plan = addressed.plan
        if plan.shadow:
            facts.shadow.update(dict.fromkeys(plan.shadow))
        if plan.brief:
            self.went = addressed
        return addressed

    def _ask(
        self, head: RequestHead, addressed: Addressed
    ) -> Generator[Command, Any, tuple[Asked, Sequence[Part]]]:
        """The request as it is sent, and the calls it holds where it is an envelope."""
        env, shape = self._env, addressed.plan.operation.composite
        if shape is None:
            made = yield from ask(self.facts, env.snapshot, head, addressed, env.limits, uploads=env.uploads)
            return made, ()
        it = Asking(self.facts, env.snapshot, env.lookups, addressed, shape, env.limits)
        return (yield from ask_parts(it, head))

    def _release(self, plan: Plan, got: ResponseHead, parts: Sequence[Part]) -> Generator[Command, Any, None]:
        facts = self.facts
        limits = self._env.limits
        phase: Phase = "outcome" if plan.acts else "read"
        try:
            made = unread(facts, plan, got) if not parts or empty(got) else None
            if tells(facts, plan, got) and not empty(got):
                error: bytes = yield CollectAnswer(limits.max_body)
                facts.response_bytes = len(error)
                yield from learn(facts, self._env.snapshot, plan, got, error, limits)
                made = yield from self._read(plan, got, error)
            if made is None and parts:
                whole: bytes = yield CollectAnswer(limits.max_body)
                made = yield from read_parts(facts, self._env.snapshot, plan, parts, got, whole, limits)
            if made is None:
                if short(got.length, limits) or (way := self._way(plan, got)) is None:
                    raw: bytes = yield CollectAnswer(limits.max_body)
                    facts.response_bytes = len(raw)
                    made = yield from self._read(plan, got, raw)
                else:
                    made = yield from self._large(plan, got, way)
        except Withheld:
            head, body = self._problem("unparseable_response", None, status=got.status)
            yield from recorded(facts.record(phase, got.status, reason="unparseable_response"))
            yield Release(head, body, abandon=True)
            return
        if made is None:
            return
        if facts.joined:
            yield from link(facts, self._env.snapshot, plan)
        told = facts.leaving.status if facts.leaving is not None else 0
        yield from recorded(facts.record(phase, told or got.status))
        if made.body is not None:
            yield Release(made.head, made.body)
            return
        yield Pipe(made.head, made.chunked)

    def _read(self, plan: Plan, got: ResponseHead, raw: bytes) -> Generator[Command, Any, Answer | None]:
        """A whole body; None when it was streamed after all. Raises Refused, Withheld."""
        env = self._env
        if plan.recording is not None:
            yield from remember(self.facts, env.snapshot, plan, got, raw, env.limits)
        if plan.records:
            raw = yield from sifted(self.facts, env.snapshot, plan, got, raw, env.limits)
        try:
            return read(self.facts, env.snapshot, plan, got, raw, env.limits)
        except Outgrown:
            way = self._way(plan, got, outgrown=True)
            if way is None:
                raise
        yield from self._stream(plan, got, way, raw, True)
        return None

    def _way(self, plan: Plan, got: ResponseHead, *, outgrown: bool = False) -> Way | None:
        """How an answer streams. Records are left out of a whole one alone, and told of in one."""
        if self.facts.leaving is not None or enforced(plan, "response"):
            return None
        return way_of(self.facts, plan, got, self._env.limits, outgrown=outgrown)

    def _large(self, plan: Plan, got: ResponseHead, way: Way) -> Generator[Command, Any, Answer | None]:
        """A body that may be streamed; None when it was. Raises Refused, Withheld."""
        data, whole = b"", False
        if way.look:
            data, whole = yield Next(way.look)
        if whole and way.whole:
            self.facts.response_bytes = len(data)
            return (yield from self._read(plan, got, data))
        yield from self._stream(plan, got, way, data, whole)
        return None

    def _stream(
        self, plan: Plan, got: ResponseHead, way: Way, data: bytes, whole: bool
    ) -> Generator[Command, Any, None]:
        facts, env = self.facts, self._env
        facts.response_bytes = 0
        try:
            passage = Passage(facts, env.snapshot, plan, way, got, env.limits)
        except PayloadError as error:
            raise Refused("unparseable_response", f"{error.detail} ({error.place})") from error
        yield from stream(facts, passage, plan, got, way.glance, data, whole)


def _status(head: bytes) -> int:
    return int(head[9:12])


def _uploaded(send: Send, upload: Upload) -> Generator[Command, Any, ResponseHead]:
    """Send a body as it is read. A refusal says that a part of it is gone."""
    try:
        got: ResponseHead = yield send
        return got
    except HushgateError as error:
        error.detail = f"{error.detail}; a part of the body had been sent on".removeprefix("; ")
        raise
    finally:
        upload.settle()
