"""Keys that somebody else holds: the same certificates, and every failure of a signer is ours."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from gateway.ca import authority, keystore, rotation, signer
from gateway.ca import root as roots
from gateway.ca.mint import Minter
from gateway.ca.names import Subtrees
from gateway.errors import CertificateError, ConfigError
from gateway.plugged import Find
from gateway.secret import Secret
from tests.ca.made import HOSTS, make, private_key, verify

SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Hsm:
    """A signer whose key is here after all; it counts."""

    value: int = 7
    signed: int = 0

    def public_key(self) -> bytes:
        return private_key(self.value).public_key().public_bytes(*SPKI)

    def sign(self, data: bytes) -> bytes:
        self.signed += 1
        return private_key(self.value).sign(data, ec.ECDSA(hashes.SHA256()))


class Hsms:
    """A plugin with two keys."""

    def __init__(self) -> None:
        self.keys = {"root/1": Hsm(7), "gateway/1": Hsm(8)}

    def signer(self, key: str) -> signer.Signer:
        return self.keys[key]


def test_a_root_and_an_intermediate_that_never_leave_their_hsm(tmp_path: Path) -> None:
    hsms = Hsms()

    def find(name: str) -> object:
        return {"acme": hsms}[name]

    now = make(tmp_path / "plain").now
    held = signer.remote("acme", "root/1", find), b"hushgate-signer-v1:acme:root/1\n"
    root = roots.create(tmp_path / "root", Subtrees.of(HOSTS), now, key=held)
    own = signer.remote("acme", "gateway/1", find), b"hushgate-signer-v1:acme:gateway/1\n"
    asked = rotation.request(tmp_path / "gateway", root.subtrees, key=own)
    opened = roots.open_root(tmp_path / "root", find=find)
    _, issued = roots.issue(opened, asked.csr, now)
    rotation.install(tmp_path / "gateway", issued, root.parent.certificate)
    for file in tmp_path.glob("[rg]*/*.key"):
        assert b"PRIVATE" not in file.read_bytes()
    minter = Minter(authority.load(tmp_path / "gateway", find=find))
    before = hsms.keys["gateway/1"].signed
    chain = minter.leaf("eu.crm.test").chain_pem
    assert hsms.keys["gateway/1"].signed == before + 1
    assert verify(tmp_path, root.parent.certificate, chain, "eu.crm.test").returncode == 0


class Raising:
    """Fails with a text that must not be quoted."""

    def public_key(self) -> bytes:
        raise RuntimeError("secret pin 1234")

    def sign(self, data: bytes) -> bytes:
        raise RuntimeError("secret pin 1234")


class Late(Hsm):
    """Fails when it is asked to sign."""

    def sign(self, data: bytes) -> bytes:
        raise TimeoutError("secret pin 1234")


class Foreign(Hsm):
    """Signs with another key."""

    def sign(self, data: bytes) -> bytes:
        return private_key(99).sign(data, ec.ECDSA(hashes.SHA256()))


class Nothing(Hsm):
    """Answers no bytes."""

    def sign(self, data: bytes) -> bytes:
        return None  # type: ignore[return-value]  # what a broken plugin does


class Curve(Hsm):
    """Holds a key on another curve."""

    def public_key(self) -> bytes:
        return ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(*SPKI)


class Text(Hsm):
    """Holds no key."""

    def public_key(self) -> bytes:
        return b"hello"


@dataclass
class One:
    """A plugin with one signer."""

    held: object

    def signer(self, key: str) -> signer.Signer:
        return self.held  # type: ignore[return-value]  # what a broken plugin does


@pytest.mark.parametrize("broken", [Raising, Curve, Text, object])
def test_a_signer_that_is_none(broken: Callable[[], object]) -> None:
    with pytest.raises(CertificateError) as caught:
        signer.remote("acme", "k", lambda _: One(broken()))
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize("broken", [Late, Foreign, Nothing])
def test_a_signer_that_fails_when_it_signs(tmp_path: Path, broken: Callable[[], Hsm]) -> None:
    made = make(tmp_path)
    key = signer.remote("acme", "k", lambda _: One(broken()))
    with pytest.raises(CertificateError) as caught:
        rotation.request(made.folder, made.root.subtrees, key=(key, b"hushgate-signer-v1:acme:k\n"))
    assert "1234" not in str(caught.value)
    assert len(list(made.folder.glob("*.key"))) == 1, "no key file is left behind"


def unknown(_: str) -> object:
    raise LookupError("acme")


def broken_key(_: str) -> object:
    raise KeyError("acme")


@pytest.mark.parametrize("find", [unknown, broken_key, lambda _: object(), lambda _: None, signer.plugged])
def test_a_plugin_that_is_none(tmp_path: Path, find: Find) -> None:
    with pytest.raises(CertificateError):
        signer.remote("acme-that-nobody-installed", "k", find)
    keystore.create(tmp_path / "a.key", b"hushgate-signer-v1:acme-that-nobody-installed:k\n")
    with pytest.raises(ConfigError):
        keystore.key(tmp_path / "a.key", find=find)


def test_a_key_that_stays_where_it_is() -> None:
    key = signer.RemoteKey(Hsm())
    assert copy.copy(key) is key and copy.deepcopy(key) is key
    assert (key.key_size, key.curve.name) == (256, "secp256r1")
    for leave in (key.private_numbers, key.private_bytes, key.exchange):
        with pytest.raises(CertificateError):
            leave()


@pytest.mark.parametrize("hash_", [utils.Prehashed(hashes.SHA256()), hashes.SHA384()])
def test_other_signatures_are_not_asked_for(hash_: utils.Prehashed | hashes.SHA384) -> None:
    hsm = Hsm()
    with pytest.raises(CertificateError):
        signer.RemoteKey(hsm).sign(b"x" * 32, ec.ECDSA(hash_))
    assert hsm.signed == 0


def test_a_passphrase_does_not_matter_to_a_signer(tmp_path: Path) -> None:
    keystore.create(tmp_path / "a.key", b"hushgate-signer-v1:acme:k\n")
    assert keystore.key(tmp_path / "a.key", Secret("x"), lambda _: One(Hsm())).key_size == 256
