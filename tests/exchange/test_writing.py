"""Names of the fields that an edit sets: on record, and no value with them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.writing import MOST, OTHER
from tests.world import World

NAMES = {"name", "first", "last", "email", "id", "n", "x", "phone"}


def fields(body: Any = None, **more: Any) -> tuple[str, ...]:
    more.setdefault("method", "POST")
    played = World().ask(
        more.pop("method"), more.pop("path", "/crm/contacts"), client="admin", json_body=body, **more
    )
    assert {record.fields for record in played.records if record.phase in ("intent", "outcome")} <= {
        played.records[-1].fields
    }
    return played.records[-1].fields


def test_members_that_a_data_map_knows_are_named() -> None:
    assert set(fields({"email": "a@b.fr", "name": {"first": "Ana", "last": "Silva"}})) == {
        "email",
        "name.first",
        "name.last",
    }


def test_what_a_caller_writes_in_the_place_of_a_name_is_not() -> None:
    assert fields({"+33639980001": 1, "name": {"a@b.fr": "x"}}) == (OTHER, f"name.{OTHER}")


def test_a_message_and_a_read_edit_nothing() -> None:
    form = [("To", "+33639980001"), ("From", "+33939980100"), ("Body", "x")]
    played = World().ask("POST", "/crm/messages", client="admin", form=form)
    assert {record.fields for record in played.records} == {()}
    assert fields(method="GET", path="/crm/contacts/7") == ()


@pytest.mark.parametrize("body", [[], {}, [1, 2], "text"])
def test_of_what_has_no_members_nothing_is_named(body: Any) -> None:
    assert set(fields(body)) <= {"[]"}


def test_names_are_bounded() -> None:
    many: list[Any] = [[]]
    for _ in range(MOST + 5):
        many = [many, 1]
    named = fields(many[0] and {"x": [many]})
    assert len(named) <= MOST + 1


KEYS = st.sampled_from(sorted(NAMES)) | st.text(max_size=8)
TREES = st.recursive(
    st.text(max_size=4), lambda inner: st.dictionaries(KEYS, inner) | st.lists(inner), max_leaves=8
)


@given(st.dictionaries(KEYS, TREES))
def test_no_record_holds_more_than_known_names(body: dict[str, Any]) -> None:
    for path in fields(body):
        assert set(path.replace("[]", "").split(".")) <= NAMES | {OTHER, ""}
