"""Cursors: sealed where they may hold data, opened when they come back, and nothing else is taken for one."""

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.linkworld import GATE, TOKEN, world_of
from tests.world import World, json_answer

HOLDING = b64encode(b'{"after": "ana@example.com", "id": 7}').decode()


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return world_of()


def shown(world: World, cursor: Any, client: str = "support") -> Any:
    return world.ask("GET", "/crm/v1/people", client=client, answer=json_answer({"after": cursor})).json[
        "after"
    ]


def asked(world: World, cursor: str, client: str = "support") -> Any:
    return world.ask("GET", f"/crm/v1/people?after={cursor}", client=client)


@pytest.mark.parametrize(
    "cursor",
    ["7", "51001", 7, None, "", "PASM" + "0a" * 16, "0a" * 16, "a8098c1a-f86e-11da-bd1a-00112444be1e"],
)
def test_numbers_and_identifiers_stay(world: World, cursor: Any) -> None:
    assert shown(world, cursor) == cursor


@pytest.mark.parametrize("cursor", [HOLDING, "NTI1Cg==", "ana@example.com", "name:Ana", "0" * 21, "eyJ9"])
@pytest.mark.parametrize("client", ["support", "caller", "admin"])
def test_any_other_is_sealed_and_opened_when_it_comes_back(world: World, cursor: str, client: str) -> None:
    sealed = shown(world, cursor, client)
    assert sealed.startswith("t_")
    assert cursor not in sealed
    line = asked(world, sealed, client).sent[0].split(b"\r\n")[0]
    from_caller = cursor.replace("=", "%3D").replace("@", "%40").replace(":", "%3A").encode()
    assert line == b"GET /v1/people?after=%b HTTP/1.1" % from_caller


def test_what_was_never_sealed_is_passed_on(world: World) -> None:
    assert b"?after=NTI1Cg%3D%3D HTTP" in asked(world, "NTI1Cg%3D%3D").sent[0]


def test_a_link_holds_the_same_cursor(world: World) -> None:
    link = f"https://api.crm.example/v1/people?page=2&after={HOLDING.replace('=', '%3D')}"
    played = world.ask("GET", "/crm/v1/people", answer=json_answer({"next": link, "after": HOLDING})).json
    assert played["next"] == f"{GATE}/v1/people?page=2&after={played['after']}"
    followed = world.ask("GET", played["next"].removeprefix("http://gw.test"))
    assert HOLDING.rstrip("=").encode() in followed.sent[0]


def test_what_cannot_be_sealed_is_redacted(world: World) -> None:
    for cursor in ("é" * 5, " x y", "a\nb", "x" * 5000):
        assert shown(world, cursor) == "[redacted]"


def test_a_token_of_a_person_is_no_cursor(world: World) -> None:
    sealed = shown(world, HOLDING)
    played = world.ask("GET", f"/crm/v1/people?name={sealed}", client="caller")
    assert (played.status, played.reason) == (403, "token_not_allowed")
    assert played.nothing_sent
    assert asked(world, sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")).reason == "token_invalid"
    assert TOKEN.encode() in asked(world, TOKEN, "caller").sent[0], (
        "fifteen digits are a cursor like any other"
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text(max_size=60) | st.text(st.characters(codec="ascii"), max_size=60))
def test_any_text_comes_back_as_it_was_or_not_at_all(world: World, cursor: str) -> None:
    sealed = shown(world, cursor)
    if sealed in (cursor, "[redacted]"):
        return
    line = asked(world, sealed).sent[0].split(b"\r\n")[0].decode()
    assert parse_qs(line.split(" ")[1].partition("?")[2]) == {"after": [cursor]}
