"""Plays rule cases: the same Exchange as on any plane, against a script instead of a wire. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from gateway.codecs.program import Limits
from gateway.contacts.model import Entry
from gateway.errors import InternalError
from gateway.exchange.case import Case, CaseResponse, Heard, Logged, Outcome, Sent, called
from gateway.exchange.casehooks import block, moment, routes_of
from gateway.exchange.caseregistry import named, reached_of, standings_of
from gateway.exchange.casetalk import AGREED, ASKED
from gateway.exchange.commands import (
    Begin,
    Send,
    Switch,
)
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.script import ADDRESS, Script, play
from gateway.exchange.switching import SWITCHED
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
ELSEWHERE = "127.0.0.9"
"""Who asks from a place that a case names has this address: its networks say that it is there."""
THANKS = ResponseHead(204, b"No Content", 1, [], {}, None, False, False, True)
"""How an application answers the webhooks of a case."""
NOBODY: Final = MappingProxyType[str, str]({})
Fields = Sequence[tuple[bytes, bytes]]
Compiled = dict[Hashable, Snapshot]
"""Snapshots of one policy's cases, by all that they depend on but what is asked and answered."""
_KEYRING = Keyring(sha256(b"rule cases").digest())


def run_case(
    case: Case,
    policy: Policy,
    packs: Mapping[str, Pack],
    custom: Custom = NOTHING_CUSTOM,
    compiled: Compiled | None = None,
) -> Outcome:
    """Run a rule case under a policy. Raises InternalError when the case names what does not exist.

    `compiled` keeps what cases that are alike have in common, for the next of the same policy, packs and
    plugins: their plans, and nothing of what they did.
    """
    client = next((c for c in policy.clients if c.id == case.client), None)
    if client is None:
        raise InternalError(f"no client {case.client!r} in {policy.file}")
    if case.upstream not in packs:
        raise InternalError(f"no provider pack {case.upstream!r}")
    upstream = upstream_for(packs[case.upstream], case.address, case.region, case.operator)
    alike = (upstream, case.asked_from, case.at)
    made = compiled.get(alike) if compiled is not None and not case.webhooks else None
    if made is None:
        inbound = routes_of(case, policy, packs, upstream)
        made = case_snapshot(policy, packs, upstream, custom, inbound, asked_from=case.asked_from)
        if compiled is not None and not case.webhooks:
            compiled[alike] = made
    snapshot = made.apart()
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
    policy, env = tenant.policy(), Env(snapshot, limits or Limits(), lambda: 0.0, switches=True)
    at, entered = NOON if case.at is None else case.at, list[Entry]()
    played: list[Script] = []
    for number, (hook, route) in enumerate(zip(case.webhooks, routes_in(snapshot, case), strict=True)):
        now = moment(case, number, at)
        known = standings_of(case, policy, snapshot, entered)
        script = Script(body=hook.body, standings=known, addresses=(case.address or ADDRESS,), answer=THANKS)
        played.append(
            _played(env, f"webhook-{number}", block(hook, route, now), source_of(case), now, script)
        )
        entered += script.entered
    answer = answer_of(case)
    script = Script(
        body=case.request.body,
        standings=standings_of(case, policy, snapshot, entered),
        reached=reached_of(case.registry, policy, snapshot),
        addresses=(case.address or ADDRESS,),
        answer=None if answer is None else parse_response_head(answer, case.request.method, LIMITS),
        answer_body=case.response.body if case.response else b"",
        ends=tuple(accumulate(map(len, case.response.chunks))) if case.response else (),
        messages=case.websocket or (),
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
    if any(isinstance(command, Begin | Switch) for command in script.commands):  # its head could not know
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
        dropped=int(counted.get("hushgate-dropped", 0)) or (record.dropped if script.conversation else 0),
        close=record.close,
        records=tuple(record.phase for record in script.records),
        messages=tuple(script.conversation.passed) if script.conversation else (),
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
    if case.websocket is not None:
        headers += _missing(ASKED, headers)
    if case.request.body:
        headers.append((b"Content-Length", b"%d" % len(case.request.body)))
    return request_head(case.request.method, case.request.path.encode(), headers)


def _key(client: Client) -> bytes:
    return b"case-" + client.id.encode()


def _key_hash(client: Client) -> str:
    return sha256(_key(client)).hexdigest()


def answer_of(case: Case) -> bytes | None:
    """The head of the upstream's answer as it is written; None: it gives none."""
    response = case.response or (None if case.websocket is None else CaseResponse(status=SWITCHED))
    if response is None:
        return None
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    if response.status == SWITCHED:
        headers += _missing(AGREED, headers)
    elif response.chunks:
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif not any(name.lower() == b"transfer-encoding" for name, _ in headers):
        headers.append((b"Content-Length", b"%d" % len(response.body)))
    return response_head(response.status, b"", headers)


def _missing(fields: Fields, named: Fields) -> list[tuple[bytes, bytes]]:
    have = {name.lower() for name, _ in named}
    return [(name, value) for name, value in fields if name.lower() not in have]


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
