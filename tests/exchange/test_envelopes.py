"""Envelopes: every call in one is decided as a request of its own, and every answer masked as its own."""

import gzip
import json
from typing import Any

import pytest

from gateway.contacts.model import Suppression
from gateway.errors import StoreError
from gateway.exchange.commands import Acquire, Append, Lookup, Send
from gateway.masking.sealed import PREFIX
from gateway.model import Composite
from tests.exchange.salesforce_world import DROPPING, V, call, composite, refusal, reply, sent_calls, world
from tests.world import RULES, Answer, World

CONTACT = {"Id": "003A", "LastName": "Besson", "Email": "ana@example.com", "Phone": "+33639980001"}
SHOWN = {"Id": "003A", "LastName": "Besson", "Email": "[redacted]", "Phone": "**********01"}
CREATED = {"id": "001A", "success": True, "errors": []}
MAIL = "actions/standard/emailSimple"


def mail(name: str, *to: str) -> dict[str, Any]:
    return call("POST", MAIL, name, {"inputs": [{"emailAddressesArray": list(to), "emailBody": "Hello"}]})


def suppressing(*addresses: str, rules: str = DROPPING) -> World:
    it = world(rules)
    for address in addresses:
        it.know("email", address, Suppression(channel="email", purpose=None))
    return it


# ---- what goes through ----------------------------------------------------------------------------------


def test_every_answer_is_masked_as_its_own_operation_wants() -> None:
    answers = [
        reply(CREATED, "acc", 201, Location=f"{V}/sobjects/Account/001A"),
        reply(CONTACT, "one"),
        reply({"totalSize": 1, "done": True, "records": [CONTACT]}, "many"),
        reply([{"message": "ana@example.com is taken", "errorCode": "DUPLICATE_VALUE"}], "bad", 400),
        reply(None, "gone", 204),
    ]
    played = composite(
        world(),
        call("POST", "sobjects/Account", "acc", {"Name": "ACME"}),
        call("GET", "sobjects/Contact/003A", "one"),
        call("GET", "query?q=SELECT+Id,Phone+FROM+Contact", "many"),
        call("POST", "sobjects/Lead", "bad", {"Email": "ana@example.com"}),
        call("PATCH", "sobjects/Contact/003A", "gone", {"LastName": "B"}),
        answers=answers,
    )
    assert played.status == 200
    given = played.json["compositeResponse"]
    assert [each["referenceId"] for each in given] == ["acc", "one", "many", "bad", "gone"]
    assert [each["body"] for each in given] == [
        CREATED,
        SHOWN,
        {"totalSize": 1, "done": True, "records": [SHOWN]},
        [{"message": "[redacted]", "errorCode": "DUPLICATE_VALUE"}],
        None,
    ]
    assert given[0]["httpHeaders"] == {"Location": f"{V}/sobjects/Account/001A"}
    assert list(given[0]) == ["body", "httpHeaders", "httpStatusCode", "referenceId"]
    assert int(played.headers["hushgate-masked"]) == 5


def test_numbers_keep_their_text_and_members_their_order() -> None:
    body = '{"z":1,"NumberOfEmployees":123456789012345678901234567890,"Name":"A","AccountSource":1.10}'
    text = f'{{"compositeResponse":[{{"body":{body},"httpStatusCode":200,"referenceId":"a"}}],"n":null}}'
    played = composite(world(), call("GET", "sobjects/Account/001", "a"), client="admin", answers=text)
    assert played.body.decode() == text


def test_what_is_sent_is_what_was_understood() -> None:
    played = composite(
        world(),
        call("GET", "query/?q=SELECT Id FROM Contact WHERE LastName = 'O\\'Hara'", "q"),
        call("GET", "sobjects/Contact/003A?fields=LastName,Email", "c"),
        answers=[reply({"records": []}, "q"), reply(CONTACT, "c")],
    )
    first, second = sent_calls(played)
    assert first["url"].endswith("'O\\'Hara'") and second["url"].endswith("?fields=LastName,Email")


