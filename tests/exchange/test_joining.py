"""What an answer says of whose identifiers are, and what becomes of it."""

import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import kernel
from gateway.codecs import together as grouping
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Tally
from gateway.codecs.together import Pair, together
from gateway.errors import StoreError
from gateway.exchange.commands import Append, CollectAnswer, Link, Release
from tests.exchange.batches import HEAD, VIEWS
from tests.exchange.batches import PACK as BATCHES
from tests.world import Played, World, json_answer

ANA = {"id": "7", "email": "Ana@Example.com", "phone": "06 39 98 00 01", "name": {"first": "Ana"}}
BO = {"id": "8", "email": "bo@example.com", "phone": "unknown"}


def fetched(world: World, answer: Any, **more: Any) -> Played:
    return world.ask("GET", "/crm/contacts/7", answer=json_answer(answer), **more)


def linked(played: Played) -> list[tuple[str, str]]:
    return [pair for c in played.script.commands if isinstance(c, Link) for pair in c.pairs]


def test_one_record_links_its_id_with_its_identifiers_in_any_spelling() -> None:
    world = World()
    played = fetched(world, ANA)
    record = world.named("record", "crm/7")
    assert linked(played) == [
        (record, world.named("email", "ana@example.com")),
        (record, world.named("phone", "+33639980001")),
    ]
    assert played.kinds[-4:] == [CollectAnswer, Link, Append, Release]


def test_what_was_said_before_is_not_said_again() -> None:
    world = World()
    assert linked(fetched(world, ANA)) and not linked(fetched(world, {**ANA, "born": "1980-01-01"}))
    assert linked(fetched(world, {**ANA, "email": "ana@example.org"}))


def test_what_could_not_be_kept_is_said_again() -> None:
    world = World()
    lost = fetched(world, ANA, failures={Link: StoreError("registry_unavailable", "")})
    assert lost.status == 200
    assert linked(fetched(world, ANA))


def test_spellings_that_identify_nobody_are_linked_to_nobody() -> None:
    world = World()
    people = [
        {**ANA, "phone": "unknown"},
        {**ANA, "id": " "},
        {"id": "9", "email": "(at)", "phone": "06 39 98 00 02"},
    ]
    played = world.ask("GET", "/crm/contacts", answer=json_answer({"results": people}))
    assert linked(played) == [
        (world.named("record", "crm/7"), world.named("email", "ana@example.com")),
        (world.named("record", "crm/9"), world.named("phone", "+33639980002")),
    ]


def test_a_list_links_each_record_with_its_own() -> None:
    world = World()
    played = world.ask(
        "GET", "/crm/contacts", answer=json_answer({"results": [ANA, BO, {"email": "x@y.example"}]})
    )
    names = [(world.named("record", "crm/7"), world.named("email", "ana@example.com"))]
    names.append((world.named("record", "crm/7"), world.named("phone", "+33639980001")))
    names.append((world.named("record", "crm/8"), world.named("email", "bo@example.com")))
    assert linked(played) == names, "a number that says nothing, and whoever has no id, are linked to nobody"


@pytest.mark.parametrize(
    "answer", [{"id": "7"}, {"email": "ana@example.com"}, {"id": "", "email": "a@b.example"}]
)
def test_who_is_alone_is_not_linked(answer: Any) -> None:
    assert linked(fetched(World(), answer)) == []


def test_errors_and_requests_say_nothing() -> None:
    world = World()
    failed = world.ask("GET", "/crm/contacts/7", answer=json_answer(ANA, 409))
    written = world.ask("POST", "/crm/contacts", json_body=ANA, answer=json_answer({"code": 1}))
    assert linked(failed) == linked(written) == []


def test_the_canary_leaves_no_trace() -> None:
    snapshot = World().snapshot
    snapshot.apart().keep_joined(1)
    assert not snapshot.joined(1)


def grouped(program: Any, tally: Tally) -> list[Pair] | None:
    found, met, slots = grouping.grouped(program, tally.subjects, tally.owners), tally.subjects, program.slots
    if found is None:
        return None
    return [Pair(met[a][1], slots[met[b][0]].subject, met[b][1], slots[met[a][0]].space) for a, b in found]


