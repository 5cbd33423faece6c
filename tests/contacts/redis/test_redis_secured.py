"""A shared registry behind TLS of its own: client certificates, access lists, a password of Sentinel."""

import asyncio
import gc
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
import trustme

from gateway.contacts.model import Entry
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redis.line import Line, connection
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Address, Login, Shared
from gateway.errors import StoreError
from gateway.secret import Secret
from tests.redisserver import KEEPING, PATIENCE, Server, free_port

LOCAL = "127.0.0.1"
WITHOUT = "this redis-server is built without TLS"
LIMITED = {
    "keyless": ("~other:*", "&*", "+@all"),
    "scriptless": ("~*", "&*", "+@all", "-evalsha"),
    "deaf": ("~*", "resetchannels", "+@all"),
    "curious": ("~*", "&*", "+@all", "-info"),
}
"""Users who may do most of what is needed."""


class Secured:
    """A server that speaks TLS alone, to those whose certificate its authority made."""

    def __init__(self, folder: Path) -> None:
        (folder / "redis").mkdir()
        self.folder = folder
        self.server = Server(folder / "redis", *KEEPING)
        self.authority = trustme.CA()
        self.ca = self.written("ca.pem", self.authority.cert_pem)
        leaf = self.authority.issue_cert(LOCAL)
        given = {
            "tls-ca-cert-file": self.ca,
            "tls-cert-file": self.written("server.pem", *leaf.cert_chain_pems),
            "tls-key-file": self.written("server.key", leaf.private_key_pem),
        }
        with self.server.client() as client:
            try:
                client.config_set("tls-auth-clients", "yes")
            except redis.ResponseError:
                self.server.stop()
                pytest.skip(WITHOUT)
            self.port = self._listen(client, given)
            client.execute_command(
                "ACL", "SETUSER", "hushgate", "on", ">password", "~hushgate:*", "&*", "+@all"
            )
            for name, rules in LIMITED.items():
                client.execute_command("ACL", "SETUSER", name, "on", ">password", *rules)
            client.execute_command("ACL", "SETUSER", "default", "off")

    def _listen(self, client: redis.Redis, given: dict[str, str]) -> int:
        for _ in range(5):
            port = free_port()
            try:
                client.config_set("tls-port", port, *(part for pair in given.items() for part in pair))
                return port
            except redis.ResponseError:  # somebody took the port
                continue
        raise AssertionError("no port for TLS")

    def written(self, name: str, *parts: trustme.Blob) -> str:
        path = self.folder / name
        path.write_bytes(b"".join(part.bytes() for part in parts))
        return str(path)

    @property
    def shared(self) -> Shared:
        """How the gateway reaches it."""
        leaf = self.authority.issue_cert("gateway.example")
        return Shared(
            Address("single", ((LOCAL, self.port),), tls=True),
            Login(Secret("hushgate"), Secret("password")),
            ca=self.ca,
            client_cert=self.written("client.pem", *leaf.cert_chain_pems),
            client_key=self.written("client.key", leaf.private_key_pem),
            timeout=PATIENCE,
        )

    @contextmanager
    def certified(self, leaf: trustme.LeafCert) -> Iterator[None]:
        """With another certificate of the server."""
        self._present("other", leaf)
        try:
            yield
        finally:
            self._present("server", self.authority.issue_cert(LOCAL))

    def _present(self, name: str, leaf: trustme.LeafCert) -> None:
        with redis.Redis(port=self.server.port, username="hushgate", password="password") as client:
            client.config_set(
                "tls-cert-file",
                self.written(f"{name}.pem", *leaf.cert_chain_pems),
                "tls-key-file",
                self.written(f"{name}.key", leaf.private_key_pem),
            )


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    made = Secured(tmp_path_factory.mktemp("secured"))
    yield made
    made.server.stop()


def suppressed(name: str) -> Entry:
    return Entry(id=name, subject="p", act="suppressed", at=1.0)


def test_with_a_certificate_and_a_login_it_is_a_registry_like_any_other(secured: Secured) -> None:
    books = RedisBooks(secured.shared)
    try:
        assert books.enter("acme", [suppressed("1")]) == 1
        assert books.standings("acme", ["p"])[0].suppressions
    finally:
        books.close()


def test_a_login_of_sentinels_and_another_of_their_servers(tmp_path: Path) -> None:
    for name in ("master", "sentinel"):
        (tmp_path / name).mkdir()
    master = Server(tmp_path / "master", *KEEPING)
    rules = f"sentinel monitor main {LOCAL} {master.port} 1\n"
    (tmp_path / "sentinel" / "sentinel.conf").write_text(rules)
    sentinel = Server(tmp_path / "sentinel", sentinel=True)
    with master.client() as client:
        client.config_set("requirepass", "of the servers")
    with sentinel.client() as client:
        client.execute_command("SENTINEL", "SET", "main", "auth-pass", "of the servers")
        client.execute_command("ACL", "SETUSER", "default", "resetpass", ">of the sentinels")
    address = Address("sentinel", ((LOCAL, sentinel.port),), service="main")
    theirs, ours = Login(password=Secret("of the sentinels")), Login(password=Secret("of the servers"))
    try:
        books = RedisBooks(Shared(address, ours, theirs, timeout=PATIENCE, replicas=0))
        assert books.enter("acme", [suppressed("1")]) == 1
        books.close()
    finally:
        sentinel.stop()
        master.stop()


