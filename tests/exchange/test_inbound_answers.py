"""What applications answer to webhooks, and providers to requests: contacts, and what is learnt of people."""

from typing import Any

import pytest

from gateway.contacts.model import Suppression
from gateway.errors import StoreError
from gateway.exchange.commands import (
    Enter,
    Release,
)
from tests.inbounds import (
    COMPANY,
    TWIML,
    acts,
    deliver,
    message,
    twilio_world,
)
from tests.world import Answer, json_answer

SILENT = b"<Response/>"


def twiml(text: str) -> Answer:
    return Answer(200, (TWIML,), f"<Response>{text}</Response>".encode())


@pytest.mark.parametrize(
    "text", ["<Message>Bye</Message>", "<Message><Body>Bye</Body></Message>", "<Sms>Bye</Sms>"]
)
def test_an_answer_that_goes_back_to_the_sender_is_a_contact(text: str) -> None:
    world = twilio_world(client="dialer")
    sent = deliver(world, message("Hello"), answer=twiml(text))
    assert sent.body == twiml(text).body
    world.know("phone", "+33639980001", Suppression(purpose="marketing"))
    played = deliver(world, message("Hello", MessageSid="SM2"), answer=twiml(text))
    assert (played.status, played.body) == (200, SILENT)
    assert played.records[-1].reason == "contact_suppressed"


def test_an_answer_of_plain_text_is_one_too() -> None:
    world = twilio_world(client="dialer")
    world.know("phone", "+33639980001", Suppression())
    plain = Answer(200, ((b"Content-Type", b"text/plain"),), b"Bye")
    assert deliver(world, message("Hello"), answer=plain).body == SILENT


def test_whoever_an_answer_names_is_judged() -> None:
    world = twilio_world(client="dialer")
    world.know("phone", "+33639980002", Suppression())
    text = '<Message to="+33639980002">Hi</Message>'
    assert deliver(world, message("Hello"), answer=twiml(text)).body == SILENT
    call = {"CallSid": "CA1", "From": "+33639980001", "To": COMPANY, "CallStatus": "ringing"}
    dial = twiml("<Dial>+33639980002</Dial>")
    assert deliver(world, call, answer=dial).body == b"<Response><Hangup/></Response>"
    fine = twiml("<Dial>+33639980003</Dial>")
    assert deliver(world, call, answer=fine).body == fine.body


def test_an_answer_that_cannot_be_read_is_not_carried_out() -> None:
    html = Answer(200, ((b"Content-Type", b"text/html"),), b"<Response><Message>x</Message></Response>")
    assert deliver(twilio_world(), message("Hello"), answer=html).body == SILENT
    assert deliver(twilio_world(), message("Hello"), answer=twiml("<Message>")).body == SILENT


# ---- what answers say of recipients -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(21610, [("suppressed", None, "marketing")]), (21614, [("suppressed", "sms", None)]), (20003, [])],
)
def test_an_error_of_the_carrier_is_learnt_before_it_is_answered(code: int, wanted: list[Any]) -> None:
    form = [("To", "+33639980001"), ("From", COMPANY), ("Body", "x")]
    error = json_answer({"code": code, "message": "no", "status": 400}, 400)
    path = "/crm/2010-04-01/Accounts/AC1/Messages.json"
    world = twilio_world()
    played = world.ask("POST", path, client="caller", form=form, answer=error)
    assert (played.status, played.json["code"]) == (400, code)
    assert acts(played) == wanted
    if wanted:
        assert played.script.entered[0].subject == world.snapshot.pseudonymiser("acme")(
            "phone", "+33639980001"
        )
        kinds = [kind for kind in played.kinds if kind in (Enter, Release)]
        assert kinds == [Enter, Release]
        assert (
            world.ask(
                "POST",
                path,
                client="caller",
                form=form,
                answer=error,
                failures={Enter: StoreError("registry_unavailable", "")},
            ).status
            == 503
        )
