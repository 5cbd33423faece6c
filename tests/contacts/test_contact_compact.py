import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.compact import pack, pack_all, unpack, unpack_all

PSEUDONYM = st.binary(min_size=16, max_size=16).map(lambda b: base64.urlsafe_b64encode(b).decode()[:22])
TEXTS = st.lists(st.one_of(PSEUDONYM, PSEUDONYM, PSEUDONYM, st.text(max_size=24)), max_size=40)


@given(st.one_of(st.lists(PSEUDONYM, max_size=40), TEXTS))
def test_many_are_packed_as_one_by_one(texts: list[str]) -> None:
    packed = pack_all(texts)
    assert packed == [pack(text) for text in texts]
    assert unpack_all(packed) == [unpack(each) for each in packed] == texts


@pytest.mark.parametrize(
    "odd", ["A" * 21, "A" * 23, "A" * 21 + "B", "A" * 21 + "=", "é" * 22, "A" * 21 + "\n"]
)
def test_what_is_no_pseudonym_stays_as_it_is_among_others(odd: str) -> None:
    """Lengths that add up to whole ones are no reason to take them for pseudonyms."""
    fitting = "A" * (44 - len(odd))
    many = ["B" * 21 + "Q", odd, fitting, "C" * 21 + "w"] * 2000
    assert pack_all(many) == [pack(text) for text in many]
    assert unpack_all(pack_all(many)) == many
