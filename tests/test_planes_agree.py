"""One core, thin planes: the same case gives the same bytes and the same record on every plane.

Planes are a table. The first row, `replay`, moves nothing; every other row has to agree with it.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Self

import msgspec
import pytest

from gateway.audit.record import Record
from gateway.cli.test import load_cases
from gateway.codecs.program import Limits
from gateway.contacts.model import UNKNOWN, Consent, Standing, Suppression
from gateway.exchange import replay
from gateway.exchange.case import Case, CaseRequest, CaseResponse, Expectation, Known
from gateway.http1.encode import chunk, last_chunk, response_head
from gateway.model import Client, Pack, Policy
from gateway.model import Upstream as UpstreamModel
from gateway.policy.packfile import read_pack
from gateway.policy.packs import load_packs
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Snapshot
from tests.plane import Gate, Upstream, read_answer
from tests.world import PACK
from tests.world import RULES as WORLD

ROOT = Path(__file__).resolve().parent.parent
HERE = "127.0.0.1"
CUT = b"(here the connection broke off)"
EXPORT = b"""
provider: exports
title: Answers of records
hosts: [{name: api.exports.example, region: FR, operator: OVH}]
types:
  person: {name.first: user.name.first, phone: {is: user.contact.phone_number, subject: phone}}
operations:
  - id: export
    call: GET /export
    response:
      csv: {name: user.name.first, phone: {is: user.contact.phone_number, subject: phone}}
      json: {$: {type: person}, "[]": {type: person}, "results[]": {type: person}}
  - {id: search, call: POST /search, response: {json: {$: {type: person}}}}
"""
PACKS: Mapping[str, Pack] = {
    **{pack.provider: pack for pack in load_packs([ROOT / "plugins"]).packs},
    "crm": read_pack(PACK, "crm/pack.yaml"),
    "exports": read_pack(EXPORT, "exports/pack.yaml"),
}
WORLD_RULES = """
rules:
  - {id: names, mask: user.name.last, with: hash}
  - {id: no-notes, mask: user.content.private, with: redact, to: {providers: crm}}
  - {id: copies, contact: {channels: [email]}, on_refusal: drop}
  - {id: later, access: {operations: "*.fetch"}, mode: shadow}
"""
PERSON = (
    b'{"id": "7", "name": {"first": "Ana", "last": "Silva"}, "email": "a@b.fr", "n": 1.10, "x": [1, "a"]}'
)


@dataclass(frozen=True, slots=True)
class Play:
    """A case with the rules it runs under."""

    policy: Policy
    case: Case
    limits: Limits = field(default_factory=Limits)

    @property
    def client(self) -> Client:
        """Who asks."""
        return next(client for client in self.policy.clients if client.id == self.case.client)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came out of a plane: bytes to the caller, bytes to the upstream, records."""

    caller: bytes
    upstream: bytes
    records: list[Record]


def golden() -> Iterator[Play]:
    """The shipped cases."""
    policies: dict[str, Policy] = {}
    for tenant, case in load_cases(ROOT / "rules"):
        if tenant not in policies:
            policies[tenant] = read_rules((ROOT / "rules" / f"{tenant}.yaml").read_bytes(), f"{tenant}.yaml")
        yield Play(policies[tenant], msgspec.structs.replace(case, address=case.address or HERE))


