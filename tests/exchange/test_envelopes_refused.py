"""Envelopes that are refused as a whole, and references between calls."""

from typing import Any

import pytest

from gateway.errors import StoreError
from gateway.exchange.commands import Acquire, Lookup
from gateway.masking.sealed import PREFIX
from tests.exchange.envelopes import CREATED, FETCH, MAIL, mail
from tests.exchange.salesforce_world import DROPPING, V, call, composite, refusal, reply, sent_calls, world
from tests.world import RULES


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
