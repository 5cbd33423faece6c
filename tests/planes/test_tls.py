"""TLS on both sides: callers known by certificate, and upstreams that must be trusted to get a byte."""

import json
import os
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.ca.pins import pin_of
from gateway.deployment import Tls
from gateway.model import Upstream as UpstreamModel
from gateway.service.servedtls import context_of
from tests.plane import PATIENCE, Gate, Upstream, answer, read_answer, request
from tests.world import RULES

CONTACT = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
NAME = "api.crm.test"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Encrypted(Upstream):
    """An upstream behind TLS. Who does not finish the handshake sends nothing."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(lambda _: answer(CONTACT))
        self._context = context
        self.protocols: list[str | None] = []

    def _serve(self, sock: socket.socket) -> None:
        try:
            wrapped = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        self._open.append(wrapped)
        self.protocols.append(wrapped.version())
        super()._serve(wrapped)


def serving(*certificates: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for certificate in certificates:
        certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def towards(ca: trustme.CA, folder: Path) -> Callable[[UpstreamModel], UpstreamModel]:
    """The same upstream, by name, over TLS, trusting only this CA."""
    file = folder / "ca.pem"
    ca.cert_pem.write_to_path(file)

    def change(upstream: UpstreamModel) -> UpstreamModel:
        port = upstream.url.rpartition(":")[2]
        return msgspec.structs.replace(
            upstream, url=f"https://{NAME}:{port}", connect=("127.0.0.1",), ca=str(file)
        )

    return change


def test_a_trusted_upstream(ca: trustme.CA, tmp_path: Path) -> None:
    with (
        Encrypted(serving(ca.issue_cert(NAME))) as upstream,
        Gate(upstream, change=towards(ca, tmp_path)) as gate,
    ):
        for _ in range(3):
            reply = gate.talk(request("GET", "/crm/contacts/7"))
            assert reply.startswith(b"HTTP/1.1 200 ") and b"ana@" not in reply
        assert upstream.protocols == ["TLSv1.3"], "one connection for all"
        assert f"Host: {NAME}:".encode() in upstream.requests[0]


def old() -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _old(ca: trustme.CA) -> ssl.SSLContext:
    context = old()
    ca.issue_cert(NAME).configure_cert(context)
    return context


UNTRUSTED: dict[str, Callable[[trustme.CA], ssl.SSLContext]] = {
    "expired": lambda ca: serving(ca.issue_cert(NAME, not_before=LONG_AGO, not_after=LONG_AGO)),
    "of an unknown CA": lambda _: serving(trustme.CA().issue_cert(NAME)),
    "of another name": lambda ca: serving(ca.issue_cert("other.crm.test")),
    "for the address only": lambda ca: serving(ca.issue_cert("127.0.0.1")),
    "TLS 1.1": _old,
}


@pytest.mark.parametrize("kind", UNTRUSTED)
def test_an_upstream_that_cannot_be_trusted_gets_nothing(kind: str, ca: trustme.CA, tmp_path: Path) -> None:
    with (
        Encrypted(UNTRUSTED[kind](ca)) as upstream,
        Gate(upstream, change=towards(ca, tmp_path)) as gate,
    ):
        refused(gate)
        assert not upstream.requests


def refused(gate: Gate) -> None:
    reply = gate.talk(request("GET", "/crm/contacts/7"))
    assert reply.startswith(b"HTTP/1.1 502 ")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["type"] == "urn:hushgate:upstream_untrusted"
    assert [(r.phase, r.reason, r.address) for r in gate.records()] == [("refusal", "upstream_untrusted", "")]


def test_an_upstream_that_speaks_plain_gets_no_request(ca: trustme.CA, tmp_path: Path) -> None:
    taken = []

    class Plain(Upstream):
        """Answers whatever comes in clear."""

        def _serve(self, sock: socket.socket) -> None:
            with sock:
                taken.append(sock.recv(65536))
                sock.sendall(answer(CONTACT))
                sock.recv(65536)

    with Plain(lambda _: b"") as upstream, Gate(upstream, change=towards(ca, tmp_path)) as gate:
        refused(gate)
        assert taken and all(b"GET" not in data for data in taken)


@pytest.mark.parametrize("orderly", [True, False])
def test_an_answer_that_ends_with_the_connection_needs_an_orderly_end(
    orderly: bool, ca: trustme.CA, tmp_path: Path
) -> None:
    """RFC 9112 section 9.8: without close_notify, somebody may have cut the answer short."""

    class Ending(Encrypted):
        """Answers without a length, and ends the connection."""

        def _answer(self, sock: socket.socket, reply: object) -> bool:
            assert isinstance(sock, ssl.SSLSocket)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + CONTACT)
            if orderly:
                sock.unwrap()
            return False

    with (
        Ending(serving(ca.issue_cert(NAME))) as upstream,
        Gate(upstream, change=towards(ca, tmp_path)) as gate,
    ):
        reply = gate.talk(request("GET", "/crm/contacts/7"))
        assert reply.startswith(b"HTTP/1.1 200 " if orderly else b"HTTP/1.1 502 ")


# ---- pins and our own certificate, towards upstreams ----------------------------------------


def pinned(ca: trustme.CA, folder: Path, *pins: str) -> Callable[[UpstreamModel], UpstreamModel]:
    change = towards(ca, folder)
    return lambda upstream: msgspec.structs.replace(change(upstream), pins=pins)


def pin(pem: bytes) -> str:
    return pin_of(x509.load_pem_x509_certificate(pem))


OTHER_PIN = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize("which", ["leaf", "intermediate", "root"])
def test_a_pinned_key_anywhere_in_the_chain(which: str, ca: trustme.CA, tmp_path: Path) -> None:
    below = ca.create_child_ca()
    leaf = below.issue_cert(NAME)
    keys = {
        "leaf": leaf.cert_chain_pems[0].bytes(),
        "intermediate": below.cert_pem.bytes(),
        "root": ca.cert_pem.bytes(),
    }
    change = pinned(ca, tmp_path, OTHER_PIN, pin(keys[which]))
    with Encrypted(serving(leaf)) as upstream, Gate(upstream, change=change) as gate:
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 200 ")


def test_a_trusted_upstream_without_a_pinned_key_gets_nothing(ca: trustme.CA, tmp_path: Path) -> None:
    change = pinned(ca, tmp_path, OTHER_PIN, pin(ca.issue_cert(NAME).cert_chain_pems[0].bytes()))
    with Encrypted(serving(ca.issue_cert(NAME))) as upstream, Gate(upstream, change=change) as gate:
        refused(gate)
        assert not upstream.requests


def test_a_pin_does_not_replace_verification(ca: trustme.CA, tmp_path: Path) -> None:
    stranger = trustme.CA().issue_cert(NAME)
    change = pinned(ca, tmp_path, pin(stranger.cert_chain_pems[0].bytes()))
    with Encrypted(serving(stranger)) as upstream, Gate(upstream, change=change) as gate:
        refused(gate)
        assert not upstream.requests


def asking(ca: trustme.CA) -> ssl.SSLContext:
    """A server that asks for a client certificate, and takes none but this CA's."""
    context = serving(ca.issue_cert(NAME))
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # there, a missing certificate ends the handshake
    return context


