"""AES-SIV, deterministic authenticated encryption (RFC 5297), as `cryptography` has it. Pure."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gateway.errors import InternalError

KEY_SIZES: Final = (32, 48, 64)
"""bytes; RFC 5297 section 2.2: half of it for S2V, half for CTR"""
OVERHEAD: Final = 16
"""bytes the sealed form is longer than the plain one: the synthetic IV"""


class Siv:
    """Equal texts with equal associated data are sealed equally: a token has to be the same on every call.

    So whoever sees two tokens knows whether they stand for the same, which is what they are for; nothing
    else of the text but its length. Raises InternalError for a key of another size.
    """

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        if len(key) not in KEY_SIZES:
            raise InternalError("a key size that AES-SIV does not have")
        self._aead = AESSIV(key)

    def seal(self, plain: bytes, *data: bytes) -> bytes:
        """The synthetic IV and the encrypted text. Raises InternalError for an empty one."""
        if not plain:
            raise InternalError("nothing to seal")
        return self._aead.encrypt(plain, list(data))

    def open(self, sealed: bytes, *data: bytes) -> bytes | None:
        """What was sealed under this key with this data; None when nothing was, or not this."""
        if len(sealed) <= OVERHEAD:
            return None
        try:
            return self._aead.decrypt(sealed, list(data))
        except InvalidTag:
            return None
