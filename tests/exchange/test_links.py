"""Links in bodies, through the whole exchange: masked as the calls they are, and led back to the gateway."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.policy.linking import Linker
from tests.exchange.linkworld import GATE, TOKEN, UPSTREAMS, world_of
from tests.world import Answer, World, json_answer


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return world_of()


def shown(world: World, link: Any, client: str = "support", field: str = "next") -> Any:
    return world.ask("GET", "/crm/v1/people", client=client, answer=json_answer({field: link})).json.get(
        field, ...
    )


LIST = "https://api.crm.example/v1/people"


LINKS: list[tuple[Any, Any]] = [
    # what leads to an upstream leads through the gateway, by the way that upstream is reached
    (f"{LIST}?page=2", f"{GATE}/v1/people?page=2"),
    ("http://API.crm.example.:80/v1/people?page=2", f"{GATE}/v1/people?page=2"),
    ("//api.crm.example/v1/people?page=2", f"{GATE}/v1/people?page=2"),
    ("https://two.crm.example/base/v1/people?page=2", "http://gw.test/two/v1/people?page=2"),
    ("https://3.crm.example/v1/people?page=2", "http://three.gw/v1/people?page=2"),
    # a path is asked of the base URL the application has
    ("/v1/people?page=2", "/v1/people?page=2"),
    (f"{GATE}/v1/people?page=2", f"{GATE}/v1/people?page=2"),
    # escapes, order and empty pieces stay as they are
    (f"{LIST}?page=%32&&name=A%6ea+B&page=", f"{GATE}/v1/people?page=%32&&name=A%6ea+B&page="),
    (f"{LIST}?", f"{GATE}/v1/people?"),
    # what this caller may not see
    (f"{LIST}?phone=%2B33639980001&page=2", f"{GATE}/v1/people?phone=%5Bredacted%5D&page=2"),
    (f"{LIST}/%2B33639980001.json", f"{GATE}/v1/people/%5Bredacted%5D.json"),
    (f"{LIST}/+33639980001/changes", f"{GATE}/v1/people/%5Bredacted%5D/changes"),
    (f"{LIST}?other=Ana", f"{GATE}/v1/people?other=%5Bredacted%5D"),
    (f"{LIST}#ana@example.com", f"{GATE}/v1/people"),
    # a filter that is taken out would make a link that finds more
    (f"{LIST}?gone=1&page=2", "[redacted]"),
    # a call no pack describes: not with what looks like somebody, nor with a query
    ("/v1/companies/7/notes.json", "/v1/companies/7/notes.json"),
    ("https://api.crm.example/v1/companies/7", f"{GATE}/v1/companies/7"),
    ("/v1/companies/ana%40example.com", "[redacted]"),
    ("/v1/companies?name=Ana", "[redacted]"),
    # hosts that packs name, where this data may go; and all others
    (
        "https://1.eu.crm.example/v1/people?name=A&email=a%40b.fr",
        "https://1.eu.crm.example/v1/people?name=A&email=%5Bredacted%5D",
    ),
    ("https://media.example/x", "https://media.example/x"),
    ("https://media-us.example/x", "[redacted]"),
    ("https://media.example:8443/x", "[redacted]"),
    ("https://elsewhere.example/v1/people", "[redacted]"),
    ("https://o.crm.example/v1/people", "[redacted]"),
    ("https://two.crm.example/v1/people", "[redacted]"),
    ("https://api.crm.example@elsewhere.example/v1/people", "[redacted]"),
    # what is no link, or not one to everybody
    ("mailto:ana@example.com", "[redacted]"),
    ("Ana", "[redacted]"),
    ("?page=2", "[redacted]"),
    ("/v1/../people", "[redacted]"),
    ("/v1/people?page=2;phone=3", "[redacted]"),
    ("/v1/people?page=%zz", "[redacted]"),
    ("https://api.crm.example\\@elsewhere.example/", "[redacted]"),
    ("", ""),
    (None, None),
    (7, 7),
]


@pytest.mark.parametrize(("link", "expected"), LINKS)
def test_what_is_shown_of_a_link(world: World, link: Any, expected: Any) -> None:
    assert shown(world, link) == expected


def test_what_is_shown_of_a_link_is_shown_of_it_after_others(world: World) -> None:
    for _ in range(2):
        for number in ("7", "8"):
            shown(world, f"/v1/companies/{number}/notes.json")
            shown(world, f"/v1/companies/{number}")
        for link, expected in LINKS:
            assert shown(world, link) == expected, link


def test_whoever_sees_everything_sees_the_link(world: World) -> None:
    assert (
        shown(world, f"{LIST}?phone=%2B33639980001&gone=x", "admin")
        == f"{GATE}/v1/people?phone=%2B33639980001&gone=x"
    )


def test_a_link_with_a_token_is_followed(world: World) -> None:
    for link in (f"{LIST}?phone=%2B33639980001&page=2", f"{LIST}/%2B33639980001.json"):
        made = shown(world, link, "caller")
        assert TOKEN in made
        assert "33639980001" not in made
        followed = world.ask("GET", made.removeprefix("http://gw.test"), client="caller")
        line = followed.sent[0].split(b"\r\n")[0].decode()
        assert line == f"GET {link.removeprefix('https://api.crm.example')} HTTP/1.1"


def test_links_are_found_wherever_they_are(world: World) -> None:
    tree = {"first": f"{LIST}?page=1", "all": [f"{LIST}?page=2", {"last": f"{LIST}?page=3"}]}
    back = f"{GATE}/v1/people?page="
    assert shown(world, tree, field="links") == {
        "first": back + "1",
        "all": [back + "2", {"last": back + "3"}],
    }


def test_a_hidden_category_is_for_what_no_operation_describes(world: World) -> None:
    assert shown(world, f"{LIST}?page=2", field="mine") == f"{GATE}/v1/people?page=2"
    assert shown(world, "/v1/companies/7", field="mine") is ...
    assert shown(world, "https://elsewhere.example", field="mine") is ...


def test_a_field_of_the_answers_head_can_be_a_link(world: World) -> None:
    answer = Answer(
        headers=((b"Content-Type", b"application/json"), (b"X-Next", f"{LIST}?page=2".encode())), body=b"{}"
    )
    played = world.ask("GET", "/crm/v1/people/7.json", answer=answer)
    assert played.headers["x-next"] == f"{GATE}/v1/people?page=2"


def test_unmapped_decides_about_parameters_no_map_names() -> None:
    link = f"{LIST}?other=Ana+of+ana%40example.com&x=Ana"
    assert shown(world_of("detect"), link) == f"{GATE}/v1/people?other=Ana+of+%5Bredacted%5D&x=Ana"
    assert shown(world_of("pass"), link) == f"{GATE}/v1/people?other=Ana+of+ana%40example.com&x=Ana"
    assert shown(world_of("detect"), "/v1/companies?name=Ana") == "/v1/companies?name=Ana"
    assert shown(world_of("pass"), "/v1/companies?name=ana%40example.com") == "[redacted]"
    assert shown(world_of("pass"), "https://elsewhere.example/v1/people") == "[redacted]"


def test_where_callers_name_the_provider_hosts_stay(world: World) -> None:
    plain = world_of(scheme=None)
    for link in (
        f"{LIST}?page=2",
        "https://3.crm.example/v1/people",
        "https://two.crm.example/base/v1/people",
    ):
        assert shown(plain, link) == link
    assert shown(plain, f"{LIST}?phone=%2B33639980001") == f"{LIST}?phone=%5Bredacted%5D"
    assert shown(plain, "https://elsewhere.example/") == "[redacted]"


def test_the_way_back_is_the_callers_own(world: World) -> None:
    answer = json_answer({"next": f"{LIST}?page=2"})
    for headers, start in (
        ({"Host": "gw.test:8080"}, "http://gw.test:8080"),
        ({"Host": "127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({"X-Forwarded-Proto": "https"}, "https://gw.test"),
    ):
        played = world.ask("GET", "/crm/v1/people", headers=headers, answer=answer)
        assert played.json["next"] == f"{start}/crm/v1/people?page=2"
    assert shown(world_of(scheme="https"), f"{LIST}?page=2") == "https://gw.test/crm/v1/people?page=2"
    by_host = world.ask(
        "GET",
        "/v1/people",
        headers={"Host": "three.gw:81"},
        answer=json_answer({"next": "https://3.crm.example/v1/people"}),
    )
    assert by_host.json["next"] == "http://three.gw:81/v1/people"
    assert (
        len(
            {
                f"{n}"
                for n in range(40)
                if world.ask("GET", "/crm/v1/people", headers={"Host": f"h{n}"}, answer=answer)
            }
        )
        == 40
    )


def test_links_are_not_counted_as_masked(world: World) -> None:
    played = world.ask("GET", "/crm/v1/people", answer=json_answer({"next": f"{LIST}?page=2"}))
    assert "hushgate-masked" not in played.headers
    assert played.records[-1].unmapped == 0


QUERY = st.lists(
    st.sampled_from(
        (
            "page=2",
            "page=%32",
            "name=Ana+B",
            "",
            "page",
            "name=%C3%A9",
            "phone=%2B33639980001",
            "x=y",
            "email=",
        )
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERY, path=st.sampled_from(("/v1/people", "/v1/people/%2B33639980001.json", "/v1/x/y")))
def test_rewriting_twice_is_rewriting_once(world: World, query: list[str], path: str) -> None:
    link = f"https://api.crm.example{path}" + ("?" + "&".join(query) if query else "")
    once = shown(world, link)
    assert shown(world, once) == once or once == "[redacted]"
    if path == "/v1/people" and "x=y" not in query:
        assert shown(world, link, "admin") == link.replace("https://api.crm.example", GATE)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30), client=st.sampled_from(("support", "caller")))
def test_any_text_gives_an_answer(world: World, text: str, client: str) -> None:
    for link in (text, f"{LIST}?{text}", f"https://api.crm.example/{text}", f"https://{text}"):
        made = shown(world, link, client)
        assert (
            made == ""
            or made.startswith(("/", GATE, "[redacted]"))
            or urlsplit(made).hostname == "media.example"
        )


PIECES = (
    "/",
    "v1",
    "people",
    "media",
    "%2B33639980001.json",
    "+33639980001.json",
    "x",
    ".",
    "?",
    "#",
    "%2e",
    "é",
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=8),
    client=st.sampled_from(("support", "caller", "admin")),
)
@example(pieces=["/", "v1", "/", "media", "/", "x"], client="support")
def test_a_glance_sees_what_a_look_sees(world: World, pieces: list[str], client: str) -> None:
    text = "".join(pieces)
    glanced = shown(world, text, client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Linker, "still", lambda *_: False)
        assert shown(world, text, client) == glanced


def test_streams_lead_back_too(world: World) -> None:
    line = json.dumps({"next": f"{LIST}?page=2&phone=%2B33639980001"}).encode() + b"\n"
    answer = Answer(headers=((b"Content-Type", b"application/x-ndjson"),), body=line * 3)
    played = world.ask("GET", "/crm/v1/people", answer=answer)
    assert [json.loads(each) for each in played.body.splitlines()] == [
        {"next": f"{GATE}/v1/people?page=2&phone=%5Bredacted%5D"}
    ] * 3


def test_upstreams_of_others_are_not_told_of(world: World) -> None:
    assert UPSTREAMS[-1].tenants == ("b",)
    assert shown(world, "https://o.crm.example/v1/people?page=2", "admin") == "[redacted]"