def showing(
    ca: trustme.CA, folder: Path, certificate: trustme.LeafCert, passphrase: str | None = None
) -> Callable[[UpstreamModel], UpstreamModel]:
    change = towards(ca, folder)
    put(folder, certificate)
    if passphrase:
        key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        sealed = serialization.BestAvailableEncryption(passphrase.encode())
        (folder / "client.key").write_bytes(key.private_bytes(*form, sealed))
    files = {"client_cert": str(folder / "client.pem"), "client_key": str(folder / "client.key")}
    return lambda up: msgspec.structs.replace(change(up), **files, client_passphrase=passphrase)


def put(folder: Path, certificate: trustme.LeafCert) -> None:
    (folder / "client.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (folder / "client.key").write_bytes(certificate.private_key_pem.bytes())


@pytest.mark.parametrize("passphrase", [None, "opens it"])
def test_an_upstream_that_asks_for_a_certificate(
    passphrase: str | None, ca: trustme.CA, tmp_path: Path
) -> None:
    change = showing(ca, tmp_path, ca.issue_cert("gateway.acme.example"), passphrase)
    with Encrypted(asking(ca)) as upstream, Gate(upstream, change=change) as gate:
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 200 ")


def test_without_the_certificate_it_asks_for_nothing_is_sent(ca: trustme.CA, tmp_path: Path) -> None:
    with Encrypted(asking(ca)) as upstream, Gate(upstream, change=towards(ca, tmp_path)) as gate:
        refused(gate)
        assert not upstream.requests


def test_the_certificate_of_another_ca_is_not_taken(ca: trustme.CA, tmp_path: Path) -> None:
    change = showing(ca, tmp_path, trustme.CA().issue_cert("gateway.acme.example"))
    with Encrypted(asking(ca)) as upstream, Gate(upstream, change=change) as gate:
        refused(gate)
        assert not upstream.requests


def test_a_client_certificate_that_was_renewed_is_read_again(ca: trustme.CA, tmp_path: Path) -> None:
    change = showing(ca, tmp_path, trustme.CA().issue_cert("gateway.acme.example"))
    with Encrypted(asking(ca)) as upstream, Gate(upstream, change=change) as gate:
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 502 ")
        put(tmp_path, ca.issue_cert("gateway.acme.example"))
        for file in ("client.pem", "client.key"):
            os.utime(tmp_path / file, ns=(10**18, 10**18))
        assert gate.talk(request("GET", "/crm/contacts/7")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("wrong", ["no file", "wrong passphrase", "another key", "no passphrase"])
def test_a_client_certificate_that_cannot_be_used(wrong: str, ca: trustme.CA, tmp_path: Path) -> None:
    """Never without it instead, and never a question on the terminal."""
    certificate = ca.issue_cert("gateway.acme.example")
    change = showing(ca, tmp_path, certificate, "opens it" if "passphrase" in wrong else None)
    if wrong == "no file":
        (tmp_path / "client.pem").unlink()
    elif wrong == "another key":
        key = ca.issue_cert("gateway.acme.example").private_key_pem
        (tmp_path / "client.key").write_bytes(key.bytes())
    given = {"wrong passphrase": "opens it not", "no passphrase": None}.get(wrong)

    def other(upstream: UpstreamModel) -> UpstreamModel:
        return msgspec.structs.replace(change(upstream), client_passphrase=given)

    with Encrypted(serving(ca.issue_cert(NAME))) as upstream, Gate(upstream, change=other) as gate:
        refused(gate)
        assert not upstream.requests


# ---- callers ----------------------------------------

BY_SAN = RULES.replace(
    "views:",
    "  - {id: van, mtls: {san: van.acme.example}, role: admin, purposes: [essential]}\nviews:",
)


@dataclass
class Callers:
    """A gateway behind TLS, and the CA that callers' certificates are from."""

    gate: Gate
    ours: trustme.CA

    def ask(self, certificate: trustme.LeafCert | None, *, client: str = "") -> bytes:
        context = ssl.create_default_context()
        self.ours.configure_trust(context)
        if certificate:
            certificate.configure_cert(context)
        with (
            socket.create_connection(("127.0.0.1", self.gate.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="gw.test") as sock,
        ):
            sock.sendall(request("GET", "/crm/contacts/7", client=client))
            return read_answer(sock)


@pytest.fixture
def callers(ca: trustme.CA, tmp_path: Path) -> Iterator[Callers]:
    ca.cert_pem.write_to_path(tmp_path / "clients.pem")
    leaf = ca.issue_cert("gw.test")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, blob in enumerate(leaf.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=number > 0)
    context = context_of(
        Tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"), str(tmp_path / "clients.pem"))
    )
    upstream = Upstream(lambda _: answer(CONTACT))
    with upstream, Gate(upstream, rules=BY_SAN, tls=context) as gate:
        yield Callers(gate, ca)


def test_a_caller_known_by_its_certificate(callers: Callers, ca: trustme.CA) -> None:
    assert b"ana@example.com" in callers.ask(ca.issue_cert("van.acme.example"))
    assert [r.client for r in callers.gate.records()] == ["van"]


def test_a_key_without_a_certificate(callers: Callers) -> None:
    assert b"[redacted]" in callers.ask(None, client="support")


@pytest.mark.parametrize("san", ["evil.example", "acme.example", "xvan.acme.example"])
def test_a_certificate_of_nobody(callers: Callers, ca: trustme.CA, san: str) -> None:
    assert callers.ask(ca.issue_cert(san)).startswith(b"HTTP/1.1 401 ")
    assert [r.reason for r in callers.gate.records()] == ["unknown_client"]


def test_a_key_with_the_certificate_of_another_client(callers: Callers, ca: trustme.CA) -> None:
    reply = callers.ask(ca.issue_cert("van.acme.example"), client="support")
    assert reply.startswith(b"HTTP/1.1 401 ")


def test_no_certificate_and_no_key(callers: Callers) -> None:
    assert callers.ask(None).startswith(b"HTTP/1.1 401 ")


def test_a_certificate_of_an_unknown_ca_is_refused_in_the_handshake(callers: Callers) -> None:
    try:
        got = callers.ask(trustme.CA().issue_cert("van.acme.example"))
    except OSError:
        got = b""  # TLS 1.3 shows the refusal with the first read, as an alert or as an end
    assert got == b""
    assert callers.gate.records() == []


def test_old_tls_is_refused(callers: Callers) -> None:
    context = ssl.create_default_context()
    callers.ours.configure_trust(context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", callers.gate.port), PATIENCE) as plain,
        pytest.raises(OSError),
    ):
        context.wrap_socket(plain, server_hostname="gw.test")


def test_plain_http_on_the_tls_port_gets_no_answer(callers: Callers) -> None:
    with socket.create_connection(("127.0.0.1", callers.gate.port), PATIENCE) as sock:
        sock.sendall(request("GET", "/crm/contacts/7"))
        try:
            got = sock.recv(65536)
        except ConnectionError:
            got = b""
    assert not got.startswith(b"HTTP/")
    assert callers.gate.records() == []
