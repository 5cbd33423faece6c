"""HTTP/3, by a real client of QUIC: on the port of mode `reverse`, and in a WireGuard tunnel."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from trustme import LeafCert

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

import gateway.planes.intercept.quic
from gateway import wireguard
from gateway.deployment import Tls
from gateway.model import Upstream as UpstreamModel
from gateway.planes.intercept.http import TAKEN_BACK
from gateway.planes.intercept.quic import can_ask
from tests.http3 import Client, Fields, Tunnelled, Udp
from tests.intercepting import Proxy, authority, write
from tests.plane import Upstream, answer
from tests.wireguard import Tunnel
from tests.world import KEYS, RULES

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
HOST = "crm.example"
LONG = b'{"id": "7", "name": {"first": "Ana"}, "x": "' + b"y" * 300_000 + b'"}'


def said(request: bytes) -> bytes:
    return answer(LONG if b"/contacts/8" in request else PERSON)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(said) as made:
        yield made


def named(upstream: UpstreamModel) -> UpstreamModel:
    port = upstream.url.rpartition(":")[2]
    return msgspec.structs.replace(upstream, url=f"http://{HOST}:{port}", connect=("127.0.0.1",))


@pytest.fixture(scope="module")
def shared(upstream: Upstream) -> Iterator[Proxy]:
    mode = f"reverse:http://{HOST}:{upstream.port}"
    with Proxy(upstream, mode=mode, quic="intercept", change=named) as made:
        yield made


@pytest.fixture
def proxy(shared: Proxy, upstream: Upstream) -> Proxy:
    upstream.requests.clear()
    return shared


def client(proxy: Proxy, name: str = HOST) -> Client:
    return Client(Udp(proxy.port), name, authority().cert_pem.bytes())


def fields(proxy: Proxy, **changes: bytes) -> Fields:
    given = {
        ":method": b"GET",
        ":scheme": b"https",
        ":authority": proxy.host.encode(),
        ":path": b"/contacts/7",
        "hushgate-key": KEYS["support"],
    }
    return [(name.encode(), value) for name, value in (given | changes).items()]


def masked(got: bytes) -> bool:
    return got.startswith(b"HTTP/1.1 200\r\n") and b"Ana" in got and b"ana@" not in got


def test_requests_are_under_the_rules(proxy: Proxy, upstream: Upstream) -> None:
    with client(proxy) as made:
        assert masked(made.ask(fields(proxy)))
        assert masked(made.ask(fields(proxy)))
        assert made.ask(fields(proxy)[:-1]).startswith(b"HTTP/1.1 401\r\n")
    assert upstream.requests[0].startswith(b"GET /contacts/7 HTTP/1.1\r\nHost: " + proxy.host.encode())
    assert [(r.effect, r.reason) for r in proxy.records()][-3:] == [
        ("allow", ""),
        ("allow", ""),
        ("refuse", "unknown_client"),
    ]


def test_requests_at_once_are_told_apart(proxy: Proxy) -> None:
    with client(proxy) as made:
        numbers = [made.begin(fields(proxy, **{":path": b"/contacts/8"} if n % 2 else {})) for n in range(8)]
        made.wait(*numbers)
        sizes = [len(made.answer(number)) > 10_000 for number in numbers]
        assert [masked(made.answer(number)) for number in numbers] == [True] * 8
    assert sizes == [False, False] * 4 or sizes == [False, True] * 4


def test_a_body_and_trailers(proxy: Proxy, upstream: Upstream) -> None:
    body = b'{"name":{"first":"Ana"}}'
    ask = fields(proxy, **{":method": b"POST", ":path": b"/contacts", "content-type": b"application/json"})
    with client(proxy) as made:
        number = made.begin(ask, body, [(b"x-sum", b"1")])
        made.wait(number)
        got = made.answer(number)
    assert got.startswith(b"HTTP/1.1 "), got
    assert [request.partition(b"\r\n\r\n")[2] for request in upstream.requests] == [body]


@dataclass(frozen=True)
class Bad:
    """Changes of the fields; the status (0: the connection or stream ends) and the reason on record."""

    changes: dict[str, bytes]
    status: int
    reason: str


BAD = {
    "host against :authority": Bad({"host": b"evil.example"}, 421, "host_mismatch"),
    "a line end in the path": Bad({":path": b"/a HTTP/1.1\r\nX: y\r\n\r\n"}, 0, "malformed_request"),
    "a line end in a value": Bad({"x": b"a\r\nHost: evil.example"}, 0, "malformed_request"),
    "a blank in the path": Bad({":path": b"/a b"}, 400, "malformed_request"),
    "a line end in the method": Bad({":method": b"GET / HTTP/1.1\r\nX: y"}, 0, "malformed_request"),
    "a name in upper case": Bad({"X": b"a"}, 0, "malformed_request"),
    "connection": Bad({"connection": b"close"}, 0, "malformed_request"),
    "transfer-encoding": Bad({"transfer-encoding": b"chunked"}, 0, "malformed_request"),
    "a tunnel": Bad({":method": b"CONNECT"}, 0, "malformed_request"),
    "an operation no pack names": Bad({":path": b"/nothing"}, 403, "unknown_operation"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_recorded(proxy: Proxy, upstream: Upstream, bad: Bad) -> None:
    before = len(proxy.records())
    with client(proxy) as made:
        got = made.ask(fields(proxy, **bad.changes))
    assert got.startswith(b"HTTP/1.1 %d" % bad.status if bad.status else (b"closed", b"reset")), got
    assert [r.reason for r in proxy.records()[before:]] == [bad.reason]
    assert upstream.requests == []


def test_requests_that_are_taken_back_end_the_connection(proxy: Proxy) -> None:
    before = len(proxy.records())
    with client(proxy) as made:
        for _ in range(TAKEN_BACK + 20):
            made.take_back(made.begin(fields(proxy)))
        made.wait(-1)
        assert made.closed == "263", "H3_EXCESSIVE_LOAD"
    assert "malformed_request" in {r.reason for r in proxy.records()[before:]}


def test_a_port_whose_connection_has_ended_is_served_again(proxy: Proxy) -> None:
    own = 0
    for _ in range(3):
        wire = Udp(proxy.port, own)
        own = wire.own
        with Client(wire, HOST, authority().cert_pem.bytes()) as made:
            assert masked(made.ask(fields(proxy)))


def test_another_name_has_no_certificate(proxy: Proxy, upstream: Upstream) -> None:
    """In mode `reverse` who it is for is fixed, and so is the name that is shown."""
    with client(proxy, "other.example") as made:
        assert made.closed, "the client did not accept it"
    assert upstream.requests == []


def test_a_hook_that_raises_makes_no_handshake(
    proxy: Proxy, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tests.http3.PATIENCE", 0.5)
    for name in ("addon.Addon.quic_start_client", "plane.Interceptor.quic_leaf", "http.Http3.parse_headers"):
        with monkeypatch.context() as patched:
            patched.setattr(f"gateway.planes.intercept.{name}", fails)
            with contextlib.suppress(TimeoutError), client(proxy) as made:
                assert b"HTTP/1.1 2" not in made.ask(fields(proxy))
    assert upstream.requests == []
    with client(proxy) as made:
        assert masked(made.ask(fields(proxy))), "it serves on"


# ---- certificates of applications ----------------------------------------


@pytest.fixture(scope="module")
def asking(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One that asks for a certificate, and whose one client is known by it alone."""
    folder = tmp_path_factory.mktemp("asking")
    own = authority().issue_cert(HOST)
    chain = write(folder, "chain.pem", b"".join(b.bytes() for b in own.cert_chain_pems))
    key = write(folder, "key.pem", own.private_key_pem.bytes())
    listens = Tls(chain, key, write(folder, "ca.pem", authority().cert_pem.bytes()))
    [line] = [line for line in RULES.splitlines() if "helpdesk" in line]
    known = line[: line.index("key:")] + "mtls: {san: app.example}" + line[line.index(", role") :]
    mode = f"reverse:http://{HOST}:{upstream.port}"
    rules = RULES.replace(line, known)
    with Proxy(upstream, mode=mode, quic="intercept", change=named, listens=listens, rules=rules) as made:
        yield made


