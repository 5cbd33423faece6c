"""What the gateway holds of the authority: the root's certificate, and intermediates with their keys.

DIR/root.pem                    the root's certificate; its key is elsewhere
DIR/intermediate-ID.pem, .key   an intermediate; ID is the beginning of its key identifier
DIR/crl.pem                     what the root has revoked
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.ca import keystore
from gateway.ca.names import Subtrees
from gateway.ca.profile import Parent, Span, span_of, subtrees_of
from gateway.ca.signer import plugged
from gateway.errors import CertificateError
from gateway.plugged import Find
from gateway.secret import Secret

ROOT: Final = "root.pem"
CRL: Final = "crl.pem"
PREFIX: Final = "intermediate-"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An intermediate that may sign leaves for the names in `subtrees`, within `span`."""

    name: str
    parent: Parent
    subtrees: Subtrees
    span: Span
    pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The intermediate's own."""
        return self.parent.certificate


@dataclass(frozen=True, slots=True)
class Authority:
    """A root's certificate and its intermediates, newest first; revoked ones are not among them."""

    root: x509.Certificate
    issuers: tuple[Issuer, ...]
    revoked: tuple[str, ...] = ()
    """Names of intermediates that are still in the folder, and on the root's list."""

    def issuer(self, now: float) -> Issuer:
        """The newest intermediate that is valid at a moment. Raises CertificateError when none is."""
        for issuer in self.issuers:
            if issuer.span.holds(now):
                return issuer
        raise CertificateError("certificate_unavailable", "no intermediate is valid now", "authority")


def load(directory: Path, passphrase: Secret | None = None, find: Find = plugged) -> Authority:
    """The authority in a folder, every signature in it verified. Raises ConfigError.

    No clock is read: an authority whose intermediates have ended loads, and issues nothing.
    """
    keystore.private(directory)
    root = root_of(directory)
    gone = {entry.serial_number for entry in list_of(directory, root) or ()}
    issuers, revoked = [], []
    for file in sorted(directory.glob(f"{PREFIX}*.pem")):
        found = _intermediate(file, root)
        if found.serial_number in gone:
            revoked.append(file.stem)
        else:
            issuers.append(_issuer(file, found, keystore.key(file.with_suffix(".key"), passphrase, find)))
    issuers.sort(key=lambda issuer: (issuer.span.start, issuer.span.end, issuer.name), reverse=True)
    return Authority(root, tuple(issuers), tuple(revoked))


def root_of(directory: Path) -> x509.Certificate:
    """The root's certificate. Raises ConfigError for one that does not sign itself as a CA of P-256."""
    file = directory / ROOT
    found = keystore.certificate(file)
    try:
        found.verify_directly_issued_by(found)
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise keystore.wrong(file, "a certificate that is no root", "a self-signed CA certificate") from None
    if not basic.ca or not isinstance(found.public_key(), ec.EllipticCurvePublicKey):
        raise keystore.wrong(file, "a certificate that is no root", "a self-signed CA certificate")
    return found


def list_of(directory: Path, root: x509.Certificate) -> x509.CertificateRevocationList | None:
    """The root's list of revoked intermediates in a folder. Raises ConfigError for another's list."""
    file = directory / CRL
    if not file.exists():
        return None
    try:
        found = x509.load_pem_x509_crl(keystore.content(file))
    except ValueError:
        raise keystore.wrong(file, "no list of revoked certificates", "a CRL (PEM)") from None
    if not genuine(found, root):
        raise keystore.wrong(file, "a CRL of somebody else", f"one that the root in {ROOT} signed")
    return found


def genuine(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    """Whether a list is this root's."""
    key = root.public_key()
    by_root = isinstance(key, ec.EllipticCurvePublicKey) and crl.is_signature_valid(key)
    return by_root and crl.issuer == root.subject


def intermediate_fault(found: x509.Certificate, root: x509.Certificate) -> str:
    """What is wrong with an intermediate of this root, or ''."""
    try:
        found.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return "a certificate that the root did not issue"
    try:
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        return "a certificate that is no CA"
    if not basic.ca or basic.path_length != 0:
        return "a certificate that is no CA of path length 0"
    if not subtrees_of(found):
        return "a CA without name constraints"
    return ""


def _intermediate(file: Path, root: x509.Certificate) -> x509.Certificate:
    found = keystore.certificate(file)
    fault = intermediate_fault(found, root)
    if fault:
        raise keystore.wrong(file, fault, "a name-constrained intermediate of path length 0 by the root")
    return found


def _issuer(file: Path, found: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issuer:
    if key.public_key() != found.public_key():
        raise keystore.wrong(file.with_suffix(".key"), "the key of another certificate", "its own key")
    return Issuer(
        file.stem,
        Parent.of(found, key),
        subtrees_of(found) or Subtrees(()),
        span_of(found),
        keystore.encoded(found),
    )
