"""The gateway's own keys: a master key per epoch, from which every tenant's keys are derived.

Owns the derivation and the pseudonym; the text of a keyring is keyfile.py's. Pure apart from `read`.
"""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, MethodType
from typing import Any

from gateway.errors import ConfigError, Problem
from gateway.keyfile import EXPOSED, FIRST, KEY_BYTES, PREFIX, content, generate, parse
from gateway.kms import plugged
from gateway.native import load as load_kernel
from gateway.plugged import Find

Pseudonymise = Callable[[str, str], str]
"""(subject kind, normalised value) -> 22 characters of base64url: 128 bits of a keyed hash."""

__all__ = ("EXPOSED", "KEY_BYTES", "PREFIX", "Keyring", "Pseudonymise", "generate", "hkdf", "load", "read")
CACHED = 16_384
"""Pseudonyms kept per process: about 6 MB, and enough for the people one worker sees in a few minutes."""

_kernel = load_kernel("mackernel")


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


digest: Callable[[bytes], bytes] = _digest if _kernel is None else _kernel.digest
"""SHA-256, 32 bytes: of short texts, where hashlib takes longer to begin than to hash."""
_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def hkdf(key: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF with SHA-256: extract, then expand to `length` bytes (at most 8160). RFC 5869 section 2."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    block = out = b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes((number,)), "sha256")
        out += block
    return out[:length]


class _Mac:
    """HMAC-SHA-256 (RFC 2104) under one key, with both key blocks already hashed.

    Copying a hashed state costs a third of `hmac.digest`, which hashes the key and fetches the digest anew.
    """

    __slots__ = ("_inner", "_kinds", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))
        self._kinds = {kind: self._seeded(kind) for kind in ("phone", "email", "record")}

    def _seeded(self, kind: str) -> "hashlib._Hash":
        state = self._inner.copy()
        state.update(kind.encode() + b"\0")
        return state

    def pseudonym(self, kind: str, value: str) -> str:
        inner = (self._kinds.get(kind) or self._seeded(kind)).copy()
        # surrogatepass: every str has its own bytes, so no value can raise or collide with another
        inner.update(value.encode("utf-8", "surrogatepass"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return str(binascii.b2a_base64(outer.digest()[:16])[:22].translate(_URL_SAFE), "ascii")


class Keyring:
    """The master keys (32 bytes each, never shown), one per epoch, and what is derived from them.

    `later` are those after epoch 1, by epoch. `cached` bounds how many pseudonyms are remembered, over all
    tenants. Raises ConfigError for a key of another size.
    """

    __slots__ = ("_cache", "_macs", "_masters")

    def __init__(
        self, master: bytes, cached: int = CACHED, later: Mapping[int, bytes] = MappingProxyType({})
    ) -> None:
        self._masters = {**later, FIRST: master}
        for key in self._masters.values():
            if len(key) != KEY_BYTES:
                found = f"a key of {len(key)} bytes"
                raise ConfigError((Problem("keyring", 1, 1, found, f"a key of {KEY_BYTES} bytes"),))
        self._macs: dict[str, _Mac] = {}
        self._cache = lru_cache(maxsize=cached)(_Mac.pseudonym)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Numbers of the epochs there are keys of, oldest first."""
        return tuple(sorted(self._masters))

    def derive(self, tenant: str, use: str, epoch: int = FIRST) -> bytes:
        """The 32-byte key of a tenant for a use (`pseudonym`, `masking`, `token`): HKDF-SHA-256, RFC 5869.

        Use and tenant are separated by a zero byte, which a use never holds: no two pairs share a key.
        Pseudonyms and hashes stay with the first epoch: the registry finds people by them.
        """
        info = use.encode("utf-8", "surrogatepass") + b"\0" + tenant.encode("utf-8", "surrogatepass")
        return hkdf(self._masters[epoch], b"hushgate-key-v1", info)

    def token_keys(self, tenant: str) -> dict[int, bytes]:
        """The tenant's token key of every epoch: the newest issues, all of them reveal."""
        return {epoch: self.derive(tenant, "token", epoch) for epoch in self.epochs}

    def pseudonymiser(self, tenant: str) -> Pseudonymise:
        """The tenant's pseudonym function: HMAC-SHA-256 over kind, a zero byte, value; cut to 128 bits.

        The same person has the same pseudonym on every call and another one with every other tenant.
        """
        mac = self._macs.get(tenant)
        if mac is None:
            mac = self._macs[tenant] = _Mac(self.derive(tenant, "pseudonym"))
        if _kernel is not None:
            return _quick(_kernel.Mac(self.derive(tenant, "pseudonym")), mac.pseudonym)
        # a method bound to the C cache is called without a Python frame in between
        return MethodType(self._cache, mac)


def _quick(kernel: Any, reference: Pseudonymise) -> Pseudonymise:
    """The compiled function (0.4 us, no cache needed), and Python's for what has no UTF-8 form.

    Its attribute `native` is the kernel's, for those who name many people at once (contacts.naming).
    """
    compiled = kernel.pseudonym

    def pseudonym(kind: str, value: str) -> str:
        return compiled(kind, value) or reference(kind, value)

    pseudonym.__dict__["native"] = kernel
    return pseudonym


def load(reference_value: bytes, file: str = "keyring", kms: Find = plugged) -> Keyring:
    """The keyring a text holds (the value of an `env:` or `file:` reference). Raises ConfigError."""
    masters = dict(parse(reference_value, file, kms))
    return Keyring(masters.pop(FIRST), later=masters)


def read(path: Path, kms: Find = plugged) -> Keyring:
    """The keyring of a file that nobody but its owner can read (mode 0600 or 0400). Raises ConfigError."""
    return load(content(path), str(path), kms)
