"""What the certificates look like: the one place that says which extensions stand in which. Pure.

ECDSA on P-256 with SHA-256 throughout; serials are 159 random bits (RFC 5280 section 4.1.2.2). Nothing is
copied from another certificate but names: no precertificate poison, no timestamps of transparency logs, no
policies.
Moments are seconds since the epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.ca.names import Subtrees

HASH: Final = hashes.SHA256()
ORGANISATION: Final = "Hushgate"
BACKDATED: Final = 3600.0
"""Seconds before its issue from which a certificate is valid: clocks of clients are late."""
_MAX_COMMON_NAME: Final = 64
_SERVER: Final = x509.ExtendedKeyUsage((ExtendedKeyUsageOID.SERVER_AUTH,))
_EVERY_ADDRESS: Final = tuple(x509.IPAddress(ip_network(block)) for block in ("0.0.0.0/0", "::/0"))


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when: seconds since the epoch."""

    start: float
    end: float

    def holds(self, now: float) -> bool:
        """Whether it is within."""
        return self.start <= now < self.end


def span_of(certificate: x509.Certificate) -> Span:
    """When a certificate is valid."""
    return Span(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def moment(seconds: float) -> datetime:
    """As certificates write it: whole seconds, UTC."""
    return datetime.fromtimestamp(int(seconds), UTC)


def subject(common_name: str, organisation: str = ORGANISATION) -> x509.Name:
    """A distinguished name. A common name longer than X.520 allows is left out: nobody needs it."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    if len(common_name) <= _MAX_COMMON_NAME:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(parts)


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """The subject key identifier of a key (RFC 5280 section 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def constraints(subtrees: Subtrees) -> x509.NameConstraints:
    """Only these names and what is below them, and no address (RFC 5280 section 4.2.1.10)."""
    return x509.NameConstraints([x509.DNSName(name) for name in subtrees.names], list(_EVERY_ADDRESS))


def subtrees_of(holder: x509.Certificate | x509.CertificateSigningRequest) -> Subtrees | None:
    """The dNSName subtrees a certificate is limited to, or a request asks for; None where there are none."""
    try:
        found = holder.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    names = [name.value for name in found.permitted_subtrees or () if isinstance(name, x509.DNSName)]
    every = set(_EVERY_ADDRESS) <= set(found.excluded_subtrees or ())
    return Subtrees(tuple(sorted(names))) if names and every else None


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


_CA_USAGE: Final = _usage(signs_certificates=True)
_LEAF_USAGE: Final = _usage(signs_certificates=False)
_NO_CA: Final = x509.BasicConstraints(ca=False, path_length=None)


def _begun(name: x509.Name, key: ec.EllipticCurvePublicKey, span: Span) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(span.start))
        .not_valid_after(moment(span.end))
        .add_extension(x509.SubjectKeyIdentifier(key_id(key)), critical=False)
    )


def root(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, span: Span, subtrees: Subtrees | None = None
) -> x509.Certificate:
    """A self-signed root; under it one level of intermediates. `subtrees` limit it too."""
    builder = (
        _begun(name, key.public_key(), span)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_CA_USAGE, critical=True)
    )
    if subtrees:
        builder = builder.add_extension(constraints(subtrees), critical=True)
    return builder.sign(key, HASH)


@dataclass(frozen=True, slots=True)
class Parent:
    """Who signs: a certificate, its key, and the identifier that what it issues names it by."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: x509.AuthorityKeyIdentifier

    @classmethod
    def of(cls, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> "Parent":
        """The parent of a certificate that carries a subject key identifier."""
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return cls(certificate, key, x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own))


def intermediate(
    parent: Parent,
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    span: Span,
    subtrees: Subtrees,
    crl_url: str,
) -> x509.Certificate:
    """A CA for servers of these names only, with no CA below it. `crl_url`: of the root's CRL, or ''."""
    builder = (
        _begun(name, key, span)
        .issuer_name(parent.certificate.subject)
        .add_extension(parent.authority, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .add_extension(_SERVER, critical=False)
        .add_extension(constraints(subtrees), critical=True)
    )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return builder.sign(parent.key, HASH)


def leaf(
    parent: Parent, names: Sequence[str], key: ec.EllipticCurvePublicKey, span: Span
) -> x509.Certificate:
    """A server's certificate for these names."""
    return (
        _begun(subject(names[0]), key, span)
        .issuer_name(parent.certificate.subject)
        .add_extension(parent.authority, critical=False)
        .add_extension(_NO_CA, critical=True)
        .add_extension(_LEAF_USAGE, critical=True)
        .add_extension(_SERVER, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(parent.key, HASH)
    )
