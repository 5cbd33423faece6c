"""Oracles, through the whole exchange: what is hidden is not asked by, and lookups are limited."""

from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest

from tests.world import KEYS, World, json_answer

PACK = b"""
provider: crm
title: A CRM
hosts: [{name: crm.example, region: FR, operator: OVH}]
types:
  person: {email: user.contact.email, name: user.name, note: user.content, id: system.operations}
operations:
  - id: people.list
    call: GET /people
    request:
      query:
        sort: {is: system.operations, guard: named, of: person}
        fields: {is: system.operations, guard: chosen, of: person}
        email: {is: user.contact.email, subject: email, guard: compared}
        q: {is: user, guard: searched, of: person}
        soql: {is: user, guard: soql, of: person}
    response: {json: {"[]": {type: person}}}
  - id: people.search
    call: POST /people/search
    act: false
    lookup: true
    request:
      json:
        where[].field: {is: system.operations, guard: named, of: person}
        where[].value: user
        fields[]: {is: system.operations, guard: chosen, of: person}
    response: {json: {"[]": {type: person}}}
"""
RULES = """
tenant: acme
instruction: {by: dpo@acme.example, ref: test, date: 2026-01-01}
country: FR
lookups: 3
clients:
  - {id: desk, role: support, purposes: [essential.service.operations.support], key: "sha256:%s"}
  - {id: office, role: admin, purposes: [essential.service.operations], key: "sha256:%s"}
views:
  support: {show: [user.name], mask: {user.content: remove}, hide_with: redact}
  admin: {show: [user]}
"""
PEOPLE = json_answer([{"id": 1, "email": "ana@example.com", "name": "Ana", "note": "x"}])


@pytest.fixture(name="world")
def _world() -> World:
    hashes = tuple(sha256(KEYS[name]).hexdigest() for name in ("support", "admin"))
    return World(rules=RULES % hashes, pack=PACK)


REFUSED_QUERIES = [
    "sort=email",
    "sort=-email",
    "email=ana@example.com",
    "q=ana",
    "sort=name&sort=email",
    "s%6Frt=email",
]


@pytest.mark.parametrize("query", REFUSED_QUERIES)
def test_a_query_by_what_is_hidden_is_refused(world: World, query: str) -> None:
    played = world.ask("GET", f"/crm/people?{query}", answer=PEOPLE)
    assert (played.status, played.reason) == (403, "hidden_field_queried")
    assert played.nothing_sent
    assert b"ana" not in played.body.lower()
    assert played.records[-1].reason == "hidden_field_queried"
    assert world.ask("GET", f"/crm/people?{query}", client="admin", answer=PEOPLE).status == 200


@pytest.mark.parametrize("query", ["sort=name", "sort=-id", "fields=id%2Cemail", "email=", "page=2"])
def test_any_other_query_goes_on_as_it_was(world: World, query: str) -> None:
    played = world.ask("GET", f"/crm/people?{query}", answer=PEOPLE)
    assert played.status == 200
    assert b"GET /people?" + query.encode() + b" " in played.sent[0]
    assert played.json == [{"id": 1, "email": "[redacted]", "name": "Ana"}]


def test_a_field_that_is_not_there_is_not_asked_for(world: World) -> None:
    played = world.ask("GET", "/crm/people?fields=id,note,email", answer=PEOPLE)
    assert b"GET /people?fields=id%2Cemail " in played.sent[0]
    played = world.ask("POST", "/crm/people/search", json_body={"fields": ["note", "name"]}, answer=PEOPLE)
    assert played.sent[1] == b'{"fields":["name"]}'


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("SELECT id, email FROM Contact WHERE name LIKE 'A%'", 200),
        ("SELECT id FROM Contact WHERE email = 'ana@example.com'", 403),
        ("SELECT note FROM Contact", 403),
    ],
)
def test_queries_in_soql(world: World, query: str, status: int) -> None:
    assert world.ask("GET", f"/crm/people?soql={quote(query)}", answer=PEOPLE).status == status


@pytest.mark.parametrize(
    "body",
    [
        {"where": [{"field": "email", "value": "ana@example.com"}]},
        {"where": [{"field": "name", "value": "Ana"}, {"field": "email", "value": "x"}]},
        {"where": [{"field": "unheard_of", "value": "x"}]},
    ],
)
def test_a_body_is_read_the_same_way(world: World, body: Any) -> None:
    played = world.ask("POST", "/crm/people/search", json_body=body, answer=PEOPLE)
    assert (played.status, played.reason) == (403, "hidden_field_queried")
    assert "where[].field" in played.json["detail"]
    assert played.nothing_sent


def test_lookups_are_limited_per_client(world: World) -> None:
    body = {"where": [{"field": "name", "value": "Ana"}]}
    got = [world.ask("POST", "/crm/people/search", json_body=body, answer=PEOPLE) for _ in range(4)]
    assert [played.status for played in got] == [200, 200, 200, 429]
    assert got[-1].reason == "too_many_lookups"
    assert got[-1].headers["retry-after"] == "20"
    assert got[-1].nothing_sent
    assert (
        world.ask("POST", "/crm/people/search", client="admin", json_body=body, answer=PEOPLE).status == 200
    )
    assert world.ask("GET", "/crm/people", answer=PEOPLE).status == 200
