"""Mode `wireguard`: a real client's tunnel, and in it the enforcement of every other way in."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from mitmproxy.dns import DNSMessage, Question
from mitmproxy.net.dns import response_codes, types

from gateway import wireguard
from gateway.model import Upstream as UpstreamModel
from tests.intercepting import Proxy, trusting
from tests.plane import Upstream, answer, read_answer
from tests.wireguard import Tunnel
from tests.world import KEYS

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
KEY_LINE = f"Hushgate-Key: {KEYS['support'].decode()}\r\n"
ANYWHERE = "203.0.113.7"
HOST = "crm.example"


class Place:
    """A gateway with two clients."""

    def __init__(self, proxy: Proxy, keys: wireguard.Keys, clients: dict[str, str]) -> None:
        self.proxy, self.clients = proxy, clients
        self.public = wireguard.public_key(keys.private)

    def tunnel(self, private: str = "", here: str = "10.77.0.2") -> Tunnel:
        return Tunnel(private or self.clients["laptop"], self.public, self.proxy.port, here)

    @property
    def port(self) -> int:
        """What the tests' upstream is asked for at."""
        return int(self.proxy.host.partition(":")[2])


def named(upstream: UpstreamModel) -> UpstreamModel:
    port = upstream.url.rpartition(":")[2]
    return msgspec.structs.replace(upstream, url=f"http://{HOST}:{port}", connect=("127.0.0.1",))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    file = tmp_path_factory.mktemp("wireguard") / "keys"
    wireguard.create(file)
    clients = {name: wireguard.add(file, name)[0] for name in ("laptop", "phone")}
    with (
        Upstream(lambda _: answer(PERSON)) as upstream,
        Proxy(upstream, mode=f"wireguard:{file}", change=named) as proxy,
    ):
        yield Place(proxy, wireguard.load(file), clients)


def get(host: str, extra: str = KEY_LINE) -> bytes:
    return f"GET /contacts/7 HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def masked(got: bytes) -> bool:
    return got.startswith(b"HTTP/1.1 200") and b"Ana" in got and b"ana@" not in got


def test_requests_in_a_tunnel_are_under_the_rules(place: Place) -> None:
    proxy = place.proxy
    with (
        place.tunnel() as tunnel,
        tunnel.connect(ANYWHERE, place.port) as raw,
        trusting().wrap_socket(raw, server_hostname=HOST) as sock,
    ):
        assert {session.peer.address for session in proxy.worker.sessions.values()} == {"10.77.0.2"}
        for _ in range(2):
            sock.sendall(get(proxy.host))
            assert masked(read_answer(sock))
        sock.sendall(get(proxy.host, ""))
        assert read_answer(sock).startswith(b"HTTP/1.1 401")
    assert [(r.effect, r.reason) for r in proxy.records()][-3:] == [
        ("allow", ""),
        ("allow", ""),
        ("refuse", "unknown_client"),
    ]


def test_every_client_of_the_file_is_let_in(place: Place) -> None:
    with (
        place.tunnel(place.clients["phone"], "10.77.0.3") as tunnel,
        tunnel.connect(ANYWHERE, place.port) as s,
    ):
        s.sendall(get(place.proxy.host))
        assert masked(read_answer(s))


def test_a_key_that_is_not_in_the_file_is_not_answered(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.wireguard.PATIENCE", 0.5)
    with pytest.raises(TimeoutError), place.tunnel(wireguard.new_key()):
        raise AssertionError("a tunnel was made")


def test_a_host_nobody_names(place: Place) -> None:
    with (
        place.tunnel() as tunnel,
        tunnel.connect(ANYWHERE, 443) as raw,
        pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"),
    ):
        trusting().wrap_socket(raw, server_hostname="evil.example")
    assert place.proxy.records()[-1].reason == "host_not_allowed"


def test_bytes_that_are_no_http(place: Place) -> None:
    with place.tunnel() as tunnel, tunnel.connect(ANYWHERE, 22) as sock:
        sock.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        assert sock.recv(100) == b""
    assert place.proxy.records()[-1].reason == "protocol_not_allowed"


def test_quic_is_not_answered(place: Place) -> None:
    before = len(place.proxy.records())
    with place.tunnel() as tunnel:
        tunnel.ask(ANYWHERE, 443, b"\xc3" + bytes(1199), within=0.1)
        while not place.proxy.records()[before:]:
            assert tunnel.ask(ANYWHERE, 443, b"\xc3" + bytes(1199), within=0.1) == b""
    assert {r.reason for r in place.proxy.records()[before:]} == {"protocol_not_allowed"}


# ---- names ----------------------------------------


def asked(place: Place, name: str, kind: int) -> DNSMessage:
    question = DNSMessage(
        id=7, query=True, op_code=0, authoritative_answer=False, truncation=False, recursion_desired=True,
        recursion_available=False, reserved=0, response_code=0, questions=[Question(name, kind, 1)],
        answers=[], authorities=[], additionals=[], timestamp=None,
    )  # fmt: skip
    with place.tunnel() as tunnel:
        return DNSMessage.unpack(tunnel.ask("10.77.0.1", 53, question.packed))


@pytest.fixture
def _named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(name: str, _: object, **options: int) -> list[object]:
        assert name == HOST
        if options["family"] == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "none")
        return [(0, 0, 0, "", ("203.0.113.9", 443))]

    monkeypatch.setattr("gateway.planes.intercept.names._resolve", resolve)


@pytest.mark.usefixtures("_named")
def test_names_of_intercepted_hosts_are_answered_in_the_tunnel(place: Place) -> None:
    four = asked(place, "CRM.example", types.A)
    assert [str(record.ipv4_address) for record in four.answers] == ["203.0.113.9"]
    assert asked(place, HOST, types.AAAA).answers == []
    hint = asked(place, HOST, types.HTTPS)
    assert (hint.response_code, hint.answers) == (response_codes.NOERROR, [])
    assert asked(place, "evil.example", types.A).response_code == response_codes.REFUSED


def test_what_is_no_question_is_not_answered(place: Place) -> None:
    with place.tunnel() as tunnel:
        for noise in (b"\0", b"x" * 40, b"x" * 600):
            assert tunnel.ask("10.77.0.1", 53, noise, within=0.1) == b""
    assert asked(place, "evil.example", types.A).response_code == response_codes.REFUSED, "it answers on"


# ---- keys ----------------------------------------


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    wireguard.create(file)
    assert file.stat().st_mode & 0o777 == 0o600
