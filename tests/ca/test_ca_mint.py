"""Leaves by the host: kept, bounded, fresh, and good for real handshakes with resumption."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.ca.authority import Authority
from gateway.ca.mint import VALIDITY, Leaf, Minter
from gateway.ca.profile import BACKDATED
from gateway.errors import CertificateError, UpstreamError
from tests.ca.made import DAY, Made, make

PATIENCE = 30.0


class Clock:
    """A time that is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


@pytest.fixture
def authority(made: Made) -> Authority:
    return made.load()


def test_a_leaf_is_kept(authority: Authority) -> None:
    minter = Minter(authority)
    first = minter.leaf("eu.crm.test")
    assert minter.leaf("EU.crm.test.") is first
    assert minter.leaf("us.crm.test") is not first
    assert minter.leaf("us.crm.test", ["*.crm.test"]) is minter.leaf("eu.crm.test", ["*.crm.test"])


def test_the_number_of_leaves_is_bounded_and_the_least_used_goes(authority: Authority) -> None:
    minter = Minter(authority, capacity=3)
    kept = {host: minter.leaf(host) for host in ("a.crm.test", "b.crm.test", "c.crm.test")}
    minter.leaf("a.crm.test")
    minter.leaf("d.crm.test")
    assert len(minter) == 3
    assert minter.leaf("a.crm.test") is kept["a.crm.test"]
    assert minter.leaf("c.crm.test") is kept["c.crm.test"]
    assert minter.leaf("b.crm.test") is not kept["b.crm.test"]
    for number in range(20):
        minter.leaf(f"h{number}.crm.test")
        assert len(minter) <= 3


def test_a_leaf_is_minted_anew_before_it_ends(made: Made, authority: Authority) -> None:
    clock = Clock(made.now)
    minter = Minter(authority, now=clock)
    first = minter.leaf("eu.crm.test")
    clock.now += VALIDITY * 0.74
    assert minter.leaf("eu.crm.test") is first
    clock.now += VALIDITY * 0.02
    second = minter.leaf("eu.crm.test")
    assert second is not first and second.span.end > first.span.end


def test_a_leaf_is_valid_a_little_before_it_was_made(made: Made) -> None:
    made.now += DAY
    leaf = made.minter().leaf("eu.crm.test")
    assert leaf.span.start == made.now - BACKDATED
    assert leaf.certificate.not_valid_before_utc.timestamp() == int(leaf.span.start)


def test_a_leaf_does_not_outlive_its_intermediate(made: Made) -> None:
    end = made.load().issuers[0].span.end
    clock = Clock(end - 600)
    minter = Minter(made.load(), now=clock)
    leaf = minter.leaf("eu.crm.test")
    assert leaf.span.end == end
    clock.now += 300
    assert minter.leaf("eu.crm.test") is leaf, "another would not last longer"
    clock.now = end
    with pytest.raises(CertificateError, match="no intermediate is valid now"):
        minter.leaf("eu.crm.test")


def test_leaves_switch_to_a_new_intermediate(made: Made) -> None:
    clock = Clock(made.now)
    minter = Minter(made.load(), now=clock)
    old = minter.leaf("eu.crm.test")
    made.add(made.now + 20 * DAY)
    minter.replace(made.load())
    assert minter.leaf("eu.crm.test") is old, "the new one is not valid yet"
    clock.now += 20 * DAY
    new = minter.leaf("eu.crm.test")
    assert new.issuer.certificate != old.issuer.certificate
    assert new.issuer.span.end > old.issuer.span.end


def test_leaves_of_an_intermediate_that_is_gone_are_dropped(made: Made, tmp_path: Path) -> None:
    minter = Minter(made.load())
    minter.leaf("eu.crm.test")
    minter.replace(make(tmp_path / "other").load())
    assert len(minter) == 0


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "calls.test"])
def test_no_leaf_outside(authority: Authority, host: str) -> None:
    minter = Minter(authority)
    with pytest.raises(CertificateError):
        minter.leaf(host, [host])
    assert len(minter) == 0


def test_no_leaf_for_a_host_the_upstream_is_not(authority: Authority) -> None:
    with pytest.raises(UpstreamError):
        Minter(authority).leaf("eu.crm.test", ["us.crm.test"])


def test_many_threads_get_one_leaf(authority: Authority) -> None:
    minter = Minter(authority)
    found: list[Leaf] = []
    threads = [threading.Thread(target=lambda: found.append(minter.leaf("eu.crm.test"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({id(leaf) for leaf in found}) == 1


# ---- handshakes ----------------------------------------


def serving(leaf: Leaf, folder: Path) -> ssl.SSLContext:
    file = folder / "leaf.pem"
    file.write_bytes(leaf.chain_pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def server(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server that answers one byte with another, connection after connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as sock:
                    sock.sendall(sock.recv(1))
                    sock.recv(1)
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)


def trusting(made: Made) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(made.folder / "root.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def shake(
    port: int, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None
) -> tuple[bool, ssl.SSLSession | None]:
    """One handshake and one byte there and back: whether it was resumed, and the session."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=host, session=session) as sock,
    ):
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        return bool(sock.session_reused), sock.session


@pytest.mark.parametrize("host", ["eu.crm.test", "api.calls.test"])
def test_a_client_that_trusts_the_root_shakes_hands(made: Made, tmp_path: Path, host: str) -> None:
    leaf = made.minter().leaf(host)
    with server(serving(leaf, tmp_path)) as port:
        assert shake(port, trusting(made), host)[0] is False


def test_a_wildcard_of_the_upstream_is_taken_over(made: Made, tmp_path: Path) -> None:
    leaf = made.minter().leaf("eu.crm.test", ["*.crm.test", "crm.test"])
    with server(serving(leaf, tmp_path)) as port:
        shake(port, trusting(made), "us.crm.test")
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            shake(port, trusting(made), "crm.test")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(made: Made, tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = trusting(made)
    context.maximum_version = version
    with server(serving(made.minter().leaf("eu.crm.test"), tmp_path)) as port:
        _, session = shake(port, context, "eu.crm.test")
        assert shake(port, context, "eu.crm.test", session)[0] is True


def test_a_client_that_does_not_trust_the_root_refuses(made: Made, tmp_path: Path) -> None:
    with (
        server(serving(made.minter().leaf("eu.crm.test"), tmp_path)) as port,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        shake(port, ssl.create_default_context(), "eu.crm.test")


def test_a_client_refuses_an_ended_leaf(tmp_path: Path) -> None:
    past = make(tmp_path, now=make(tmp_path / "now").now - 5 * DAY)
    leaf = past.minter().leaf("eu.crm.test")
    with (
        server(serving(leaf, tmp_path)) as port,
        pytest.raises(ssl.SSLCertVerificationError, match="expired"),
    ):
        shake(port, trusting(past), "eu.crm.test")
