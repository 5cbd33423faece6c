"""FF1, format-preserving encryption of numerals (NIST SP 800-38G Rev. 1, algorithms 7 and 8). Pure.

The AES is that of `cryptography`, or the processor's own where a compiled kernel does short decimal strings
in one call. FF3 and FF3-1 are not here, since NIST withdrew them.
"""

from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.errors import InternalError
from gateway.native import load

MIN_DOMAIN: Final = 1_000_000
"""Strings there must be at least, SP 800-38G Rev. 1 section 5.2: fewer could be tabulated by guessing."""
MAX_LENGTH: Final = 4_096
"""Numerals; the standard allows 2**32, which nobody needs."""
ROUNDS: Final = 10
_BLOCK: Final = 16
_DECIMAL: Final = 10
_SHORT: Final = 9
"""Digits of half a string that the kernel takes."""
_NUMERALS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_kernel: Any = load("ff1kernel")


class Ff1:
    """One permutation of the strings of `length` numerals in base `radix` (2 to 36), under a key and a tweak.

    `key` has 16, 24 or 32 bytes. Raises InternalError for a domain below one million strings, and for
    parameters the standard does not know. Numerals above 9 are lower-case letters.
    """

    __slots__ = ("_moduli", "_native", "_round", "_spread", "_widths")

    def __init__(self, key: bytes, length: int, tweak: bytes = b"", radix: int = 10) -> None:
        if len(key) not in (16, 24, 32) or not 2 <= radix <= len(_NUMERALS):
            raise InternalError("a key size or radix that FF1 does not have")
        if not 2 <= length <= MAX_LENGTH or radix**length < MIN_DOMAIN:
            raise InternalError("a domain outside of one million strings to 4096 numerals")
        u = length // 2
        self._widths = (u, length - u)
        self._moduli = (radix**u, radix ** (length - u))
        self._spread = (radix, length)
        head = b"\1\2\1" + radix.to_bytes(3) + bytes((ROUNDS, u % 256)) + length.to_bytes(4)
        number = -(-(self._moduli[1] - 1).bit_length() // 8)  # b: bytes that hold half a string
        rounds = _Rounds(key, head + len(tweak).to_bytes(4), tweak, number)
        self._round = rounds.function()
        short = radix == _DECIMAL and length - u <= _SHORT and rounds.narrow
        self._native: Any = None
        if short and _kernel is not None and _kernel.usable:
            self._native = _kernel.Ff1(key, rounds.blocks(), u, length - u)

    def encrypt(self, text: str) -> str:
        """The string that stands for `text`. Raises InternalError for what is not in the domain."""
        made: str | None = self._native.encrypt(text) if self._native is not None else None
        if made is not None:
            return made
        a, b = self._halves(text)
        (m, n), y = self._moduli, self._round
        for i in range(0, ROUNDS, 2):  # two rounds at a time, so that the halves need not change places
            a = (a + y(i, b)) % m
            b = (b + y(i + 1, a)) % n
        return self._joined(a, b)

    def decrypt(self, text: str) -> str:
        """The string that `text` stands for. Raises InternalError for what is not in the domain."""
        made: str | None = self._native.decrypt(text) if self._native is not None else None
        if made is not None:
            return made
        a, b = self._halves(text)
        (m, n), y = self._moduli, self._round
        for i in range(ROUNDS - 2, -1, -2):
            b = (b - y(i + 1, a)) % n
            a = (a - y(i, b)) % m
        return self._joined(a, b)

    def _halves(self, text: str) -> tuple[int, int]:
        radix, length = self._spread
        if len(text) != length or text.strip(_NUMERALS[:radix]):
            raise InternalError("a string that is not in the domain of the permutation")
        u = self._widths[0]
        return int(text[:u], radix), int(text[u:], radix)

    def _joined(self, a: int, b: int) -> str:
        (u, v), (radix, _) = self._widths, self._spread
        return f"{a:0{u}}{b:0{v}}" if radix == _DECIMAL else _text(a, u, radix) + _text(b, v, radix)


class _Rounds:
    """The round function, steps 6.i to 6.v: (round, one half as a number) -> NUM(S).

    The CBC-MAC over all that is the same in every round, P and the tweak's whole blocks, is taken here.
    """

    def __init__(self, key: bytes, p: bytes, tweak: bytes, number: int) -> None:
        # ECB of single blocks only, which is the standard's CIPH; nothing is encrypted in that mode
        self._aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305
        q = tweak + bytes((-len(tweak) - number - 1) % _BLOCK) + bytes(1 + number)
        fixed = (len(q) - number - 1) // _BLOCK * _BLOCK
        mac, rest = _mac(self._aes, p + q[:fixed]), q[fixed:]
        self._size, self._low = len(rest), 4 * -(-number // 4) + 4  # low is the standard's d, the bytes of S
        start = int.from_bytes(_xor(mac, rest[:_BLOCK]) + rest[_BLOCK:])
        self._starts = [start ^ i << 8 * number for i in range(ROUNDS)]

    @property
    def narrow(self) -> bool:
        """Whether a round is one block in and no more than one block out."""
        return self._size == _BLOCK and self._low <= _BLOCK

    def blocks(self) -> bytes:
        """The block of each round as it is without the half, where there is one."""
        return b"".join([start.to_bytes(_BLOCK) for start in self._starts])

    def function(self) -> Callable[[int, int], int]:
        """The function itself."""
        aes, starts, size, low = self._aes, self._starts, self._size, self._low
        from_bytes = int.from_bytes

        def narrow(i: int, half: int) -> int:
            return from_bytes(aes((starts[i] ^ half).to_bytes(_BLOCK))[:low])

        def wide(i: int, half: int) -> int:
            mac = _mac(aes, (starts[i] ^ half).to_bytes(size))
            more = (aes(_xor(mac, j.to_bytes(_BLOCK))) for j in range(1, -(-low // _BLOCK)))
            return from_bytes(b"".join((mac, *more))[:low])

        return narrow if self.narrow else wide


def _mac(aes: Callable[[bytes], bytes], data: bytes) -> bytes:
    """CBC-MAC of whole blocks (PRF, algorithm 6)."""
    mac = bytes(_BLOCK)
    for at in range(0, len(data), _BLOCK):
        mac = aes(_xor(mac, data[at : at + _BLOCK]))
    return mac


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a) ^ int.from_bytes(b)).to_bytes(len(a))


def _text(number: int, width: int, radix: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, radix)
        digits.append(_NUMERALS[digit])
    return "".join(reversed(digits))
