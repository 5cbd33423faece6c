"""People by their pseudonyms: the compiled way and Python's give the same, in the same order."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import keys
from gateway.contacts.naming import Pseudonymise, namer
from gateway.contacts.normalise import normalise, shapes
from gateway.model import SubjectKind, kind_of
from gateway.native import load

KINDS: tuple[SubjectKind, ...] = ("phone", "email", "record")
SPACES = ("", "", "crm/contact/")
NAMED = tuple(map(kind_of, KINDS, SPACES))
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
        text = value.strip().lower() if normal is None else normal
        named[pseudonymise(KINDS[slot], SPACES[slot] + text)] = None
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
    names, strange = namer(pseudonymise, "FR")(named, NAMED, met)
    assert list(named) == list(plainly(pseudonymise, met)) == list(dict.fromkeys(names))
    assert names == [next(iter(plainly(pseudonymise, [one]))) for one in met]
    unread = {(slot, value) for slot, value in met if normalise(KINDS[slot], value, "FR") is None}
    assert strange == {(NAMED[slot], value) for slot, value in unread}


@pytest.mark.skipif(load("mackernel") is None, reason="no compiled kernel here")
def test_usual_spellings_do_not_ask_python(pseudonymise: Pseudonymise) -> None:
    usual = [(0, "+33612345678"), (0, "+447911123456"), (1, "Ana.Silva@mail.example.com"), (2, "15100")]
    expected = list(plainly(pseudonymise, usual))
    named: dict[str, None] = {}
    pseudonymise.__dict__["native"].name(named, usual, NAMED, shapes(), None)
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


@pytest.mark.parametrize("native", [True, False])
def test_a_record_id_is_named_with_its_space(native: bool) -> None:
    pseudonymise = keys.Keyring(bytes(32)).pseudonymiser("t")
    name = namer(pseudonymise if native else lambda kind, value: pseudonymise(kind, value), None)
    kinds = ("record", *(kind_of("record", space) for space in ("crm/contact/", "crm/deal/", "salesforce/")))
    met = [(0, "512"), (1, "512"), (2, "512"), (1, "é"), (3, "003G000001SUbc4"), (3, "512")]
    found, _ = name({}, kinds, met)
    assert len(set(found)) == 6
    values = ["512", "crm/contact/512", "crm/deal/512", "crm/contact/é"]
    values += ["salesforce/003G000001SUbc4IAD", "salesforce/512"]
    assert found == [pseudonymise("record", value) for value in values]
