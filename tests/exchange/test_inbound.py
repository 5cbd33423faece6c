"""Webhooks on their way in: verified, entered before anything else, masked, signed again, sent on."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from gateway.contacts.model import Suppression
from gateway.errors import StoreError, UpstreamError
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
from tests.inbounds import (
    OURS,
    acts,
    deliver,
    field,
    message,
    params,
    twilio_signed,
    twilio_world,
)
from tests.world import RULES, json_answer


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
