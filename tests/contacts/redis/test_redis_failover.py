"""A shared registry over Sentinel, which replaces a master that dies, and over a Cluster of three masters."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from gateway.contacts.model import UNKNOWN, Cap, Entry, Reservation, Standing
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Address, Shared
from gateway.errors import StoreError
from tests.redisserver import KEEPING, PATIENCE, Server
from tests.wireguard import ready

LOCAL = "127.0.0.1"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(redis.RedisError, StoreError):
            if true():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def folder(root: Path, name: str) -> Path:
    made = root / name
    made.mkdir()
    return made


def suppressed(name: str, subject: str) -> Entry:
    return Entry(id=name, subject=subject, act="suppressed", at=1.0)


# ---- Sentinel -------------------------------------------------------------------------------------------


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Server, Server, Server]]:
    """A master, its replica, and the one Sentinel that decides about them."""
    master = Server(folder(tmp_path, "master"), *KEEPING)
    replica = Server(folder(tmp_path, "replica"), *KEEPING, "--replicaof", LOCAL, str(master.port))
    rules = folder(tmp_path, "sentinel")
    (rules / "sentinel.conf").write_text(
        f"sentinel monitor main {LOCAL} {master.port} 1\nsentinel down-after-milliseconds main 300\n"
        "sentinel failover-timeout main 2000\n"
    )
    sentinel = Server(rules, sentinel=True)
    with replica.client() as client:
        until(lambda: client.info("replication")["master_link_status"] == "up")
    with sentinel.client() as client:
        until(lambda: "slave0" in str(client.execute_command("INFO", "sentinel")) or knows(client))
    yield master, replica, sentinel
    for server in (sentinel, replica, master):
        server.stop()


def knows(sentinel: "redis.Redis") -> bool:
    return len(sentinel.execute_command("SENTINEL", "REPLICAS", "main")) == 1


def test_a_new_master_has_all_that_was_acknowledged(watched: tuple[Server, Server, Server]) -> None:
    master, replica, sentinel = watched
    address = Address("sentinel", ((LOCAL, sentinel.port),), service="main")
    books = RedisBooks(Shared(address, timeout=PATIENCE))
    try:
        assert books.enter("acme", [suppressed(f"{n}", f"p{n}") for n in range(50)]) == 50
        master.kill()
        until(lambda: replica_is_master(replica))
        assert all(s.suppressions for s in books.standings("acme", [f"p{n}" for n in range(50)]))
    finally:
        books.close()
    alone = RedisBooks(Shared(address, timeout=PATIENCE, replicas=0))
    try:
        assert alone.enter("acme", [suppressed("new", "q")]) == 1
        assert alone.standings("acme", ["q", "r"])[1] == UNKNOWN
    finally:
        alone.close()


def replica_is_master(server: Server) -> bool:
    with server.client() as client:
        return bool(client.info("replication")["role"] == "master")


# ---- Cluster --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    root = tmp_path_factory.mktemp("cluster")
    options = (*KEEPING, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    servers = [Server(folder(root, f"{n}"), *options) for n in range(3)]
    ends = [0, 5461, 10923, 16384]
    for n, server in enumerate(servers):
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(ends[n], ends[n + 1]))
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            if n:
                client.execute_command("CLUSTER", "MEET", LOCAL, servers[0].port)
    for server in servers:
        with server.client() as client:
            until(partial(joined, client))
    yield servers
    for server in servers:
        server.stop()


def joined(client: "redis.Redis") -> bool:
    found: bytes = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in found and b"cluster_known_nodes:3" in found


TENANTS = [f"tenant-{n}" for n in range(12)]


def test_tenants_are_spread_and_each_is_whole(cluster: list[Server]) -> None:
    place = Shared(Address("cluster", ((LOCAL, cluster[1].port),)), timeout=PATIENCE, replicas=0)
    books = RedisBooks(place)

    async def work() -> None:
        registry, other = RedisRegistry(place), RedisRegistry(place)
        caps = (Cap(name="c", limit=2, window=60.0),)
        for tenant in TENANTS:
            wanted = [Reservation(id=f"{n}", subject=("mail", "phone")[n % 2], caps=caps) for n in range(3)]
            assert await registry.reserve(tenant, wanted, 5.0) == [None, None, 65.0]
            assert (await of(registry, tenant, "mail")).suppressions
            lifted = Entry(id="l", subject="phone", act="lifted", at=2.0)
            assert await other.enter(tenant, [lifted]) == 1
            deadline = time.monotonic() + PATIENCE
            while (await of(registry, tenant, "mail")).suppressions:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)
        registry.close()
        other.close()

    try:
        for tenant in TENANTS:
            assert books.enter(tenant, [suppressed("s", "phone")]) == 1
            books.link(tenant, [("record", "mail"), ("record", "phone")])
        assert books.tenants() == sorted(TENANTS)
        asyncio.run(work())
        assert [len(list(books.entries(tenant))) for tenant in TENANTS] == [2] * len(TENANTS)
    finally:
        books.close()
    sizes = []
    for server in cluster:
        with server.client() as client:
            sizes.append(client.dbsize())
    assert all(sizes)


async def of(registry: RedisRegistry, tenant: str, subject: str) -> Standing:
    found = registry.standings(tenant, [subject])
    return (found if isinstance(found, list) else await found)[0]


# ---- TLS ------------------------------------------------------------------------------------------------


def test_over_tls_with_a_certificate_of_the_named_authority(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    server = Server(folder(tmp_path, "redis"))
    with Ended(server.port, authority.issue_cert(LOCAL)) as port:
        address = Address("single", ((LOCAL, port),), tls=True)
        books = RedisBooks(Shared(address, ca=str(tmp_path / "ca.pem"), timeout=PATIENCE))
        try:
            assert books.enter("acme", [suppressed("1", "p")]) == 1
            assert books.standings("acme", ["p"])[0].suppressions
        finally:
            books.close()
        with pytest.raises(StoreError):
            RedisBooks(Shared(address, ca=str(tmp_path / "other.pem"), timeout=0.5))
        with pytest.raises(StoreError):
            RedisBooks(Shared(Address("single", ((LOCAL, port),)), timeout=0.5))
    server.stop()


class Ended:
    """Ends TLS before a server that has none of its own: not every build of Redis has."""

    def __init__(self, port: int, certificate: trustme.LeafCert) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._listener = socket.create_server((LOCAL, 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with (
            suppress(OSError),
            caller,
            socket.create_connection((LOCAL, self._port)) as inner,
            self._context.wrap_socket(caller, server_side=True) as outer,
        ):
            other: dict[Any, socket.socket] = {outer: inner, inner: outer}
            while True:
                for one in [outer] if outer.pending() else ready([outer, inner], None):
                    data = one.recv(65536)
                    if not data:
                        return
                    other[one].sendall(data)
