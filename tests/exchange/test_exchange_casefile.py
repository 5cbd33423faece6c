"""Rule case files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.model import Consent, Suppression
from gateway.errors import ConfigError
from gateway.exchange.case import CaseResponse, Known, MessageExpectation, SentExpectation
from gateway.exchange.casefile import load_case
from gateway.exchange.casejson import canonical

WHOLE = b"""
name: a supporter who said no is not called
client: dialer
purpose: marketing.communications.phone
upstream: twilio
request:
  method: POST
  path: /2010-04-01/Accounts/AC1/Calls.json
  headers: {X-Trace: "1"}
  form: {To: "+33612345678", Tag: [a, b c]}
registry:
  - {subject: {phone: "+33612345678"}, suppress: {channel: call, source: bloctel}}
  - subject: {email: ada@example.org}
    consent: [{state: confirmed, purpose: marketing}, {state: withdrawn}]
at: 2026-04-01T10:00:00+02:00
address: 203.0.113.7
response: {status: 201, json: {price: 1.10, sid: "1", ok: true, gone: null, say: yes}}
expect:
  effect: refuse
  status: 403
  reason: contact_suppressed
  rules: [calls-need-consent]
  upstream_request: nothing
  masked: 0
"""
SMALL = b"""
name: x
client: c
upstream: hubspot
request: {method: GET, path: /crm}
expect: {effect: allow}
"""


def test_a_whole_case_is_read() -> None:
    case = load_case(WHOLE, "cases/no.yaml")
    assert (case.name, case.file, case.client) == (
        "a supporter who said no is not called",
        "cases/no.yaml",
        "dialer",
    )
    assert (case.purpose, case.upstream, case.address) == (
        "marketing.communications.phone",
        "twilio",
        "203.0.113.7",
    )
    assert case.request.body == b"To=%2B33612345678&Tag=a&Tag=b+c"
    assert case.request.headers == (("X-Trace", "1"), ("Content-Type", "application/x-www-form-urlencoded"))
    assert case.at == 1775030400
    assert case.registry == (
        Known(
            kind="phone",
            value="+33612345678",
            suppressions=(Suppression(channel="call", source="bloctel"),),
        ),
        Known(
            kind="email",
            value="ada@example.org",
            consents=(Consent(state="confirmed", purpose="marketing"), Consent(state="withdrawn")),
        ),
    )
    assert case.expect.upstream_request == SentExpectation(nothing=True)
    assert case.expect.rules == ("calls-need-consent",)


def test_json_keeps_the_digits_and_guesses_nothing() -> None:
    case = load_case(WHOLE, "x")
    assert case.response == CaseResponse(
        status=201,
        headers=(("Content-Type", "application/json"),),
        body=b'{"price": 1.10, "sid": "1", "ok": true, "gone": null, "say": "yes"}',
    )


def test_an_answer_in_chunks() -> None:
    text = SMALL + b"response: {status: 200, headers: {Content-Type: text/csv}, chunks: ['a,', 'b', 'b']}\n"
    assert load_case(text, "x").response == CaseResponse(
        status=200,
        headers=(("Content-Type", "text/csv"),),
        body=b"a,bb",
        chunks=(b"a,", b"b", b"b"),
    )


def test_a_named_content_type_is_kept() -> None:
    text = SMALL.replace(b"/crm}", b"/crm, headers: {content-type: application/hal+json}, json: [1]}")
    assert load_case(text, "x").request.headers == (("content-type", "application/hal+json"),)


def test_a_body_may_be_any_bytes() -> None:
    case = load_case(SMALL.replace(b"/crm}", b"/crm, base64: '/wD+ eA=='}"), "x")
    assert case.request.body == b"\xff\x00\xfex"
    assert case.request.headers == (("Content-Type", "application/octet-stream"),)


def test_what_came_in_before_is_read() -> None:
    hook = b"""webhooks:
  - {provider: twilio, path: /sms?x=1, form: {Body: STOP}, department: north, client: d, forged: true,
     expect: {status: 403, reason: webhook_unverified, entries: [{act: suppressed, subject: {phone: "1"}}]}}