def world() -> Iterator[Play]:
    """Small exchanges of every shape, for every client of the tests' own world."""
    policy = read_rules((WORLD + WORLD_RULES).encode(), "acme.yaml")
    known = (
        Known(kind="email", value="b@example.com", suppressions=(Suppression(),)),
        Known(kind="phone", value="+33639980002", suppressions=(Suppression(channel="sms"),)),
        Known(kind="phone", value="+33639980001", consents=(Consent(state="granted"),)),
    )
    json = (("Content-Type", "application/json"),)
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    ok = CaseResponse(status=200, headers=json, body=PERSON)
    exchanges = {
        "read": ("GET", "/contacts/7", (), b"", ok),
        "head": ("HEAD", "/contacts/7", (), b"", CaseResponse(status=200, headers=json)),
        "list": ("GET", "/contacts?email=a%40b.fr&x=%2B", (), b"", ok),
        "create": ("POST", "/contacts", json, PERSON, ok),
        "create broken": ("POST", "/contacts", json, PERSON[:20], ok),
        "delete": ("DELETE", "/contacts/7", (), b"", CaseResponse(status=204)),
        "message": ("POST", "/messages", form, b"To=%2B33639980001&Body=hi", ok),
        "message refused": ("POST", "/messages", form, b"To=%2B33639980002&Body=hi", ok),
        "mail": (
            "POST",
            "/mails",
            json,
            b'{"to": "a@example.com", "cc": ["b@example.com"], "text": "t"}',
            ok,
        ),
        "error": (
            "GET",
            "/contacts/7",
            (),
            b"",
            CaseResponse(status=404, headers=json, body=b'{"message": "Ana"}'),
        ),
        "error page": ("GET", "/contacts/7", (), b"", CaseResponse(status=500, headers=form, body=b"%%%")),
        "wrong kind": ("GET", "/contacts/7", (), b"", CaseResponse(status=200, body=PERSON)),
        "part": ("GET", "/contacts/7", (), b"", CaseResponse(status=206, headers=json, body=PERSON)),
        "sound": (
            "GET",
            "/recordings/7",
            (),
            b"",
            CaseResponse(status=200, headers=(("Content-Type", "audio/wav"), ("ETag", '"a"')), body=b"RIFF"),
        ),
        "redirect": (
            "GET",
            "/contacts/7",
            (),
            b"",
            CaseResponse(status=302, headers=(("Location", "/elsewhere"),)),
        ),
        "unknown": ("GET", "/nothing", (), b"", ok),
        "plain": ("GET", "/status", (), b"", ok),
    }
    for name, (method, path, headers, body, response) in exchanges.items():
        for client in policy.clients:
            yield Play(
                policy,
                Case(
                    name=f"{name}, {client.role}",
                    file="world",
                    client=client.id,
                    upstream="crm",
                    request=CaseRequest(method=method, path=path, headers=headers, body=body),
                    response=response,
                    registry=known,
                    address=HERE,
                    expect=Expectation(effect="allow"),
                ),
            )


ONE = '{"name": {"first": "Ana"}, "phone": "+33639980001", "n": 1.10}'
STREAMS: Mapping[str, tuple[str, Sequence[str]]] = {
    "rows": ("text/csv", ["name,phone\r\nAna,+3363", '9980001\r\n"A\n', 'na",\r\n', "B,2"]),
    "lines": ("application/x-ndjson", [ONE + "\n" + ONE[:20], ONE[20:] + "\n\n" + ONE, "\n", ONE]),
    "events": (
        "text/event-stream",
        [": hi\r", f"\ndata: {ONE}\n", "\n", f"data: {ONE[:9]}\ndata: {ONE[9:]}\n\n"],
    ),
    "array": ("application/json", ["[", f"{ONE}, {ONE[:30]}", ONE[30:] + ",", ONE + "]"]),
    "array in an object": ("application/json", ['{"n": 1, "results": [', f"{ONE}, {ONE}", '], "more": {}}']),
    "nothing": ("text/csv", [""]),
    "rows that break": ("text/csv", ["name,phone\r\n", "Ana,+33639980001\r\n", '"A"na,2\r\n', "B,3\r\n"]),
    "an array that breaks": ("application/json", ["[", f"{ONE}, ", ONE, "} "]),
    "broken at once": ("text/csv", ['"A"na,2\r\n', "B,3\r\n"]),
}
TIGHT = Limits(max_body=150, max_record=120)


def streams() -> Iterator[Play]:
    """Answers that come in parts and of a length that is not told."""
    policy = read_rules((WORLD + WORLD_RULES).encode(), "acme.yaml")
    for name, (kind, parts) in STREAMS.items():
        response = CaseResponse(
            status=200,
            headers=(("Content-Type", kind), ("ETag", '"a"')),
            body="".join(parts).encode(),
            chunks=tuple(part.encode() for part in parts if part),
        )
        for client, method in product(policy.clients, ("GET", "POST")):
            if method == "POST" and "application" not in kind:
                continue
            yield Play(
                policy,
                Case(
                    name=f"{name}, {method}, {client.role}",
                    file="streams",
                    client=client.id,
                    upstream="exports",
                    request=CaseRequest(method=method, path="/export" if method == "GET" else "/search"),
                    response=response,
                    address=HERE,
                    expect=Expectation(effect="allow"),
                ),
                TIGHT,
            )


