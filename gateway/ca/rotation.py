"""The life of an intermediate on the gateway: asked for, installed, in use, due, ended, removed.

A new one is issued while the old one still has a third of its life before it. Clients trust the root, so both
are good until the old one ends; leaves are minted by the newest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.ca import keystore, profile
from gateway.ca.authority import (
    CRL,
    PREFIX,
    ROOT,
    Authority,
    Issuer,
    genuine,
    intermediate_fault,
    list_of,
    root_of,
)
from gateway.ca.names import Subtrees
from gateway.ca.profile import key_id, span_of
from gateway.ca.root import Issued
from gateway.errors import CertificateError
from gateway.secret import Secret

DUE: Final = 1 / 3
"""Part of its life before an intermediate's end in which the next one should be there."""

CRL_DER: Final = "hushgate.crl"
"""The list once more, as web servers give it out (RFC 5280 section 4.2.1.13 wants DER)."""

State = Literal["current", "waiting", "overlapping", "ended"]


@dataclass(frozen=True, slots=True)
class Request:
    """A key that waits for its certificate."""

    name: str
    key: Path
    csr: x509.CertificateSigningRequest


def request(
    directory: Path,
    subtrees: Subtrees,
    passphrase: Secret | None = None,
    key: tuple[ec.EllipticCurvePrivateKey, bytes] | None = None,
) -> Request:
    """Make a key in the gateway's folder and ask for an intermediate: the key never leaves the machine.

    `key` is one that a signer holds, and its line for the key file.
    """
    keystore.folder(directory)
    made = profile.new_key() if key is None else key[0]
    text = keystore.pem(made, passphrase) if key is None else key[1]
    name = key_id(made.public_key()).hex()[:16]
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(profile.subject(f"{profile.ORGANISATION} intermediate {name}"))
        .add_extension(profile.constraints(subtrees), critical=True)
        .sign(made, profile.HASH)
    )
    file = directory / f"{PREFIX}{name}.key"
    keystore.create(file, text)
    return Request(name, file, csr)


def install(directory: Path, issued: Issued, root: x509.Certificate | None = None) -> Path:
    """Put a new intermediate beside its key, and the list that came with it. Raises ConfigError.

    `root` is put there too where the folder has none yet.
    """
    if root is not None and not (directory / ROOT).exists():
        keystore.create(directory / ROOT, keystore.encoded(root), 0o644)
    public = issued.certificate.public_key()
    name = key_id(public).hex()[:16] if isinstance(public, ec.EllipticCurvePublicKey) else "of-no-key"
    file = directory / f"{PREFIX}{name}.pem"
    fault = intermediate_fault(issued.certificate, root_of(directory))
    if fault or not file.with_suffix(".key").exists():
        found = fault or "a certificate whose key is not here"
        raise keystore.wrong(file, found, "an intermediate by this folder's root, for a key in this folder")
    publish(directory, issued.crl)
    keystore.create(file, keystore.encoded(issued.certificate), 0o644)
    return file


def publish(directory: Path, crl: x509.CertificateRevocationList) -> None:
    """Put the root's list of revoked intermediates into the gateway's folder. Raises CertificateError.

    An older list never takes the place of a newer one.
    """
    root = root_of(directory)
    if not genuine(crl, root):
        raise CertificateError(
            "certificate_unavailable", "the list of revoked certificates is another root's"
        )
    file = directory / CRL
    before = list_of(directory, root)
    if before is not None and _number(before) > _number(crl):
        raise CertificateError("certificate_unavailable", "the list is older than the one that is there")
    keystore.replace(file, keystore.encoded(crl))
    keystore.replace(directory / CRL_DER, crl.public_bytes(serialization.Encoding.DER))


def _number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def states(authority: Authority, now: float) -> dict[str, State]:
    """What each intermediate is at a moment."""
    found: dict[str, State] = {}
    for issuer in authority.issuers:
        if issuer.span.end <= now:
            found[issuer.name] = "ended"
        elif issuer.span.start > now:
            found[issuer.name] = "waiting"
        else:
            found[issuer.name] = "overlapping" if "current" in found.values() else "current"
    return found


def due(issuer: Issuer) -> float:
    """When the next intermediate should be there: seconds since the epoch."""
    return issuer.span.end - (issuer.span.end - issuer.span.start) * DUE


def prune(directory: Path, now: float) -> tuple[str, ...]:
    """Remove intermediates that have ended, their keys first. The names of those that are gone."""
    gone = []
    for file in sorted(directory.glob(f"{PREFIX}*.pem")):
        if span_of(keystore.certificate(file)).end <= now:
            file.with_suffix(".key").unlink(missing_ok=True)
            file.unlink()
            gone.append(file.stem)
    return tuple(gone)
