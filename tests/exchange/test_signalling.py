"""`Sec-GPC: 1`: an objection of whoever the request names, and of that request."""

import pytest

from gateway.errors import StoreError
from gateway.exchange.commands import Enter
from tests.world import RULES, World

ADVERTISING = RULES.replace("purposes: [marketing.communications]", "purposes: [marketing.advertising]")
PERSON = {"email": "a@b.fr", "name": {"first": "Ana"}}


def test_who_is_named_has_objected_to_sale_and_sharing() -> None:
    world = World()
    played = world.ask("POST", "/crm/contacts", client="admin", json_body=PERSON, headers={"Sec-GPC": "1"})
    assert played.status == 200
    subject = world.snapshot.pseudonymiser("acme")("email", "a@b.fr")
    assert [(e.subject, e.act, e.channel, e.purpose, e.source) for e in played.script.entered] == [
        (subject, "objected", None, "marketing.advertising", "gpc"),
        (subject, "objected", None, "third_party_sharing", "gpc"),
    ]
    assert [r.phase for r in played.records] == ["entry", "entry", "intent", "outcome"]
    again = world.ask("POST", "/crm/contacts", client="admin", json_body=PERSON, headers={"Sec-GPC": "1"})
    assert [e.id for e in again.script.entered] == [e.id for e in played.script.entered]


@pytest.mark.parametrize("value", ["0", "true", "", "1, 1"])
def test_any_other_value_means_nothing(value: str) -> None:
    played = World().ask(
        "POST", "/crm/contacts", client="admin", json_body=PERSON, headers={"Sec-GPC": value}
    )
    assert not played.script.entered


def test_a_request_that_names_nobody_is_judged_alone() -> None:
    signal = {"Sec-GPC": "1"}
    played = World(rules=ADVERTISING).ask("GET", "/crm/status", client="caller", headers=signal)
    assert (played.status, played.reason) == (403, "objection_signalled")
    assert not played.script.entered
    assert World(rules=ADVERTISING).ask("GET", "/crm/status", client="caller").status == 200
    assert World().ask("GET", "/crm/status", client="support", headers=signal).status == 200


def test_what_is_about_advertising_is_refused_and_the_objection_stays() -> None:
    played = World(rules=ADVERTISING).ask(
        "POST", "/crm/contacts", client="caller", json_body=PERSON, headers={"Sec-GPC": "1"}
    )
    assert played.reason == "objection_signalled"
    assert played.script.entered
    assert played.nothing_sent


def test_of_a_contact_only_the_recipient_has_objected() -> None:
    form = [("To", "+33639980001"), ("From", "+33939980100"), ("Body", "x")]
    world = World()
    played = world.ask("POST", "/crm/messages", client="caller", form=form, headers={"Sec-GPC": "1"})
    recipient = world.snapshot.pseudonymiser("acme")("phone", "+33639980001")
    assert {e.subject for e in played.script.entered} == {recipient}


def test_a_registry_that_fails_refuses() -> None:
    played = World().ask(
        "POST",
        "/crm/contacts",
        client="admin",
        json_body=PERSON,
        headers={"Sec-GPC": "1"},
        failures={Enter: StoreError("registry_unavailable", "")},
    )
    assert (played.status, played.nothing_sent) == (503, True)
