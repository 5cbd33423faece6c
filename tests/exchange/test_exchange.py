"""One exchange as a script of commands: what is asked for, in which order, and what the caller gets."""

import json

import pytest

from gateway.contacts.model import Consent, Suppression
from gateway.errors import StoreError, UpstreamError
from gateway.exchange.commands import (
    Acquire,
    Append,
    Collect,
    CollectAnswer,
    Link,
    Lookup,
    Pipe,
    Release,
    Send,
)
from tests.world import RULES, Answer, World, json_answer

CONTACT = {
    "id": "7",
    "name": {"first": "Ana", "last": "Silva"},
    "email": "ana@example.com",
    "phone": "+33639980001",
    "born": "1980-04-01",
    "address": {"street": "1 rue X", "lines": ["a", 2]},
    "created": "2026-01-01",
    "unknown": "surprise",
}
SUPPRESSED = Suppression(source="test")


def test_read_is_recorded_before_it_is_released() -> None:
    played = World().ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT))
    assert played.kinds == [Acquire, Send, CollectAnswer, Link, Append, Release]
    assert played.records[0].phase == "read"


def test_act_is_recorded_before_it_is_sent_and_after() -> None:
    played = World().ask("DELETE", "/crm/contacts/7", answer=Answer(204, ()))
    assert played.kinds == [Acquire, Append, Send, Append, Release]
    assert [r.phase for r in played.records] == ["intent", "outcome"]
    assert played.records[0].id == played.records[1].id


def test_view_shows_masks_and_hides() -> None:
    got = World().ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT)).json
    assert got["name"] == {"first": "Ana", "last": "Silva"}
    assert got["phone"].endswith("01") and "63998" not in got["phone"]
    assert got["born"] == "1980"
    assert got["email"] == "[redacted]"
    assert got["address"] == {"street": "[redacted]", "lines": ["[redacted]", None]}
    assert got["unknown"] == "[redacted]"
    assert got["created"] == "2026-01-01"


def test_each_role_sees_by_its_own_view() -> None:
    world = World()
    admin = world.ask("GET", "/crm/contacts/7", client="admin", answer=json_answer(CONTACT)).json
    caller = world.ask("GET", "/crm/contacts/7", client="caller", answer=json_answer(CONTACT)).json
    assert {k: admin[k] for k in CONTACT if k != "unknown"} == {
        k: v for k, v in CONTACT.items() if k != "unknown"
    }
    assert caller["phone"] == CONTACT["phone"] and caller["email"].startswith("h_")


def test_record_holds_pseudonyms_and_counts_but_no_value() -> None:
    played = World().ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT))
    record = played.records[0]
    assert record.masked["user.contact.email"] == 1 and record.paths["email"] == 1
    assert record.subjects and all(len(s) == 22 for s in record.subjects)
    text = str(record)
    for secret in ("ana@", "Silva", "33639980001", "1980-04", "surprise"):
        assert secret not in text
    assert (record.tenant, record.client, record.operation) == ("acme", "helpdesk", "contacts.fetch")
    assert (record.address, record.country, record.operator) == ("127.0.0.1", "FR", "OVH")


@pytest.mark.parametrize(
    ("client", "path", "reason", "status"),
    [
        (None, "/crm/contacts/7", "unknown_client", 401),
        ("support", "/nowhere/contacts/7", "unknown_upstream", 404),
        ("support", "/crm/nothing", "unknown_operation", 403),
    ],
)
def test_the_unknown_is_refused_and_recorded(client: str | None, path: str, reason: str, status: int) -> None:
    played = World().ask("GET", path, client=client)
    assert (played.status, played.reason) == (status, reason)
    assert played.kinds == [Append, Release]
    assert played.records[0].effect == "refuse"


def test_wrong_key_is_nobody() -> None:
    played = World().ask("GET", "/crm/contacts/7", client=None, headers={"Hushgate-Key": "key-suppor"})
    assert played.status == 401 and played.nothing_sent


def test_purpose_outside_the_clients_is_refused() -> None:
    played = World().ask("GET", "/crm/contacts/7", headers={"Hushgate-Purpose": "marketing"})
    assert played.reason == "purpose_not_allowed"


def test_key_and_purpose_are_not_forwarded_and_credential_is_injected() -> None:
    world = World(credential="Bearer real")
    headers = {
        "Authorization": "Bearer of-the-app",
        "Hushgate-Purpose": "essential.service.operations.support",
        "Connection": "x-hop",
        "X-Hop": "1",
        "X-Kept": "Yes",
    }
    head = world.ask("GET", "/crm/contacts/7", headers=headers, answer=json_answer(CONTACT)).sent[0].lower()
    assert b"hushgate" not in head.replace(b"via: 1.1 hushgate", b"")
    assert b"authorization: bearer real\r\n" in head and b"of-the-app" not in head
    assert b"x-hop" not in head and b"x-kept: yes" in head
    assert b"host: api.crm.example" in head and head.startswith(b"get /contacts/7 ")


