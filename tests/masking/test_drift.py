"""What is counted where no data map looks; that paths are structure alone; that it is seldom and bounded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program, validate_path
from gateway.codecs.program import Limits, Program, Slot
from gateway.masking.detectors.finder import Finder
from gateway.masking.drift import (
    ELSEWHERE,
    INTERVAL,
    MAX_BODY,
    MAX_KEYS,
    MAX_PATHS,
    MAX_VALUES,
    PER_PATH,
    Drift,
    Strange,
    walk,
)
from tests.world import RULES, World, json_answer

PHONE, MAIL, CARD = "user.contact.phone_number", "user.contact.email", "user.financial.credit_card"
NONE = compile_program([], None)
FRENCH = Finder(("FR",))


def seen(document: Any, *paths: str) -> dict[tuple[str, str], int]:
    program = compile_program([Slot(path, "c") for path in paths], None)
    return walk(JSON.parse(json.dumps(document).encode(), Limits()), program, FRENCH)


def test_paths_that_no_slot_selects() -> None:
    document = {
        "results": [
            {"id": "1", "properties": {"email": "a@b.fr", "mobile": "06 12 34 56 78", "note": f"or {mail}"}}
            for mail in ("c@d.fr", "e@f.fr")
        ]
    }
    assert seen(document, "results[].properties.email") == {
        ("results[].properties.mobile", PHONE): 2,
        ("results[].properties.note", MAIL): 2,
    }
    assert seen(document, "**.email", "results[].properties.*") == {}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("a@b.fr", {("$", MAIL): 1}),
        (["a@b.fr", "x", None, True], {("[]", MAIL): 1}),
        ([["a@b.fr"]], {("[][]", MAIL): 1}),
        ({"a": 4242424242424242, "b": 33612345678}, {("a", CARD): 1}),
        ({"a": "a@b.fr +33612345678"}, {("a", MAIL): 1, ("a", PHONE): 1}),
        ({"a": "lead", "b": "2024-01-05"}, {}),
    ],
)
def test_places(document: Any, expected: dict[tuple[str, str], int]) -> None:
    assert seen(document) == expected


@pytest.mark.parametrize(
    "key",
    [
        "ana@b.fr",
        "33612345678",
        "id-5100",
        "Ana Lopez",
        "",
        "é",
        "a.b",
        "x" * 65,
        "0a1b2c",
        "deadbeefdeadbeef",
    ],
)
def test_keys_that_may_be_data_are_not_told(key: str) -> None:
    assert seen({key: {"to": "a@b.fr"}}) == {("*.to", MAIL): 1}


def test_an_object_of_like_objects_is_a_map() -> None:
    assert seen({"ana": {"to": "a@b.fr"}, "bob": {"to": "c@d.fr"}}) == {("*.to", MAIL): 2}
    assert seen({"ana": {"to": "a@b.fr"}, "bob": {"cc": "c@d.fr"}}) == {
        ("ana.to", MAIL): 1,
        ("bob.cc", MAIL): 1,
    }
    assert set(seen({f"k{chr(97 + n % 26)}{'x' * n}": "a@b.fr" for n in range(MAX_KEYS + 1)})) == {
        ("*", MAIL)
    }


def test_what_is_looked_at_is_bounded() -> None:
    assert seen([{"a": "a@b.fr"}] * (PER_PATH + 5)) == {("[].a", MAIL): PER_PATH}
    wide = [{f"{a}{b}{c}": "a@b.fr"} for a in "abcdefgh" for b in "abcdefgh" for c in "stuvwxyzkm"]
    assert len(wide) > sum(seen(wide).values()) == MAX_VALUES
    deep: Any = "a@b.fr"
    for _ in range(60):
        deep = {"a": deep}
    assert seen(deep) == {}


_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.just("a@b.fr")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_json)
def test_every_proposal_is_a_path(document: Any) -> None:
    body = json.dumps(document, ensure_ascii=True).encode("utf-8", "surrogatepass")
    drift = Drift()
    drift.look(0.0, "p", "o", "FR", body, NONE)
    assert all(validate_path(strange.path) is None for strange in drift.take())


# ---- counts ---------------------------------------------------------------------------------------------

BODY = b'{"a":"x@y.fr"}'
AT = Strange("p", "o", "a", MAIL)


def look(drift: Drift, now: float, body: bytes = BODY, operation: str = "o", program: Program = NONE) -> None:
    drift.look(now, "p", operation, None, body, program)


def test_an_operation_is_looked_at_once_an_interval() -> None:
    drift = Drift()
    look(drift, 100.0)
    look(drift, 100.0 + INTERVAL - 1)
    assert drift.take() == {AT: 1}
    assert drift.take() == {}
    look(drift, 100.0 + INTERVAL)
    look(drift, 100.0, operation="other")
    assert drift.take() == {AT: 1, AT._replace(operation="other"): 1}


@pytest.mark.parametrize(
    "body", [b"{", b'{"a":"\xff"}', b"[" * 200 + b"]" * 200, b'"' + b"x" * MAX_BODY + b'"']
)
def test_what_cannot_be_read_is_passed_over(body: bytes) -> None:
    drift = Drift()
    look(drift, 0.0, body)
    assert drift.take() == {}


def test_paths_are_told_apart_up_to_a_bound() -> None:
    drift = Drift()
    names = [f"k{a}{b}{'x' * n}" for n in range(2) for a in "abcdefghijklmnopqr" for b in "abcdefghijklmnop"]
    assert len(names) > MAX_PATHS
    for at, name in enumerate(names):
        look(drift, at * INTERVAL, b'{"%s":"x@y.fr"}' % name.encode())
    counts = drift.take()
    assert len(counts) == MAX_PATHS + 1
    assert counts[AT._replace(path=ELSEWHERE)] == len(names) - MAX_PATHS


# ---- in an exchange -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["redact", "detect", "pass"])
def test_an_answer_is_looked_at_before_it_is_masked(how: str) -> None:
    world = World(rules=RULES + f"unmapped: {how}\n")
    answer = json_answer({"id": "7", "email": "a@b.fr", "extra": {"gsm": "+33612345678"}})
    for _ in range(2):
        played = world.ask("GET", "/crm/contacts/7", answer=answer)
        assert played.status == 200
        assert (b"33612345678" in played.body) == (how == "pass")
    assert world.snapshot.drift.take() == {Strange("crm", "contacts.fetch", "extra.gsm", PHONE): 1}


def test_error_answers_are_not_looked_at() -> None:
    world = World()
    assert world.ask("GET", "/crm/contacts/7", answer=json_answer({"gsm": "+33612345678"}, 404)).status == 404
    assert world.snapshot.drift.take() == {}