"""
    (read,) = load_case(SMALL + hook, "x").webhooks
    assert (read.provider, read.path, read.body, read.forged) == ("twilio", "/sms?x=1", b"Body=STOP", True)
    assert (read.department, read.client, read.expect.status) == ("north", "d", 403)
    (entry,) = read.expect.entries or ()
    assert (entry.act, entry.subject, entry.channel) == ("suppressed", ("phone", "1"), None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"effect: allow", b"effect: alow", "did you mean 'allow'"),
        (b"effect: allow", b"effect: allow, reason: access_denied", "a reason for what is allowed"),
        (b"effect: allow", b"effect: refuse, reason: acess_denied", "did you mean 'access_denied'"),
        (b"effect: allow", b"effect: allow, masks: 1", "unknown key 'masks'"),
        (b"effect: allow", b"effect: allow, upstream_request: {}", "at least one of"),
        (b"path: /crm", b"path: crm", "begins with '/'"),
        (b"path: /crm", b"path: /crm, json: {}, body: x", "one of body, json, form, base64"),
        (b"path: /crm", b"path: /crm, base64: eA==, body: x", "one of body, json, form, base64"),
        (b"path: /crm", b"path: /crm, base64: 'e?=='", "bytes in base64"),
        (b"path: /crm", b"path: /crm, json: {a: }", 'null, "" or a value'),
        (
            b"effect: allow}",
            b"effect: allow}\nresponse: {status: 200, body: x, chunks: [x]}",
            "one of body, json, base64, chunks",
        ),
        (b"name: x", b"name: x\nat: 2026-04-01 10:00", "offset"),
        (b"name: x", b"name: x\nregistry: [{subject: {phone: 1, email: 2}, suppress: {}}]", "exactly one of"),
        (b"client: c\n", b"", "the required key 'client'"),
        (b"name: x", b"name: x\nwebhooks: [{provider: t, form: {a: b}, body: x}]", "one of body, json, form"),
        (b"name: x", b"name: x\nwebhooks: [{provider: t, expect: {entries: [{act: stop}]}}]", "'stop'"),
        (b"effect: allow", b"effect: allow, record: {}", "at least one of"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: bytes, new: bytes, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_case(SMALL.replace(old, new), "x.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.yaml:")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_case_or_a_config_error(data: bytes) -> None:
    for text in (data, SMALL.replace(b"{effect: allow}", data)):
        try:
            load_case(text, "x")
        except ConfigError:
            continue


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_json_means_the_same(value: object) -> None:
    text = json.dumps(value)
    form = canonical(text)
    assert form is not None
    assert json.loads(form) == value
    assert canonical(form) == form


@given(st.text(max_size=60))
def test_canonical_never_raises(text: str) -> None:
    canonical(text)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("1.1", "1.10"), ("1e2", "100"), ('"1"', "1"), ("null", '"null"')]
)
def test_canonical_tells_apart(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("text", ["", "NaN", "{", "[" * 100_000, "01"])
def test_what_is_not_json_has_no_canonical_form(text: str) -> None:
    assert canonical(text) is None


# ---- WebSockets -----------------------------------------------------------------------------------------

TALK = b"""
name: x
client: c
upstream: hubspot
request: {method: GET, path: /feed}
websocket:
  - {says: application, json: {a: 1.10}, passes: nothing, masked: 0}
  - {says: provider, base64: AP8A, passes: {frames: 82 03 00 ff 00}}
  - {says: provider, body: hi, passes: {body: hi}}
expect: {effect: allow, status: 101, close: 1000, records: [intent, stream, outcome]}
"""


def test_the_messages_of_a_websocket_are_read() -> None:
    case = load_case(TALK, "x.yaml")
    assert case.websocket == case.expect.messages and case.websocket is not None
    sent, binary, text = case.websocket
    assert (sent.sends, sent.masked) == (True, 0)
    assert (sent.wire[:2], len(sent.wire)) == (b"\x81\x8b", 6 + 11), "masked"
    assert sent.passes == MessageExpectation(wire=b"")
    assert (binary.wire, binary.passes) == (b"\x82\x03\x00\xff\x00", MessageExpectation(wire=binary.wire))
    assert (text.wire, text.passes) == (b"\x81\x02hi", MessageExpectation(payload=b"hi"))


@pytest.mark.parametrize(
    ("written", "instead", "words"),
    [
        (b"method: GET", b"method: POST", "'websocket' of another call than a GET"),
        (b"body: hi, passes", b"body: hi, frames: ff, passes", "frames"),
        (b"says: application, json: {a: 1.10}", b"says: application", "json"),
        (b"82 03 00 ff 00", b"82 0", "bytes in hex"),
        (b"says: provider, body", b"says: nobody, body", "nobody"),
        (b"close: 1000", b"close: 999", "from 1000 to 4999"),
    ],
)
def test_mistakes_in_messages(written: bytes, instead: bytes, words: str) -> None:
    assert written in TALK
    with pytest.raises(ConfigError, match=words):
        load_case(TALK.replace(written, instead), "x.yaml")


def test_only_a_websocket_is_switched_to() -> None:
    with pytest.raises(ConfigError, match="below 200 without 'websocket'"):
        load_case(SMALL + b"response: {status: 101}\n", "x.yaml")
