"""AES-SIV with the examples of RFC 5297, and what it does with what was changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.masking.siv import OVERHEAD, Siv

RFC5297 = {  # key, associated data, plain, sealed; in A.2 the last of the data is the nonce
    "A.1": (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        ("101112131415161718191a1b1c1d1e1f2021222324252627",),
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    ),
    "A.2": (
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        (
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ),
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        (
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829"
            "ea64ad544a272e9c485b62a3fd5c0d"
        ),
    ),
}


@pytest.mark.parametrize("name", RFC5297)
def test_the_examples_of_rfc_5297(name: str) -> None:
    key, data, plain, sealed = RFC5297[name]
    siv, more = Siv(bytes.fromhex(key)), [bytes.fromhex(each) for each in data]
    assert siv.seal(bytes.fromhex(plain), *more).hex() == sealed
    assert siv.open(bytes.fromhex(sealed), *more) == bytes.fromhex(plain)


@given(st.sampled_from([32, 48, 64]), st.binary(min_size=1), st.lists(st.binary(max_size=9), max_size=3))
def test_what_was_sealed_opens_and_is_the_same_each_time(size: int, plain: bytes, data: list[bytes]) -> None:
    siv = Siv(bytes(range(size)))
    sealed = siv.seal(plain, *data)
    assert sealed == Siv(bytes(range(size))).seal(plain, *data)
    assert len(sealed) == len(plain) + OVERHEAD
    assert siv.open(sealed, *data) == plain


@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_bit_opens_nothing(plain: bytes, data: st.DataObject) -> None:
    siv = Siv(bytes(64))
    sealed = bytearray(siv.seal(plain, b"x"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert siv.open(bytes(sealed), b"x") is None


@given(st.binary(max_size=80))
def test_other_bytes_open_nothing(sealed: bytes) -> None:
    assert Siv(bytes(64)).open(sealed) is None


def test_other_keys_and_data_open_nothing() -> None:
    sealed = Siv(bytes(64)).seal(b"Ana", b"text")
    assert Siv(bytes(64)).open(sealed, b"email") is None
    assert Siv(bytes(64)).open(sealed) is None
    assert Siv(b"k" * 64).open(sealed, b"text") is None


@pytest.mark.parametrize("size", [0, 16, 31, 33, 65])
def test_other_key_sizes_are_refused(size: int) -> None:
    with pytest.raises(InternalError, match="key size"):
        Siv(bytes(size))


def test_nothing_cannot_be_sealed() -> None:
    with pytest.raises(InternalError):
        Siv(bytes(64)).seal(b"")
