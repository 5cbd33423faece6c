"""An in-memory world around real exchanges: rules, packs, upstreams, a registry, an audit log, a clock.

    world = World(rules=...)
    played = world.ask("GET", "/crm/contacts/1", answer=json_answer({...}))
    assert played.status == 200 and played.kinds == [Acquire, Send, CollectAnswer, Append, Release]

No sockets, no threads; the exchange is the one that serves traffic.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.audit.record import Record
from gateway.codecs.program import Limits
from gateway.contacts.ledger import fold
from gateway.contacts.model import Consent, Entry, Standing, Suppression
from gateway.contacts.normalise import normalise
from gateway.errors import HushgateError
from gateway.exchange.commands import Command
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.lookups import Lookups
from gateway.exchange.replay import NOON
from gateway.exchange.script import Script, play
from gateway.http1.encode import response_head
from gateway.http1.head import LIMITS, parse_request_head, parse_response_head
from gateway.keys import Keyring
from gateway.model import Pack, SubjectKind, Upstream
from gateway.policy.identity import Peer
from gateway.policy.packfile import read_pack
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from gateway.webhooks.route import OneClick, Route
from gateway.webhooks.seen import Seen

FOLDER = Path(__file__).parent / "vectors" / "world"
PACK = (FOLDER / "crm" / "pack.yaml").read_bytes()

KEYS = {"support": b"key-support", "caller": b"key-caller", "admin": b"key-admin"}


RING = Keyring(sha256(b"world").digest())
RULES = (FOLDER / "acme.yaml").read_text()


@dataclass(slots=True)
class Answer:
    """What the upstream answers."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Type", b"application/json"),)
    body: bytes = b""


def json_answer(document: Any, status: int = 200) -> Answer:
    """An upstream's JSON answer."""
    return Answer(status, body=json.dumps(document).encode())


@dataclass(slots=True)
class Played:
    """An exchange that was played to its end."""

    script: Script
    exchange: Exchange

    @property
    def status(self) -> int:
        """What the caller got."""
        return int(self.script.released[0][9:12])

    @property
    def body(self) -> bytes:
        """What the caller got."""
        return self.script.released[1]

    @property
    def json(self) -> Any:
        """The caller's body, decoded."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The reason of refusal, from the problem's type."""
        return str(self.json["type"]).removeprefix("urn:hushgate:")

    @property
    def headers(self) -> dict[str, str]:
        """What the caller got, by lower-case name."""
        lines = self.script.released[0].decode("latin-1").split("\r\n")[1:]
        return {n.lower(): v for n, _, v in (line.partition(": ") for line in lines if line)}

    @property
    def kinds(self) -> list[type]:
        """The commands, in order."""
        return [type(command) for command in self.script.commands]

    @property
    def records(self) -> list[Record]:
        """What was appended to the log, in order."""
        return self.script.records

    @property
    def sent(self) -> tuple[bytes, bytes]:
        """(head, body) that went upstream."""
        send = self.script.sent
        assert send is not None, "nothing was sent"
        return send.head, send.body or b""

    @property
    def nothing_sent(self) -> bool:
        """Whether nothing went upstream."""
        return self.script.sent is None


@lru_cache(maxsize=64)
def pack_of(data: bytes, name: str) -> Pack:
    """A pack, read once: a shipped one takes a tenth of a second, and is a frozen value."""
    return read_pack(data, name)


@dataclass(slots=True)
class World:
    """Rules (YAML), a pack (YAML), one upstream, address networks; people are added to the registry."""

    rules: str = RULES
    pack: bytes = PACK
    provider: str = "crm"
    region: str = "FR"
    operator: str = "OVH"
    networks: Sequence[tuple[str, str, str]] = (("127.0.0.0/8", "FR", "OVH"),)
    addresses: tuple[str, ...] = ("127.0.0.1",)
    credential: str | None = None
    now: float = NOON
    scheme: str | None = "http"
    standings: dict[str, Standing] = field(default_factory=dict)
    reached: dict[str, tuple[float, ...]] = field(default_factory=dict)
    reserved: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    lookups: Lookups = field(default_factory=Lookups)
    inbound: tuple[Route, ...] = ()
    clicks: OneClick | None = None
    seen: Seen = field(default_factory=Seen)
    others: tuple[Upstream, ...] = ()
    """Upstreams beside the one"""
    bare: bool = True
    _snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Compiled from what the world is made of, once."""
        if self._snapshot is None:
            policy = read_rules(self.rules.encode(), "acme.yaml")
            upstream = Upstream(
                name="crm-1",
                provider=self.provider,
                url="https://api.crm.example",
                region=self.region,
                operator=self.operator,
                prefix="/crm",
                credential=self.credential,
            )
            self._snapshot = Snapshot(
                tenants=[Tenant(policy.tenant, policy.clients, lambda: policy)],
                packs=[pack_of(self.pack, f"{self.provider}/pack.yaml")],
                upstreams=[upstream, *self.others],
                table=AddressTable(self.networks),
                secrets=Secrets.of(RING),
                inbound=self.inbound,
                clicks=self.clicks,
                bare=self.bare,
            )
        return self._snapshot

    def named(self, kind: SubjectKind, value: str) -> str:
        """The pseudonym of a person."""
        normal = normalise(kind, value, "FR")
        assert normal is not None
        return self.snapshot.pseudonymiser("acme")(kind, normal)

    def know(self, kind: SubjectKind, value: str, *what: Suppression | Consent | Entry) -> str:
        """Tell the registry of a person; returns the pseudonym."""
        pseudonym = self.named(kind, value)
        entered = fold(w for w in what if isinstance(w, Entry))
        self.standings[pseudonym] = (
            entered
            if any(isinstance(w, Entry) for w in what)
            else Standing(
                suppressions=tuple(w for w in what if isinstance(w, Suppression)),
                consents=tuple(w for w in what if isinstance(w, Consent)),
            )
        )
        return pseudonym

    def ask(
        self,
        method: str,
        path: str,
        *,
        client: str | None = "support",
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Sequence[tuple[str, str]] | None = None,
        body: bytes = b"",
        answer: Answer | None = None,
        failures: Mapping[type[Command], HushgateError] | None = None,
    ) -> Played:
        """Play one request."""
        lines = {"Host": "gw.test", **(headers or {})}
        if client:
            lines["Hushgate-Key"] = KEYS[client].decode()
        if json_body is not None:
            body, kind = json.dumps(json_body).encode(), "application/json"
        elif form is not None:
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        else:
            kind = ""
        if kind:
            lines.setdefault("Content-Type", kind)
        if body:
            lines["Content-Length"] = str(len(body))
        block = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items()) + "\r\n"
        given = answer or json_answer({})
        reply = response_head(
            given.status, b"", [*given.headers, (b"Content-Length", b"%d" % len(given.body))]
        )
        script = Script(
            body=body,
            standings=self.standings,
            reached=self.reached,
            reserved=self.reserved,
            addresses=self.addresses,
            answer=parse_response_head(reply, method, LIMITS),
            answer_body=given.body,
            failures=failures or {},
        )
        env = Env(self.snapshot, self.limits, lambda: 0.0, self.lookups, seen=self.seen)
        exchange = Exchange(
            env, "d-1", parse_request_head(block.encode(), LIMITS), Peer("127.0.0.1"), self.now, self.scheme
        )
        return Played(play(exchange.run(), script), exchange)
