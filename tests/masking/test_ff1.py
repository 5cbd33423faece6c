"""FF1 against NIST's samples, and against a transcript of the standard that takes no short cut."""

import json
from math import ceil, log2
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.masking.ff1 import Ff1

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/ff1.json").read_text())["vectors"]
NUMERALS = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "cipher"), VECTORS)
def test_the_samples_of_nist(key: str, radix: int, tweak: str, plain: str, cipher: str) -> None:
    ff1 = Ff1(bytes.fromhex(key), len(plain), bytes.fromhex(tweak), radix)
    assert (ff1.encrypt(plain), ff1.decrypt(cipher)) == (cipher, plain)


def by_the_standard(key: bytes, radix: int, tweak: bytes, plain: str) -> str:
    """SP 800-38G, algorithm 7, step by step."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    n, t = len(plain), len(tweak)
    u = n // 2
    v = n - u
    a, b = plain[:u], plain[u:]
    half = ceil(ceil(v * log2(radix)) / 8)
    d = 4 * ceil(half / 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3) + bytes([10, u % 256]) + n.to_bytes(4) + t.to_bytes(4)
    for i in range(10):
        q = tweak + bytes((-t - half - 1) % 16) + bytes([i]) + int(b, radix).to_bytes(half)
        r = bytes(16)
        for at in range(0, len(p + q), 16):
            r = aes(bytes(x ^ y for x, y in zip(r, (p + q)[at : at + 16], strict=True)))
        s = r
        for j in range(1, ceil(d / 16)):
            s += aes(bytes(x ^ y for x, y in zip(r, j.to_bytes(16), strict=True)))
        m = u if i % 2 == 0 else v
        c = (int(a, radix) + int.from_bytes(s[:d])) % radix**m
        a, b = b, ""
        for _ in range(m):
            c, digit = divmod(c, radix)
            b = NUMERALS[digit] + b
    return a + b


@st.composite
def domains(draw: st.DrawFn) -> tuple[bytes, int, bytes, str]:
    radix = draw(st.sampled_from([2, 3, 10, 10, 16, 36]))
    length = draw(st.integers(ceil(6 / log2(radix) * log2(10)), 90))
    plain = draw(st.text(NUMERALS[:radix], min_size=length, max_size=length))
    key = draw(st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
    return key, radix, draw(st.binary(max_size=40)), plain


@given(domains())
def test_every_domain_is_as_the_standard_has_it(it: tuple[bytes, int, bytes, str]) -> None:
    key, radix, tweak, plain = it
    ff1 = Ff1(key, len(plain), tweak, radix)
    cipher = ff1.encrypt(plain)
    assert cipher == by_the_standard(key, radix, tweak, plain)
    assert ff1.decrypt(cipher) == plain


@pytest.mark.parametrize(("radix", "length"), [(10, 5), (2, 19), (36, 3), (10, 1), (10, 0), (10, 4097)])
def test_a_domain_below_one_million_is_refused(radix: int, length: int) -> None:
    with pytest.raises(InternalError, match="domain"):
        Ff1(bytes(16), length, radix=radix)


@pytest.mark.parametrize(("radix", "length"), [(10, 6), (2, 20), (36, 4)])
def test_the_smallest_domains(radix: int, length: int) -> None:
    ff1 = Ff1(bytes(16), length, radix=radix)
    assert ff1.decrypt(ff1.encrypt("1" * length)) == "1" * length


@pytest.mark.parametrize(("key", "radix"), [(bytes(15), 10), (b"", 10), (bytes(16), 1), (bytes(16), 37)])
def test_other_keys_and_radices_are_refused(key: bytes, radix: int) -> None:
    with pytest.raises(InternalError, match="key size or radix"):
        Ff1(key, 30, radix=radix)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "12 456", "+12345", "12_345", "١٢٣٤٥٦"])
def test_what_is_not_in_the_domain_is_refused_and_not_quoted(text: str) -> None:
    ff1 = Ff1(bytes(16), 6)
    for method in (ff1.encrypt, ff1.decrypt):
        with pytest.raises(InternalError) as caught:
            method(text)
        assert not text or text not in str(caught.value)
