"""Runs an exchange against a script instead of a wire: for rule cases, explanations and tests. Pure.

The same Exchange as on any plane, given the same kinds of answers; what it asked for is kept in order.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from gateway.audit.record import Record
from gateway.codecs.program import Limits
from gateway.contacts.caps import opens
from gateway.contacts.model import UNKNOWN, Entry, Reservation, Standing
from gateway.errors import HushgateError, InternalError, UpstreamError
from gateway.exchange.case import Case, CaseResponse, Heard, Logged, Outcome, Sent, called
from gateway.exchange.casehooks import block, moment, routes_of
from gateway.exchange.caseregistry import named, reached_of, standings_of
from gateway.exchange.commands import (
    Acquire,
    Append,
    Begin,
    Collect,
    CollectAnswer,
    Command,
    Enter,
    Lookup,
    Next,
    NotPermitted,
    Pipe,
    Release,
    Reserve,
    Send,
    Through,
    Write,
)
from gateway.exchange.exchange import Env, Exchange
from gateway.http1.encode import request_head, response_head
from gateway.http1.head import LIMITS, ResponseHead, parse_request_head, parse_response_head
from gateway.keys import Keyring
from gateway.masking.custom import NOTHING_CUSTOM, Custom
from gateway.model import Client, Pack, Policy, Upstream
from gateway.policy.identity import Peer
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from gateway.webhooks.route import Route

NOON = 1_775_044_800.0
"""2026-04-01 12:00 UTC, a Wednesday: when a case plays that names no moment."""
ADDRESS = "192.0.2.10"
"""Where an upstream's name leads in a case that names no address (RFC 5737)."""
ELSEWHERE = "127.0.0.9"
"""Who asks from a place that a case names has this address: its networks say that it is there."""
THANKS = ResponseHead(204, b"No Content", 1, [], {}, None, False, False, True)
"""How an application answers the webhooks of a case."""
NOBODY: Final = MappingProxyType[str, str]({})
_KEYRING = Keyring(sha256(b"rule cases").digest())


@dataclass(slots=True)
class Script:
    """The world an exchange meets: the request body, standings by pseudonym, addresses, the answer.

    `failures` maps a command type to an error thrown instead of its answer. `part`: bytes of the answer's
    body that come at once where the exchange takes it in parts (0: all); `ends`: where its parts end instead.
    `uploaded` is what went upstream of a body that was sent on as it was read, `whole` whether all of it.
    """

    body: bytes = b""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    reached: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    addresses: tuple[str, ...] = (ADDRESS,)
    answer: ResponseHead | None = None
    answer_body: bytes = b""
    failures: Mapping[type, HushgateError] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    part: int = 0
    ends: tuple[int, ...] = ()
    uploaded: bytes = b""
    whole: bool = False
    _taken: int = 0

    def answer_to(self, command: Command) -> Any:
        """What the world says to a command. Raises what the script wants to fail."""
        self.commands.append(command)
        failure = self.failures.get(type(command))
        if failure is not None:
            raise failure
        match command:
            case Collect(limit, part):
                return self.body[: limit + 1] if part else _within(self.body, limit)
            case Lookup(_, pseudonyms):
                return [self.standings.get(pseudonym, UNKNOWN) for pseudonym in pseudonyms]
            case Reserve(_, wanted, now):
                return [freed(each, self.reached.get(each.subject, ()), now) for each in wanted]
            case Acquire(_, permit):
                permitted = [address for address in self.addresses if permit(address) is not None]
                return permitted[0] if permitted else NotPermitted(self.addresses)
            case Send() if self.answer is None:
                raise UpstreamError("upstream_unreachable", "the script has no answer")
            case Send():
                if command.through is not None:
                    self._upload(command.through)
                return self.answer
            case CollectAnswer(limit):
                return _within(self.answer_body, limit)
            case Pipe():
                return len(self.answer_body), None
            case Next(enough):
                return self._next(enough)
        return None

    def _upload(self, through: Through) -> None:
        """Put the rest of the request's body through, in parts. Raises what `through` does."""
        collect = next(command for command in self.commands if isinstance(command, Collect))
        self.uploaded = through.ready()
        for at in range(collect.limit + 1, len(self.body), self.part or len(self.body)):
            self.uploaded += through.feed(self.body[at : at + (self.part or len(self.body))])
        self.uploaded += through.finish()
        self.whole = True

    def _next(self, enough: int) -> tuple[bytes, bool]:
        body, at = self.answer_body, self._taken
        wanted = min(len(body), at + max(enough, self.part)) if self.part else len(body)
        if self.ends:
            wanted = next((end for end in self.ends if end >= at + enough), len(body))
        self._taken = wanted
        return body[at : self._taken], self._taken == len(body)

    @property
    def records(self) -> list[Record]:
        """Records appended, in order."""
        return [command.record for command in self.commands if isinstance(command, Append)]

    @property
    def entered(self) -> list[Entry]:
        """What was added to the contact registry, in order."""
        return [e for command in self.commands if isinstance(command, Enter) for e in command.entries]

    @property
    def sent(self) -> Send | None:
        """The request as it went upstream, if it did."""
        return next((command for command in self.commands if isinstance(command, Send)), None)

    @property
    def released(self) -> tuple[bytes, bytes]:
        """(head, body) the caller got; the body without its framing, and as far as it came."""
        begun = next((command for command in self.commands if isinstance(command, Begin)), None)
        if begun is not None:
            return begun.head, b"".join(c.data for c in self.commands if isinstance(c, Write))
        last = self.commands[-1]
        if isinstance(last, Pipe):
            return last.head, self.answer_body
        if isinstance(last, Release):
            return last.head, last.body
        raise InternalError("the exchange released nothing")


