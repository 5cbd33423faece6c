"""One core, thin planes: the same case gives the same bytes and the same record on every plane.

Planes are a table. The first row, `replay`, moves nothing; every other row has to agree with it.
"""

import re
import socket
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import msgspec
import pytest

from gateway.audit.record import Record
from gateway.codecs.program import Limits
from gateway.contacts.model import UNKNOWN, Entry, Reservation, Standing
from gateway.exchange import replay
from gateway.exchange.case import Case, CaseResponse
from gateway.exchange.casehooks import block, moment, routes_of
from gateway.exchange.caseregistry import reached_of, standings_of
from gateway.exchange.script import Script, freed
from gateway.http1.encode import chunk, last_chunk, response_head
from gateway.masking.drift import Drift
from gateway.model import Client
from gateway.model import Upstream as UpstreamModel
from gateway.policy.snapshot import Snapshot
from gateway.webhooks.seen import Seen as WebhooksSeen
from tests.logs import record_of
from tests.plane import Gate, finished, read_answer
from tests.plays import HERE, PACKS, TALKS, Play, golden, streams, world
from tests.talkplays import Switching, head_of, hold
from tests.wspeers import Wire

CUT = b"(here the connection broke off)"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came out of a plane: bytes to the caller, bytes to the upstream, records.

    `heard`: of webhooks before, what their providers and then the application got.
    """

    caller: bytes
    upstream: bytes
    records: list[Record]
    heard: bytes = b""


# ---- the planes -----------------------------------------------------------------------------------------


def plain(records: Sequence[Record]) -> list[Record]:
    """Records but for times, and but for what was met of an answer that broke off: that is what had come."""
    begun = min((record.at for record in records), default=0.0)
    made = [msgspec.structs.replace(record, at=begun, added_us=0, total_us=0) for record in records]
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
        *hooks, script = replay.play_case(it.case, snapshot_of(it, upstream), it.client, it.limits)
        records = [record for each in (*hooks, script) for record in each.records]
        heard = b"".join(_released(each) + _sent(each) for each in hooks)
        return Seen(_released(script), _sent(script), plain(records), heard)


def _released(script: Script) -> bytes:
    said = script.conversation.receives.passed if script.conversation else b""
    return b"".join(script.released) + said


def _sent(script: Script) -> bytes:
    said = script.conversation.sends.passed if script.conversation else b""
    return script.sent.head + (script.sent.body or b"") + said if script.sent else b""


COMPILED: dict[Hashable, Snapshot] = {}


def snapshot_of(it: Play, upstream: UpstreamModel) -> Snapshot:
    """What is in force while a case plays: it knows of others nothing but plans, where these are the same."""
    case = it.case
    alike = (id(it.policy), upstream, case.asked_from, case.at)
    made = None if case.webhooks else COMPILED.get(alike)
    if made is None:
        inbound = routes_of(case, it.policy, PACKS, upstream)
        made = replay.case_snapshot(it.policy, PACKS, upstream, inbound=inbound, asked_from=case.asked_from)
        if not case.webhooks:
            COMPILED[alike] = made
    own = made.apart()
    own.drift = Drift()
    return own


@dataclass
class Memory:
    """A registry and a log that are dictionaries and lists."""

    known: Mapping[str, Standing] = field(default_factory=dict)
    reached: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    entered: list[Entry] = field(default_factory=list)
    refold: Callable[[Sequence[Entry]], Mapping[str, Standing]] = lambda _: {}

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        self.entered += entries
        self.known = self.refold(self.entered)
        return len(entries)

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        return [self.known.get(pseudonym, UNKNOWN) for pseudonym in pseudonyms]

    def reserved(self, _tenant: str, ids: Sequence[str], _now: float) -> list[str | None]:
        return [None] * len(ids)

    def reserve(self, tenant: str, wanted: Sequence[Reservation], now: float) -> list[float | None]:
        return [freed(each, self.reached.get(each.subject, ()), now) for each in wanted]

    def release(self, tenant: str, ids: Sequence[str]) -> None:
        pass

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        pass

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        # a record is the exchange's own until it is encoded: take it as it stands now
        self.records.append(msgspec.json.decode(msgspec.json.encode(record), type=Record))
        accepted(None)

    def append_text(self, text: bytes, accepted: Callable[[Exception | None], None]) -> None:
        self.append(record_of(text), accepted)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


class Provider(Switching):
    """An upstream on real sockets, one for all planes: `reply` is what it answers."""

    def __init__(self) -> None:
        self.reply = b""
        super().__init__(lambda _: self.reply, "0.0.0.0")


class Reverse:
    """A worker on real sockets."""

    def __init__(self, provider: Provider) -> None:
        self._upstream = provider

    def __enter__(self) -> Self:
        self._memory = Memory()
        self._gate = self._made().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.__exit__(None, None, None)

    def _made(self) -> Gate:
        return Gate(self._upstream, registry=self._memory, log=self._memory)

    @property
    def port(self) -> int:
        """Where the upstream listens."""
        return int(self._upstream.port)

    def play(self, it: Play, upstream: UpstreamModel) -> Seen:
        """Send the request and read the answer."""
        case, memory, worker = it.case, self._memory, self._gate.worker
        snapshot = snapshot_of(it, upstream)
        self._gate.source = replay.source_of(case)
        memory.entered = []
        memory.refold = lambda entered: standings_of(case, it.policy, snapshot, entered)
        memory.known = memory.refold(())
        memory.reached = reached_of(case.registry, it.policy, snapshot)
        memory.records, self._upstream.requests[:] = [], []
        self._told = b""
        self._gate.loop.run(_in_force(self._gate, snapshot, it.limits))
        at = replay.NOON if case.at is None else case.at
        heard = b"".join(self._hear(it, snapshot, number, at) for number in range(len(case.webhooks)))
        self._upstream.requests[:] = []
        self._upstream.reply = _answered(case)
        worker.now, worker.identifier = lambda: at, lambda: "case"  # type: ignore[method-assign]  # as replayed
        caller = self._ask(case, it.client)
        return Seen(
            _unframed(caller).replace(b"Connection: close\r\n", b""),
            b"".join(self._upstream.requests) + self._told,
            plain(memory.records),
            heard,
        )

    def _hear(self, it: Play, snapshot: Snapshot, number: int, at: float) -> bytes:
        """Have a webhook come in: what its provider got, and what the application did."""
        worker, hook, now = self._gate.worker, it.case.webhooks[number], moment(it.case, number, at)
        worker.now, worker.identifier = lambda: now, lambda: f"webhook-{number}"  # type: ignore[method-assign]  # as replayed
        self._upstream.reply, self._upstream.requests[:] = b"HTTP/1.1 204 No Content\r\n\r\n", []
        with self._gate.connect() as sock:
            sock.sendall(block(hook, replay.routes_in(snapshot, it.case)[number], now) + hook.body)
            return _read(sock, "POST") + b"".join(self._upstream.requests)

    def _ask(self, case: Case, client: Client) -> bytes:
        with self._gate.connect() as sock:
            sock.sendall(replay._request_block(case, client) + case.request.body)
            return self._read(sock, case)

    def _read(self, sock: socket.socket, case: Case) -> bytes:
        """The answer; of a WebSocket all that is said after it."""
        if case.websocket is None:
            return _read(sock, case.request.method)
        head = head_of(sock)
        asked = self._upstream.requests and self._upstream.reply.startswith(b"HTTP/1.1 101 ")
        provider = self._upstream.taken() if asked else None
        if provider is None or not head.startswith(b"HTTP/1.1 101 "):
            if provider is not None:
                provider.sock.close()
            return finished(sock, head)
        heard, self._told = hold(Wire(sock), provider, case.websocket)
        return head + heard

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
            return self._read(sock, case)

    def _hear(self, it: Play, snapshot: Snapshot, number: int, at: float) -> bytes:
        """No webhook comes by way of a proxy: another worker took it, and entered what it means."""
        script = replay.play_case(it.case, snapshot, it.client, it.limits)[number]
        self._memory.enter(it.policy.tenant, script.entered)
        self._memory.records += script.records
        return _released(script) + _sent(script)

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
        return Seen(caller, _lowered(seen.upstream), seen.records, seen.heard)


_RESET = re.compile(rb"reset \d+\Z")
_LINE = re.compile(rb"^([A-Za-z0-9-]+): ", re.MULTILINE)
_STATUS = re.compile(rb"\AHTTP/1.1 (\d+) ?[^\r\n]*")


def _lowered(message: bytes) -> bytes:
    head, mark, body = message.partition(b"\r\n\r\n")
    head = _LINE.sub(lambda match: match[0].lower(), _STATUS.sub(rb"HTTP/1.1 \1", head))
    return head + mark + body


async def _in_force(gate: Gate, snapshot: Snapshot, limits: Limits) -> None:
    gate.worker.env = replace(gate.worker.env, limits=limits, seen=WebhooksSeen())
    gate.worker.replace(snapshot)


def _answered(case: Case) -> bytes:
    response = case.response or CaseResponse(status=200)
    if case.websocket is not None:
        return (replay.answer_of(case) or b"") + response.body
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
    return head_of(sock) if method == "HEAD" else read_answer(sock)


PLANES: Mapping[str, type[Reverse]] = {"reverse": Reverse, "intercept": Intercept, "intercept, HTTP/2": Http2}
"""Every plane but replay; a later one adds a row."""

EXPECTED: dict[Hashable, Seen] = {}
"""Of plays that were replayed."""
PLAYS = [*golden(), *world(), *streams()]
TALKING = list(golden(TALKS / "rules"))


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture(scope="module", params=PLANES)
def plane(request: pytest.FixtureRequest, provider: Provider) -> Iterator[Reverse]:
    if request.param != "reverse":
        pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")
    with PLANES[request.param](provider) as made:
        yield made


@pytest.mark.parametrize("it", PLAYS, ids=lambda it: f"{it.policy.tenant}: {it.case.name}")
def test_the_same_case_gives_the_same(it: Play, plane: Reverse) -> None:
    agree(it, plane)


@pytest.mark.parametrize("plane", ["reverse", "intercept"], indirect=True)
@pytest.mark.parametrize("it", TALKING, ids=lambda it: it.case.name)
def test_the_same_websocket_gives_the_same(it: Play, plane: Reverse) -> None:
    agree(it, plane)


def agree(it: Play, plane: Reverse) -> None:
    """Decision, bytes and records are those of a replay."""
    case = it.case
    declared = replay.upstream_for(PACKS[case.upstream], case.address, case.region, case.operator)
    upstream = msgspec.structs.replace(declared, url=f"http://{HERE}:{plane.port}")
    again = id(it), upstream
    if again not in EXPECTED:
        EXPECTED[again] = Replay().play(it, upstream)
    expected, got = plane.seen_as(EXPECTED[again]), plane.play(it, upstream)
    assert got.caller == expected.caller or _cut(got, expected)
    assert got.upstream == expected.upstream
    assert got.records == expected.records
    assert got.heard == expected.heard
