"""What an exchange has established, and the record made from it."""

import msgspec

from gateway.errors import HushgateError, UpstreamError
from gateway.exchange.commands import Command, Send
from tests.world import World, json_answer


def test_an_intent_does_not_change_with_what_comes_after() -> None:
    person = {"name": {"first": "Ana"}, "email": "ana@example.com"}
    played = World().ask("POST", "/crm/contacts", json_body=person, answer=json_answer(person))
    intent, outcome = played.records
    assert intent.seen == {"user.name.first": 1, "user.contact.email": 1} and not intent.masked
    assert outcome.seen == {"user.name.first": 2, "user.contact.email": 2}
    assert outcome.masked == {"user.contact.email": 1} and outcome.paths == {"email": 1}


def test_what_is_not_personal_is_not_counted() -> None:
    played = World().ask("GET", "/crm/contacts/7", answer=json_answer({"created": "2026-01-01", "code": 1}))
    assert set(played.records[0].seen) == {"user.unique_id"}


def test_an_unknown_client_leaves_no_more_than_a_refusal() -> None:
    record = World().ask("GET", "/crm/contacts/7", client=None).records[0]
    assert (record.tenant, record.client, record.operation, record.policy) == ("-", "-", "-", "")
    assert (record.phase, record.effect, record.reason, record.method) == (
        "refusal",
        "refuse",
        "unknown_client",
        "GET",
    )


def test_effects() -> None:
    failures: dict[type[Command], HushgateError] = {Send: UpstreamError("upstream_timeout", "")}
    read = World().ask("GET", "/crm/contacts/7", failures=failures).records[-1]
    act = World().ask("DELETE", "/crm/contacts/7", failures=failures).records[-1]
    assert (read.phase, read.effect) == ("refusal", "refuse")
    assert (act.phase, act.effect) == ("outcome", "error")
    assert msgspec.json.decode(msgspec.json.encode(act))["reason"] == "upstream_timeout"