def test_a_batch_is_relative_and_without_names() -> None:
    calls = [
        call("GET", "v60.0/sobjects/Contact/003A"),
        call("PATCH", "v60.0/sobjects/Contact/003A", body={"LastName": "B"}),
    ]
    answer = {
        "hasErrors": False,
        "results": [{"statusCode": 200, "result": CONTACT}, {"statusCode": 204, "result": None}],
    }
    played = world().ask(
        "POST",
        f"/crm{V}/composite/batch",
        json_body={"batchRequests": calls, "haltOnError": True},
        answer=Answer(200, body=json.dumps(answer).encode()),
    )
    assert json.loads(played.sent[1]) == {"batchRequests": calls, "haltOnError": True}
    answer["results"][0]["result"] = SHOWN  # type: ignore[index]  # a list of results
    assert played.json == answer
    assert played.records[0].parts == ("contacts.fetch", "contacts.update")


def test_content_codings_are_read_and_put_back() -> None:
    sent = gzip.compress(
        json.dumps({"compositeRequest": [call("GET", "sobjects/Contact/003A", "c")]}).encode()
    )
    body = gzip.compress(json.dumps({"compositeResponse": [reply(CONTACT, "c")]}).encode())
    kind = (b"Content-Type", b"application/json;charset=UTF-8")
    played = world().ask(
        "POST",
        f"/crm{V}/composite",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        body=sent,
        answer=Answer(200, (kind, (b"Content-Encoding", b"gzip")), body),
    )
    assert json.loads(gzip.decompress(played.body))["compositeResponse"][0]["body"] == SHOWN
    assert json.loads(gzip.decompress(played.sent[1]))["compositeRequest"]


def test_the_record_names_the_calls_and_comes_before_them() -> None:
    played = composite(
        world(),
        call("GET", "sobjects/Contact/003A", "a"),
        call("POST", "sobjects/Contact", "b", {"Email": "bo@example.com"}),
        answers=[reply(CONTACT, "a"), reply(CREATED, "b", 201)],
    )
    intent, outcome = played.records
    assert (intent.phase, outcome.phase) == ("intent", "outcome")
    assert intent.parts == outcome.parts == ("contacts.fetch", "contacts.create")
    assert intent.operation == "composite" and outcome.masked["user.contact.email"] == 1
    known = [played.exchange.facts.subjects]
    assert set(intent.subjects) < set(outcome.subjects) == set(known[0])
    kinds = played.kinds
    assert kinds.index(Append) < kinds.index(Send)


# ---- what refuses all -----------------------------------------------------------------------------------

