"""HubSpot's webhooks: events in batches, some of which stay here."""

import json

from hubspot.utils.signature import Signature

from gateway.contacts.model import Entry
from gateway.errors import PayloadError
from gateway.exchange.commands import (
    Collect,
)
from gateway.webhooks.signing import Signing
from tests.inbounds import (
    OURS,
    PLUGINS,
    acts,
    deliver,
    field,
    message,
    params,
    twilio_route,
    twilio_world,
)
from tests.world import RULES, Played, World

HUBSPOT_URL = "https://hooks.acme.example/in/hubspot"


def hubspot_world(client: str = "office", rules: str = RULES) -> World:
    route = twilio_route(
        client,
        upstream=twilio_route().upstream.__class__(
            name="hs-in",
            provider="hubspot",
            url="http://127.0.0.1:9/",
            region="FR",
            operator="OVH",
            prefix="/in/hubspot",
        ),
        webhooks=("events",),
        public_url=HUBSPOT_URL,
        verify=Signing("hubspot-v3", ("hs-secret",)),
        sign=Signing("hubspot-v3", (OURS,)),
        sign_url="https://app.acme.example/hs",
    )
    pack = (PLUGINS / "hubspot" / "pack.yaml").read_bytes()
    return World(rules=rules, pack=pack, provider="hubspot", inbound=(route,))


def event(kind: str, number: int = 1, **more: object) -> dict[str, object]:
    return {
        "eventId": number,
        "subscriptionType": kind,
        "objectId": 100 + number,
        "occurredAt": 1_775_044_700_000,
        **more,
    }


def hubspot(world: World, *events: dict[str, object], late: float = 0.0) -> Played:
    body = json.dumps(list(events))
    stamp = str(int((world.now - late) * 1000))
    signature = Signature.get_signature("hs-secret", body, "v3", HUBSPOT_URL, "POST", stamp)
    headers = {
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": stamp,
        "Content-Type": "application/json",
    }
    return world.ask("POST", "/in/hubspot", client=None, body=body.encode(), headers=headers)


CHANGE = "contact.propertyChange"


def test_what_hubspot_tells_of_contacts() -> None:
    world = hubspot_world()
    played = hubspot(
        world,
        event("contact.privacyDeletion", 1),
        event(CHANGE, 2, propertyName="hs_email_optout", propertyValue="true"),
        event(CHANGE, 3, propertyName="hs_email_optout", propertyValue="false"),
        event(CHANGE, 4, propertyName="hs_email_hard_bounce_reason_enum", propertyValue="UNKNOWN_USER"),
        event("contact.creation", 5),
    )
    assert played.status == 200
    assert acts(played) == [
        ("erased", None, None),
        ("suppressed", None, "marketing"),
        ("suppressed", "email", None),
    ]
    name = world.snapshot.pseudonymiser("acme")
    entered: list[Entry] = played.script.entered
    people = [name("record", f"hubspot/contact/{n}") for n in ("101", "102", "104")]
    assert [entry.subject for entry in entered] == people
    assert {entry.at for entry in entered} == {1_775_044_700.0}
    assert [record.phase for record in played.records] == ["entry"] * 3 + ["intent", "outcome"]


def test_hubspots_own_check_passes_on_what_the_application_gets() -> None:
    played = hubspot(hubspot_world("helpdesk"), event(CHANGE, propertyName="email", propertyValue="a@b.fr"))
    body = played.sent[1].decode()
    assert json.loads(body)[0]["propertyValue"] != "a@b.fr"
    made = Signature.get_signature(
        OURS, body, "v3", "https://app.acme.example/hs", "POST", field(played, "x-hubspot-request-timestamp")
    )
    assert made == field(played, "x-hubspot-signature-v3")


GONE = RULES + "rules:\n  - {id: gone, records: {of: erased}, on_refusal: hide}\n"
ERASED = Entry(id="e", subject="", act="erased", at=1.0)


