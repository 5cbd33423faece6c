"""What differs between a case's expectation and its outcome."""

from typing import Any

import pytest

from gateway.cli.compare import differences
from gateway.contacts.model import Entry
from gateway.exchange.case import (
    CaseMessage,
    CaseWebhook,
    EntryExpectation,
    Expectation,
    Heard,
    Logged,
    MessageExpectation,
    Outcome,
    Passed,
    RecordExpectation,
    Sent,
    SentExpectation,
    WebhookExpectation,
)

GOT = Outcome(
    effect="allow",
    status=200,
    rules=("b", "a"),
    body=b'{"n": 1.10, "who": {"phone": "***", "name": "Ada"}}',
    upstream_request=Sent(method="POST", path="/x?y=1", body=b"To=%2B331&Body=a+b"),
    masked=1,
)


@pytest.mark.parametrize(
    "expected",
    [
        Expectation(effect="allow"),
        Expectation(effect="allow", status=200, rules=("a", "b"), masked=1, dropped=0, reason=""),
        Expectation(effect="allow", json='{"who": {"name": "Ada", "phone": "***"}, "n": 1.10}'),
        Expectation(effect="allow", body=GOT.body.decode()),
        Expectation(effect="allow", upstream_request=SentExpectation(path="/x?y=1")),
        Expectation(effect="allow", upstream_request=SentExpectation(form=(("To", "+331"), ("Body", "a b")))),
        Expectation(effect="allow", upstream_request=SentExpectation(body="To=%2B331&Body=a+b")),
    ],
)
def test_what_is_as_expected_says_nothing(expected: Expectation) -> None:
    assert differences(expected, GOT) == []


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expectation(effect="refuse"), "effect: expected refuse, got allow"),
        (Expectation(effect="allow", status=403), "status: expected 403, got 200"),
        (Expectation(effect="allow", masked=0), "masked: expected 0, got 1"),
        (Expectation(effect="allow", dropped=2), "dropped: expected 2, got 0"),
        (Expectation(effect="allow", reason="access_denied"), "reason: expected access_denied, got none"),
        (Expectation(effect="allow", rules=()), "rules: expected none, got a, b"),
        (Expectation(effect="allow", rules=("a",)), "rules: expected a, got a, b"),
        (Expectation(effect="allow", body=""), "body:"),
        (
            Expectation(effect="allow", upstream_request=SentExpectation(nothing=True)),
            "expected nothing, got POST /x?y=1",
        ),
        (
            Expectation(effect="allow", upstream_request=SentExpectation(path="/x")),
            "expected path /x, got /x?y=1",
        ),
        (Expectation(effect="allow", upstream_request=SentExpectation(json="{}")), "expected JSON, got"),
        (Expectation(effect="allow", upstream_request=SentExpectation(form=(("To", "+331"),))), "+Body=a b"),
    ],
)
def test_each_difference_is_named(expected: Expectation, words: str) -> None:
    [found] = differences(expected, GOT)
    assert words in found


def test_a_number_written_otherwise_is_a_difference_with_its_surroundings() -> None:
    wanted = '{"n": 1.1, "who": {"phone": "***", "name": "Ada"}}'
    [found] = differences(Expectation(effect="allow", json=wanted), GOT)
    assert '-  "n": 1.1,' in found
    assert '+  "n": 1.10,' in found
    assert '   "who": {' in found


def test_a_request_that_was_never_sent_is_a_difference() -> None:
    expected = Expectation(effect="refuse", upstream_request=SentExpectation(path="/x"))
    assert differences(expected, Outcome(effect="refuse", status=403)) == [
        "upstream request: expected one, got nothing"
    ]


def test_an_answer_that_is_not_json_is_shown_short() -> None:
    [found] = differences(
        Expectation(effect="allow", json="{}"), Outcome(effect="allow", status=200, body=b"<" * 500)
    )
    assert len(found) < 150


