"""Links in the fields of answers: masked, led back, or left out; redirects to nowhere are refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.linkworld import GATE, NUMBER, TOKEN, world_of
from tests.world import Answer, Played, World

JSON = (b"Content-Type", b"application/json")
HOST = "https://api.crm.example"


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return world_of()


def ask(
    world: World,
    name: str,
    value: str,
    status: int = 200,
    path: str = "/crm/v1/people",
    client: str = "support",
) -> Played:
    answer = Answer(status, (JSON, (name.encode(), value.encode("latin-1"))), b"{}" if status < 300 else b"")
    return world.ask("GET", path, client=client, answer=answer)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # what is at the same place is written short: nobody in front of the gateway can make it wrong
        ("Location", f"{HOST}/v1/people?page=2", "/crm/v1/people?page=2"),
        ("location", "/v1/people?page=2", "/crm/v1/people?page=2"),
        ("Location", "?page=2", "/crm/v1/people?page=2"),
        ("Location", "media/7", "/crm/v1/media/7"),
        ("Location", "../v1/media/7", "/crm/v1/media/7"),
        ("Location", "https://two.crm.example/base/v1/people", "/two/v1/people"),
        ("Location", "https://3.crm.example/v1/people", "http://three.gw/v1/people"),
        ("Location", f"{HOST}/v1/people?phone=%2B33639980001", "/crm/v1/people?phone=%5Bredacted%5D"),
        ("Location", "https://media.example/x", "https://media.example/x"),
        ("Location", "https://elsewhere.example/", None),
        ("Location", "mailto:ana@example.com", None),
        ("Location", "//ana@example.com/", None),
        ("Content-Location", "/v1/people/%2B33639980001.json", "/crm/v1/people/%5Bredacted%5D.json"),
        ("Content-Location", "https://elsewhere.example/", None),
        ("Refresh", "5; url=/v1/people?page=2", "5; url=/crm/v1/people?page=2"),
        ("Refresh", f"0;URL='{HOST}/v1/people?name=Ana'", "0;URL='/crm/v1/people?name=Ana'"),
        ("Refresh", "5", "5"),
        ("Refresh", "5; url=https://elsewhere.example/", None),
        ("Refresh", "5; url='/v1/people", None),
        ("Refresh", "soon", None),
        ("Link", f'<{HOST}/v1/people?page=2>; rel="next"', '</crm/v1/people?page=2>; rel="next"'),
        (
            "Link",
            f'<{HOST}/v1/people?page=2>; rel=next; title="A, x", , <https://b.example>, </v1/people>;rel=x',
            "</crm/v1/people?page=2>; rel=next, </crm/v1/people>;rel=x",
        ),
        ("Link", "<https://elsewhere.example>; rel=help", None),
        ("Link", f"{HOST}/v1/people", None),
        ("Link", f'<{HOST}/v1/people>; title="ana', None),
        ("Link", "<a>" + "; " * 5000 + '"', None),
    ],
)
def test_what_is_left_of_a_field(world: World, name: str, value: str, expected: str | None) -> None:
    played = ask(world, name, value, 201)
    assert (played.status, played.headers.get(name.lower())) == (201, expected)


def test_a_token_stands_in_a_field_too(world: World) -> None:
    made = ask(world, "Location", f"{HOST}/v1/people?phone=%2B33639980001", 303, client="caller")
    assert made.headers["location"] == f"/crm/v1/people?phone={TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "reason", "code"),
    [
        ("https://elsewhere.example/", "link_withheld", 502),
        ("https://o.crm.example/v1/people", "link_withheld", 502),
        ("https://media-us.example/x", "region_not_allowed", 451),
        ("javascript:alert(1)", "link_withheld", 502),
        ("https://media.example/x", "link_withheld", 502),
        ("/v1/companies?name=Ana", "link_withheld", 502),
        ("", "link_withheld", 502),
    ],
)
def test_a_redirect_that_may_not_be_followed_is_refused(
    world: World, status: int, location: str, reason: str, code: int
) -> None:
    if not location:
        location = "/v1/people?x=" + "a" * 9000
    played = ask(world, "Location", location, status)
    assert (played.status, played.reason) == (code, reason)
    assert "location" not in played.headers
    assert played.records[-1].reason == reason
    assert location not in played.body.decode()


def test_a_redirect_out_of_region_names_the_rule(world: World) -> None:
    played = ask(world, "Location", "https://media-us.example/x", 302)
    assert played.json["rules"] == ["stay"]


def test_media_may_be_fetched_elsewhere_by_who_may_see_them(world: World) -> None:
    """What another host answers is not looked at: so this caller has to be one that may see all of it."""
    way = "https://media.example/7?signature=abc%3D"
    assert ask(world_of("pass"), "Location", way, 302, "/crm/v1/media/7", "admin").headers["location"] == way
    refused = ask(world_of("pass"), "Location", way, 302, "/crm/v1/media/7", "support")
    assert (refused.status, refused.reason) == (502, "link_withheld")
    assert ask(world, "Location", way, 302, "/crm/v1/people", "admin").reason == "link_withheld"


def test_an_act_that_is_answered_so_is_on_record_as_an_error(world: World) -> None:
    answer = Answer(302, ((b"Location", b"https://elsewhere.example/"),))
    played = world.ask(
        "POST", f"/crm/v1/people/{NUMBER.replace('+', '%2B')}/changes", client="admin", answer=answer
    )
    assert [(record.phase, record.effect, record.reason) for record in played.records] == [
        ("intent", "allow", ""),
        ("outcome", "error", "link_withheld"),
    ]


def test_where_callers_name_the_provider_redirects_keep_their_host() -> None:
    plain = world_of(scheme=None)
    for value in ("/v1/people?page=2", f"{HOST}/v1/people?page=2"):
        assert ask(plain, "Location", value, 302).headers["location"] == value
    assert ask(plain, "Location", "?page=2", 302).headers["location"] == f"{HOST}/v1/people?page=2"
    assert ask(plain, "Location", "https://elsewhere.example/", 302).reason == "link_withheld"


def test_nothing_is_asked_twice_of_fields_without_links(world: World) -> None:
    played = world.ask(
        "GET", "/crm/v1/people", answer=Answer(headers=(JSON, (b"X-A", b"https://elsewhere.example")))
    )
    assert played.headers["x-a"] == "https://elsewhere.example"


VALUES = st.text(
    st.sampled_from("<>;,=\"'\\/ ?#abe:.0123%\t") | st.characters(max_codepoint=255, min_codepoint=32),
    max_size=40,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=VALUES,
    name=st.sampled_from(("Location", "Link", "Content-Location", "Refresh")),
    status=st.sampled_from((200, 302)),
)
def test_any_value_gives_an_answer(world: World, value: str, name: str, status: int) -> None:
    value = value.replace("\x7f", "").strip(" \t") or "x"
    played = ask(world, name, value, status)
    assert played.status in (status, 502)
    left = played.headers.get(name.lower(), "/")
    assert "gw.test" not in left or left.startswith(GATE)
