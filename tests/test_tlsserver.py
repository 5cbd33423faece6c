"""What is served in TLS, in memory: by the context that sessions are of, in the name of another."""

import ssl
import warnings
from collections.abc import Callable

import pytest

pytest.importorskip("OpenSSL", reason="the extra `intercept` is not installed")

import contextlib

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from gateway import tlsserver

CA = trustme.CA()


def shown(name: str) -> SSL.Context:
    leaf = CA.issue_cert(name)
    context = tlsserver.context(None)
    context.use_certificate(x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()))
    context.use_privatekey(load_pem_private_key(leaf.private_key_pem.bytes(), None))
    return context


def shaken(server: SSL.Connection, context: ssl.SSLContext, name: str) -> str | None:
    """The version that a client and this server agree on. Raises SSL.Error, ssl.SSLError."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(here, there, server_hostname=name)
    steps: tuple[Callable[[], object], ...] = (client.do_handshake, server.do_handshake)
    for step in steps * 4:
        with contextlib.suppress(ssl.SSLWantReadError, SSL.WantReadError):
            step()
        if said := there.read():
            server.bio_write(said)
        with contextlib.suppress(SSL.WantReadError):
            here.write(server.bio_read(65536))
    return client.version()


def client(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_certificate_is_that_of_the_host(version: ssl.TLSVersion) -> None:
    made = tlsserver.connection(tlsserver.context(None), shown("one.example"))
    assert shaken(made, client(version), "one.example")
    other = tlsserver.connection(tlsserver.context(None), shown("two.example"))
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(other, client(version), "one.example")


def test_old_tls_is_refused() -> None:
    """Whatever ciphers would be good enough: OpenSSL's own level of security is no part of this."""
    contexts = tlsserver.context(None), shown("one.example")
    for context in contexts:
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
    with pytest.raises(SSL.Error, match="unsupported protocol"):
        shaken(tlsserver.connection(*contexts), client(ssl.TLSVersion.TLSv1_1), "one.example")
