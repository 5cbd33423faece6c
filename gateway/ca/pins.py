"""Pinned keys: a chain is accepted only if it holds one of the public keys that were named. Pure.

A pin is `sha256//` and the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo, as curl's
`--pinnedpubkey` and RFC 7469 section 2.4 have it. It comes on top of verification and never replaces it.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PREFIX: Final = "sha256//"
_DIGEST: Final = 32


def pin_of(certificate: x509.Certificate) -> str:
    """The pin of a certificate's key."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PREFIX + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def read(text: str) -> str | None:
    """A pin as it is compared; None for a text that is none."""
    bare = text.removeprefix(PREFIX)
    try:
        digest = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return None
    return text if bare != text and len(digest) == _DIGEST and _canonical(digest) == bare else None


def _canonical(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def agree(chain: Iterable[bytes], pins: Collection[str]) -> bool:
    """Whether the key of any certificate in a verified chain (DER, leaf first) is pinned.

    A certificate whose key cannot be read agrees with no pin.
    """
    return any(_pin(certificate) in pins for certificate in chain)


def _pin(der: bytes) -> str | None:
    try:
        return pin_of(x509.load_der_x509_certificate(der))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
