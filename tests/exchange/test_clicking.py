"""Links of one click (RFC 8058): a POST unsubscribes; a GET, which machines make too, does nothing."""

import pytest

from gateway.errors import StoreError
from gateway.exchange.commands import Append, Collect, Enter, Release
from gateway.webhooks.links import Link, mint
from tests.inbounds import twilio_world
from tests.world import RING, Played, World

FORM = "application/x-www-form-urlencoded"
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


def link(world: World, **more: object) -> str:
    subject = world.snapshot.pseudonymiser("acme")("email", "a@b.fr")
    made = Link(**{"tenant": "acme", "subject": subject, "until": int(world.now) + 9, **more})  # type: ignore[arg-type]
    return "/u/" + mint(RING.derive("acme", "unsubscribe"), made)


def post(world: World, path: str, body: bytes = ONE_CLICK, kind: str = FORM, **more: object) -> Played:
    headers = {"Content-Type": kind}
    return world.ask("POST", path, client=None, body=body, headers=headers, **more)  # type: ignore[arg-type]


def test_a_post_unsubscribes_before_it_is_answered() -> None:
    world = twilio_world()
    played = post(world, link(world))
    assert (played.status, played.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert played.kinds == [Collect, Enter, Append, Append, Release]
    [entry] = played.script.entered
    assert (entry.act, entry.channel, entry.purpose) == ("suppressed", None, "marketing")
    assert entry.source == "one-click"
    assert [(r.phase, r.tenant, r.client, r.role) for r in played.records] == [
        ("entry", "acme", "one-click", "subject"),
        ("read", "acme", "one-click", "subject"),
    ]
    assert {r.subjects for r in played.records} == {(entry.subject,)}
    again = post(world, link(world))
    assert again.script.entered[0].id == entry.id


def test_mail_systems_may_send_it_as_multipart() -> None:
    world = twilio_world()
    assert post(world, link(world), MULTIPART, "multipart/form-data; boundary=b").script.entered


def test_a_link_has_scopes_of_its_own() -> None:
    world = twilio_world()
    [entry] = post(world, link(world, purpose="marketing.communications.email", sender="news")).script.entered
    assert (entry.channel, entry.purpose, entry.sender) == (None, "marketing.communications.email", "news")
    world = twilio_world(rules=f"{world.rules}opt_out: {{scope: channel}}\n")
    [entry] = post(world, link(world)).script.entered
    assert (entry.channel, entry.purpose) == ("email", None)


@pytest.mark.parametrize(
    ("written", "kept"),
    [("01 99 00 99 00", "+33199009900"), ("News@Acme.Example", "news@acme.example"), (" News ", "news")],
)
def test_a_sender_is_kept_in_its_one_spelling(written: str, kept: str) -> None:
    world = twilio_world()
    [entry] = post(world, link(world, sender=written)).script.entered
    assert entry.sender == kept


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_a_link_has_no_effect(method: str) -> None:
    world = twilio_world()
    played = world.ask(method, link(world), client=None)
    assert played.status == 200
    assert not played.script.entered
    assert (b'method="post"' in played.body) == (method == "GET")
    assert int(played.headers["content-length"]) > 0
    assert played.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_none(method: str) -> None:
    world = twilio_world()
    assert world.ask(method, link(world), client=None).status == 405


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"List-Unsubscribe=Two-Clicks", FORM),
        (b"list-unsubscribe=One-Click", FORM),
        (ONE_CLICK, "text/plain"),
        (MULTIPART, "multipart/form-data"),
        (MULTIPART.replace(b"One", b"Two"), "multipart/form-data; boundary=b"),
    ],
)
def test_a_post_that_says_something_else_has_no_effect(body: bytes, kind: str) -> None:
    world = twilio_world()
    played = post(world, link(world), body, kind)
    assert played.status in (415, 422)
    assert not played.script.entered


def test_a_link_that_was_changed_or_is_old_is_refused() -> None:
    world = twilio_world()
    good = link(world)
    assert post(world, good[:-2]).reason == "link_invalid"
    assert post(world, "/u").reason == post(world, "/u/").reason == "link_invalid"
    old = post(world, link(world, until=1))
    assert (old.status, old.reason) == (410, "link_expired")
    assert not old.script.entered


def test_a_registry_that_fails_is_told() -> None:
    world = twilio_world()
    played = post(world, link(world), failures={Enter: StoreError("registry_unavailable", "")})
    assert played.status == 503


def test_the_page_says_nothing_of_anybody() -> None:
    world = twilio_world()
    assert b"a@b.fr" not in world.ask("GET", link(world), client=None).body
