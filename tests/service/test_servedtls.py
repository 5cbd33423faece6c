"""A renewed certificate is shown without a restart; one that cannot be used changes nothing."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from gateway.deployment import Tls
from gateway.planes.intercept.tls import Contexts
from gateway.service.servedtls import context_of, renew
from tests.intercepting import authority

Shaken = tuple[int, ssl.SSLSession | None, bool]
"""The serial of the certificate that was shown, the session, whether one was resumed."""


def write(folder: Path, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> int:
    """A certificate with its key; its serial."""
    made = authority().issue_cert("gw.test", key_type=kind)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    (folder / "cert.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(made.private_key_pem.bytes())
    return x509.load_pem_x509_certificate(chain).serial_number


def files(folder: Path) -> Tls:
    return Tls(str(folder / "cert.pem"), str(folder / "key.pem"))


def client(ciphers: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def shake(server: ssl.SSLContext, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Shaken:
    """A handshake in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = context.wrap_bio(back, there, server_hostname="gw.test", session=session)
    answers = server.wrap_bio(there, back, server_side=True)
    left = [asks, answers]
    for _ in range(8):
        for one in list(left):
            try:
                one.do_handshake()
                left.remove(one)
            except ssl.SSLWantReadError:
                continue
    assert not left
    shown = x509.load_der_x509_certificate(asks.getpeercert(binary_form=True) or b"")
    return shown.serial_number, asks.session, bool(asks.session_reused)


def opened(tls: Tls) -> ssl.SSLContext:
    context = context_of(tls)
    assert context is not None
    return context


def test_a_renewed_certificate_is_shown_and_sessions_go_on(tmp_path: Path) -> None:
    first, tls, asks = write(tmp_path), files(tmp_path), client()
    port = opened(tls)
    serial, session, _ = shake(port, asks)
    assert serial == first
    second = write(tmp_path)
    assert renew(port, tls)
    assert shake(port, asks)[::2] == (second, False)
    assert shake(port, asks, session)[::2] == (first, True), "what a session was begun with"
    third = write(tmp_path)
    assert renew(port, tls)
    assert shake(port, asks)[0] == third


def test_a_key_of_another_kind_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, trustme.KeyType.RSA)
    tls = files(tmp_path)
    port = opened(tls)
    second = write(tmp_path)
    assert renew(port, tls)
    assert shake(port, client())[0] == second
    with pytest.raises(ssl.SSLError):
        shake(port, client("ECDHE-RSA-AES128-GCM-SHA256"))


@pytest.mark.parametrize("wrong", ["cert.pem", "key.pem", "another key", "gone"])
def test_what_cannot_be_used_changes_nothing(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, tls = write(tmp_path), files(tmp_path)
    port, key = opened(tls), (tmp_path / "key.pem").read_bytes()
    write(tmp_path)
    if wrong == "another key":
        (tmp_path / "key.pem").write_bytes(key)
    elif wrong == "gone":
        (tmp_path / "cert.pem").unlink()
    else:
        (tmp_path / wrong).write_text("half of a fi")
    assert not renew(port, tls)
    assert "the old certificate stays in force" in caplog.text
    assert shake(port, client())[0] == first


def test_the_api_shows_it_too(tmp_path: Path) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="the extra `api` is not installed")
    write(tmp_path)
    tls = files(tmp_path)
    settings = uvicorn.Config("nothing", ssl_certfile=tls.cert, ssl_keyfile=tls.key, log_config=None)
    settings.load_app = lambda: None
    settings.load()
    second = write(tmp_path)
    assert renew(settings.ssl, tls)
    assert shake(settings.ssl, client())[0] == second


def test_there_need_be_none() -> None:
    assert renew(None, None)


def test_an_intercepting_listener_shows_its_own_anew(tmp_path: Path) -> None:
    write(tmp_path)
    contexts = Contexts(lambda *_: pytest.fail("nothing is minted"), files(tmp_path))
    before = contexts.own()
    write(tmp_path)
    contexts.renew()
    assert contexts.own() is not before
