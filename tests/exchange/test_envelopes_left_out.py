"""Calls of an envelope that are left out, and answers that cannot be trusted."""

import json
from typing import Any

import pytest

from gateway.contacts.model import Suppression
from gateway.errors import REASONS
from gateway.model import Composite
from tests.exchange.envelopes import CONTACT, CREATED, FETCH, MAIL, SHOWN, mail
from tests.exchange.salesforce_world import DROPPING, V, call, composite, refusal, reply, sent_calls, world
from tests.world import RULES, Answer, World


def suppressing(*addresses: str, rules: str = DROPPING) -> World:
    it = world(rules)
    for address in addresses:
        it.know("email", address, Suppression(channel="email", purpose=None))
    return it


# ---- what is left out -----------------------------------------------------------------------------------


def test_a_call_that_rules_let_drop_is_answered_as_the_provider_would() -> None:
    it = suppressing("bo@example.com")
    calls = [
        call("GET", "sobjects/Contact/003A", "a"),
        mail("b", "bo@example.com"),
        mail("c", "cy@example.com"),
    ]
    answers = [reply(CONTACT, "a"), reply([{"isSuccess": True}], "c")]
    played = composite(it, *calls, answers=answers, allOrNone=False)
    assert [each["referenceId"] for each in sent_calls(played)] == ["a", "c"]
    first, left, last = played.json["compositeResponse"]
    assert (first["body"], last["body"]) == (SHOWN, [{"isSuccess": True}])
    assert (left["httpStatusCode"], left["httpHeaders"], left["referenceId"]) == (403, {}, "b")
    assert [error["errorCode"] for error in left["body"]] == ["contact_suppressed"]
    assert left["body"][0]["message"] == "A recipient must not be contacted"
    assert played.headers["hushgate-dropped"] == "1"
    outcome = played.records[-1]
    assert outcome.dropped == 1 and "leave-out" in outcome.rules and outcome.parts[1] == "emails.send"


def test_a_recipient_goes_before_the_whole_call_does() -> None:
    it = suppressing("bo@example.com")
    played = composite(it, mail("m", "bo@example.com", "cy@example.com"), answers=[reply([], "m")])
    (sent,) = sent_calls(played)
    assert sent["body"]["inputs"][0]["emailAddressesArray"] == ["cy@example.com"]
    assert played.headers["hushgate-dropped"] == "1"


def test_what_refers_to_a_call_that_was_left_out_goes_with_it() -> None:
    it = suppressing("bo@example.com")
    later = call("GET", "sobjects/Contact/@{m.id}", "later")
    other = call("GET", "sobjects/Contact/@{later.id}", "last")
    played = composite(it, mail("m", "bo@example.com"), later, other, FETCH, answers=[reply(CONTACT, "a")])
    assert [each["referenceId"] for each in sent_calls(played)] == ["a"]
    given = played.json["compositeResponse"]
    assert [each["referenceId"] for each in given] == ["m", "later", "last", "a"]
    assert [each["httpStatusCode"] for each in given] == [403, 403, 403, 200]


@pytest.mark.parametrize(
    ("rules", "members"),
    [(DROPPING, {"allOrNone": True}), (DROPPING.replace(", on_refusal: drop", ""), {"allOrNone": False})],
)
def test_all_or_none_is_none(rules: str, members: dict[str, Any]) -> None:
    it = suppressing("bo@example.com", rules=rules)
    played = composite(it, FETCH, mail("b", "bo@example.com"), **members)
    assert refusal(played)[:2] == (403, "contact_suppressed") and played.nothing_sent


def test_when_nothing_is_left_all_is_refused() -> None:
    it = suppressing("bo@example.com")
    played = composite(it, mail("a", "bo@example.com"), mail("b", "bo@example.com"))
    assert refusal(played)[:2] == (403, "contact_suppressed") and played.nothing_sent


def test_a_batch_says_that_something_failed() -> None:
    it = suppressing("bo@example.com")
    told = call("POST", f"v60.0/{MAIL}", body={"inputs": [{"emailAddresses": "bo@example.com"}]})
    answer = {"hasErrors": False, "results": [{"statusCode": 200, "result": CONTACT}]}
    played = it.ask(
        "POST",
        f"/crm{V}/composite/batch",
        json_body={"batchRequests": [told, call("GET", "v60.0/sobjects/Contact/003A")]},
        answer=Answer(200, body=json.dumps(answer).encode()),
    )
    left, kept = played.json["results"]
    assert played.json["hasErrors"] is True and left["statusCode"] == 403 and kept["result"] == SHOWN


