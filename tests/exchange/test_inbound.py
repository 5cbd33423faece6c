"""Webhooks on their way in: verified, entered before anything else, masked, signed again, sent on."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hubspot.utils.signature import Signature
from twilio.request_validator import RequestValidator

from gateway.contacts.model import Act, Entry, Suppression
from gateway.errors import PayloadError, StoreError, UpstreamError
from gateway.exchange.commands import (
    Acquire,
    Append,
    Collect,
    Enter,
    GiveBack,
    Lookup,
    Release,
    Reserve,
    Send,
)
from gateway.webhooks.seen import Seen
from gateway.webhooks.signing import Signing
from tests.inbounds import (
    COMPANY,
    OURS,
    PLUGINS,
    TWIML,
    deliver,
    message,
    twilio_route,
    twilio_signed,
    twilio_world,
)
from tests.world import RULES, Answer, Played, World, json_answer


def acts(played: Played) -> list[tuple[Act, str | None, str | None]]:
    return [(entry.act, entry.channel, entry.purpose) for entry in played.script.entered]


def params(played: Played) -> dict[str, str]:
    return dict(parse_qsl(played.sent[1].decode(), keep_blank_values=True))


def field(played: Played, name: str) -> str | None:
    lines = played.sent[0].decode().split("\r\n")
    return next((v for n, _, v in (line.partition(": ") for line in lines) if n.lower() == name), None)


def test_a_stop_is_entered_and_on_record_before_it_goes_on() -> None:
    world = twilio_world()
    played = deliver(world, message("Stop!"))
    assert played.status == 200
    assert played.kinds == [
        *(Collect, Lookup, Enter, Append, Acquire, Append, Send),
        *(type(c) for c in played.script.commands[7:8]),
        *(Append, Release),
    ]
    assert [record.phase for record in played.records] == ["entry", "intent", "outcome"]
    [entry] = played.script.entered
    assert (entry.act, entry.channel, entry.purpose) == ("suppressed", None, "marketing")
    assert entry.subject == world.snapshot.pseudonymiser("acme")("phone", "+33639980001")
    assert (entry.source, entry.department, entry.at) == ("stop:twilio", "campaigns", world.now)
    assert len(entry.evidence) == 64
    first = played.records[0]
    assert first.subjects == (entry.subject,)
    assert first.note == "suppressed: messages.received opt_out"
    assert (first.tenant, first.client, first.upstream) == ("acme", "office", "sms-in")


def test_no_record_holds_what_was_said_or_by_whom() -> None:
    played = deliver(twilio_world(), message("STOP", FromCity="Lyon"))
    written = json.dumps([repr(record) for record in played.records])
    for value in ("33639980001", "STOP", "Lyon"):
        assert value not in written


def test_a_redelivery_has_the_same_ids() -> None:
    first = deliver(twilio_world(), message("STOP")).script.entered
    again = deliver(twilio_world(), message("STOP"), headers=twilio_signed(message("STOP"), "/sms")).script
    other = deliver(twilio_world(), message("STOP", MessageSid="SM2")).script.entered
    assert [e.id for e in first] == [e.id for e in again.entered] != [e.id for e in other]


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("{}", (None, "marketing")),
        ("{purpose: marketing.communications}", (None, "marketing.communications")),
        ("{scope: channel}", ("sms", None)),
        ("{scope: global}", (None, None)),
    ],
)
def test_the_tenant_says_how_far_a_stop_reaches(scope: str, wanted: tuple[str | None, str | None]) -> None:
    world = twilio_world(rules=f"{RULES}opt_out: {scope}\n")
    assert acts(deliver(world, message("STOP"))) == [("suppressed", *wanted)]


def test_of_whatsapp_the_channel_is_whatsapp() -> None:
    world = twilio_world(rules=f"{RULES}opt_out: {{scope: channel}}\n")
    played = deliver(world, message("STOP", From="whatsapp:+33639980001"))
    assert acts(played) == [("suppressed", "whatsapp", None)]
    assert played.script.entered[0].subject == world.snapshot.pseudonymiser("acme")("phone", "+33639980001")


@pytest.mark.parametrize("text", ["", "Please stop the music", "HELP", "yes"])
def test_what_is_no_word_changes_nothing(text: str) -> None:
    played = deliver(twilio_world(), message(text))
    assert Enter not in played.kinds
    assert [record.phase for record in played.records] == ["intent", "outcome"]


def test_what_twilio_made_of_a_text_counts_whatever_the_words() -> None:
    assert acts(deliver(twilio_world(), message("leave me", OptOutType="STOP")))[0][0] == "suppressed"
    assert Enter not in deliver(twilio_world(), message("help", OptOutType="HELP")).kinds


def test_start_lifts_what_stop_made_and_nothing_else() -> None:
    world = twilio_world()
    theirs = Suppression(channel="sms", source="bloctel")
    stopped = Suppression(purpose="marketing", source="stop:twilio")
    told: list[tuple[tuple[Suppression, ...], list[Any]]] = [((), []), ((theirs,), [])]
    told.append(((theirs, stopped), [("lifted", None, "marketing")]))
    for number, (known, wanted) in enumerate(told):
        world.know("phone", "+33639980001", *known)
        assert acts(deliver(world, message("START", MessageSid=f"SM{number}"))) == wanted


def test_a_start_that_comes_again_lifts_nothing_that_was_said_after_it() -> None:
    world = twilio_world()
    world.know("phone", "+33639980001", Suppression(purpose="marketing", source="stop:twilio"))
    first = deliver(world, message("START"))
    [reserve] = [command for command in first.script.commands if isinstance(command, Reserve)]
    assert first.kinds.index(Reserve) < first.kinds.index(Enter)
    world.reached[reserve.wanted[0].subject] = (world.now,)
    world.seen = Seen()
    assert acts(deliver(world, message("START"))) == []
    assert acts(deliver(world, message("START", MessageSid="SM2"))) == [("lifted", None, "marketing")]


def test_a_start_that_could_not_be_entered_counts_when_it_comes_again() -> None:
    world = twilio_world()
    world.know("phone", "+33639980001", Suppression(purpose="marketing", source="stop:twilio"))
    played = deliver(world, message("START"), failures={Enter: StoreError("registry_unavailable", "")})
    assert played.status == 503
    [reserve] = [command for command in played.script.commands if isinstance(command, Reserve)]
    [back] = [command for command in played.script.commands if isinstance(command, GiveBack)]
    assert list(back.ids) == [each.id for each in reserve.wanted]


def test_a_stop_does_not_make_a_suppression_of_others_one_that_start_lifts() -> None:
    world = twilio_world()
    world.know("phone", "+33639980001", Suppression(purpose="marketing", source="bloctel"))
    [entry] = deliver(world, message("STOP")).script.entered
    assert entry.source == "bloctel"


STATUS = {"MessageSid": "SM1", "MessageStatus": "failed", "From": "+33939980100", "To": "+33639980001"}


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("21610", [("suppressed", None, "marketing")]),
        ("30006", [("suppressed", "sms", None)]),
        ("30003", []),
        ("", []),
    ],
)
def test_what_a_carrier_says_in_a_status_is_learnt(code: str, wanted: list[Any]) -> None:
    assert acts(deliver(twilio_world(), {**STATUS, "ErrorCode": code})) == wanted


def test_a_registry_that_fails_answers_503_and_nothing_goes_on() -> None:
    for failure in (StoreError("registry_unavailable", ""), UpstreamError("upstream_timeout", "")):
        for command in (Lookup, Enter):
            played = deliver(twilio_world(), message("STOP"), failures={command: failure})
            assert (played.status, played.reason) == (503, "registry_unavailable")
            assert played.headers["retry-after"]
            assert played.nothing_sent
            assert not [record for record in played.records if record.phase == "entry"]


def test_a_log_that_fails_answers_503_too() -> None:
    played = deliver(twilio_world(), message("STOP"), failures={Append: StoreError("audit_unavailable", "")})
    assert (played.status, played.reason) == (503, "audit_unavailable")
    assert played.nothing_sent


def test_an_application_that_is_away_does_not_undo_a_stop() -> None:
    gone = UpstreamError("upstream_unreachable", "")
    world = twilio_world()
    played = deliver(world, message("STOP"), failures={Acquire: gone})
    assert played.status == 502
    assert acts(played)
    assert deliver(world, message("STOP")).status == 200  # and its redelivery is no replay


@pytest.mark.parametrize(
    "change",
    [{"Body": "START"}, {"From": "+33639980002"}, {"MessageSid": "SM2"}, {"Extra": "1"}],
)
def test_a_forged_webhook_is_refused_and_on_record(change: dict[str, str]) -> None:
    good = message("STOP")
    played = deliver(twilio_world(), {**good, **change}, headers=twilio_signed(good, "/sms"))
    assert (played.status, played.reason) == (403, "webhook_unverified")
    assert played.kinds == [Collect, Append, Release]
    [record] = played.records
    assert (record.phase, record.tenant, record.note) == ("refusal", "acme", "webhook sms-in")


def test_an_event_that_was_seen_through_is_answered_and_nothing_else() -> None:
    world = twilio_world()
    assert deliver(world, message("Hello")).status == 200
    played = deliver(world, message("Hello"))
    assert (played.status, played.body) == (200, b"")
    assert played.nothing_sent
    assert [(r.phase, r.reason) for r in played.records] == [("refusal", "webhook_replayed")]
    assert not deliver(world, message("Hello", MessageSid="SM2")).nothing_sent


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_only_post_is_a_webhook(method: str) -> None:
    played = twilio_world().ask(method, "/in/twilio/sms", client=None)
    assert played.status == 405
    assert played.headers["allow"] == "POST"


def test_what_no_webhook_of_the_route_is_goes_nowhere() -> None:
    world = twilio_world(route={"webhooks": ("messages.status",)})
    assert deliver(world, message("STOP")).reason == "unknown_operation"
    world = twilio_world(client="nobody")
    assert deliver(world, message("STOP")).reason == "unknown_client"


def test_a_parameter_twice_is_refused() -> None:
    twice = [*message("STOP").items(), ("From", "+33639980009")]
    signature = RequestValidator("twilio-auth-token").compute_signature
    made = deliver(twilio_world(), {})  # a request of no webhook: to see that signing is as below
    assert made.reason == "unknown_operation"
    text = "".join(n + v for n, v in sorted(twice))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    headers["X-Twilio-Signature"] = signature("https://hooks.acme.example/in/twilio/sms" + text, {})
    played = twilio_world().ask(
        "POST", "/in/twilio/sms", client=None, body=urlencode(twice).encode(), headers=headers
    )
    assert (played.status, played.reason) == (422, "unparseable_body")


# ---- what the application gets ----------------------------------------------------------------------------


def test_who_may_see_everything_gets_the_same_values_signed_anew() -> None:
    given = message("Hello, it's me", ProfileName="Ana", MediaUrl0="https://api.twilio.com/m")
    played = deliver(twilio_world(), given)
    assert params(played) == given
    assert played.sent[0].startswith(b"POST /app/sms HTTP/1.1\r\nHost: 127.0.0.1:9\r\n")
    validator = RequestValidator(OURS)
    assert validator.validate("https://app.acme.example/app/sms", given, field(played, "x-twilio-signature"))
    assert field(played, "x-forwarded-host") == "app.acme.example"


def test_a_role_gets_what_its_view_grants_and_the_signature_fits_that() -> None:
    played = deliver(twilio_world(client="helpdesk"), message("I am ill", ProfileName="Ana", FromCity="Lyon"))
    got = params(played)
    assert got["From"] == "**********01"
    assert (got["Body"], got["FromCity"]) == ("[redacted]", "[redacted]")
    assert (got["ProfileName"], got["MessageSid"]) == ("Ana", "SM1")
    assert RequestValidator(OURS).validate(
        "https://app.acme.example/app/sms", got, field(played, "x-twilio-signature")
    )
    outcome = played.records[-1]
    assert outcome.masked["user.contact.phone_number"] == 2
    assert outcome.subjects


def test_a_stop_is_understood_although_the_role_may_not_read_it() -> None:
    assert acts(deliver(twilio_world(client="helpdesk"), message("STOP")))


def test_without_a_secret_of_the_application_a_signature_goes_on_only_where_nothing_changed() -> None:
    given = message("Hello")
    unchanged = deliver(twilio_world(route={"sign": None}), given)
    assert field(unchanged, "x-twilio-signature") == twilio_signed(given, "/sms")["X-Twilio-Signature"]
    changed = deliver(twilio_world(client="helpdesk", route={"sign": None}), given)
    assert field(changed, "x-twilio-signature") is None


def test_an_operation_that_is_denied_is_not_passed_on_but_entered() -> None:
    rules = RULES + "rules: [{id: no-in, access: {operations: '*.messages.received'}}]\n"
    played = deliver(twilio_world(rules=rules), message("STOP"))
    assert (played.status, played.reason) == (403, "access_denied")
    assert acts(played)


def test_where_the_application_stands_is_judged_as_for_any_upstream() -> None:
    rules = RULES + "rules: [{id: eea, residency: {data: user, regions: [DE]}}]\n"
    played = deliver(twilio_world(rules=rules), message("STOP"))
    assert (played.status, played.reason) == (451, "region_not_allowed")
    assert acts(played)


def test_an_answer_of_the_application_is_passed_on() -> None:
    played = deliver(twilio_world(), message("x"))
    assert (played.status, played.body) == (200, b"<Response/>")
    assert played.headers["content-type"] == "text/xml"
    assert deliver(twilio_world(), message("x"), answer=json_answer({}, 500)).status == 500


# ---- HubSpot ----------------------------------------------------------------------------------------------

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
    assert [entry.subject for entry in entered] == [name("record", n) for n in ("101", "102", "104")]
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
    world.know("record", "102", ERASED)
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
    world.know("record", "101", ERASED)
    played = hubspot(world, event("contact.creation", 1))
    assert (played.status, played.nothing_sent) == (200, True)
    assert [(r.phase, r.reason, r.rules) for r in played.records] == [
        ("refusal", "record_withheld", ("gone",))
    ]


def test_an_erasure_reaches_the_application_that_has_to_follow_it() -> None:
    world = hubspot_world(rules=GONE)
    world.know("record", "101", ERASED)
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
    world.know("record", "101", ERASED)
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


# ---- what the application answers -------------------------------------------------------------------------

SILENT = b"<Response/>"


def twiml(text: str) -> Answer:
    return Answer(200, (TWIML,), f"<Response>{text}</Response>".encode())


@pytest.mark.parametrize(
    "text", ["<Message>Bye</Message>", "<Message><Body>Bye</Body></Message>", "<Sms>Bye</Sms>"]
)
def test_an_answer_that_goes_back_to_the_sender_is_a_contact(text: str) -> None:
    world = twilio_world(client="dialer")
    sent = deliver(world, message("Hello"), answer=twiml(text))
    assert sent.body == twiml(text).body
    world.know("phone", "+33639980001", Suppression(purpose="marketing"))
    played = deliver(world, message("Hello", MessageSid="SM2"), answer=twiml(text))
    assert (played.status, played.body) == (200, SILENT)
    assert played.records[-1].reason == "contact_suppressed"


def test_an_answer_of_plain_text_is_one_too() -> None:
    world = twilio_world(client="dialer")
    world.know("phone", "+33639980001", Suppression())
    plain = Answer(200, ((b"Content-Type", b"text/plain"),), b"Bye")
    assert deliver(world, message("Hello"), answer=plain).body == SILENT


def test_whoever_an_answer_names_is_judged() -> None:
    world = twilio_world(client="dialer")
    world.know("phone", "+33639980002", Suppression())
    text = '<Message to="+33639980002">Hi</Message>'
    assert deliver(world, message("Hello"), answer=twiml(text)).body == SILENT
    call = {"CallSid": "CA1", "From": "+33639980001", "To": COMPANY, "CallStatus": "ringing"}
    dial = twiml("<Dial>+33639980002</Dial>")
    assert deliver(world, call, answer=dial).body == b"<Response><Hangup/></Response>"
    fine = twiml("<Dial>+33639980003</Dial>")
    assert deliver(world, call, answer=fine).body == fine.body


def test_an_answer_that_cannot_be_read_is_not_carried_out() -> None:
    html = Answer(200, ((b"Content-Type", b"text/html"),), b"<Response><Message>x</Message></Response>")
    assert deliver(twilio_world(), message("Hello"), answer=html).body == SILENT
    assert deliver(twilio_world(), message("Hello"), answer=twiml("<Message>")).body == SILENT


# ---- what answers say of recipients -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(21610, [("suppressed", None, "marketing")]), (21614, [("suppressed", "sms", None)]), (20003, [])],
)
def test_an_error_of_the_carrier_is_learnt_before_it_is_answered(code: int, wanted: list[Any]) -> None:
    form = [("To", "+33639980001"), ("From", COMPANY), ("Body", "x")]
    error = json_answer({"code": code, "message": "no", "status": 400}, 400)
    path = "/crm/2010-04-01/Accounts/AC1/Messages.json"
    world = twilio_world()
    played = world.ask("POST", path, client="caller", form=form, answer=error)
    assert (played.status, played.json["code"]) == (400, code)
    assert acts(played) == wanted
    if wanted:
        assert played.script.entered[0].subject == world.snapshot.pseudonymiser("acme")(
            "phone", "+33639980001"
        )
        kinds = [kind for kind in played.kinds if kind in (Enter, Release)]
        assert kinds == [Enter, Release]
        assert (
            world.ask(
                "POST",
                path,
                client="caller",
                form=form,
                answer=error,
                failures={Enter: StoreError("registry_unavailable", "")},
            ).status
            == 503
        )