def test_of_people_who_were_erased_an_application_gets_no_events() -> None:
    world = hubspot_world(rules=GONE)
    world.know("record", "hubspot/contact/102", ERASED)
    played = hubspot(world, *(event("contact.creation", number) for number in (1, 2, 3)))
    assert (played.status, played.records[-1].rules) == (200, ("gone",))
    assert [each["objectId"] for each in json.loads(played.sent[1])] == [101, 103]
    made = Signature.get_signature(
        OURS,
        played.sent[1].decode(),
        "v3",
        "https://app.acme.example/hs",
        "POST",
        field(played, "x-hubspot-request-timestamp"),
    )
    assert made == field(played, "x-hubspot-signature-v3")


def test_where_nothing_is_left_nothing_goes_on_and_the_provider_is_content() -> None:
    world = hubspot_world(rules=GONE)
    world.know("record", "hubspot/contact/101", ERASED)
    played = hubspot(world, event("contact.creation", 1))
    assert (played.status, played.nothing_sent) == (200, True)
    assert [(r.phase, r.reason, r.rules) for r in played.records] == [
        ("refusal", "record_withheld", ("gone",))
    ]


def test_an_erasure_reaches_the_application_that_has_to_follow_it() -> None:
    world = hubspot_world(rules=GONE)
    world.know("record", "hubspot/contact/101", ERASED)
    played = hubspot(world, event("contact.privacyDeletion", 1), event(CHANGE, 1, propertyName="email"))
    kept = [each["subscriptionType"] for each in json.loads(played.sent[1])]
    assert kept == ["contact.privacyDeletion"]


def test_a_message_of_somebody_withheld_stays_here_but_for_an_opt_out() -> None:
    world = twilio_world(rules=GONE)
    world.know("phone", "+33639980001", ERASED)
    played = deliver(world, message("Hello"))
    assert (played.status, played.nothing_sent, played.records[-1].reason) == (200, True, "record_hidden")
    assert params(deliver(world, message("STOP", MessageSid="SM2")))["Body"] == "STOP"


def test_what_is_only_reported_of_events_stays_in_them() -> None:
    world = hubspot_world(rules=GONE.replace("on_refusal: hide", "mode: shadow"))
    world.know("record", "hubspot/contact/101", ERASED)
    played = hubspot(world, event("contact.creation", 1))
    assert len(json.loads(played.sent[1])) == 1
    assert played.records[-1].shadow == ("gone",)


def test_an_old_webhook_is_refused() -> None:
    played = hubspot(hubspot_world(), event("contact.privacyDeletion"), late=301)
    assert (played.status, played.reason) == (403, "webhook_expired")
    assert not played.script.entered


def test_a_batch_that_was_seen_is_a_replay_whatever_its_timestamp() -> None:
    world = hubspot_world()
    assert not hubspot(world, event("contact.creation")).nothing_sent
    assert hubspot(world, event("contact.creation"), late=2).nothing_sent


def test_what_is_said_twice_is_passed_on_as_it_was_understood() -> None:
    world, kind = hubspot_world(), b'"subscriptionType": "contact.privacyDeletion", "subscriptionType": "x"'
    body = b'[{"eventId": 1, "objectId": 2, %b}]' % kind
    stamp = str(int(world.now * 1000))
    signature = Signature.get_signature("hs-secret", body.decode(), "v3", HUBSPOT_URL, "POST", stamp)
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    headers["Content-Type"] = "application/json"
    played = world.ask("POST", "/in/hubspot", client=None, body=body, headers=headers)
    assert not played.script.entered
    assert json.loads(played.sent[1]) == [{"eventId": 1, "objectId": 2, "subscriptionType": "x"}]
    assert b"privacyDeletion" not in played.sent[1]


def test_a_body_that_does_not_come_is_refused() -> None:
    late = PayloadError("request_timeout", "", "body")
    assert deliver(twilio_world(), message("STOP"), failures={Collect: late}).status == 408
