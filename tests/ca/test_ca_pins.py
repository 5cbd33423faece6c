"""Pins: their text, and which chains agree with them."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ca import pins, profile
from gateway.ca.profile import Span
from tests.ca.made import openssl, private_key

EMPTY = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ROOT = profile.root(profile.subject("root"), private_key(), Span(0, 10**9))
OTHER = profile.root(profile.subject("other"), private_key(8), Span(0, 10**9))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256//",
        "sha256//AAAA",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha1//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        EMPTY.replace("+", "-"),
        EMPTY + "\n",
        EMPTY[:-2] + "V=",  # bits beyond the digest: another text for the same bytes
        EMPTY[:-1],
        "sha256//é",
    ],
)
def test_what_is_no_pin(text: str) -> None:
    assert pins.read(text) is None


def test_what_is_a_pin() -> None:
    assert pins.read(EMPTY) == EMPTY
    assert pins.read(pins.pin_of(ROOT)) == pins.pin_of(ROOT)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_pin_or_none(text: str) -> None:
    assert pins.read(text) in (text, None)
    assert pins.read(pins.PREFIX + text) is None or len(base64.b64decode(text)) == 32


def test_a_chain_agrees_by_any_of_its_keys() -> None:
    chain = [certificate.public_bytes(Encoding.DER) for certificate in (OTHER, ROOT)]
    assert pins.agree(chain, [EMPTY, pins.pin_of(ROOT)])
    assert pins.agree(chain, [pins.pin_of(OTHER)])
    assert not pins.agree(chain[:1], [pins.pin_of(ROOT)])
    assert not pins.agree([], [EMPTY])
    assert not pins.agree(chain, [])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_what_is_no_certificate_agrees_with_nothing(data: bytes) -> None:
    assert not pins.agree([data], [EMPTY, "", pins.pin_of(ROOT)])


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA", "Ed25519"])
def test_a_pin_is_what_openssl_computes(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("pin")
    keys = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    key: Any = keys[kind]()
    builder = profile._begun(profile.subject("x"), private_key().public_key(), Span(0, 10**9))
    builder = builder.issuer_name(profile.subject("x"))
    builder._public_key = key.public_key()
    certificate = builder.sign(private_key(), hashes.SHA256())
    (folder / "x.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "x.pub").write_text(openssl("x509", "-in", folder / "x.pem", "-noout", "-pubkey").stdout)
    openssl("pkey", "-pubin", "-in", folder / "x.pub", "-outform", "DER", "-out", folder / "x.der")
    openssl("dgst", "-sha256", "-binary", "-out", folder / "x.sha", folder / "x.der")
    digest = base64.b64encode((folder / "x.sha").read_bytes()).decode()
    assert pins.pin_of(certificate) == f"sha256//{digest}"