def test_suppressed_recipient_is_not_contacted() -> None:
    world = World()
    world.know("phone", "+33639980001", SUPPRESSED)
    played = world.ask(
        "POST", "/crm/messages", client="caller", form=[("To", "+33 6 39 98 00 01"), ("Body", "hi")]
    )
    assert (played.status, played.reason) == (403, "contact_suppressed")
    assert played.nothing_sent and played.kinds == [Collect, Lookup, Append, Release]
    assert played.json["message"] and played.json["code"] == 4030, "the provider's own members"
    assert b"3998" not in played.body


def test_unknown_person_without_rule_may_be_contacted() -> None:
    played = World().ask(
        "POST", "/crm/messages", client="caller", form=[("To", "+33639980001"), ("Body", "hi")]
    )
    assert played.status == 200 and b"To=%2B33639980001" in played.sent[1]


def test_consent_rule_and_purpose() -> None:
    rules = (
        RULES + "rules:\n  - {id: c, contact: {channels: [sms], purposes: [marketing], require: consent}}\n"
    )
    world = World(rules=rules)
    form = [("To", "+33639980002"), ("Body", "hi")]
    assert world.ask("POST", "/crm/messages", client="caller", form=form).reason == "contact_without_consent"
    assert world.ask("POST", "/crm/messages", client="support", form=form).status == 200, "not marketing"
    world.know("phone", "+33639980002", Consent(channel="sms", purpose="marketing", state="granted"))
    assert world.ask("POST", "/crm/messages", client="caller", form=form).status == 200


def test_recipient_that_cannot_be_read_is_refused() -> None:
    for to in ("", "not a number", "client:bob"):
        played = World().ask("POST", "/crm/messages", client="caller", form=[("To", to), ("Body", "x")])
        assert played.reason == "contact_unknown_recipient", to
    assert World().ask("POST", "/crm/messages", form=[("Body", "x")]).reason == "contact_unknown_recipient"


MAIL = {"to": "a@example.com", "cc": ["b@example.com", "c@example.com"], "text": "hello"}
DROP = RULES + "rules:\n  - {id: d, contact: {channels: [email]}, on_refusal: drop}\n"


def test_one_of_many_recipients_is_dropped() -> None:
    world = World(rules=DROP)
    world.know("email", "b@example.com", SUPPRESSED)
    played = world.ask("POST", "/crm/mails", json_body=MAIL, answer=json_answer({"id": "m"}))
    assert json.loads(played.sent[1]) == {**MAIL, "cc": ["c@example.com"]}
    assert played.headers["hushgate-dropped"] == "1" and played.records[-1].dropped == 1


def test_drop_does_not_reach_a_recipient_that_cannot_be_left_out() -> None:
    world = World(rules=DROP)
    world.know("email", "a@example.com", SUPPRESSED)
    assert world.ask("POST", "/crm/mails", json_body=MAIL).reason == "contact_suppressed"


def test_all_recipients_refused_refuses_the_request() -> None:
    world = World(rules=DROP)
    for who in ("b@example.com", "c@example.com"):
        world.know("email", who, SUPPRESSED)
    played = world.ask("POST", "/crm/mails", json_body={"cc": MAIL["cc"], "text": "x"})
    assert played.reason == "contact_suppressed" and played.nothing_sent


RESIDENT = RULES + "rules:\n  - {id: eu, residency: {data: user, regions: [EEA]}}\n"


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("203.0.113.5", 451)])
def test_residency_is_judged_on_the_address(address: str, status: int) -> None:
    networks = (("127.0.0.0/8", "FR", "OVH"), ("203.0.113.0/24", "US", "AWS"))
    world = World(rules=RESIDENT, networks=networks, addresses=(address,))
    played = world.ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT))
    assert played.status == status
    if status == 451:
        assert played.reason == "region_not_allowed" and played.json["rules"] == ["eu"]
        assert played.records[0].address == address and played.records[0].country == "US"


def test_an_operation_without_personal_data_may_go_anywhere() -> None:
    world = World(rules=RESIDENT, region="US", networks=(("127.0.0.0/8", "US", "AWS"),))
    assert world.ask("GET", "/crm/status", answer=json_answer({})).status == 200


def test_access_rule_and_narrowing() -> None:
    rules = RULES + 'rules:\n  - {id: nb, access: {operations: ["*.delete_batch"]}, roles: [support]}\n'
    world = World(rules=rules)
    denied = world.ask("POST", "/crm/contacts/delete", json_body={"ids": ["1"]})
    assert (
        denied.reason == "access_denied"
        and denied.json["rules"] == ["nb"]
        and denied.kinds == [Append, Release]
    )
    assert world.ask("POST", "/crm/contacts/delete", client="admin", json_body={"ids": ["1"]}).status == 200


def test_shadow_rules_only_report() -> None:
    rules = RULES + (
        "rules:\n"
        '  - {id: s1, access: {operations: ["*.fetch"]}, mode: shadow}\n'
        "  - {id: s2, mask: user.name, with: remove, mode: shadow}\n"
        "  - {id: s3, residency: {data: user, regions: [US]}, mode: shadow}\n"
    )
    played = World(rules=rules).ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT))
    assert played.status == 200 and played.json["name"]["first"] == "Ana"
    assert set(played.records[0].shadow) == {"s1", "s2", "s3"}


