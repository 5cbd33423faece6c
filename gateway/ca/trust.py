"""What clients need in order to trust the root: files, environment variables, commands, and their undoing.

Pure but for `system_bundle`. A variable that replaces a client's whole store gets the system's bundle with
the root added: with the root alone, everything that is not intercepted would stop being trusted.
"""

import re
import shlex
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.ca.keystore import encoded
from gateway.ca.trusttable import STORE_PASSWORD, TARGETS, Target
from gateway.errors import StoreError

SYSTEM: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, Fedora
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, OpenBSD
)
"""Where systems keep the authorities they trust, in one file."""

_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Export:
    """What one kind of client needs: files by name, variables, and commands that install and undo."""

    target: str
    title: str
    files: Mapping[str, bytes]
    env: Mapping[str, str]
    install: tuple[str, ...]
    undo: tuple[str, ...]
    note: str


def system_bundle(given: Path | None = None) -> bytes:
    """The authorities this system trusts, PEM. Raises StoreError where there are none."""
    for file in (given,) if given else map(Path, SYSTEM):
        try:
            text = file.read_bytes()
        except OSError:
            continue
        if _BLOCK.search(text):
            return text
    where = str(given) if given else "any of the usual places"
    raise StoreError(
        "internal_error", f"no bundle of the system's authorities in {where}: name one with --system"
    )


def export(name: str, root: x509.Certificate, where: Path, system: Callable[[], bytes]) -> Export:
    """The export for a target of the table, its files to stand in `where`. `system` is asked if need be."""
    target = TARGETS[name]
    made = {kind: MAKERS[kind](root, system) for kind in target.files}
    names = {kind: FILES[kind] for kind in target.files}
    plain = {kind: str(where / file) for kind, file in names.items()} | _words(root)
    quoted = {word: shlex.quote(text) for word, text in plain.items()}
    return Export(
        name,
        target.title,
        {names[kind]: data for kind, data in made.items()},
        {variable: value.format(**plain) for variable, value in target.env.items()},
        _filled(target.install, quoted),
        _filled(target.undo or _unset(target), quoted),
        target.note.format(**quoted),
    )


def _filled(lines: tuple[str, ...], words: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(line.format(**words) for line in lines)


def _unset(target: Target) -> tuple[str, ...]:
    return (f"unset {' '.join(target.env)}",) if target.env else ()


def _words(root: x509.Certificate) -> dict[str, str]:
    """What commands name the root by: Windows and macOS know a certificate by its SHA-1."""
    sha1 = root.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, no protection
    return {"sha1": sha1, "name": f"hushgate-{fingerprint(root)[:8]}", "password": STORE_PASSWORD}


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


# ---- files ----------------------------------------


def _pem(root: x509.Certificate, _: Callable[[], bytes]) -> bytes:
    return encoded(root)


def _der(root: x509.Certificate, _: Callable[[], bytes]) -> bytes:
    return root.public_bytes(serialization.Encoding.DER)


def bundle(root: x509.Certificate, system: Callable[[], bytes]) -> bytes:
    """The system's authorities and the root, PEM; the root once, wherever the system has it already."""
    return b"\n".join([*(block for block in _others(root, system())), encoded(root)])


def truststore(root: x509.Certificate, system: Callable[[], bytes]) -> bytes:
    """The same as a PKCS#12 store that Java takes as a truststore; the password protects nothing in it."""
    entries = [pkcs12.PKCS12Certificate(root, b"hushgate-root")]
    for block in _others(root, system()):
        found = _parsed(block)
        if found is not None:
            entries.append(pkcs12.PKCS12Certificate(found, b"system-%d" % len(entries)))
    sealed = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(10_000)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(STORE_PASSWORD.encode())
    )
    return pkcs12.serialize_java_truststore(entries, sealed)


def _others(root: x509.Certificate, system: bytes) -> list[bytes]:
    """The certificates of a bundle, without comments and without the root."""
    own = encoded(root).split()
    return [block + b"\n" for block in dict.fromkeys(_BLOCK.findall(system)) if block.split() != own]


def _parsed(block: bytes) -> x509.Certificate | None:
    """Old roots break rules of today: one that cannot be read is left out, and the others are not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return x509.load_pem_x509_certificate(block)
        except ValueError:
            return None


MAKERS: Final[Mapping[str, Callable[[x509.Certificate, Callable[[], bytes]], bytes]]] = {
    "root": _pem,
    "der": _der,
    "bundle": bundle,
    "store": truststore,
}
FILES: Final = {
    "root": "hushgate-root.crt",
    "der": "hushgate-root.cer",
    "bundle": "hushgate-bundle.pem",
    "store": "hushgate-truststore.p12",
}
"""Kind of file -> its name in an export."""
