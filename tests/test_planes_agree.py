"""One core, thin planes: the same case gives the same bytes and the same record on every plane.

Planes are a table. The first row, `replay`, moves nothing; every other row has to agree with it.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec
import pytest

from gateway.audit.record import Record
from gateway.cli.test import load_cases
from gateway.contacts.model import UNKNOWN, Consent, Standing, Suppression
from gateway.exchange import replay
from gateway.exchange.case import Case, CaseRequest, CaseResponse, Expectation, Known
from gateway.http1.encode import response_head
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
PACKS: Mapping[str, Pack] = {
    **{pack.provider: pack for pack in load_packs([ROOT / "plugins"]).packs},
    "crm": read_pack(PACK, "crm/pack.yaml"),
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


# ---- the planes -----------------------------------------------------------------------------------------


def plain(records: Sequence[Record]) -> list[Record]:
    """Records but for times."""
    return [msgspec.structs.replace(record, added_us=0, total_us=0) for record in records]


class Replay:
    """The core and nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def play(self, it: Play, upstream: UpstreamModel) -> Seen:
        """Step the exchange with a script."""
        script = replay.play_case(
            it.case, replay.case_snapshot(it.policy, it.client, PACKS, upstream), it.client
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
        self._gate = Gate(self._upstream, registry=self._memory, log=self._memory).__enter__()
        self._gate.worker.identifier = lambda: "case"  # type: ignore[method-assign]  # as a replay is called
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.__exit__(None, None, None)
        self._upstream.__exit__(None, None, None)

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
        self._gate.loop.run(_in_force(self._gate, snapshot))
        worker.now = lambda: replay.NOON if case.at is None else case.at
        with self._gate.connect() as sock:
            sock.sendall(replay._request_block(case, it.client) + case.request.body)
            caller = _read(sock, case.request.method)
        return Seen(
            caller.replace(b"Connection: close\r\n", b""),
            b"".join(self._upstream.requests),
            plain(memory.records),
        )


async def _in_force(gate: Gate, snapshot: Snapshot) -> None:
    gate.worker.replace(snapshot)


def _answered(case: Case) -> bytes:
    response = case.response or CaseResponse(status=200)
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    length = [] if response.status == 204 else [(b"Content-Length", b"%d" % len(response.body))]
    return response_head(response.status, b"", [*headers, *length]) + response.body


def _read(sock: socket.socket, method: str) -> bytes:
    if method != "HEAD":
        return read_answer(sock)
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = sock.recv(1)
        assert more, got
        got += more
    return got


PLANES = {"reverse": Reverse}
"""Every plane but replay; a later one adds a row."""

PLAYS = [*golden(), *world()]


@pytest.fixture(scope="module", params=PLANES)
def plane(request: pytest.FixtureRequest) -> Iterator[Reverse]:
    with PLANES[request.param]() as made:
        yield made


@pytest.mark.parametrize("it", PLAYS, ids=lambda it: f"{it.policy.tenant}: {it.case.name}")
def test_the_same_case_gives_the_same(it: Play, plane: Reverse) -> None:
    case = it.case
    declared = replay.upstream_for(PACKS[case.upstream], case.address, case.region, case.operator)
    upstream = msgspec.structs.replace(declared, url=f"http://{HERE}:{plane.port}")
    expected, got = Replay().play(it, upstream), plane.play(it, upstream)
    assert got.caller == expected.caller
    assert got.upstream == expected.upstream
    assert got.records == expected.records