def test_audit_refusal_withholds_everything() -> None:
    down = StoreError("audit_unavailable", "disk full")
    read = World().ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT), failures={Append: down})
    assert read.status == 503 and b"Silva" not in read.body and read.reason == "audit_unavailable"
    act = World().ask("DELETE", "/crm/contacts/7", failures={Append: down})
    assert act.status == 503 and act.nothing_sent


def test_registry_refusal_stops_the_contact() -> None:
    down = StoreError("registry_unavailable", "locked")
    form = [("To", "+33639980001"), ("Body", "x")]
    played = World().ask("POST", "/crm/messages", form=form, failures={Lookup: down})
    assert played.reason == "registry_unavailable" and played.nothing_sent and played.headers["retry-after"]


def test_failure_after_an_intent_is_an_outcome() -> None:
    lost = UpstreamError("upstream_timeout", "")
    played = World().ask("DELETE", "/crm/contacts/7", failures={Send: lost})
    assert played.status == 504
    assert [(r.phase, r.effect) for r in played.records] == [("intent", "allow"), ("outcome", "error")]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Answer(200, ((b"Content-Type", b"text/html"),), b"<b>Ana Silva</b>"), 502, "unparseable_response"),
        (Answer(200, body=b'{"email": "ana@example.com"'), 502, "unparseable_response"),
        (Answer(200, (), b'{"email": "ana@example.com"}'), 502, "unparseable_response"),
        (Answer(206, body=b'{"email": "ana@example.com"}'), 502, "unparseable_response"),
        (Answer(503, ((b"Content-Type", b"text/html"),), b"<b>Ana Silva</b>"), 503, "unparseable_response"),
    ],
)
def test_an_answer_that_cannot_be_read_is_withheld(answer: Answer, status: int, reason: str) -> None:
    played = World().ask("GET", "/crm/contacts/7", answer=answer)
    assert (played.status, played.reason) == (status, reason)
    assert b"Ana" not in played.body and b"ana@" not in played.body
    assert played.records[-1].reason == reason


def test_error_answers_are_masked_too() -> None:
    answer = json_answer({"message": "ana@example.com exists", "code": 409}, 409)
    played = World().ask("POST", "/crm/contacts", json_body={"email": "ana@example.com"}, answer=answer)
    assert played.status == 409 and played.json == {"message": "[redacted]", "code": 409}


def test_opaque_content_passes_to_who_may_see_it() -> None:
    world = World()
    audio = Answer(200, ((b"Content-Type", b"audio/wav"),), b"RIFF...")
    passed = world.ask("GET", "/crm/recordings/1", client="admin", answer=audio)
    assert passed.kinds == [Acquire, Send, Append, Pipe] and passed.body == b"RIFF..."
    refused = world.ask("GET", "/crm/recordings/1", client="support", answer=audio)
    assert refused.reason == "access_denied" and b"RIFF" not in refused.body


def test_nothing_to_look_into_is_piped_byte_for_byte() -> None:
    rules = RULES + "unmapped: pass\n"
    body = b'{"a" : 1.10,\n "a": 2}'
    played = World(rules=rules).ask("GET", "/crm/status", answer=Answer(200, body=body))
    assert played.kinds[-1] is Pipe and played.body == body


def test_an_error_is_looked_into_even_there() -> None:
    answer = json_answer({"message": "no such person: ana@example.com"}, 404)
    world = World(rules=RULES + "unmapped: pass\n")
    played = world.ask("GET", "/crm/status", client="caller", answer=answer)
    assert played.status == 404 and b"ana@example.com" not in played.body
    assert played.kinds[-1] is Release


def test_validators_of_a_rewritten_body_are_gone() -> None:
    answer = json_answer(CONTACT)
    answer.headers += ((b"ETag", b'"x"'), (b"Accept-Ranges", b"bytes"), (b"X-Kept", b"1"))
    played = World().ask(
        "GET", "/crm/contacts/7", headers={"If-None-Match": '"x"', "Range": "bytes=0-5"}, answer=answer
    )
    assert (
        "etag" not in played.headers
        and "accept-ranges" not in played.headers
        and played.headers["x-kept"] == "1"
    )
    assert b"If-None-Match" not in played.sent[0] and b"Range" not in played.sent[0]
    assert int(played.headers["content-length"]) == len(played.body)


def test_head_has_no_length_of_a_body_that_would_be_rewritten() -> None:
    played = World().ask("HEAD", "/crm/contacts/7", answer=json_answer(CONTACT))
    assert played.status == 200 and "content-length" not in played.headers and played.body == b""


def test_redirect_within_the_upstream_leads_back_through_the_gateway() -> None:
    moved = Answer(301, ((b"Location", b"https://api.crm.example/contacts/8"),))
    assert World().ask("GET", "/crm/contacts/7", answer=moved).headers["location"] == "/crm/contacts/8"
    away = Answer(302, ((b"Location", b"https://api.crm.example.evil.example/x"),))
    refused = World().ask("GET", "/crm/contacts/7", answer=away)
    assert (refused.status, refused.reason, "location" in refused.headers) == (502, "link_withheld", False)
