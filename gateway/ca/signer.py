"""The seam for keys that never leave an HSM or a key management service.

A key file may hold, in place of a key, one line `hushgate-signer-v1:PLUGIN:KEY`. The plugin is an installed
package with an entry point in the group `hushgate.signers`, whose object is a Signers:

    class AwsSigner:
        def __init__(self, key: str) -> None:
            self._key, self._kms = key, boto3.client("kms")

        def public_key(self) -> bytes:
            return self._kms.get_public_key(KeyId=self._key)["PublicKey"]

        def sign(self, data: bytes) -> bytes:
            digest = hashlib.sha256(data).digest()
            asked = {"Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
            return self._kms.sign(KeyId=self._key, **asked)["Signature"]

    class AwsSigners:
        def signer(self, key: str) -> AwsSigner:
            return AwsSigner(key)

    signers = AwsSigners()

A root's signer is asked when an intermediate is issued or revoked, an intermediate's once per minted leaf:
there it should answer within a millisecond or two (an HSM on the machine, not a service across the sea).
"""

from typing import Final, NoReturn, Protocol, runtime_checkable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from gateway.errors import CertificateError, where
from gateway.plugged import Find, finder

GROUP: Final = "hushgate.signers"
"""Group of entry points; what stands there is loaded only when a key file names it."""


@runtime_checkable
class Signer(Protocol):
    """A P-256 key that somebody else holds. Both methods may raise."""

    def public_key(self) -> bytes:
        """Its public part: DER SubjectPublicKeyInfo."""

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over `data` (not over its digest): DER ECDSA-Sig-Value, RFC 3279 2.2.3."""


@runtime_checkable
class Signers(Protocol):
    """What a plugin offers."""

    def signer(self, key: str) -> Signer:
        """The signer of a key, by the name the key file gives it."""


plugged: Final = finder(GROUP)
"""The installed plugin of a name. Raises LookupError, and whatever the plugin raises while it loads."""


class RemoteKey(ec.EllipticCurvePrivateKey):
    """A Signer in the shape in which the certificate builders take a key.

    Every signature is verified before it is used: a faulty or a foreign one must not end up in a certificate.
    Raises CertificateError where the signer fails.
    """

    __slots__ = ("_public", "_signer")

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._public = _public_key(signer)

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:  # type: ignore[override]  # the base takes any buffer; the builders give bytes
        """Ask the signer; only whole data with SHA-256."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, utils.Prehashed) or not isinstance(algorithm, hashes.SHA256):
            raise CertificateError("certificate_unavailable", "a signer signs with SHA-256 only")
        with _Asking():
            signature = self._signer.sign(bytes(data))
        try:
            self._public.verify(signature, data, signature_algorithm)
        except (InvalidSignature, TypeError) as error:
            raise CertificateError(
                "certificate_unavailable", "a signer answered no signature of it"
            ) from error
        return signature

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its public part."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def __copy__(self) -> "RemoteKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "RemoteKey":
        return self

    def _kept(self, *_: object, **__: object) -> NoReturn:
        raise CertificateError("certificate_unavailable", "a signer's key does not leave it")

    exchange = private_numbers = private_bytes = _kept


def remote(name: str, key: str, find: Find = plugged) -> RemoteKey:
    """The key that a key file's line names. Raises CertificateError, never with a plugin's own text."""
    with _Asking():
        plugin = find(name)
        signer = plugin.signer(key) if isinstance(plugin, Signers) else None
    if not isinstance(signer, Signer):
        raise CertificateError("certificate_unavailable", "a signer plugin that offers no signer")
    return RemoteKey(signer)


def _public_key(signer: Signer) -> ec.EllipticCurvePublicKey:
    with _Asking():
        spki = signer.public_key()
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("certificate_unavailable", "a signer whose public key is not on P-256")
    return key


class _Asking:
    """A `with` block around a plugin: whatever it raises becomes ours. Its text is not quoted."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is LookupError:  # a KeyError is the plugin's own
            detail = f"no plugin of this name in the group {GROUP}"
            raise CertificateError("certificate_unavailable", detail) from None
        if isinstance(error, Exception) and not isinstance(error, CertificateError):
            detail = f"a signer plugin failed ({where(error)})"
            raise CertificateError("certificate_unavailable", detail) from None
