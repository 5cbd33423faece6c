"""`partials` of a pack: what is read, and what is a mistake."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.model import Pack, Partial
from gateway.policy.packfile import read_pack
from gateway.policy.partialfile import inputs_named
from tests.exchange.batches import PACK

HEAD = """\
provider: acme
title: Acme
hosts: [{name: api.acme.example, region: FR, operator: OVH}]
operations:
  - {id: a, call: POST /a, partial: p, request: {json: {"i[].id": user}}, response: {json: {"r[].id": user}}}
partials:
  p: """
FULL = '{inputs: "i[]", results: "r[]", status: 207, errors: e, count: n, entry: {ids: ["{input.id}"]}}'


def pack(text: str) -> Pack:
    return read_pack((HEAD + text).encode(), "plugins/acme/pack.yaml")


def told(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        pack(text)
    return [str(p).removeprefix("plugins/acme/pack.yaml:") for p in caught.value.problems]


def test_all_of_it() -> None:
    it = pack(FULL)
    partial = Partial(
        inputs="i[]", results="r[]", status=207, errors="e", count="n", entry='{"ids":["{input.id}"]}'
    )
    assert it.operations[0].partial == partial
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(it), type=Pack) == it


def test_an_entry_is_json_with_what_may_be_filled_in() -> None:
    entry = (
        'entry: {a: "{detail} of {status}", b: 7, c: "7", d: true, e: [1, {f: "{input.x.y}"}], g: {}, h: []}'
    )
    made = pack(f'{{inputs: "$.i[]", results: "data.r[]", {entry}}}').operations[0].partial
    assert made and made.inputs == "i[]" and made.results == "data.r[]"
    assert json.loads(made.entry or "") == {
        "a": "{detail} of {status}",
        "b": 7,
        "c": "7",
        "d": True,
        "e": [1, {"f": "{input.x.y}"}],
        "g": {},
        "h": [],
    }
    assert inputs_named(made.entry or "") == ("x.y",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "partial: p",
            "partial: q",
            "5:37: found unknown partial 'q', expected a partial of this file: p",
        ),
        ('"i[]"', "i", "7:15: found 'i', expected the path of an array such as results[]"),
        ('"i[]"', '"*[]"', "7:15: found '*[]', expected the path of an array such as results[]"),
        ('"i[]"', '"i[].x[]"', "7:15: found 'i[].x[]', expected the path of an array such as results[]"),
        ('"i[]"', '"i["', "7:15: found 'i[', expected the path of an array such as results[]"),
        ("errors: e", 'errors: "e[]"', "7:59: found 'e[]', expected the path of a member such as data.total"),
        ("errors: e", "errors: $", "7:59: found '$', expected the path of a member such as data.total"),
        ("status: 207", "status: 404", "7:46: found '404', expected a whole number from 200 to 299"),
        ("errors: e, ", "", "7:58: found 'count' without 'errors', expected 'errors' beside 'count'"),
        ('results: "r[]", ', "", "7:63: found 'entry' without 'results', expected 'results' beside 'entry'"),
        ("{input.id}", "{input.}", "expected '{input.member}' alone, with the path of a member"),
        ("{input.id}", "id {input.id}", "expected '{input.member}' alone, with the path of a member"),
        ("{input.id}", "{reson}", "found placeholder {reson}, expected an entry with"),
        (
            '["{input.id}"]',
            '"{input.id}"',
            "found '{input.member}' outside of a list, expected a list for it",
        ),
        ('{ids: ["{input.id}"]}', "[1]", "found a list, expected an entry with"),
        ('["{input.id}"]', "[]}, total: {", "expected the path of a member such as data.total"),
    ],
)
def test_every_mistake_has_its_place(old: str, new: str, message: str) -> None:
    assert old in HEAD + FULL
    with pytest.raises(ConfigError) as caught:
        read_pack((HEAD + FULL).replace(old, new).encode(), "plugins/acme/pack.yaml")
    assert any(message in str(problem) for problem in caught.value.problems), caught.value


def test_a_partial_is_of_json_on_both_sides() -> None:
    text = (HEAD + FULL).replace(', response: {json: {"r[].id": user}}', "")
    with pytest.raises(ConfigError, match="a partial of 'a', which has no JSON there"):
        read_pack(text.encode(), "plugins/acme/pack.yaml")


def test_one_that_says_nothing_is_a_mistake() -> None:
    assert told("{status: 207}") == [
        "7:6: found partial without any of them, expected at least one of inputs, results"
    ]


@given(st.integers(0, len(PACK)), st.integers(0, 40), st.binary(max_size=20))
def test_a_damaged_pack_gives_a_pack_or_problems(start: int, length: int, put: bytes) -> None:
    try:
        read_pack(PACK[:start] + put + PACK[start + length :], str(Path("crm/pack.yaml")))
    except ConfigError as error:
        assert error.problems
