"""Plays one answer through a real exchange under a real snapshot, stepped by the planes' own driver.

Nothing is sent: the upstream is the answer, the log and the registry are its own and end with it.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

import msgspec

from gateway.audit.record import Accepted, Record
from gateway.canary.answers import Answer
from gateway.canary.asks import Ask
from gateway.canary.leaks import Haystack, found
from gateway.codecs.template import split_template
from gateway.contacts.model import Consent, Reservation, Standing
from gateway.exchange.case import CaseMessage
from gateway.exchange.casetalk import ASKED
from gateway.exchange.commands import Acquire, Command, Lookup
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.script import Script
from gateway.exchange.switching import SWITCHED
from gateway.http1.encode import request_head, response_head
from gateway.http1.head import LIMITS, parse_request_head, parse_response_head
from gateway.metrics import Metrics
from gateway.model import Operation, Upstream
from gateway.planes.driver import Driver, Hands, Services
from gateway.policy.identity import Identity, Peer

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Target:
    """One plan: who asks whom for what, and the purpose stated, if any."""

    identity: Identity
    upstream: Upstream
    operation: Operation
    purpose: str | None = None

    @property
    def name(self) -> str:
        """`provider.operation_id`."""
        return f"{self.upstream.provider}.{self.operation.id}"


@dataclass(frozen=True, slots=True)
class Leak:
    """A hidden value that came out: at which place of the data map, of which category, where and how."""

    target: Target
    variant: str
    place: str
    category: str
    where: str
    how: str


@dataclass(frozen=True, slots=True)
class Released:
    """What an exchange gave out: why it was refused (empty: it was not), head, body, its audit records."""

    reason: str
    head: bytes
    body: bytes
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one answer. `reason` is why it was refused, empty when it was released.

    `hidden` values were looked for. `blind`: some of them were not even found in what was sent, so that
    finding none in what came out proves nothing.
    """

    target: Target
    variant: str
    reason: str
    hidden: int
    blind: int
    leaks: tuple[Leak, ...]

    @property
    def result(self) -> str:
        """One word for what became of the answer: held, leaked, refused, or failed (it proves nothing)."""
        if self.leaks:
            return "leaked"
        if self.blind or self.reason == "internal_error":
            return "failed"
        return "refused" if self.reason else "held"


class _Script(Script):
    """A script whose upstream is wherever it may be: residency is not what is looked at here."""

    def answer_to(self, command: Command) -> Any:
        if isinstance(command, Acquire):
            self.commands.append(command)
            return ADDRESS
        if isinstance(command, Lookup):  # within a WebSocket: elsewhere the registry is asked
            return [_AGREED] * len(command.pseudonyms)
        return Script.answer_to(self, command)


class _Hands:
    """The hands of a plane that has no wire: every command is the script's."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __getattr__(self, name: str) -> Callable[[Command], Any]:
        return self._script.answer_to

    def over(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class _Log:
    """Takes every record, and keeps it for being looked through."""

    records: list[Record] = field(default_factory=list)

    def append(self, record: Record, accepted: Accepted) -> None:
        self.records.append(record)
        accepted(None)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


_AGREED = Standing(consents=(Consent(state="confirmed", proven=True),), customer=inf, linked=True)


class _Registry:
    """Everybody has agreed to everything: what is looked at are answers, and an act has to come that far."""

    def standings(self, _tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        return [_AGREED] * len(pseudonyms)

    def reserve(self, _tenant: str, wanted: Sequence[Reservation], _now: float) -> list[float | None]:
        return [None] * len(wanted)

    def reserved(self, _tenant: str, ids: Sequence[str], _now: float) -> list[str | None]:
        return [None] * len(ids)

    def release(self, _tenant: str, _ids: Sequence[str]) -> None:
        pass

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


def _never(*_: object) -> None:
    """No command of the canary's waits for anything."""


def play(env: Env, target: Target, ask: Ask, answer: Answer, now: float) -> Released:
    """Play it. `now` in seconds since the epoch. On the thread that the snapshot belongs to.

    Of `env` only plans, limits and clock are used: what it counts and remembers is of live traffic.
    """
    script, log = _script(target, ask, answer), _Log()
    exchange = _exchange(Env(env.snapshot.apart(), env.limits, env.tick, switches=True), target, ask, now)
    services = Services(log, _Registry(), Metrics(), _never)
    Driver(cast("Hands", _Hands(script)), services).start(exchange)
    reason = log.records[-1].reason if log.records else "internal_error"
    plan = exchange.facts.plan
    if not reason and (plan is None or plan.upstream.name != target.upstream.name):
        reason = "unknown_upstream"  # another one stands before it on the same route
    head, body = script.released
    if script.conversation is not None:
        body = script.conversation.receives.passed
    return Released(reason, head, body, (*log.records, *script.records))


def _exchange(env: Env, target: Target, ask: Ask, now: float) -> Exchange:
    headers = [(b"Host", (target.upstream.host or "canary.invalid").encode()), (b"Accept-Encoding", b"gzip")]
    if target.purpose is not None:
        headers.append((b"Hushgate-Purpose", target.purpose.encode()))
    if target.operation.websocket is not None:
        headers += ASKED
    if ask.body:
        headers += [(b"Content-Type", ask.type), (b"Content-Length", b"%d" % len(ask.body))]
    path = (target.upstream.prefix or "").rstrip("/") + _path(target.operation)
    head = parse_request_head(request_head(target.operation.method, path.encode(), headers), LIMITS)
    exchange = Exchange(env, "canary", head, Peer(ADDRESS), now)
    exchange.facts.identity = target.identity
    return exchange


_NAMED: Mapping[str | None, str] = {"email": "canary%40hushgate.invalid", "phone": "%2B33639980007"}
"""Whoever a path names, by what identifies them."""


def _path(operation: Operation) -> str:
    """Its template with something in place of each parameter."""
    named = {line.path: _NAMED.get(line.subject, "canary") for line in operation.request.path}
    segments = split_template(operation.path)
    return "".join(f"/{s.prefix}{named.get(s.name, 'canary') if s.name else ''}{s.suffix}" for s in segments)


def _script(target: Target, ask: Ask, answer: Answer) -> Script:
    head = response_head(answer.status, b"", [*answer.headers])
    parsed = parse_response_head(head, target.operation.method, LIMITS)
    if answer.status == SWITCHED:
        return _Script(answer=parsed, messages=(CaseMessage(sends=False, wire=answer.body),))
    return _Script(body=ask.body, answer=parsed, answer_body=answer.body)


def _decoded(head: bytes, body: bytes) -> bytes:
    if b"content-encoding: gzip" not in head.lower():
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError):
        return body


def judged(target: Target, ask: Ask, answer: Answer, released: Released) -> Played:
    """Look through all that an exchange gave out. Pure, and where the time goes: any thread may do it."""
    hidden = {each.seed: each for each in answer.planted if each.hidden}
    every = {each.seed: each for each in (*answer.planted, *ask.planted)}
    sent = Haystack.of(*(value for _, value in answer.headers), answer.plain)
    looks = (
        ("head", hidden, Haystack.of(released.head)),
        ("body", hidden, Haystack.of(_decoded(released.head, released.body))),
        ("access log", every, Haystack.of(msgspec.json.encode(released.records))),
    )
    leaks = tuple(
        Leak(target, answer.variant, planted[seed].place, planted[seed].category, where, how)
        for where, planted, hay in looks
        for seed, how in found(planted, hay).items()
    )
    blind = len(hidden) - len(found(hidden, sent))
    return Played(target, answer.variant, released.reason, len(hidden), blind, leaks)