STOP = Entry(id="e", subject="phone +331", act="suppressed", at=1.0, source="stop:twilio")
ENTERED = Heard(status=204, reason="", entries=(STOP,))


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (WebhookExpectation(status=204, reason="", entries=(EntryExpectation(act="suppressed"),)), ""),
        (WebhookExpectation(entries=(EntryExpectation(act="suppressed", subject=("phone", "+331")),)), ""),
        (WebhookExpectation(status=403), "webhook 1: status: expected 403, got 204"),
        (WebhookExpectation(reason="webhook_unverified"), "expected webhook_unverified, got none"),
        (WebhookExpectation(entries=()), "webhook 1: entries: expected 0, got 1: suppressed"),
        (
            WebhookExpectation(entries=(EntryExpectation(act="lifted"),)),
            "webhook 1: entry 1: act: expected lifted, got suppressed",
        ),
        (
            WebhookExpectation(entries=(EntryExpectation(act="suppressed", subject=("phone", "+332")),)),
            "entry 1: subject: expected phone +332, got phone +331",
        ),
        (
            WebhookExpectation(entries=(EntryExpectation(act="suppressed", purpose="marketing"),)),
            "entry 1: purpose: expected marketing, got none",
        ),
    ],
)
def test_what_webhooks_became_is_compared(expected: WebhookExpectation, words: str) -> None:
    hook = CaseWebhook(provider="twilio", path="", expect=expected)
    got = Outcome(effect="allow", status=200, heard=(ENTERED,))
    assert words in "".join(differences(Expectation(effect="allow"), got, (hook,)))
    assert bool(words) == bool(differences(Expectation(effect="allow"), got, (hook,)))


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (RecordExpectation(operation="contacts.update", client="desk", fields=("b", "a")), ""),
        (RecordExpectation(subjects=(("record", "7"),)), ""),
        (RecordExpectation(fields=()), "record: fields: expected none, got a, b"),
        (RecordExpectation(client="dialer"), "record: client: expected dialer, got desk"),
        (RecordExpectation(subjects=()), "record: subjects: expected none, got record 7"),
    ],
)
def test_what_the_log_says_is_compared(expected: RecordExpectation, words: str) -> None:
    logged = Logged(operation="contacts.update", client="desk", fields=("a", "b"), subjects=("record 7",))
    found = differences(
        Expectation(effect="allow", record=expected), Outcome(effect="allow", status=200, record=logged)
    )
    assert found == ([words] if words else [])


TOLD = Passed(wire=bytes.fromhex("81027b7d"), payload=b"{}", masked=1)


def message(masked: int | None = None, **passes: Any) -> CaseMessage:
    return CaseMessage(sends=True, wire=b"x", passes=MessageExpectation(**passes), masked=masked)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ((message(json="[]"),), ["message 1:\n", "-[]"]),
        ((message(payload=b"{ }"),), ["message 1:\n"]),
        ((message(wire=b""),), ["message 1: expected nothing, got 81027b7d"]),
        ((message(masked=0),), ["message 1: expected masked 0, got 1"]),
        ((message(), message(wire=b"\x81\x00")), ["message 2: expected 8100, got nothing"]),
        ((message(json="{}", payload=b"{}", wire=TOLD.wire, masked=1), message(wire=b"")), []),
    ],
)
def test_each_difference_of_a_message_is_named(expected: tuple[CaseMessage, ...], words: list[str]) -> None:
    got = Outcome(effect="allow", status=101, messages=(TOLD,))
    found = differences(Expectation(effect="allow", messages=expected), got)
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_what_is_on_record_and_the_code_are_compared() -> None:
    got = Outcome(effect="allow", status=101, close=1000, records=("intent", "stream", "outcome"))
    found = differences(Expectation(effect="allow", close=1008, records=("refusal",)), got)
    assert found == [
        "close: expected 1008, got 1000",
        "records: expected refusal, got intent, stream, outcome",
    ]
