"""Keys and certificates as files: who may read them, how they are encrypted, how they are replaced.

A key file is PKCS#8 PEM, in clear or encrypted, or a line that names a signer (signer.py). It has mode 0600
in a folder of mode 0700; a looser one is refused.
"""

import base64
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from gateway.ca.signer import plugged, remote
from gateway.errors import CertificateError, ConfigError, Problem
from gateway.plugged import Find
from gateway.secret import Secret

EXPOSED: Final = 0o177
"""Mode bits a key file must not have."""
OPEN: Final = 0o077
"""Mode bits the folder of key files must not have."""
ITERATIONS: Final = 600_000
"""Rounds of PBKDF2 with SHA-256; the library's own encrypted PKCS#8 makes 2,048."""
SHORTEST: Final = 12
"""Characters a passphrase has at least."""
LINE: Final = re.compile(rb"hushgate-signer-v1:([A-Za-z0-9_.-]+):([!-~]+)\s*")
"""What a key file holds in place of a key: a signer plugin, and the name it knows the key by."""
_MAX: Final = 64 * 1024


def wrong(file: Path, found: str, expected: str) -> ConfigError:
    """A file of the authority that cannot be used."""
    return ConfigError((Problem(str(file), 1, 1, found, expected),))


# ---- reading ----------------------------------------


def content(file: Path) -> bytes:
    """The bytes of a file that is no secret. Raises ConfigError."""
    try:
        with file.open("rb") as source:
            return source.read(_MAX)
    except OSError as error:
        raise wrong(file, error.strerror or "an error", "a readable file") from None


def private(folder: Path) -> None:
    """Nobody but its owner reaches into the folder. Raises ConfigError."""
    _closed(folder, OPEN, "mode 0700: nobody but its owner may look into it")


def closed(file: Path) -> None:
    """Nobody but its owner reads or writes a file. Raises ConfigError."""
    _closed(file, EXPOSED, "mode 0600: nobody but its owner may read it")


def key(file: Path, passphrase: Secret | None = None, find: Find = plugged) -> ec.EllipticCurvePrivateKey:
    """The key of a file. Raises ConfigError, never with anything of the key or the passphrase."""
    closed(file)
    text = content(file)
    line = LINE.fullmatch(text)
    if line is None:
        return _loaded(file, text, passphrase)
    try:
        return remote(line[1].decode(), line[2].decode(), find)
    except CertificateError as error:
        raise wrong(file, error.detail, "a signer that answers with its P-256 key") from None


def certificate(file: Path) -> x509.Certificate:
    """The certificate of a PEM file. Raises ConfigError."""
    try:
        return x509.load_pem_x509_certificate(content(file))
    except ValueError:
        raise wrong(file, "no certificate", "one certificate (PEM)") from None


def _closed(path: Path, bits: int, expected: str) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise wrong(path, error.strerror or "an error", expected) from None
    if mode & bits:
        raise wrong(path, f"mode {mode:04o}", expected)


def _loaded(file: Path, text: bytes, passphrase: Secret | None) -> ec.EllipticCurvePrivateKey:
    encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in text
    if encrypted and passphrase is None:
        raise wrong(file, "an encrypted key", "its passphrase (env:NAME or file:PATH)")
    if not encrypted and passphrase is not None:
        raise wrong(file, "a key in clear", "an encrypted key, as a passphrase is given")
    try:
        found = serialization.load_pem_private_key(text, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        opens = "the passphrase that opens it" if encrypted else "a private key (PKCS#8 PEM)"
        raise wrong(file, "a key that does not open" if encrypted else "no private key", opens) from None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise wrong(file, "a key of another kind", "a key on the curve P-256")
    return found


# ---- writing ----------------------------------------


def encoded(
    held: x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList,
) -> bytes:
    """What is public, as PEM."""
    return held.public_bytes(serialization.Encoding.PEM)


def pem(private_key: ec.EllipticCurvePrivateKey, passphrase: Secret | None) -> bytes:
    """A key as PKCS#8 PEM, encrypted if there is a passphrase. Raises CertificateError for a short one."""
    form = serialization.PrivateFormat.PKCS8
    if passphrase is None:
        return private_key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    if len(passphrase) < SHORTEST:
        raise CertificateError(
            "certificate_unavailable", f"a passphrase of at least {SHORTEST} characters is needed"
        )
    clear = private_key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    text = base64.encodebytes(_encrypted(clear, passphrase.encode())).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    label = "ENCRYPTED PRIVATE KEY"
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def create(file: Path, data: bytes, mode: int = 0o600) -> None:
    """A new file, on the disk when this returns. Raises FileExistsError: a key is never written over."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(out.fileno(), mode)  # whatever the umask is
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        file.unlink()
        raise
    _sync(file.parent)


def replace(file: Path, data: bytes, mode: int = 0o644) -> None:
    """A file in the place of another, in one step."""
    beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    create(beside, data, mode)
    beside.replace(file)
    _sync(file.parent)


def folder(path: Path) -> None:
    """Make a folder for keys, if it is not there. Raises ConfigError for one others can look into."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    private(path)


def _sync(where: Path) -> None:
    descriptor = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---- PKCS#8 with PBES2 (RFC 8018 appendix A.4, RFC 5958 section 3) ----------------------------------------

_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("06082a864886f70d02090500")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")
_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02


def _encrypted(clear: bytes, passphrase: bytes) -> bytes:
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    derived = PBKDF2HMAC(hashes.SHA256(), 32, salt, ITERATIONS).derive(passphrase)
    encryptor = Cipher(algorithms.AES256(derived), modes.CBC(iv)).encryptor()
    padder = padding.PKCS7(128).padder()
    sealed = encryptor.update(padder.update(clear) + padder.finalize()) + encryptor.finalize()
    rounds = _tlv(_INTEGER, ITERATIONS.to_bytes(4, "big").lstrip(b"\0"))
    derivation = _PBKDF2 + _tlv(_SEQUENCE, _tlv(_OCTETS, salt) + rounds + _tlv(_SEQUENCE, _HMAC_SHA256))
    cipher = _AES256_CBC + _tlv(_OCTETS, iv)
    scheme = _tlv(_SEQUENCE, _tlv(_SEQUENCE, derivation) + _tlv(_SEQUENCE, cipher))
    return _tlv(_SEQUENCE, _tlv(_SEQUENCE, _PBES2 + scheme) + _tlv(_OCTETS, sealed))


def _tlv(tag: int, value: bytes) -> bytes:
    """One DER element of fewer than 65,536 bytes."""
    size = len(value)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x81, size])
        if size < 256
        else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([tag]) + length + value
