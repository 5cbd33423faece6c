"""A stop that is accepted by a worker, on real sockets, is in force with its next request."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from gateway.contacts.model import Registry
from gateway.contacts.sqlite import SqliteRegistry
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from tests.contract.conftest import over_redis
from tests.inbounds import CLICKS, PLUGINS, application, message, twilio_route, twilio_signed
from tests.ledgers import MemoryLedger
from tests.plane import Gate, Upstream, answer, request
from tests.world import PACK, RING, pack_of

TEXT = urlencode({"To": "+33639980001", "Body": "Come on Saturday"}).encode()
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


class Loop(Gate):
    """A worker into which Twilio's webhooks come, for an application that also sends by `/crm`.

    `opens`: its registry, which is of the thread that opens it.
    """

    def __init__(self, upstream: Upstream, opens: Callable[[], Registry]) -> None:
        super().__init__(upstream)
        self._opens = opens

    async def _start(self) -> None:
        self._registry = self._opens()
        await super()._start()

    def snapshot_of(self, rules: str) -> Snapshot:
        policy = read_rules(rules.encode(), "acme.yaml")
        port = int(self.upstream.url.rpartition(":")[2])
        twilio = pack_of((PLUGINS / "twilio" / "pack.yaml").read_bytes(), "twilio/pack.yaml")
        there = msgspec.structs.replace(application("twilio"), url=f"http://127.0.0.1:{port}/app")
        return Snapshot(
            tenants=[Tenant(policy.tenant, policy.clients, lambda: policy)],
            packs=[twilio, pack_of(PACK, "crm/pack.yaml")],
            upstreams=[self.upstream],
            table=AddressTable(self._networks),
            secrets=Secrets.of(RING),
            inbound=[twilio_route(upstream=there)],
            clicks=CLICKS,
        )


def webhook(text: str, sid: str = "SM1") -> bytes:
    params = message(text, MessageSid=sid)
    extra = "".join(f"{name}: {value}\r\n" for name, value in twilio_signed(params, "/sms").items())
    return request("POST", "/in/twilio/sms", urlencode(params).encode(), client="", extra=extra)


def send(gate: Gate) -> bytes:
    return gate.talk(request("POST", "/crm/messages", TEXT, client="caller", extra=FORM)).split(b"\r\n")[0]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(b"{}")) as made:
        yield made


Opens = Callable[[], Registry]
REGISTRIES: dict[str, Callable[[Path], Opens]] = {
    "memory": lambda _: MemoryLedger,
    "late": lambda _: lambda: MemoryLedger(3),
    "sqlite": lambda folder: lambda: SqliteRegistry(folder / "registry.db"),
    "redis": lambda folder: over_redis(folder).ledger,
}
"""Name -> gives what opens a registry, again and again the same one where it is shared."""


@pytest.mark.parametrize("kind", REGISTRIES)
def test_what_comes_after_a_stop_is_refused_and_after_a_start_not(
    upstream: Upstream, kind: str, tmp_path: Path
) -> None:
    with Loop(upstream, REGISTRIES[kind](tmp_path)) as gate:
        assert b" 200 " in send(gate)
        assert b" 200 " in gate.talk(webhook("STOP"))
        assert b" 403 " in send(gate)
        assert b" 200 " in gate.talk(webhook("START", "SM2"))
        assert b" 200 " in send(gate)
        phases = [record.phase for record in gate.records()]
        assert phases.count("entry") == 2
        assert gate.metrics.counts["hushgate_entries", "acme", "suppressed"] == 1
    arrived = [head.split(b" ")[1] for head in upstream.requests]
    assert arrived == [b"/messages", b"/app/sms", b"/app/sms", b"/messages"]


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_start_that_comes_again_to_another_worker_lifts_nothing(
    upstream: Upstream, kind: str, tmp_path: Path
) -> None:
    """A worker knows what it saw through; another one does not, and the registry does."""
    opens = REGISTRIES[kind](tmp_path)
    with Loop(upstream, opens) as gate:
        assert b" 200 " in gate.talk(webhook("START", "SM2"))
        assert b" 200 " in gate.talk(webhook("STOP", "SM3"))
    with Loop(upstream, opens) as gate:
        assert b" 200 " in gate.talk(webhook("START", "SM2"))
        assert b" 403 " in send(gate)
        assert b" 200 " in gate.talk(webhook("START", "SM4"))
        assert b" 200 " in send(gate)


def test_a_registry_that_does_not_take_it_answers_503_and_a_redelivery_is_taken(upstream: Upstream) -> None:
    ledger = MemoryLedger(2)
    with Loop(upstream, lambda: ledger) as gate:
        ledger.broken = True
        told = gate.talk(webhook("STOP"))
        assert b" 503 " in told
        assert b"Retry-After" in told
        assert upstream.requests == []
        ledger.broken = False
        assert b" 200 " in gate.talk(webhook("STOP"))
        assert b" 403 " in send(gate)


class ReadOnly:
    """A registry that is not written to."""

    def __init__(self) -> None:
        self.standings, self.ready, self.close = (
            getattr(MemoryLedger(), n) for n in ("standings", "ready", "close")
        )


def test_a_registry_that_is_only_read_refuses_what_would_have_to_be_entered(upstream: Upstream) -> None:
    registry: Registry = ReadOnly()
    with Loop(upstream, lambda: registry) as gate:
        assert b" 503 " in gate.talk(webhook("STOP"))
        assert b" 200 " in gate.talk(webhook("Hello", "SM2"))
