"""Key files: who may read them, how they are encrypted, and that a key is never written over."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ca import keystore
from gateway.errors import CertificateError, ConfigError
from gateway.secret import Secret
from tests.ca.made import make, openssl, private_key

PASSPHRASE = Secret("correct horse battery staple")
OTHER = Secret("wrong horse battery staple")


def saved(folder: Path, text: bytes, mode: int = 0o600) -> Path:
    folder.chmod(0o700)
    file = folder / "some.key"
    file.write_bytes(text)
    file.chmod(mode)
    return file


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_key_in_clear(tmp_path: Path) -> None:
    file = saved(tmp_path, keystore.pem(private_key(), None))
    assert keystore.key(file).private_numbers() == private_key().private_numbers()


def test_an_encrypted_key(tmp_path: Path) -> None:
    text = keystore.pem(private_key(), PASSPHRASE)
    assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert keystore.pem(private_key(), PASSPHRASE) != text, "salted"
    file = saved(tmp_path, text)
    assert keystore.key(file, PASSPHRASE).private_numbers() == private_key().private_numbers()


def test_openssl_opens_an_encrypted_key(tmp_path: Path) -> None:
    file = saved(tmp_path, keystore.pem(private_key(), PASSPHRASE))
    got = openssl("pkey", "-in", file, "-passin", f"pass:{PASSPHRASE}", "-pubout")
    spki = (
        private_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert got.stdout.encode() == spki
    assert openssl("pkey", "-in", file, "-passin", f"pass:{OTHER}").returncode != 0


def test_the_rounds_of_an_encrypted_key(tmp_path: Path) -> None:
    shown = openssl("asn1parse", "-in", saved(tmp_path, keystore.pem(private_key(), PASSPHRASE))).stdout
    assert f"INTEGER           :{keystore.ITERATIONS:X}"[-6:] in shown.replace(":0", ":")
    assert "PBKDF2" in shown and "hmacWithSHA256" in shown and "aes-256-cbc" in shown


WRONG = {
    "no passphrase": (PASSPHRASE, None, "its passphrase"),
    "another passphrase": (PASSPHRASE, OTHER, "the passphrase that opens it"),
    "a passphrase for a key in clear": (None, PASSPHRASE, "an encrypted key"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_wrong_passphrase(tmp_path: Path, case: str) -> None:
    sealed, given_, expected = WRONG[case]
    file = saved(tmp_path, keystore.pem(private_key(), sealed))
    with pytest.raises(ConfigError, match=expected) as caught:
        keystore.key(file, given_)
    assert "horse" not in str(caught.value)


def test_a_short_passphrase_is_refused_when_a_key_is_written() -> None:
    with pytest.raises(CertificateError, match="12 characters"):
        keystore.pem(private_key(), Secret("short"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o700, 0o610])
def test_a_key_file_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = saved(tmp_path, keystore.pem(private_key(), None), mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
        keystore.key(file)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_closed_key_file_is_read(tmp_path: Path, mode: int) -> None:
    keystore.key(saved(tmp_path, keystore.pem(private_key(), None), mode))


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_others_may_look_into_is_refused(tmp_path: Path, mode: int) -> None:
    made = make(tmp_path)
    made.folder.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
        made.load()
    with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
        keystore.folder(made.folder)


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    for mask in (0o000, 0o777):
        before = os.umask(mask)
        try:
            keystore.create(tmp_path / f"{mask:o}.key", b"x")
            keystore.replace(tmp_path / f"{mask:o}.pem", b"x")
        finally:
            os.umask(before)
        assert mode_of(tmp_path / f"{mask:o}.key") == 0o600
        assert mode_of(tmp_path / f"{mask:o}.pem") == 0o644


def test_modes_of_everything_that_is_written(tmp_path: Path) -> None:
    made = make(tmp_path)
    modes = {path.suffix: mode_of(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {".key": 0o600, ".pem": 0o644, ".json": 0o600, ".crl": 0o644}
    assert mode_of(made.folder) == mode_of(made.root.folder) == 0o700


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    keystore.create(tmp_path / "a.key", b"first")
    with pytest.raises(FileExistsError):
        keystore.create(tmp_path / "a.key", b"second")
    assert (tmp_path / "a.key").read_bytes() == b"first"


def _other_keys() -> dict[str, bytes]:
    form = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "RSA": rsa.generate_private_key(65537, 2048).private_bytes(*form),
        "P-384": ec.generate_private_key(ec.SECP384R1()).private_bytes(*form),
        "nothing": b"",
        "text": b"hello",
    }


@pytest.mark.parametrize("kind", ["RSA", "P-384", "nothing", "text"])
def test_a_key_of_another_kind(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError):
        keystore.key(saved(tmp_path, _other_keys()[kind]))


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("keys")
    for text in (data, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + data, b"hushgate-signer-v1:" + data):
        for passphrase in (None, PASSPHRASE):
            with pytest.raises(ConfigError):
                keystore.key(saved(folder, text), passphrase)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("certificates") / "root.pem"
    file.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + data)
    with pytest.raises(ConfigError):
        keystore.certificate(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for read in (keystore.key, keystore.certificate, keystore.private, keystore.content):
        with pytest.raises(ConfigError):
            read(tmp_path / "missing")