def freed(wanted: Reservation, reached: Sequence[float], now: float) -> float | None:
    """When a contact would be within its limits, from when its person was reached before; None: now."""
    return max(filter(None, (opens(reached, cap, now) for cap in wanted.caps)), default=None)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise InternalError(f"a body of more than {limit} bytes in a script")
    return body


def play(run: Generator[Command, Any, None], script: Script) -> Script:
    """Step an exchange to its end; returns the script with the commands filled in."""
    answer: Any = None
    error: HushgateError | None = None
    while True:
        try:
            command = run.send(answer) if error is None else run.throw(error)
        except StopIteration:
            return script
        answer, error = None, None
        try:
            answer = script.answer_to(command)
        except HushgateError as failed:
            error = failed


def run_case(
    case: Case, policy: Policy, packs: Mapping[str, Pack], custom: Custom = NOTHING_CUSTOM
) -> Outcome:
    """Run a rule case under a policy. Raises InternalError when the case names what does not exist."""
    client = next((c for c in policy.clients if c.id == case.client), None)
    if client is None:
        raise InternalError(f"no client {case.client!r} in {policy.file}")
    if case.upstream not in packs:
        raise InternalError(f"no provider pack {case.upstream!r}")
    upstream = upstream_for(packs[case.upstream], case.address, case.region, case.operator)
    inbound = routes_of(case, policy, packs, upstream)
    snapshot = case_snapshot(policy, packs, upstream, custom, inbound, asked_from=case.asked_from)
    *heard, script = play_case(case, snapshot, client)
    return outcome_of(script, heard, _names(case, policy, snapshot))


def _names(case: Case, policy: Policy, snapshot: Snapshot) -> dict[str, str]:
    """By their pseudonyms, how those are called whom the case expects to find."""
    wanted = [entry.subject for hook in case.webhooks for entry in hook.expect.entries or () if entry.subject]
    wanted += (case.expect.record.subjects or ()) if case.expect.record else ()
    return {named(*each, policy, snapshot): called(*each) for each in wanted}


def case_snapshot(
    policy: Policy,
    packs: Mapping[str, Pack],
    upstream: Upstream,
    custom: Custom = NOTHING_CUSTOM,
    inbound: Iterable[Route] = (),
    *,
    asked_from: str | None = None,
) -> Snapshot:
    """A snapshot of the tenant's clients, known by keys that only a replay knows, and one upstream.

    `asked_from` is where its networks say ELSEWHERE is.
    """
    known = [Client(id=c.id, role=c.role, purposes=c.purposes, key=_key_hash(c)) for c in policy.clients]
    return Snapshot(
        tenants=[Tenant(policy.tenant, tuple(known), lambda: policy)],
        packs=packs.values(),
        upstreams=[upstream],
        table=AddressTable([(f"{ELSEWHERE}/32", asked_from, "")] if asked_from else []),
        secrets=Secrets.of(_KEYRING),
        custom=custom,
        inbound=inbound,
    )


def upstream_for(
    pack: Pack, address: str | None = None, region: str | None = None, operator: str | None = None
) -> Upstream:
    """The provider's first named host as an upstream, leading to `address`, declared to stand elsewhere."""
    host = next((h for h in pack.hosts if not h.name.startswith("*")), pack.hosts[0])
    return Upstream(
        name=pack.provider,
        provider=pack.provider,
        url=f"https://{host.name.removeprefix('*.')}",
        region=region or host.region,
        operator=operator or host.operator,
        prefix="/",
        connect=(address or ADDRESS,),
    )


def source_of(case: Case) -> str:
    """The address a case is asked from: on every plane a client can have it, on the machine itself."""
    return ELSEWHERE if case.asked_from else "127.0.0.1"


