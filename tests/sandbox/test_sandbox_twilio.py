"""The real `twilio` SDK against the sandbox, directly."""

from collections.abc import Iterator
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from gateway.sandbox import twilio
from gateway.sandbox.people import COMPANY_NUMBER, PEOPLE
from gateway.sandbox.serve import running
from tests.sandbox.sandboxkit import received, twilio_client

CAMILLE = PEOPLE[0]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(twilio.create()) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    with twilio_client(url) as made:
        yield made


def test_message_is_sent_and_remembered(client: Any, url: str) -> None:
    received(url, "DELETE")
    sent = client.messages.create(to=CAMILLE.mobilephone, from_=COMPANY_NUMBER, body="Hello")
    assert (sent.to, sent.from_, sent.body, sent.status) == (
        CAMILLE.mobilephone,
        COMPANY_NUMBER,
        "Hello",
        "queued",
    )
    ledger = received(url)
    assert ledger["count"] == 1
    assert "To=%2B33639980001" in ledger["requests"][0]["body"]


def test_message_life(client: Any) -> None:
    sid = client.messages.create(
        to=CAMILLE.mobilephone, from_=COMPANY_NUMBER, body="x", media_url=["https://a.example/b"]
    ).sid
    assert client.messages(sid).fetch().num_media == "1"
    media = client.messages(sid).media.list()
    assert client.messages(sid).media(media[0].sid).fetch().content_type == "image/gif"
    assert client.messages(sid).media(media[0].sid).delete()
    assert client.messages(sid).update(body="").body == ""
    assert client.messages(sid).feedback.create(outcome="confirmed").outcome == "confirmed"
    assert client.messages(sid).delete()
    with pytest.raises(TwilioRestException) as missing:
        client.messages(sid).fetch()
    assert (missing.value.status, missing.value.code) == (404, 20404)


def test_messages_are_listed_page_by_page_and_filtered(client: Any) -> None:
    everything = client.messages.list()
    assert len(client.messages.list(page_size=2)) == len(everything)
    assert {m.to for m in client.messages.list(to=CAMILLE.mobilephone)} == {CAMILLE.mobilephone}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "12", "from_": COMPANY_NUMBER, "body": "x"}, 21211),
        ({"to": CAMILLE.mobilephone, "body": "x"}, 21603),
        ({"to": CAMILLE.mobilephone, "from_": COMPANY_NUMBER}, 21602),
    ],
)
def test_message_refused_with_twilios_codes(client: Any, fields: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**fields)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_calls_and_recordings(client: Any) -> None:
    call = client.calls.create(to=CAMILLE.mobilephone, from_=COMPANY_NUMBER, url="https://app.example/twiml")
    assert client.calls(call.sid).fetch().status == "queued"
    recording = client.calls(call.sid).recordings.create()
    assert [r.sid for r in client.calls(call.sid).recordings.list()] == [recording.sid]
    assert client.calls(call.sid).recordings(recording.sid).update(status="stopped").status == "stopped"
    assert client.recordings(recording.sid).fetch().call_sid == call.sid
    assert client.recordings(recording.sid).delete()
    assert client.calls(call.sid).update(status="completed").status == "completed"
    assert client.calls(call.sid).delete()
    assert len(client.calls.list()) == 4


@pytest.mark.parametrize(("kind", "start"), [("mp3", b"\xff\xfb"), ("wav", b"RIFF")])
def test_recorded_sound(client: Any, url: str, kind: str, start: bytes) -> None:
    recording = client.recordings.list(limit=1)[0]
    answer = client.http_client.session.get(
        f"{url}/2010-04-01/Accounts/{twilio.ACCOUNT}/Recordings/{recording.sid}.{kind}", auth=client.auth
    )
    assert answer.headers["content-type"].startswith("audio/")
    assert answer.content.startswith(start)


def test_lookups(client: Any, url: str) -> None:
    received(url, "DELETE")
    found = client.lookups.v2.phone_numbers(CAMILLE.mobilephone).fetch(fields="caller_name")
    assert (found.country_code, found.caller_name["caller_name"]) == ("FR", "Camille Durand")
    assert found.line_type_intelligence is None
    older = client.lookups.v1.phone_numbers(CAMILLE.mobilephone).fetch(type=["carrier"])
    assert older.carrier["name"] == "Fictional Mobile"
    assert received(url)["requests"][0]["path"] == "/v2/PhoneNumbers/+33639980001"


def test_conversation_participants(client: Any) -> None:
    conversation = client.conversations.v1.conversations("CH" + "1" * 32)
    made = conversation.participants.create(
        messaging_binding_address=CAMILLE.mobilephone, messaging_binding_proxy_address=COMPANY_NUMBER
    )
    assert made.messaging_binding["address"] == CAMILLE.mobilephone
    assert conversation.participants(made.sid).update(attributes='{"a":1}').attributes == '{"a":1}'
    assert [p.sid for p in conversation.participants.list()] == [made.sid]
    assert conversation.participants(made.sid).delete()


def test_wrong_credential_and_too_many_requests() -> None:
    with running(twilio.create(allowance=1)) as url:
        for token, status, code in (("wrong", 401, 20003), (twilio.TOKEN, 429, 20429)):
            with twilio_client(url, token) as client, pytest.raises(TwilioRestException) as refused:
                client.messages("SM1").fetch()
            assert (refused.value.status, refused.value.code) == (status, code)
