"""A shared registry behind TLS of its own: client certificates, access lists, a password of Sentinel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import trustme

from gateway.contacts.model import Entry
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redisaddress import Address, Login, Shared
from gateway.secret import Secret
from tests.redisserver import KEEPING, PATIENCE, Server, free_port

LOCAL = "127.0.0.1"
WITHOUT = "this redis-server is built without TLS"


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