# ---- answers that cannot be trusted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [reply(CONTACT, "b")],
        [reply(CONTACT, "a"), reply(CONTACT, "a")],
        [reply(CONTACT, "a") | {"referenceId": None}],
        [reply(CONTACT, "a") | {"httpStatusCode": "200"}],
        [reply(CONTACT, "a") | {"httpStatusCode": 100}],
        [reply(CONTACT, "a") | {"httpHeaders": "x"}],
        [reply(CONTACT, "a") | {"httpHeaders": {"X": 1}}],
        [CONTACT],
        ["ana@example.com"],
        '{"compositeResponse": {}}',
        '{"CompositeResponse": []}',
        "[]",
        "{",
        "null",
    ],
)
def test_an_answer_that_does_not_fit_is_withheld(answers: Any) -> None:
    played = composite(world(), FETCH, answers=answers)
    assert refusal(played)[:2] == (502, "unparseable_response") and b"ana@" not in played.body


def test_an_error_of_the_envelope_is_masked() -> None:
    answer = Answer(400, body=b'[{"errorCode":"JSON_PARSER_ERROR","message":"at ana@example.com"}]')
    played = world().ask("POST", f"/crm{V}/composite", json_body={"compositeRequest": [FETCH]}, answer=answer)
    assert played.status == 400
    assert played.json == [{"errorCode": "JSON_PARSER_ERROR", "message": "[redacted]"}]


def test_answers_in_an_error_are_masked_as_answers() -> None:
    body = json.dumps({"compositeResponse": [reply(CONTACT, "a")]}).encode()
    it = world(RULES + "unmapped: pass\n")
    played = it.ask(
        "POST", f"/crm{V}/composite", json_body={"compositeRequest": [FETCH]}, answer=Answer(500, body=body)
    )
    assert played.status == 500 and played.json["compositeResponse"][0]["body"] == SHOWN


def test_answers_in_another_order_are_matched_by_name() -> None:
    answers = [reply({"records": [CONTACT]}, "q"), reply(CREATED, "c", 201)]
    played = composite(
        world(),
        call("POST", "sobjects/Contact", "c", {"LastName": "B"}),
        call("GET", "query?q=SELECT+Id+FROM+Contact", "q"),
        answers=answers,
    )
    assert [each["body"] for each in played.json["compositeResponse"]] == [{"records": [SHOWN]}, CREATED]


def test_what_stands_around_the_answers_is_masked_as_unmapped() -> None:
    text = json.dumps({"compositeResponse": [reply(CONTACT, "a") | {"note": "ana@example.com"}], "note": "x"})
    played = composite(world(), FETCH, answers=text)
    assert played.json["note"] == "[redacted]" and b"ana@" not in played.body


def test_a_model_of_an_envelope_has_the_defaults_of_the_reference() -> None:
    made = Composite(requests="r", answers="a", method="m", path="p", body="b", status="s", answer="x")
    assert (made.below, made.most, made.flags, made.references) == ("/", 25, (), None)


# ---- people who are left alone --------------------------------------------------------------------------


def left_alone(on_refusal: str) -> World:
    rules = f"{RULES}rules:\n  - {{id: alone, records: {{}}{on_refusal}}}\n"
    it = world(rules)
    it.know("email", "bo@example.com", Suppression(channel=None, purpose=None))
    return it


FOUND = [
    reply({"Id": "003B", "Email": "bo@example.com"}, "one"),
    reply({"records": [{"Id": "003B", "Email": "bo@example.com"}, CONTACT]}, "many"),
]
ASKED = [
    call("GET", "sobjects/Contact/003B", "one"),
    call("GET", "query?q=SELECT+Id+FROM+Contact", "many"),
]


def test_a_record_that_is_withheld_is_not_in_any_answer() -> None:
    played = composite(left_alone(", on_refusal: drop"), *ASKED, answers=FOUND)
    one, many = played.json["compositeResponse"]
    assert (one["httpStatusCode"], one["referenceId"]) == (REASONS["record_withheld"].status, "one")
    assert one["body"][0]["errorCode"] == "record_withheld" and one["httpHeaders"] == {}
    assert many["body"] == {"records": [SHOWN]} and b"003B" not in played.body


@pytest.mark.parametrize(("on_refusal", "members"), [("", {}), (", on_refusal: drop", {"allOrNone": True})])
def test_where_it_cannot_be_left_out_all_is_refused(on_refusal: str, members: dict[str, Any]) -> None:
    played = composite(left_alone(on_refusal), *ASKED, answers=FOUND, **members)
    assert refusal(played)[1] == "record_withheld" and b"003B" not in played.body