# ---- what can be wrong ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _lets_go() -> Iterator[None]:
    """Nothing is left to the garbage collector, and no connection stays open."""
    gc.collect()
    before = len([*Path("/proc/self/fd").iterdir()])
    yield
    gc.collect()
    assert len([*Path("/proc/self/fd").iterdir()]) <= before


async def troubled(shared: Shared) -> str:
    """What a worker's registry says that cannot reach its servers; it is not ready."""
    registry = RedisRegistry(shared)
    fleet, deadline = registry.fleet(), time.monotonic() + PATIENCE
    untold = fleet.trouble
    while fleet.trouble == untold and not fleet.up:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert not registry.ready()
    trouble = fleet.trouble
    registry.close()
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    return trouble


def stranger(secured: Secured) -> Shared:
    return replace(secured.shared, ca=secured.written("strange.pem", trustme.CA().cert_pem))


def as_user(name: str | None, password: str | None) -> Callable[[Secured], Shared]:
    login = Login(Secret(name) if name else None, Secret(password) if password else None)
    return lambda secured: replace(secured.shared, login=login)


WRONG: dict[str, tuple[Callable[[Secured], Shared], str]] = {
    "an authority of somebody else": (stranger, "TLS: the server's certificate is refused: "),
    "no client certificate": (
        lambda secured: replace(secured.shared, client_cert=None, client_key=None),
        "asks for a client certificate, and none is set",
    ),
    "a wrong password": (
        as_user("hushgate", "wrong"),
        "AuthenticationError: the server refuses the user or its password",
    ),
    "an unknown user": (
        as_user("nobody", "password"),
        "AuthenticationError: the server refuses the user or its password",
    ),
    "no password": (as_user(None, None), "the server asks for a password, and none is set"),
    "a user without a command": (
        as_user("curious", "password"),
        "NoPermissionError: the access list does not let the user have the command info",
    ),
    "a user without the channel": (as_user("deaf", "password"), "the channel hushgate:changes"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_fails_is_named(secured: Secured, what: str) -> None:
    made, expected = WRONG[what]
    told = asyncio.run(troubled(made(secured)))
    assert expected in told


def test_an_expired_certificate(secured: Secured) -> None:
    shared = secured.shared
    with secured.certified(secured.authority.issue_cert(LOCAL, not_after=datetime(2020, 1, 1, tzinfo=UTC))):
        told = asyncio.run(troubled(shared))
    assert told == "TLS: the server's certificate is refused: certificate has expired"


def test_a_certificate_of_another_host(secured: Secured) -> None:
    shared = secured.shared
    with secured.certified(secured.authority.issue_cert("192.0.2.1")):
        assert "IP address mismatch" in asyncio.run(troubled(shared))


@pytest.mark.parametrize(
    ("name", "what"), [("keyless", "the keys hushgate:*"), ("scriptless", "the command evalsha")]
)
def test_a_user_who_may_not_do_what_is_asked(secured: Secured, name: str, what: str) -> None:
    books = RedisBooks(as_user(name, "password")(secured))
    try:
        for asked in (lambda: books.standings("acme", ["p"]), lambda: books.enter("acme", [suppressed("9")])):
            with pytest.raises(StoreError, match="NoPermissionError") as refused:
                asked()
            assert refused.value.detail.endswith(what)
    finally:
        books.close()


def test_a_server_that_never_answers_is_let_go(secured: Secured) -> None:
    """Through TLS, it does not even part."""

    async def opened() -> None:
        came: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

        async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.put_nowait(writer)

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secured.authority.issue_cert(LOCAL).configure_cert(context)
        server = await asyncio.start_server(silent, LOCAL, 0, ssl=context)
        node, shared = server.sockets[0].getsockname()[:2], secured.shared
        opening = asyncio.ensure_future(Line(connection(shared, node, shared.login, 0)).open())
        theirs = await came.get()
        opening.cancel()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(asyncio.CancelledError):
                await opening
        theirs.transport.abort()
        server.close()

    asyncio.run(opened())


def watching(secured: Secured, folder: Path) -> tuple[Server, int]:
    """A Sentinel that speaks TLS to everybody, and its port."""
    leaf = secured.authority.issue_cert(LOCAL)
    rules = {
        "sentinel monitor main": f"{LOCAL} {secured.port} 1",
        "sentinel auth-user main": "hushgate",
        "sentinel auth-pass main": "password",
        "tls-replication": "yes",
        "tls-auth-clients": "yes",
        "tls-ca-cert-file": secured.ca,
        "tls-cert-file": secured.written("sentinel.pem", *leaf.cert_chain_pems),
        "tls-key-file": secured.written("sentinel.key", leaf.private_key_pem),
    }
    for _ in range(5):
        port = free_port()
        folder.mkdir(exist_ok=True)
        lines = [f"tls-port {port}", *(f"{name} {value}" for name, value in rules.items()), ""]
        (folder / "sentinel.conf").write_text("\n".join(lines))
        try:
            return Server(folder, sentinel=True), port
        except AssertionError:  # somebody took the port
            continue
    raise AssertionError("no port for TLS")


def test_a_sentinel_behind_tls(secured: Secured, tmp_path: Path) -> None:
    sentinel, port = watching(secured, tmp_path / "sentinel")
    address = Address("sentinel", ((LOCAL, port),), tls=True, service="main")
    try:
        books = RedisBooks(replace(secured.shared, address=address, replicas=0))
        assert books.enter("acme", [suppressed("by Sentinel")]) == 1
        books.close()
        told = asyncio.run(troubled(replace(stranger(secured), address=address)))
        assert told.startswith("TLS: the server's certificate is refused: ")
    finally:
        sentinel.stop()
