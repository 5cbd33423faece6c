"""HTTP/3, by a real client of QUIC: on the port of mode `reverse`, and in a WireGuard tunnel."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from gateway import wireguard
from gateway.model import Upstream as UpstreamModel
from gateway.planes.intercept.http import TAKEN_BACK
from tests.http3 import Client, Fields, Tunnelled, Udp
from tests.intercepting import Proxy, authority
from tests.plane import Upstream, answer
from tests.wireguard import Tunnel
from tests.world import KEYS

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
