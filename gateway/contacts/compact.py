"""Pseudonyms as the 128 bits they are: what a store keeps millions of. Pure."""

import binascii
import re
from typing import Final

Packed = str | bytes
"""A pseudonym's sixteen bytes, or any other text as it is. No two texts have the same packed form."""

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
# The last of 22 characters holds two bits: any other ending would be a second spelling of the same bytes.
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]").fullmatch
_LENGTH: Final = 22


def pack(text: str) -> Packed:
    """The compact form of a text."""
    if len(text) != _LENGTH or not _PSEUDONYM(text):
        return text
    return binascii.a2b_base64(text.encode().translate(_PLAIN) + b"==")


def unpack(packed: Packed) -> str:
    """The text of a compact form."""
    if isinstance(packed, str):
        return packed
    return str(binascii.b2a_base64(packed)[:_LENGTH].translate(_URL_SAFE), "ascii")


def split(name: str) -> tuple[str, bytes] | None:
    """`list:pseudonym` in its two parts; None for an id of another form."""
    head, tail = name[:-_LENGTH], name[-_LENGTH:]
    if len(head) < 2 or head[-1] != ":":
        return None
    packed = pack(tail)
    return (head[:-1], packed) if isinstance(packed, bytes) else None
