"""The compiled FF1 against NIST's samples and against the Python one, which it replaces string by string."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.masking import ff1
from gateway.masking.ff1 import Ff1
from gateway.masking.phonetoken import PhoneCipher
from tests.native.kernels import kernel

KERNEL: Any = kernel("ff1kernel")
VECTORS = json.loads((Path(__file__).parents[1] / "vectors/ff1.json").read_text())["vectors"]

pytestmark = pytest.mark.skipif(not KERNEL.usable, reason="this processor has no AES of its own")


@contextmanager
def using(module: Any) -> Iterator[None]:
    before, ff1._kernel = ff1._kernel, module
    try:
        yield
    finally:
        ff1._kernel = before


def both(key: bytes, length: int, tweak: bytes = b"") -> tuple[Ff1, Ff1]:
    """The same permutation with the kernel, and without."""
    with using(KERNEL):
        native = Ff1(key, length, tweak)
    with using(None):
        reference = Ff1(key, length, tweak)
    assert native._native is not None and reference._native is None
    return native, reference


def test_the_samples_of_nist_that_are_short_and_decimal() -> None:
    tried = 0
    for key, radix, tweak, plain, cipher in VECTORS:
        if radix == 10 and len(plain) <= 18:
            native, _ = both(bytes.fromhex(key), len(plain), bytes.fromhex(tweak))
            assert (native._native.encrypt(plain), native._native.decrypt(cipher)) == (cipher, plain)
            tried += 1
    assert tried >= 6, "AES of every key size, with and without a tweak"


keys = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(keys, st.integers(6, 18), st.binary(max_size=40), st.data())
def test_it_is_the_permutation_of_the_reference(
    key: bytes, length: int, tweak: bytes, data: st.DataObject
) -> None:
    native, reference = both(key, length, tweak)
    for _ in range(4):
        text = data.draw(st.text("0123456789", min_size=length, max_size=length))
        sealed = native._native.encrypt(text)
        assert sealed == reference.encrypt(text) and native._native.decrypt(sealed) == text
        assert native._native.decrypt(text) == reference.decrypt(text)


@pytest.mark.parametrize("length", range(6, 19))
def test_the_ends_of_every_domain(length: int) -> None:
    native, reference = both(bytes(range(32)), length)
    for text in ("0" * length, "9" * length, "0" * (length - 1) + "1", "1" + "0" * (length - 1)):
        assert native.encrypt(text) == reference.encrypt(text)
        assert native.decrypt(native.encrypt(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "12345678", "123456x", "١٢٣٤٥٦٧", "123456\ud800", "-123456", "1234567\0"]
)
def test_what_is_not_in_the_domain_is_declined_and_refused(text: str) -> None:
    native, _ = both(b"k" * 32, 7)
    assert native._native.encrypt(text) is None is native._native.decrypt(text)
    for attempt in (native.encrypt, native.decrypt):
        with pytest.raises(InternalError):
            attempt(text)


@pytest.mark.parametrize("value", [None, 1234567, b"1234567"])
def test_what_is_no_text_is_declined(value: Any) -> None:
    native, _ = both(b"k" * 32, 7)
    assert native._native.encrypt(value) is None


@pytest.mark.parametrize(
    "arguments",
    [
        (b"k" * 31, bytes(160), 3, 3),
        (b"k" * 32, bytes(159), 3, 3),
        (b"k" * 32, bytes(160), 0, 3),
        (b"k" * 32, bytes(160), 4, 3),
        (b"k" * 32, bytes(160), 9, 10),
        (b"k" * 32, bytes(160), -1, 2**31 - 1),
    ],
)
def test_other_sizes_than_it_is_made_for_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="sizes"):
        KERNEL.Ff1(*arguments)


def test_longer_strings_and_other_radices_are_left_to_python() -> None:
    with using(KERNEL):
        made = Ff1(b"k" * 32, 19), Ff1(b"k" * 32, 12, radix=16), Ff1(b"k" * 32, 18)
    assert [each._native is None for each in made] == [True, True, False]


@given(
    st.sampled_from(["+33612345678", "+14155550123", "+447911123456", "+4915112345678"]),
    st.binary(min_size=32, max_size=32),
)
def test_a_token_of_one_is_read_by_the_other(number: str, key: bytes) -> None:
    with using(KERNEL):
        native = PhoneCipher(key)
        sealed = native.seal(number)
    with using(None):
        assert sealed is not None and PhoneCipher(key).seal(number) == sealed
        assert PhoneCipher(key).open(sealed[1:]) == number
