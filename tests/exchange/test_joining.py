"""What an answer says of whose identifiers are, and what becomes of it."""

from typing import Any

import pytest

from gateway.codecs.together import Pair, flat, together
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
    record = world.named("record", "7")
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


def test_a_list_links_each_record_with_its_own() -> None:
    world = World()
    played = world.ask(
        "GET", "/crm/contacts", answer=json_answer({"results": [ANA, BO, {"email": "x@y.example"}]})
    )
    names = [(world.named("record", "7"), world.named("email", "ana@example.com"))]
    names.append((world.named("record", "7"), world.named("phone", "+33639980001")))
    names.append((world.named("record", "8"), world.named("email", "bo@example.com")))
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
    assert found == [Pair("1", "email", "ana@example.com"), Pair("1", "email", "a@example.com")]
    assert together([], made) == together("x", made) == []


def test_what_was_met_in_an_array_has_to_be_read() -> None:
    made = program(World(rules=HEAD + VIEWS + "  []\n", pack=BATCHES), "people.fetch")
    slots = {slot.path: index for index, slot in enumerate(made.slots)}
    assert flat(made, [(slots["id"], "1"), (slots["email"], "a@b.example")]) == [
        Pair("1", "email", "a@b.example")
    ]
    assert flat(made, [(slots["id"], "1"), (slots["aliases[]"], "a@b.example")]) is None
    assert flat(made, [(slots["id"], "1"), (slots["id"], "2"), (slots["email"], "a@b.example")]) is None
