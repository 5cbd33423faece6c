"""Any document with tokens in it: restored where that is allowed, and nowhere else."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.tokens import ADDRESS, FOREIGN, MAIL, NAME, NUMBER, TOKEN, plain, token, world

# ---- properties ------------------------------------------------------------------------------------------

VALUES = {TOKEN: NUMBER, MAIL: ADDRESS, token("7", "user.unique_id"): "7", token("Ana", NAME): "Ana"}
KEYS = st.sampled_from(("id", "phone", "email", "name", "first", "address", "created", "odd")) | st.text(
    max_size=4
)


def documents(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(
        KEYS,
        st.recursive(
            values, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=6
        ),
        max_size=6,
    )


def restored(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: restored(value) for key, value in document.items()}
    if isinstance(document, list):
        return [restored(value) for value in document]
    return VALUES.get(document, document) if isinstance(document, str) else document


def written(document: Any, escape: bool) -> bytes:
    text = json.dumps(document)
    if escape:  # every letter and digit of every token
        for each in (*VALUES, *FOREIGN):
            text = text.replace(each, "".join(f"\\u{ord(sign):04x}" for sign in each))
    return text.encode()


EVERYTHING = world("reveal: user, reveal_in: anywhere")
MAPPED = world("reveal: user")
KIND = {"Content-Type": "application/json"}


@settings(deadline=None)
@given(documents(plain | st.sampled_from(list(VALUES))), st.booleans())
def test_the_upstream_gets_the_document_with_the_real_values(document: Any, escape: bool) -> None:
    body = written(document, escape)
    played = EVERYTHING.ask("POST", "/crm/contacts", client="caller", body=body, headers=KIND)
    assert json.loads(played.sent[1]) == restored(document)


@settings(deadline=None)
@given(documents(plain | st.sampled_from(list(VALUES))), st.booleans())
def test_where_only_mapped_places_are_open_it_is_that_or_a_refusal(document: Any, escape: bool) -> None:
    body = written(document, escape)
    played = MAPPED.ask("POST", "/crm/contacts", client="caller", body=body, headers=KIND)
    if played.nothing_sent:
        assert played.reason == "token_not_allowed"
    else:
        assert json.loads(played.sent[1]) == restored(document)


@settings(deadline=None)
@given(documents(plain | st.sampled_from((*VALUES, *FOREIGN))), st.booleans(), st.booleans())
def test_no_token_of_another_tenant_goes_upstream(document: Any, escape: bool, mapped: bool) -> None:
    body = written(document, escape)
    played = (MAPPED if mapped else EVERYTHING).ask(
        "POST", "/crm/contacts", client="caller", body=body, headers=KIND
    )
    if not played.nothing_sent:
        assert not [each for each in FOREIGN if each in json.dumps(json.loads(played.sent[1]))]
        assert not [each for each in FOREIGN if each in json.dumps(document)]
