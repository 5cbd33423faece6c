"""A webhook, from the provider to the application: verified, entered, masked, signed again. Pure.

What it means for people is in the registry and on record before anything else: where that fails the answer
is 503, so that the provider sends it again.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.codecs.params import HEADERS
from gateway.codecs.program import Codec, Tally
from gateway.codecs.table import reader_for
from gateway.errors import PayloadError
from gateway.exchange.alone import HIDDEN, WITHHELD, sifted
from gateway.exchange.answering import OURS, VALIDATORS, empty, masked
from gateway.exchange.commands import Collect, CollectAnswer, Command, Release, Send
from gateway.exchange.connecting import connect
from gateway.exchange.effects import Meant, Read, Source, entered, holds, meant, named, records
from gateway.exchange.environment import Env
from gateway.exchange.facts import Facts
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.exchange.replying import judged, silent
from gateway.http1.encode import forward, request_line, response_head, status_line
from gateway.http1.fields import Headers
from gateway.http1.head import RequestHead, ResponseHead
from gateway.model import Operation
from gateway.policy.inbox import Arrival
from gateway.policy.plan import Plan
from gateway.webhooks.route import Route
from gateway.webhooks.signing import Call, fields_of, sign, verify

_VIA: Final = (b"Via", b"1.1 hushgate")
_NAMED: Final = frozenset((b"host", b"content-length", b"expect", b"hushgate-key", b"hushgate-purpose"))
_FORWARDED: Final = frozenset((b"x-forwarded-host", b"x-forwarded-proto"))
_CODED: Final = VALIDATORS | {b"content-encoding"}
"""Fields that say of an answer what is untrue of one that was written anew."""
_LENGTH: Final = frozenset((b"content-length",))


@dataclass(slots=True)
class _Hooked:
    """A webhook that was read: its route and operation, what is signed of it, its records."""

    route: Route
    rest: bytes
    head: RequestHead
    raw: bytes
    codec: Codec
    carrier: str
    document: Any
    operation: Operation
    reads: Sequence[Read]

    @property
    def form(self) -> list[tuple[str, str]] | None:
        """The pairs of a form."""
        return _form(self.carrier, self.document)

    @property
    def event(self) -> bytes | None:
        """What it is remembered by; None where its events have no names."""
        hook = self.operation.hook
        names = [named(hook, read) for read in self.reads] if hook else []
        if not names or not all(names):
            return None
        return sha256("\1".join([self.route.name, self.operation.id, *names]).encode()).digest()


def receive(env: Env, facts: Facts, head: RequestHead, it: Arrival) -> Generator[Command, Any, None]:
    """Carry a webhook out. Raises Refused, PayloadError, StoreError, UpstreamError."""
    route = it.route
    if route is None:
        raise Refused("unknown_upstream")
    facts.said, facts.scheme = f"webhook {route.name}", None
    facts.pack = env.snapshot.packs[route.provider]
    facts.identity = env.snapshot.client(route.tenant, route.client)
    if facts.identity is None:
        raise Refused("unknown_client")
    if head.method != "POST":
        raise Refused("method_not_allowed")
    raw: bytes = yield Collect(env.limits.max_body)
    facts.request_bytes = len(raw)
    hooked = _read(env, facts, head, it, route, raw)
    plan = facts.plan = env.snapshot.plan(facts.identity, None, hooked.operation, route.upstream, facts.now)
    event = hooked.event
    if event is not None and event in env.seen:
        yield from _replayed(facts)
        return
    telling = yield from _enter(env, facts, hooked, plan)
    facts.shadow.update(dict.fromkeys(plan.shadow))
    if plan.denial:
        raise Refused(plan.denial.reason, rules=plan.denial.rules)
    status = yield from _pass_on(env, facts, hooked, plan, telling)
    if event is not None and status < 300:
        env.seen.add(event, env.tick())


def _replayed(facts: Facts) -> Generator[Command, Any, None]:
    """An event that was seen through: its provider is told so, nobody else."""
    yield from _answered(facts, "webhook_replayed")


def _answered(facts: Facts, reason: str, rules: tuple[str, ...] = ()) -> Generator[Command, Any, None]:
    """What goes no further: a provider that were told of it would send it again."""
    yield from recorded(facts.record("refusal", 200, reason=reason, rules=rules))
    decision = (b"Hushgate-Decision", facts.id.encode())
    yield Release(response_head(200, b"OK", [(b"Content-Length", b"0"), decision]), b"")


# ---- reading --------------------------------------------------------------------------------------------


def _read(env: Env, facts: Facts, head: RequestHead, it: Arrival, route: Route, raw: bytes) -> _Hooked:
    """Verify, parse, and find which webhook it is. Raises PayloadError, Refused."""
    if (head.get(b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise PayloadError("unsupported_encoding", "a webhook is read as it is signed", "content-encoding")
    carrier, codec = reader_for(head.get(b"content-type"))
    # A form is signed by its values: nothing else of it is looked at before the signature is known.
    document = codec.parse(raw, env.limits) if carrier == "form" else None
    verify(route.verify, _call(route.public_url, it.rest, head, raw, _form(carrier, document), facts.now))
    if document is None:
        document = codec.parse(raw, env.limits)
    for operation in it.hooks:
        hook = operation.hook
        if hook is not None and getattr(operation.response, carrier):
            reads = records(codec, document, raw, hook)
            if any(holds(hook.when, read) for read in reads):
                return _Hooked(route, it.rest, head, raw, codec, carrier, document, operation, reads)
    raise Refused("unknown_operation")


def _form(carrier: str, document: Any) -> list[tuple[str, str]] | None:
    return [(name, value) for name, value, _ in document if name is not None] if carrier == "form" else None


def _call(
    base: str, rest: bytes, head: RequestHead, body: bytes, form: list[tuple[str, str]] | None, now: float
) -> Call:
    query = b"?" + head.query if head.query else b""
    url = base + (rest + query).decode("latin-1")
    return Call(head.method, url, head.get, body, form, now)


# ---- the registry ---------------------------------------------------------------------------------------


def _enter(env: Env, facts: Facts, it: _Hooked, plan: Plan) -> Generator[Command, Any, frozenset[int]]:
    """What it means for people is entered, whatever the rules say of its way on. Raises StoreError.

    Answers which of its records mean something, by their places.
    """
    hook, snapshot = it.operation.hook, env.snapshot
    if hook is None or not hook.effects:
        return frozenset()
    name = snapshot.pseudonymiser(plan.tenant)
    found: list[Meant] = []
    telling: list[int] = []
    for number, read in enumerate(it.reads):
        one = meant(hook, it.operation.channel, read, name, plan.country, facts.now)
        if one is not None:
            telling.append(number)
            # An event that its provider does not name is named after this exchange.
            found.append(one if one.event else one._replace(event=facts.id))
    evidence = sha256(it.raw).hexdigest()
    source = Source(it.route.provider, it.operation.id, it.route.department, evidence)
    yield from entered(facts, plan.tenant, found, source, snapshot.opt_out(plan.tenant))
    return frozenset(telling)


# ---- on its way -----------------------------------------------------------------------------------------


def _pass_on(
    env: Env, facts: Facts, it: _Hooked, plan: Plan, telling: frozenset[int]
) -> Generator[Command, Any, int]:
    """Send it on and answer with what the application says; its status.

    Records that rules withhold stay here, but for those that `tell` of an opt-out or an erasure: the
    application has to follow it.
    """
    try:
        raw = yield from _sifted(env, facts, it, plan, telling)
    except Refused as no:
        if no.reason not in (WITHHELD, HIDDEN):
            raise
        yield from _answered(facts, no.reason, no.rules)
        return 200
    if raw != it.raw and not _left(it, raw):
        yield from _answered(facts, WITHHELD, tuple(facts.rules))
        return 200
    body = _masked(env, facts, it, plan, raw)
    request = _request(env, facts, it, plan, body)
    yield from connect(facts, plan)
    yield from recorded(facts.record("intent", 0))
    facts.intended = True
    began = facts.tick()
    got: ResponseHead = yield Send(request, body, False)
    answer: bytes = b"" if empty(got) else (yield CollectAnswer(env.limits.max_body))
    facts.waited += facts.tick() - began
    facts.response_bytes = len(answer)
    hook = it.operation.hook
    sender = it.reads[0](hook.reply) if hook and hook.reply else ""
    try:
        caller = it.reads[0](plan.recording.of) if plan.recording and plan.recording.of else ""
        made = yield from judged(facts, env.snapshot, plan, got, answer, sender, env.limits, caller)
    except (Refused, PayloadError) as no:
        return (yield from _silenced(facts, plan, no))
    yield from recorded(facts.record("outcome", got.status))
    coded = _CODED if made is not answer else frozenset[bytes]()
    yield Release(_answer(facts, got, made, coded), made)
    return got.status


def _silenced(facts: Facts, plan: Plan, no: Refused | PayloadError) -> Generator[Command, Any, int]:
    """What would reach somebody who may not be reached is not carried out; the provider is not told why."""
    quiet = silent(plan)
    if quiet is None:
        raise no
    rules = no.rules if isinstance(no, Refused) else ()
    yield from recorded(facts.record("outcome", 200, reason=no.reason, rules=rules))
    headers = [(b"Content-Type", quiet[0]), (b"Content-Length", b"%d" % len(quiet[1]))]
    yield Release(response_head(200, b"OK", [*headers, (b"Hushgate-Decision", facts.id.encode())]), quiet[1])
    return 200


def _sifted(
    env: Env, facts: Facts, it: _Hooked, plan: Plan, telling: frozenset[int]
) -> Generator[Command, Any, bytes]:
    """Its body without the records that are withheld. Raises Refused, StoreError."""
    head, limits = _as_answer(it.head, it.raw), env.limits
    hook = it.operation.hook
    at = (hook.each or None) if hook else None
    return (yield from sifted(facts, env.snapshot, plan, head, it.raw, limits, at=at, spared=telling))


def _left(it: _Hooked, raw: bytes) -> bool:
    """Whether anything is left of it."""
    hook = it.operation.hook
    return hook is None or bool(records(it.codec, None, raw, hook))


def _as_answer(head: RequestHead, body: bytes) -> ResponseHead:
    """To the application it is what an answer is: somebody else's data."""
    return ResponseHead(200, b"", 1, head.headers, head.index, len(body), False, False, True)


