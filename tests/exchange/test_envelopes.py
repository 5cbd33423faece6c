"""Envelopes: every call in one is decided as a request of its own, and every answer masked as its own."""

import gzip
import json

from gateway.exchange.commands import Append, Send
from tests.exchange.envelopes import CONTACT, CREATED, SHOWN
from tests.exchange.salesforce_world import V, call, composite, reply, sent_calls, world
from tests.world import Answer

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