FETCH = call("GET", "sobjects/Contact/003A", "a")


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (call("GET", "sobjects/Secret__c/1", "b"), (403, "unknown_operation", "in compositeRequest[1]")),
        (call("DELETE", "sobjects/Contact/003A", "b"), (403, "access_denied", "in compositeRequest[1]")),
        (
            call("POST", "composite", "b", {"compositeRequest": []}),
            (403, "access_denied", "an envelope in an envelope (compositeRequest[1])"),
        ),
        (
            call("POST", "composite/batch/", "b", {"batchRequests": []}),
            (403, "access_denied", "an envelope in an envelope (compositeRequest[1])"),
        ),
        (
            call("GET", "query?q=SELECT+Id+FROM+Contact+WHERE+Email='a'", "b"),
            (403, "hidden_field_queried", "this client may not see the field (compositeRequest[1].q)"),
        ),
        (
            call("PATCH", "sobjects/Contact/Email/ana@example.com", "b", {"LastName": "B"}),
            (403, "hidden_field_queried", "this client may not see the field (compositeRequest[1].field)"),
        ),
        (
            call("POST", "sobjects/Contact?_HttpMethod=DELETE", "b", {}),
            (403, "access_denied", "this may not be sent (compositeRequest[1]._HttpMethod)"),
        ),
        (
            call("PATCH", "sobjects/Contact/003A", "b", {"Email": "[redacted]"}),
            (409, "masked_value_written", "a mask in place of a value (compositeRequest[1].body: **.Email)"),
        ),
        (call("GET", f"sobjects/Contact/{PREFIX}{'A' * 60}", "b"), (422, "token_invalid", "")),
        (call("PATCH", "sobjects/Lead/1", "b", {"Phone": PREFIX + "A" * 60}), (422, "token_invalid", "")),
        (call("GET", "sobjects/Contact/../../x", "b"), (400, "malformed_request", "")),
        (call("GET", "//evil.example/x", "b"), (400, "malformed_request", "")),
        (call("GET", "https://evil.example/", "b"), (400, "malformed_request", "")),
        (call("GET", "sobjects/Contact/003A#x", "b"), (422, "unparseable_body", "")),
        (call("get", "sobjects/Contact/003A", "b"), (422, "unparseable_body", "")),
        (call("TRACE", "sobjects/Contact/003A", "b"), (422, "unparseable_body", "")),
        (call("GET", "sobjects/Contact/003A", "a"), (422, "unparseable_body", "")),
        (call("GET", "sobjects/Contact/003A", "b c"), (422, "unparseable_body", "")),
        (call("GET", "sobjects/Contact/003A"), (422, "unparseable_body", "")),
        (FETCH | {"referenceId": "b", "URL": f"{V}/x"}, (422, "unparseable_body", "")),
        (call("PATCH", "sobjects/Contact/003A", "b", "text"), (422, "unparseable_body", "")),
        (
            call("GET", "sobjects/Contact/1", "b", httpHeaders={"Authorization": "x"}),
            (422, "unparseable_body", ""),
        ),
        (
            call("GET", "sobjects/Contact/1", "b", httpHeaders={"Hushgate-Key": "x"}),
            (422, "unparseable_body", ""),
        ),
        (
            call("GET", "sobjects/Contact/1", "b", httpHeaders={"X": "a\r\nY: b"}),
            (422, "unparseable_body", ""),
        ),
        (
            call("GET", "sobjects/Contact/1", "b", httpHeaders={"X": "a", "x": "b"}),
            (422, "unparseable_body", ""),
        ),
        (call("GET", "sobjects/Contact/1", "b", httpHeaders=["X"]), (422, "unparseable_body", "")),
        ("GET /", (422, "unparseable_body", "")),
        (None, (422, "unparseable_body", "")),
    ],
)
def test_one_bad_call_refuses_all(bad: Any, expected: tuple[int, str, str]) -> None:
    played = composite(world(DROPPING), FETCH, bad)
    got = refusal(played)
    assert played.nothing_sent and Acquire not in played.kinds
    assert got[:2] == expected[:2] and expected[2] in got[2]
    assert "compositeRequest[1]" in got[2]
    assert [r.phase for r in played.records] == ["refusal"]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"allOrNone": "false"}, "body"),
        ({"graphs": []}, "body"),
        ({"AllOrNone": True}, "body"),
        ({"compositeRequest": []}, "compositeRequest"),
        ({"compositeRequest": {}}, "compositeRequest"),
        ({"compositeRequest": [FETCH] * 26}, "compositeRequest"),
    ],
)
def test_an_envelope_holds_nothing_that_is_not_known(members: dict[str, Any], place: str) -> None:
    played = composite(world(), FETCH, **members)
    status, reason, detail = refusal(played)
    assert (status, reason) == (422, "unparseable_body") and f"({place})" in detail and played.nothing_sent


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"null"])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    head = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    played = world().ask("POST", f"/crm{V}/composite", headers=head, body=body)
    assert refusal(played)[:2] == (422, "unparseable_body") and played.nothing_sent


def test_an_envelope_is_json_alone() -> None:
    played = world().ask("POST", f"/crm{V}/composite", form=[("compositeRequest", "x")])
    assert refusal(played)[:2] == (415, "unsupported_media_type") and played.nothing_sent


def test_each_call_counts_as_a_lookup() -> None:
    it = world(RULES + "lookups: 2\n")
    calls = [call("GET", f"sobjects/Contact/LastName/{n}", f"r{n}") for n in range(3)]
    assert refusal(composite(it, *calls))[:2] == (429, "too_many_lookups")