def program(world: World, operation: str = "people.list") -> Any:
    fetched(world, {})
    client = world.snapshot.tenants["acme"].clients[0]
    from gateway.policy.identity import Identity

    found = next(o for o in world.snapshot.packs["crm"].operations if o.id == operation)
    plan = world.snapshot.plan(Identity("acme", client), None, found, world.snapshot.upstreams[0], world.now)
    return plan.response.bodies["json"]


def test_records_within_records_are_those_of_others() -> None:
    made = program(World(rules=HEAD + VIEWS + "  []\n", pack=BATCHES))
    document = {
        "results": [
            {"email": "ana@example.com", "id": 1, "aliases": ["a@example.com", None]},
            {"id": "2"},
            {"phone": "+33639980001"},
            "odd",
        ]
    }
    found = together(document, made)
    assert found == [
        Pair("1", "email", "ana@example.com", "crm/"),
        Pair("1", "email", "a@example.com", "crm/"),
    ]
    assert together([], made) == together("x", made) == []


ODD = {
    "results": [
        {"email": "ana@example.com", "id": 1, "aliases": ["a@example.com", None]},
        {"id": "2"},
        {"phone": "+33639980001"},
        "odd",
        [{"email": "x@example.com", "id": 3}, 4],
        {"id": "5", "phone": "+33639980002", "email": "bo@example.com"},
        {"id": "", "email": "nobody@example.com"},
    ]
}


@pytest.mark.skipif(not kernel.present(), reason="the native kernel is not built")
def test_what_a_run_met_says_the_same_as_the_document() -> None:
    made = program(World(rules=HEAD + VIEWS + "  []\n", pack=BATCHES))
    body = json.dumps(ODD).encode()
    tally = Tally.of(made)
    JSON.transform(body, made, tally, Limits())
    assert tally.owners
    assert grouped(made, tally) == together(JSON.parse(body, Limits()), made)
    assert len(together(ODD, made)) == 4


ITEM = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["1", "2", 3, "", None]),
            "email": st.sampled_from(["a@b.example", "", None]),
            "phone": st.just("+33639980001"),
            "aliases": st.lists(st.sampled_from(["x@b.example", 7]), max_size=2),
        },
    ),
    st.just("odd"),
)
MADE = program(World(rules=HEAD + VIEWS + "  []\n", pack=BATCHES))


@given(st.lists(st.one_of(ITEM, st.lists(ITEM, max_size=2)), max_size=4))
@pytest.mark.skipif(not kernel.present(), reason="the native kernel is not built")
def test_any_list_is_grouped_as_it_is_read(results: list[Any]) -> None:
    body = json.dumps({"results": results}).encode()
    tally = Tally.of(MADE)
    JSON.transform(body, MADE, tally, Limits())
    found = grouped(MADE, tally)
    assert found is None or sorted(found) == sorted(together(JSON.parse(body, Limits()), MADE))


def test_what_a_run_cannot_say_has_to_be_read() -> None:
    made = program(World(rules=HEAD + VIEWS + "  []\n", pack=BATCHES), "people.fetch")
    slots = {slot.path: index for index, slot in enumerate(made.slots)}
    tally = Tally.of(made)
    tally.subjects = [(slots["id"], "1"), (slots["email"], "a@b.example")]
    assert grouped(made, tally) is None, "not known where they stand"
    tally.owners = array("I", [0, 0]).tobytes()
    assert grouped(made, tally) == [Pair("1", "email", "a@b.example", "crm/")]
    tally.subjects[1:1] = [(slots["id"], "2")]
    tally.owners = array("I", [0, 0, 0]).tobytes()
    assert grouped(made, tally) is None, "two ids in one record"
    tally.owners = array("I", [0, 1, 1]).tobytes()
    assert grouped(made, tally) == [Pair("2", "email", "a@b.example", "crm/")]


def test_two_documents_are_not_one() -> None:
    tally = Tally(1)
    tally.take(b"", [(0, "1")], 0, array("I", [0]).tobytes())
    assert tally.owners
    tally.take(b"", [(0, "2")], 0, array("I", [0]).tobytes())
    assert not tally.owners and [value for _, value in tally.subjects] == ["1", "2"]
