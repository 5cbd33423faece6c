"""The gateway's own keys: one master key per deployment, from which every tenant's keys are derived.

Owns the keyring file and the pseudonym. Pure apart from `read`, which reads a file.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import MethodType

from gateway.errors import ConfigError, Problem
from gateway.native import load as load_kernel

Pseudonymise = Callable[[str, str], str]
"""(subject kind, normalised value) -> 22 characters of base64url: 128 bits of a keyed hash."""

KEY_BYTES = 32
PREFIX = b"hushgate-key-v1:"
EXPOSED = 0o177
"""Mode bits a keyring's file must not have."""
CACHED = 16_384
"""Pseudonyms kept per process: about 6 MB, and enough for the people one worker sees in a few minutes."""

_kernel = load_kernel("mackernel")
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
    """The master key (32 bytes, never shown) and what is derived from it.

    `cached` bounds how many pseudonyms are remembered, over all tenants. Raises ConfigError for a key of
    another size.
    """

    __slots__ = ("_cache", "_macs", "_master")

    def __init__(self, master: bytes, cached: int = CACHED) -> None:
        if len(master) != KEY_BYTES:
            raise _wrong("keyring", f"a key of {len(master)} bytes", f"a key of {KEY_BYTES} bytes")
        self._master = master
        self._macs: dict[str, _Mac] = {}
        self._cache = lru_cache(maxsize=cached)(_Mac.pseudonym)

    def derive(self, tenant: str, use: str) -> bytes:
        """The 32-byte key of a tenant for a use (`pseudonym`, `masking`): HKDF-SHA-256, RFC 5869.

        Use and tenant are separated by a zero byte, which a use never holds: no two pairs share a key.
        """
        info = use.encode("utf-8", "surrogatepass") + b"\0" + tenant.encode("utf-8", "surrogatepass")
        return hkdf(self._master, b"hushgate-key-v1", info)

    def pseudonymiser(self, tenant: str) -> Pseudonymise:
        """The tenant's pseudonym function: HMAC-SHA-256 over kind, a zero byte, value; cut to 128 bits.

        The same person has the same pseudonym on every call and another one with every other tenant.
        """
        mac = self._macs.get(tenant)
        if mac is None:
            mac = self._macs[tenant] = _Mac(self.derive(tenant, "pseudonym"))
        if _kernel is not None:
            return _quick(_kernel.Mac(self.derive(tenant, "pseudonym")).pseudonym, mac.pseudonym)
        # a method bound to the C cache is called without a Python frame in between
        return MethodType(self._cache, mac)


def _quick(kernel: Callable[[str, str], str | None], reference: Pseudonymise) -> Pseudonymise:
    """The compiled function (0.4 us, no cache needed), and Python's for what has no UTF-8 form."""

    def pseudonym(kind: str, value: str) -> str:
        return kernel(kind, value) or reference(kind, value)

    return pseudonym


def generate(entropy: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """A new keyring file's one line: `hushgate-key-v1:` and 32 random bytes in base64url, unpadded."""
    return PREFIX + base64.urlsafe_b64encode(entropy(KEY_BYTES)).rstrip(b"=") + b"\n"


def load(reference_value: bytes, file: str = "keyring") -> Keyring:
    """The keyring a line holds (the resolved value of an `env:` or `file:` reference). Raises ConfigError."""
    line = reference_value.strip(b" \t\r\n")
    if not line.startswith(PREFIX):
        raise _wrong(file, "another text", f"one line that starts with {PREFIX.decode()!r}")
    text = line[len(PREFIX) :].rstrip(b"=")
    try:
        master = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _wrong(file, "a key that is not base64url", "32 bytes in base64url", len(PREFIX) + 1) from None
    if len(master) != KEY_BYTES:
        raise _wrong(file, f"a key of {len(master)} bytes", f"{KEY_BYTES} bytes", len(PREFIX) + 1)
    return Keyring(master)


def read(path: Path) -> Keyring:
    """The keyring of a file that nobody but its owner can read (mode 0600 or 0400). Raises ConfigError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & EXPOSED:
            raise _wrong(str(path), f"mode {mode:04o}", "mode 0600: nobody but its owner may read it")
        return load(path.read_bytes(), str(path))
    except OSError as error:
        raise _wrong(str(path), error.strerror or "an error", "a readable keyring file") from None


def _wrong(file: str, found: str, expected: str, column: int = 1) -> ConfigError:
    return ConfigError((Problem(file, 1, column, found, expected),))