def _masked(env: Env, facts: Facts, it: _Hooked, plan: Plan, raw: bytes) -> bytes:
    """What the application's role may see of it."""
    if not plan.response.body or not raw:
        return raw
    return masked(facts, env.snapshot, plan, _as_answer(it.head, raw), raw, env.limits)


def _request(env: Env, facts: Facts, it: _Hooked, plan: Plan, body: bytes) -> bytes:
    """The head it is sent on with: signed again where the application checks, unsigned where it changed."""
    route, head = it.route, it.head
    drop = _NAMED | _FORWARDED | OURS
    query = head.query
    signed: tuple[tuple[bytes, bytes], ...] = ()
    if route.sign is not None:
        form = _form(it.carrier, it.codec.parse(body, env.limits)) if it.carrier == "form" else None
        made = sign(route.sign, _call(route.sign_url, it.rest, head, body, form, facts.now))
        query, signed = urlsplit(made.url).query.encode("latin-1"), made.headers
        drop |= fields_of(route.verify) | fields_of(route.sign)
    if body != it.raw:
        drop |= VALIDATORS | fields_of(route.verify)
    headers = head.headers
    if plan.response.headers:
        program = plan.response.headers
        tally = Tally.of(program)
        headers = HEADERS.rewrite(headers, program, tally)
        facts.changed += facts.note(program, tally)
    target = (plan.base_path + it.rest or b"/") + (b"?" + query if query else b"")
    return forward(
        request_line("POST", target),
        headers,
        drop | _credential(plan),
        [*_extra(facts, plan, body), *signed, *_outside(route)],
        [(b"Host", plan.authority)],
    )


def _credential(plan: Plan) -> frozenset[bytes]:
    held = plan.upstream.credential
    return frozenset((plan.upstream.credential_header.lower().encode(),)) if held else frozenset()


def _extra(facts: Facts, plan: Plan, body: bytes) -> Headers:
    extra = [(b"Content-Length", b"%d" % len(body)), (b"Hushgate-Decision", facts.id.encode())]
    if plan.upstream.credential:
        extra.append((plan.upstream.credential_header.encode(), plan.upstream.credential.encode()))
    return [*extra, _VIA]


def _outside(route: Route) -> Headers:
    """What the application is called from outside, for frameworks that put a URL together by it."""
    parts = urlsplit(route.sign_url or route.public_url)
    return [(b"X-Forwarded-Host", parts.netloc.encode()), (b"X-Forwarded-Proto", parts.scheme.encode())]


def _answer(facts: Facts, got: ResponseHead, body: bytes, gone: frozenset[bytes]) -> bytes:
    extra: Headers = [(b"Hushgate-Decision", facts.id.encode())]
    if got.status not in (204, 304):
        extra.append((b"Content-Length", b"%d" % len(body)))
    return forward(status_line(got.status, got.reason), got.headers, OURS | _LENGTH | gone, extra)
