"""Certificates that applications show: whom they name, and whether a `client_ca` vouches for them."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

_FOR_CLIENTS = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


class Believed:
    """What a `client_ca` file vouches for. Raises OpenSSL.crypto.Error for a file that cannot be used."""

    def __init__(self, client_ca: str) -> None:
        self._store = crypto.X509Store()
        self._store.load_locations(client_ca)

    def vouch(self, shown: Sequence[x509.Certificate]) -> bool:
        """Whether this chain, the application's own first, is believed: as OpenSSL does in a handshake.

        For what verifies no certificate by itself (QUIC). That whoever shows it has its key is not seen here.
        """
        own, *rest = (crypto.X509.from_cryptography(certificate) for certificate in shown)
        if not _for_clients(shown[0]):
            return False
        try:
            crypto.X509StoreContext(self._store, own, rest).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True


def _for_clients(certificate: x509.Certificate) -> bool:
    """Whether its uses, where it says any, are a client's in TLS (RFC 5280 sections 4.2.1.3 and 4.2.1.12)."""
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension):
        return False
    for found in extensions:
        if isinstance(found.value, x509.ExtendedKeyUsage) and not any(u in found.value for u in _FOR_CLIENTS):
            return False
        if isinstance(found.value, x509.KeyUsage) and not _signs(found.value):
            return False
    return True


def _signs(usage: x509.KeyUsage) -> bool:
    return usage.digital_signature or usage.key_agreement


def sans(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names in an application's certificate that a client may be known by."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    kinds = (x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name)
    return tuple(value for kind in kinds for value in names.get_values_for_type(kind))