def test_residency_is_that_of_every_call() -> None:
    it = world(DROPPING, networks=(("127.0.0.0/8", "US", "OVH"),))
    assert it.ask("GET", f"/crm{V}/limits").status == 200
    played = composite(it, call("GET", "limits", "a"), call("GET", "sobjects/Contact/003A", "b"))
    assert refusal(played)[:2] == (451, "region_not_allowed") and played.nothing_sent
    assert played.records[-1].rules == ("not-there",)
    alone = composite(it, call("GET", "limits", "a"), answers=[reply({}, "a")])
    assert alone.status == 200


def test_without_a_registry_nothing_is_sent() -> None:
    it = world(DROPPING)
    played = it.ask(
        "POST",
        f"/crm{V}/composite",
        json_body={"compositeRequest": [mail("a", "bo@example.com")]},
        failures={Lookup: StoreError("registry_unavailable", "")},
    )
    assert refusal(played)[:2] == (503, "registry_unavailable") and played.nothing_sent


# ---- references -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "later",
    [
        call("GET", "sobjects/Contact/@{first.id}", "b"),
        call("GET", "sobjects/Contact/@{first.records[0].Id}", "b"),
        call("GET", "query?q=SELECT+Id+FROM+Contact+WHERE+AccountId='@{first.id}'", "b"),
        call("POST", "sobjects/Contact", "b", {"AccountId": "@{first.id}", "x": [{"y": "a @{first.id} b"}]}),
        call("GET", "sobjects/Contact/1", "b", httpHeaders={"X-Id": "@{first.id}"}),
    ],
)
def test_an_identifier_may_be_referred_to(later: dict[str, Any]) -> None:
    first = call("POST", "sobjects/Account", "first", {"Name": "A"})
    played = composite(world(), first, later, answers=[reply(CREATED, "first", 201), reply(CREATED, "b")])
    assert played.status == 200 and sent_calls(played) == [first, later]
    assert not any("@" in subject for record in played.records for subject in record.subjects)


@pytest.mark.parametrize(
    "later",
    [
        call("GET", "sobjects/Contact/@{first.Phone}", "b"),
        call("GET", "sobjects/@{first.Name}/1", "b"),
        call("GET", "@{first.attributes.url}", "b"),
        call("GET", "query?q=SELECT+Id+FROM+Contact+WHERE+LastName='@{first.Description}'", "b"),
        call("GET", "query?q=SELECT+Id+FROM+Contact+WHERE+LastName='%40%7Bfirst.id%7D'", "b"),
        call("GET", "query?q=SELECT+Id+FROM+Contact+WHERE+LastName='@%7Bfirst.Phone%7D'", "b"),
        call("PATCH", "sobjects/Contact/1", "b", {"LastName": "@{first.Phone}"}),
        call("PATCH", "sobjects/Contact/1", "b", {"x": {"y": ["@{first.Phone}"]}}),
        call("PATCH", "sobjects/Contact/1", "b", {"@{first.id}": "x"}),
        call("PATCH", "sobjects/Contact/1", "b", {"LastName": "@{first.id} @{first. Phone}"}),
        call("PATCH", "sobjects/Contact/1", "b", {"LastName": "@{@{first.id}.Phone}"}),
        call("GET", "sobjects/Contact/1", "b", httpHeaders={"X": "@{first.Phone}"}),
    ],
)
def test_nothing_else_may(later: dict[str, Any]) -> None:
    played = composite(world(), call("GET", "sobjects/Contact/1", "first"), later, client="admin")
    assert refusal(played)[:2] == (403, "hidden_field_queried") and played.nothing_sent


@pytest.mark.parametrize("name", ["b", "later", "First"])
def test_only_calls_before_it_are_referred_to(name: str) -> None:
    played = composite(
        world(),
        call("GET", "sobjects/Contact/1", "first"),
        call("GET", f"sobjects/Contact/@{{{name}.id}}", "b"),
        call("GET", "sobjects/Contact/1", "later"),
    )
    assert refusal(played)[:2] == (422, "unparseable_body") and played.nothing_sent


def test_nobody_is_reached_by_reference() -> None:
    body = {"inputs": [{"recipientId": "@{who.id}", "emailBody": "x"}]}
    played = composite(world(), call("GET", "sobjects/Contact/1", "who"), call("POST", MAIL, "m", body))
    assert refusal(played)[:2] == (403, "contact_unknown_recipient") and played.nothing_sent


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
