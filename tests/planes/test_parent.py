"""By way of a parent proxy, on real sockets: which address it is told, and what its answers come to."""

import dataclasses
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import trustme

from gateway.model import Upstream as UpstreamModel
from gateway.parent import Parent
from tests.parents import GRANTED, ParentProxy
from tests.plane import TIMEOUTS, Gate, Upstream, answer, request
from tests.world import RULES

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
STAY = RULES + "rules:\n  - {id: stay, residency: {data: user, regions: [FR]}}\n"
HERE = (
    ("203.0.113.0/24", "FR", "OVH"),
    ("127.0.0.0/8", "FR", "OVH"),
    ("198.51.100.0/24", "US", "OVH"),
)
ASK = request("GET", "/crm/contacts/7")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Secure(Upstream):
    """An upstream that speaks TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(lambda _: answer(PERSON))
        self._context = context

    def _serve(self, sock: socket.socket) -> None:
        try:
            inner = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            return
        self._open.append(inner)
        super()._serve(inner)


def server(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[Upstream]:
    with Secure(server(authority, "crm.test")) as made:
        yield made


@pytest.fixture
def plain() -> Iterator[Upstream]:
    with Upstream(lambda _: answer(PERSON)) as made:
        yield made


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def by(proxy: "ParentProxy | int", **changes: Any) -> Callable[[UpstreamModel], UpstreamModel]:
    """The upstream, reached by a proxy; `proxied` are changes of the Parent."""
    port = proxy if isinstance(proxy, int) else proxy.port
    parent = Parent("127.0.0.1", port, **changes.pop("proxied", {}))
    given = {"url": "http://crm.test:8000", "connect": ("203.0.113.7",), "parent": parent} | changes
    return lambda upstream: msgspec.structs.replace(upstream, **given)


def test_the_address_that_was_checked_is_the_one_that_is_asked_for(plain: Upstream) -> None:
    with (
        ParentProxy(plain.port) as proxy,
        Gate(
            plain, change=by(proxy, connect=("198.51.100.1", "203.0.113.7")), networks=HERE, rules=STAY
        ) as gate,
    ):
        assert b"Ana" in gate.talk(ASK)
        assert b"Ana" in gate.talk(ASK)
        assert [head.split(b"\r\n")[0] for head in proxy.asked] == [b"CONNECT 203.0.113.7:8000 HTTP/1.1"]
        assert [record.address for record in gate.records()] == ["203.0.113.7"] * 2
        assert plain.requests[0].startswith(b"GET /contacts/7 HTTP/1.1\r\nHost: crm.test:8000\r\n")


def test_an_address_out_of_region_is_not_asked_for(plain: Upstream) -> None:
    with (
        ParentProxy(plain.port) as proxy,
        Gate(plain, change=by(proxy, connect=("198.51.100.1",)), networks=HERE, rules=STAY) as gate,
    ):
        assert gate.talk(ASK).startswith(b"HTTP/1.1 451")
        assert proxy.asked == []


@pytest.mark.parametrize("outer", [False, True], ids=["in clear", "over TLS"])
def test_tls_is_the_upstreams_own(outer: bool, secure: Upstream, authority: trustme.CA, ca: str) -> None:
    tls = server(authority, "127.0.0.1") if outer else None
    proxied = {"tls": outer, "ca": ca, "authorization": "Basic YTpi"}
    with ParentProxy(secure.port, tls=tls) as proxy:
        change = by(proxy, url="https://crm.test", ca=ca, proxied=proxied)
        with Gate(secure, change=change, networks=HERE) as gate:
            assert b"Ana" in gate.talk(ASK)
        [head] = proxy.asked
        assert head.startswith(b"CONNECT 203.0.113.7:443 HTTP/1.1\r\nHost: 203.0.113.7:443\r\n")
        assert head.endswith(b"\r\nProxy-Authorization: Basic YTpi\r\n\r\n")
        change = by(proxy, url="https://other.test", ca=ca, proxied=proxied)
        with Gate(secure, change=change, networks=HERE) as gate:
            assert b"urn:hushgate:upstream_untrusted" in gate.talk(ASK)


def test_a_proxy_that_cannot_be_trusted_is_told_nothing(secure: Upstream, authority: trustme.CA) -> None:
    with ParentProxy(secure.port, tls=server(authority, "127.0.0.1")) as proxy:
        with Gate(secure, change=by(proxy, proxied={"tls": True}), networks=HERE) as gate:
            refused(gate, 502, "parent_unreachable")
        assert proxy.asked == []


def refused(gate: Gate, status: int, reason: str) -> None:
    got = gate.talk(ASK)
    assert got.startswith(b"HTTP/1.1 %d " % status), got
    assert b"urn:hushgate:" + reason.encode() in got
    assert [(r.phase, r.effect, r.reason) for r in gate.records()][-1] == ("refusal", "refuse", reason)


BAD = {
    "who are you": (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n", 502, "parent_refused"),
    "not there": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 502, "parent_refused"),
    "see elsewhere": (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", 502, "parent_refused"),
    "101": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502, "parent_refused"),
    "no HTTP": (b"SSH-2.0-x\r\n\r\n\r\n", 502, "parent_refused"),
    "endless": (b"HTTP/1.1 403 No\r\nX: " + b"x" * 300_000, 502, "parent_refused"),
    "more than was asked": (GRANTED + b"HTTP/1.1 200 OK\r\n\r\n", 502, "parent_refused"),
    "nothing": (b"", 502, "parent_refused"),
    "it could not": (b"HTTP/1.1 503 Unavailable\r\n\r\n", 502, "upstream_unreachable"),
    "it waited": (b"HTTP/1.1 504 Timeout\r\n\r\n", 504, "upstream_timeout"),
    "silence": (None, 504, "upstream_timeout"),
}


@pytest.mark.parametrize(("says", "status", "reason"), BAD.values(), ids=BAD)
def test_a_bad_answer_is_a_refusal_and_no_other_way_is_taken(
    says: bytes | None, status: int, reason: str, plain: Upstream
) -> None:
    hasty = dataclasses.replace(TIMEOUTS, connect=0.5)
    here = f"http://127.0.0.1:{plain.port}"  # the way that is not taken would be open
    with (
        ParentProxy(plain.port, says) as proxy,
        Gate(plain, change=by(proxy, url=here, connect=()), timeouts=hasty, networks=HERE) as gate,
    ):
        refused(gate, status, reason)
        assert proxy.asked and plain.connections == 0


def test_a_proxy_that_is_away(plain: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = f"http://127.0.0.1:{plain.port}"
    with Gate(plain, change=by(port, url=here, connect=()), networks=HERE) as gate:
        refused(gate, 502, "parent_unreachable")
        assert plain.connections == 0


def test_another_address_is_tried_when_the_proxy_could_not_reach_one(plain: Upstream) -> None:
    failed = {"203.0.113.7:8000": b"HTTP/1.1 502 Bad Gateway\r\n\r\n"}
    with (
        ParentProxy(plain.port, of=failed) as proxy,
        Gate(plain, change=by(proxy, connect=("203.0.113.7", "203.0.113.8")), networks=HERE) as gate,
    ):
        assert b"Ana" in gate.talk(ASK)
        assert [record.address for record in gate.records()] == ["203.0.113.8"]


def test_interim_answers_of_the_proxy_are_passed_over(plain: Upstream) -> None:
    with (
        ParentProxy(plain.port, b"HTTP/1.1 103 Early\r\n\r\n" + GRANTED) as proxy,
        Gate(plain, change=by(proxy), networks=HERE) as gate,
    ):
        assert b"Ana" in gate.talk(ASK)