def showing(proxy: Proxy, certificate: LeafCert | None) -> Client:
    return Client(Udp(proxy.port), HOST, authority().cert_pem.bytes(), certificate)


def test_an_application_is_known_by_its_certificate(asking: Proxy) -> None:
    with showing(asking, authority().issue_cert("app.example")) as made:
        assert masked(made.ask(fields(asking)[:-1]))
    with showing(asking, authority().issue_cert("other.example")) as made:
        assert made.ask(fields(asking)[:-1]).startswith(b"HTTP/1.1 401")
    with showing(asking, None) as made:
        assert made.ask(fields(asking)[:-1]).startswith(b"HTTP/1.1 401"), "none need be shown"
        assert made.ask(fields(asking)).startswith(b"HTTP/1.1 401"), "nor does a key stand for one"


def shown_by_another(name: str) -> LeafCert:
    return trustme.CA().issue_cert(name)


def not_a_clients(name: str) -> LeafCert:
    """Of the right authority, for servers only."""
    made = authority().issue_cert(name)
    old = x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes())
    built = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
    built = built.not_valid_before(old.not_valid_before_utc).not_valid_after(old.not_valid_after_utc)
    for extension in old.extensions:
        if not isinstance(extension.value, x509.ExtendedKeyUsage):
            built = built.add_extension(extension.value, extension.critical)
    built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
    key = load_pem_private_key(authority().private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = built.sign(key, SHA256())
    return LeafCert(made.private_key_pem.bytes(), signed.public_bytes(Encoding.PEM), [])


UNBELIEVED = {"another authority's": shown_by_another, "a server's": not_a_clients}


@pytest.mark.parametrize("made", UNBELIEVED.values(), ids=UNBELIEVED)
def test_a_certificate_nobody_vouches_for_ends_the_handshake(
    asking: Proxy, upstream: Upstream, made: Callable[[str], LeafCert]
) -> None:
    before, asked = len(asking.records()), len(upstream.requests)
    with showing(asking, made("app.example")) as client:
        assert client.ask(fields(asking)[:-1]) == b"closed"
        assert client.closed == "bad certificate"
    assert [record.reason for record in asking.records()[before:]] == ["malformed_request"]
    assert len(upstream.requests) == asked


def test_a_check_that_raises_ends_the_handshake(asking: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("gateway.planes.intercept.believed.Believed.vouch", fails)
        with showing(asking, authority().issue_cert("app.example")) as made:
            assert made.ask(fields(asking)[:-1]) == b"closed"
    with showing(asking, authority().issue_cert("app.example")) as made:
        assert masked(made.ask(fields(asking)[:-1])), "it serves on"


def test_what_asks_is_there_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_ask()
    monkeypatch.setattr(gateway.planes.intercept.quic, "SWITCH", "_something_else")
    assert not can_ask()


# ---- several processes ----------------------------------------


def test_workers_share_the_port(proxy: Proxy, upstream: Upstream) -> None:
    """All datagrams of one address come to one of them, so that neither has to know of the other."""
    mode = f"reverse:http://{HOST}:{upstream.port}"
    before = len(proxy.records())
    with (
        Proxy(upstream, mode=mode, quic="intercept", change=named, at=proxy.port) as other,
        contextlib.ExitStack() as held,
    ):
        clients = [held.enter_context(client(proxy)) for _ in range(16)]
        assert all(masked(made.ask(fields(proxy))) for made in clients for _ in range(2))
        served = len(proxy.records()) - before, len(other.records())
    assert all(served), "one took every connection"
    assert sum(served) == 32


# ---- in a tunnel ----------------------------------------


def test_in_a_tunnel(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    keys = wireguard.create(file)
    private, _ = wireguard.add(file, "laptop")

    def change(model: UpstreamModel) -> UpstreamModel:
        return msgspec.structs.replace(model, url=f"http://{HOST}:443", connect=("127.0.0.1",))

    with Proxy(upstream, mode=f"wireguard:{file}", quic="intercept", change=change) as proxy:
        with Tunnel(private, wireguard.public_key(keys.private), proxy.port, "10.77.0.2") as tunnel:
            wire = Tunnelled(tunnel, "203.0.113.7", 443)
            with Client(wire, HOST, authority().cert_pem.bytes()) as made:
                got = made.ask(fields(proxy))
        assert got.startswith(b"HTTP/1.1 502"), "nobody listens on this machine's port 443"
        with Tunnel(private, wireguard.public_key(keys.private), proxy.port, "10.77.0.2") as tunnel:
            wire = Tunnelled(tunnel, "203.0.113.7", 443)
            monkeypatch.setattr("tests.http3.PATIENCE", 0.5)
            with pytest.raises(TimeoutError), Client(wire, "evil.example", b"") as made:
                raise AssertionError(made.closed)
        # and once more for each packet that the client sends again
        assert [r.reason for r in proxy.records()][:2] == ["upstream_unreachable", "host_not_allowed"]