def play_case(case: Case, snapshot: Snapshot, client: Client, limits: Limits | None = None) -> list[Script]:
    """Play a case through real Exchanges: its webhooks, then its request and the answer."""
    (tenant,) = snapshot.tenants.values()
    policy, env = tenant.policy(), Env(snapshot, limits or Limits(), lambda: 0.0)
    at, entered = NOON if case.at is None else case.at, list[Entry]()
    played: list[Script] = []
    for number, (hook, route) in enumerate(zip(case.webhooks, routes_in(snapshot, case), strict=True)):
        now = moment(case, number, at)
        known = standings_of(case.registry, policy, snapshot, entered)
        script = Script(body=hook.body, standings=known, addresses=(case.address or ADDRESS,), answer=THANKS)
        played.append(
            _played(env, f"webhook-{number}", block(hook, route, now), source_of(case), now, script)
        )
        entered += script.entered
    script = Script(
        body=case.request.body,
        standings=standings_of(case.registry, policy, snapshot, entered),
        reached=reached_of(case.registry, policy, snapshot),
        addresses=(case.address or ADDRESS,),
        answer=_answer(case.response, case.request.method) if case.response else None,
        answer_body=case.response.body if case.response else b"",
        ends=tuple(accumulate(map(len, case.response.chunks))) if case.response else (),
    )
    return [*played, _played(env, "case", _request_block(case, client), source_of(case), at, script)]


def routes_in(snapshot: Snapshot, case: Case) -> list[Route]:
    """The routes of a case's webhooks, as its snapshot has them."""
    inbox = snapshot.inbox
    found = [inbox and inbox.find(b"", b"/in/%d" % number) for number in range(len(case.webhooks))]
    return [arrival.route for arrival in found if arrival and arrival.route]


def _played(env: Env, name: str, head: bytes, source: str, now: float, script: Script) -> Script:
    asked = parse_request_head(head, LIMITS)
    return play(Exchange(env, name, asked, Peer(source), now, "http").run(), script)


def outcome_of(script: Script, heard: Sequence[Script] = (), names: Mapping[str, str] = NOBODY) -> Outcome:
    """What came out, from the last record, the released bytes and the request that was sent.

    `heard`: of the webhooks before. `names`: what pseudonyms are replaced by.
    """
    head, body = script.released
    record = script.records[-1]
    headers = _pairs(head)
    counted = {name.lower(): value for name, value in headers}
    if any(isinstance(command, Begin) for command in script.commands):  # its head could not know
        counted["hushgate-masked"] = str(sum(record.masked.values()) + record.unmapped)
    return Outcome(
        effect=record.effect,
        status=int(head[9:12]),
        reason=record.reason,
        rules=record.rules,
        headers=headers,
        body=body,
        upstream_request=_sent(script.sent),
        masked=int(counted.get("hushgate-masked", 0)),
        dropped=int(counted.get("hushgate-dropped", 0)),
        heard=tuple(_heard(each, names) for each in heard),
        record=Logged(
            operation=record.operation,
            client=record.client,
            fields=record.fields,
            subjects=tuple(names.get(subject, subject) for subject in record.subjects),
        ),
    )


def _heard(script: Script, names: Mapping[str, str]) -> Heard:
    entries = [replace(entry, subject=names.get(entry.subject, entry.subject)) for entry in script.entered]
    last = script.records[-1]
    return Heard(status=int(script.released[0][9:12]), reason=last.reason, entries=tuple(entries))


def _request_block(case: Case, client: Client) -> bytes:
    headers = [(b"Host", b"gateway.test"), (b"Hushgate-Key", _key(client))]
    if case.purpose:
        headers.append((b"Hushgate-Purpose", case.purpose.encode()))
    headers += [(name.encode(), value.encode()) for name, value in case.request.headers]
    if case.request.body:
        headers.append((b"Content-Length", b"%d" % len(case.request.body)))
    return request_head(case.request.method, case.request.path.encode(), headers)


def _key(client: Client) -> bytes:
    return b"case-" + client.id.encode()


def _key_hash(client: Client) -> str:
    return sha256(_key(client)).hexdigest()


def _answer(response: CaseResponse, method: str) -> ResponseHead:
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    if response.chunks:
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif not any(name.lower() == b"transfer-encoding" for name, _ in headers):
        headers.append((b"Content-Length", b"%d" % len(response.body)))
    return parse_response_head(response_head(response.status, b"", headers), method, LIMITS)


def _sent(send: Send | None) -> Sent | None:
    if send is None:
        return None
    method, target, _ = send.head.split(b"\r\n", 1)[0].split(b" ")
    return Sent(
        method=method.decode(),
        path=target.decode("latin-1"),
        headers=_pairs(send.head),
        body=send.body or b"",
    )


def _pairs(head: bytes) -> tuple[tuple[str, str], ...]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return tuple((name, value) for name, _, value in (line.partition(": ") for line in lines if line))
