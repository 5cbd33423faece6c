"""People by their pseudonyms: the compiled way and Python's give the same, in the same order."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import keys
from gateway.contacts.naming import Pseudonymise, namer
from gateway.contacts.normalise import normalise, shapes
from gateway.model import SubjectKind
from gateway.native import load

KINDS: tuple[SubjectKind, ...] = ("phone", "email", "record")
EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (number := phonenumbers.example_number(region)) is not None
]
SPELLINGS = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\+[0-9]{6,17}", fullmatch=True),
    st.from_regex(r"[!-~]{0,70}@[A-Za-z0-9_.\-]{0,70}", fullmatch=True),
    st.from_regex(r"[ -~]{0,10}", fullmatch=True),
    st.sampled_from(EXAMPLES),
)
MET = st.lists(st.tuples(st.integers(0, 2), SPELLINGS), max_size=8)


@pytest.fixture(name="pseudonymise", scope="module")
def _pseudonymise() -> Pseudonymise:
    return keys.Keyring(bytes(range(32))).pseudonymiser("acme")


def plainly(pseudonymise: Pseudonymise, met: list[tuple[int, str]]) -> dict[str, None]:
    """By definition."""
    named: dict[str, None] = {}
    for slot, value in met:
        normal = normalise(KINDS[slot], value, "FR")
        named[pseudonymise(KINDS[slot], value.strip().lower() if normal is None else normal)] = None
    return named


@given(MET)
@example(
    [(1, "Ana@Example.com"), (0, "+33612345678"), (1, "ana@example.com"), (2, " "), (0, "06 12 34 56 78")]
)
@example([(0, "+330612345678"), (0, "+12025550123"), (0, "+112025550123"), (1, "a" * 65 + "@x.org")])
@example([(1, "a@-x.org"), (1, "a@x-.org"), (1, "a@x..org"), (1, "@x.org"), (1, "a@"), (2, "x" * 257)])
def test_the_same_as_one_by_one(met: list[tuple[int, str]]) -> None:
    pseudonymise = keys.Keyring(bytes(range(32))).pseudonymiser("acme")
    named: dict[str, None] = {}
    found = namer(pseudonymise, "FR")(named, KINDS, met)
    assert list(named) == list(plainly(pseudonymise, met)) == list(dict.fromkeys(found.names))
    assert found.names == [next(iter(plainly(pseudonymise, [one]))) for one in met]
    spelt = {(KINDS[slot], value) for slot, value in met}
    assert found.strange == {(kind, value) for kind, value in spelt if normalise(kind, value, "FR") is None}


@pytest.mark.skipif(load("mackernel") is None, reason="no compiled kernel here")
def test_usual_spellings_do_not_ask_python(pseudonymise: Pseudonymise) -> None:
    usual = [(0, "+33612345678"), (0, "+447911123456"), (1, "Ana.Silva@mail.example.com"), (2, "15100")]
    expected = list(plainly(pseudonymise, usual))
    named: dict[str, None] = {}
    pseudonymise.__dict__["native"].name(named, usual, KINDS, shapes(), None)
    assert list(named) == expected


@pytest.mark.skipif(load("mackernel") is None, reason="no compiled kernel here")
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ({}, (), KINDS, b"", None),
        ({}, [(9, "x")], KINDS, bytearray(5000), None),
        ({}, [(-1, "x")], KINDS, bytearray(5000), None),
        ({}, ["x"], KINDS, bytearray(5000), None),
        ({}, [(0, 7)], KINDS, bytearray(5000), None),
        ({}, [], KINDS, bytearray(4999), None),
    ],
)
def test_wrong_arguments_are_refused(pseudonymise: Pseudonymise, arguments: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, IndexError)):
        pseudonymise.__dict__["native"].name(*arguments)
