"""Whose record each person found in a JSON document is named in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import Slot
from gateway.codecs.records import array_at, keys_of, member_at, owners, put_at, scalar_at

PATHS = ("people[].id", "people[].mail", "people[].near[].mail", "owner.id", "**.deep", "people[].any.*")
PROGRAM = compile_program([Slot(path, "user", subject="record") for path in PATHS], None)

keys = st.sampled_from(("people", "id", "mail", "near", "owner", "deep", "any", "x"))
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(("", "a", "b"))
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


@given(st.fixed_dictionaries({"people": st.lists(documents, max_size=4)}, optional={"owner": documents}))
def test_there_is_one_owner_for_each_person_found(document: dict[str, Any]) -> None:
    people = document["people"]
    found, own = JSON.find(document, PROGRAM), owners(document, PROGRAM, people)
    assert len(found) == len(own)
    for hit, owner in zip(found, own, strict=True):
        assert hit.droppable == (owner.array is not None)
        if owner.record is not None:
            alone = [each.value for each in JSON.find({"people": [people[owner.record]]}, PROGRAM)]
            assert hit.value in alone
        if owner.array is people:
            assert owner.record == owner.at


@given(st.lists(documents, max_size=5))
def test_records_are_found_in_their_order_and_with_all_that_is_in_them(people: list[Any]) -> None:
    own = owners({"people": people}, PROGRAM, people)
    alone = [len(JSON.find({"people": [each]}, PROGRAM)) for each in people]
    assert [sum(owner.record == at for owner in own) for at in range(len(people))] == alone
    at = [owner.record for owner in own if owner.record is not None]
    assert at == sorted(at)


def test_an_array_is_where_its_path_leads() -> None:
    inner = [1]
    assert array_at({"a": {"b": inner}}, "a.b[]") is inner
    assert array_at(inner, "[]") is inner
    others: list[Any] = [{"a": inner}, {"a": {"b": {}}}, {"a": {"b": "text"}}, inner, None]
    for document in others:
        assert array_at(document, "a.b[]") is None
    assert array_at({"a": inner}, None) is None


@pytest.mark.parametrize(("path", "keys"), [("a", ("a",)), ("a.'b.c'[]", ("a", "b.c")), ("[]", ())])
def test_keys_of_a_path(path: str, keys: tuple[str, ...]) -> None:
    assert keys_of(path) == keys


def test_members_are_read_and_put() -> None:
    document: dict[str, Any] = {"a": {"b": 1}, "t": "text"}
    assert (member_at(document, ("a", "b")), member_at(document, ("t", "b"))) == (1, None)
    assert (scalar_at(document, "a.b"), scalar_at(document, "a"), scalar_at(document, "t")) == (
        1,
        None,
        "text",
    )
    put_at(document, ("a", "b"), 2)
    put_at(document, ("t", "n", "m"), 3)
    assert document == {"a": {"b": 2}, "t": {"n": {"m": 3}}}
