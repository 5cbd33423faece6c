"""The API behind a real socket: uvicorn in a thread, a store in memory or on disk, a log in memory."""

import asyncio
import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import httpx
import uvicorn

from gateway.api.app import Means, application
from gateway.api.desk import Desk
from gateway.audit.record import Accepted, Record
from gateway.contacts.model import Books
from gateway.errors import StoreError
from gateway.keys import Keyring
from gateway.model import Pack
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from gateway.webhooks.route import OneClick

T = "acme"
NOW = 1_793_500_000.0
RING = Keyring(bytes(range(32)))
NAMED = RING.pseudonymiser(T)
PHONE = "+33612345678"
KEYS = {"crm": "crm-key", "report": "report-key", "app": "app-key", "far": "far-key"}


def _digest(client: str) -> str:
    return f"sha256:{sha256(KEYS[client].encode()).hexdigest()}"


RULES = f"""\
tenant: acme
instruction: {{by: dpo@acme.example, ref: "DPA 1", date: 2026-04-01}}
country: FR
clients:
  - {{id: crm, key: "{_digest("crm")}", role: r, purposes: [essential], contacts: write}}
  - {{id: report, key: "{_digest("report")}", role: r, purposes: [essential], contacts: read}}
  - {{id: app, key: "{_digest("app")}", role: r, purposes: [essential]}}
  - {{id: far, key: "{_digest("far")}", network: 10.0.0.0/8, role: r, purposes: [essential], contacts: write}}
views: {{r: {{show: [user.name]}}}}
lookups: 200
"""


@dataclass
class Listed:
    """A log that keeps its records, and can be away."""

    records: list[Record] = field(default_factory=list)
    away: bool = False

    def append(self, record: Record, accepted: Accepted) -> None:
        if self.away:
            accepted(StoreError("audit_unavailable", "away"))
            return
        self.records.append(record)
        accepted(None)

    def ready(self) -> bool:
        return not self.away

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Running:
    """The API, and what it works with."""

    log: Listed
    desk: Desk
    port: int
    now: list[float]
    counts: list[tuple[str, int]] = field(default_factory=list)

    def client(self, who: str = "crm") -> httpx.Client:
        headers = {"Authorization": f"Bearer {KEYS[who]}"}
        # In clear: to read the system's roots would take longer than most tests.
        url = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20, verify=False)

    def ask(self, call: str, body: object, who: str = "crm", **headers: str) -> httpx.Response:
        with self.client(who) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post(
                f"/v1/{call}", content=json.dumps(body), headers={"Content-Type": "application/json", **named}
            )


CLICKS = OneClick("https://hooks.acme.example/u", "/u")


def snapshot(clicks: OneClick | None = CLICKS, packs: Sequence[Pack] = (), *, bare: bool = True) -> Snapshot:
    policy = read_rules(RULES.encode(), "acme.yaml")
    tenant = Tenant(T, policy.clients, lambda: policy)
    return Snapshot([tenant], packs, [], AddressTable([]), Secrets.of(RING), clicks=clicks, bare=bare)


@contextlib.contextmanager
def running(
    open_books: Callable[[], Books],
    state: Path,
    clicks: OneClick | None = CLICKS,
    in_force: Snapshot | None = None,
) -> Iterator[Running]:
    """Serve until the block ends."""
    numbers = itertools.count(1)
    ready, stop = threading.Event(), []
    sock = socket.create_server(("127.0.0.1", 0))
    made = Running(Listed(), Desk(open_books, state), sock.getsockname()[1], [NOW])
    in_force = in_force or snapshot(clicks)

    def serve() -> None:
        async def main() -> None:
            means = Means(
                lambda: in_force,
                made.log,
                made.desk,
                lambda: made.now[0],
                lambda: 1000.0,
                lambda: f"id-{next(numbers)}",
                lambda call, status: made.counts.append((call, status)),
            )
            settings = uvicorn.Config(
                application(means), lifespan="off", log_config=None, ws="none", http="h11"
            )
            server = uvicorn.Server(settings)
            stop.append((asyncio.get_running_loop(), server))
            ready.set()
            await server.serve(sockets=[sock])

        asyncio.run(main())

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(20)
    try:
        yield made
    finally:
        loop, server = stop[0]
        loop.call_soon_threadsafe(setattr, server, "should_exit", True)
        thread.join(20)
        made.desk.close()
        sock.close()