# ---- the planes -----------------------------------------------------------------------------------------


def plain(records: Sequence[Record]) -> list[Record]:
    """Records but for times, and but for what was met of an answer that broke off: that is what had come."""
    made = [msgspec.structs.replace(record, added_us=0, total_us=0) for record in records]
    if len(made) > 1 and (made[-2].phase, made[-1].effect) == ("stream", "error"):
        nothing = {"seen": {}, "masked": {}, "paths": {}, "subjects": (), "rules": (), "response_bytes": 0}
        made[-1] = msgspec.structs.replace(made[-1], **nothing)
    return made


class Replay:
    """The core and nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def play(self, it: Play, upstream: UpstreamModel) -> Seen:
        """Step the exchange with a script."""
        script = replay.play_case(
            it.case, replay.case_snapshot(it.policy, it.client, PACKS, upstream), it.client, it.limits
        )
        sent = script.sent
        head, body = script.released
        return Seen(head + body, sent.head + (sent.body or b"") if sent else b"", plain(script.records))


@dataclass
class Memory:
    """A registry and a log that are dictionaries and lists."""

    known: Mapping[str, Standing] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        return [self.known.get(pseudonym, UNKNOWN) for pseudonym in pseudonyms]

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        # a record is the exchange's own until it is encoded: take it as it stands now
        self.records.append(msgspec.json.decode(msgspec.json.encode(record), type=Record))
        accepted(None)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


class Reverse:
    """A worker on real sockets, in front of an upstream on real sockets."""

    def __enter__(self) -> Self:
        self._memory = Memory()
        self._reply = b""
        self._upstream = Upstream(lambda _: self._reply, "0.0.0.0").__enter__()
        self._gate = self._made().__enter__()
        self._gate.worker.identifier = lambda: "case"  # type: ignore[method-assign]  # as a replay is called
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.__exit__(None, None, None)
        self._upstream.__exit__(None, None, None)

    def _made(self) -> Gate:
        return Gate(self._upstream, registry=self._memory, log=self._memory)

    @property
    def port(self) -> int:
        """Where the upstream listens."""
        return int(self._upstream.port)

    def play(self, it: Play, upstream: UpstreamModel) -> Seen:
        """Send the request and read the answer."""
        case, memory, worker = it.case, self._memory, self._gate.worker
        snapshot = replay.case_snapshot(it.policy, it.client, PACKS, upstream)
        memory.known = replay._standings(case.registry, it.policy, snapshot)
        memory.records, self._upstream.requests[:] = [], []
        self._reply = _answered(case)
        self._gate.loop.run(_in_force(self._gate, snapshot, it.limits))
        worker.now = lambda: replay.NOON if case.at is None else case.at
        caller = self._ask(case, it.client)
        return Seen(
            _unframed(caller).replace(b"Connection: close\r\n", b""),
            b"".join(self._upstream.requests),
            plain(memory.records),
        )

    def _ask(self, case: Case, client: Client) -> bytes:
        with self._gate.connect() as sock:
            sock.sendall(replay._request_block(case, client) + case.request.body)
            return _read(sock, case.request.method)

    def seen_as(self, seen: Seen) -> Seen:
        """What is expected, in the words of the protocol spoken to the caller."""
        return seen


class Intercept(Reverse):
    """A worker behind mitmproxy: the caller asks the provider itself, by its name, through a proxy."""

    def _made(self) -> Gate:
        from tests.intercepting import Proxy

        return Proxy(self._upstream, registry=self._memory, log=self._memory)

    def _ask(self, case: Case, client: Client) -> bytes:
        with self._gate.tls(key=replay._key(client)) as sock:  # type: ignore[attr-defined]  # a Proxy
            sock.sendall(self._block(case, client) + case.request.body)
            return _read(sock, case.request.method)

    def _block(self, case: Case, client: Client) -> bytes:
        """The request as it would be sent to the provider, with no word of the gateway."""
        block = replay._request_block(case, client)
        block = block.replace(b"Host: gateway.test", b"Host: %b:%d" % (HERE.encode(), self.port), 1)
        return block.replace(b"Hushgate-Key: %b\r\n" % replay._key(client), b"", 1)


class Http2(Intercept):
    """The same, over HTTP/2: names of fields are in lower case, a body has no framing of its own."""

    def _ask(self, case: Case, client: Client) -> bytes:
        from tests.http2 import ask

        with self._gate.tls(key=replay._key(client), protocols=("h2",)) as sock:  # type: ignore[attr-defined]
            got = ask(sock, self._block(case, client), case.request.body)
            return _RESET.sub(CUT, _lowered(got))

    def play(self, it: Play, upstream: UpstreamModel) -> Seen:
        """Send the request and read the answer."""
        return self.seen_as(super().play(it, upstream))

    def seen_as(self, seen: Seen) -> Seen:
        """Heads in lower case, without the phrase."""
        caller = _lowered(seen.caller).replace(b"transfer-encoding: chunked\r\n", b"", 1)
        return Seen(caller, _lowered(seen.upstream), seen.records)


_RESET = re.compile(rb"reset \d+\Z")
_LINE = re.compile(rb"^([A-Za-z0-9-]+): ", re.MULTILINE)
_STATUS = re.compile(rb"\AHTTP/1.1 (\d+) ?[^\r\n]*")


def _lowered(message: bytes) -> bytes:
    head, mark, body = message.partition(b"\r\n\r\n")
    head = _LINE.sub(lambda match: match[0].lower(), _STATUS.sub(rb"HTTP/1.1 \1", head))
    return head + mark + body


async def _in_force(gate: Gate, snapshot: Snapshot, limits: Limits) -> None:
    gate.worker.env = replace(gate.worker.env, limits=limits)
    gate.worker.replace(snapshot)


def _answered(case: Case) -> bytes:
    response = case.response or CaseResponse(status=200)
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    if response.chunks:
        head = response_head(response.status, b"", [*headers, (b"Transfer-Encoding", b"chunked")])
        return head + b"".join(map(chunk, response.chunks)) + last_chunk()
    length = [] if response.status == 204 else [(b"Content-Length", b"%d" % len(response.body))]
    return response_head(response.status, b"", [*headers, *length]) + response.body


def _unframed(answer: bytes) -> bytes:
    """An answer whose body is without its chunks, as far as they are whole; without its end it is cut off."""
    head, end, rest = answer.partition(b"\r\n\r\n")
    if b"\r\nTransfer-Encoding: chunked" not in head:
        return answer
    body = b""
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return head + end + body + (b"" if rest else CUT)


def _cut(got: Seen, expected: Seen) -> bool:
    """Whether an answer broke off that breaks off: of what came before, as much as was on its way."""
    broke = expected.records[-1].effect == "error" and [r.phase for r in expected.records][-2] == "stream"
    came = got.caller.removesuffix(CUT)
    return broke and came != got.caller and expected.caller.startswith(came)


def _read(sock: socket.socket, method: str) -> bytes:
    if method != "HEAD":
        return read_answer(sock)
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = sock.recv(1)
        assert more, got
        got += more
    return got


PLANES: Mapping[str, type[Reverse]] = {"reverse": Reverse, "intercept": Intercept, "intercept, HTTP/2": Http2}
"""Every plane but replay; a later one adds a row."""

PLAYS = [*golden(), *world(), *streams()]


@pytest.fixture(scope="module", params=PLANES)
def plane(request: pytest.FixtureRequest) -> Iterator[Reverse]:
    if request.param != "reverse":
        pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")
    with PLANES[request.param]() as made:
        yield made


@pytest.mark.parametrize("it", PLAYS, ids=lambda it: f"{it.policy.tenant}: {it.case.name}")
def test_the_same_case_gives_the_same(it: Play, plane: Reverse) -> None:
    case = it.case
    declared = replay.upstream_for(PACKS[case.upstream], case.address, case.region, case.operator)
    upstream = msgspec.structs.replace(declared, url=f"http://{HERE}:{plane.port}")
    expected, got = Replay().play(it, upstream), plane.play(it, upstream)
    expected = plane.seen_as(expected)
    assert got.caller == expected.caller or _cut(got, expected)
    assert got.upstream == expected.upstream
    assert got.records == expected.records
