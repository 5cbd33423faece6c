"""TwiML in a call's form: whoever it dials is a recipient, and what it says is data."""

from pathlib import Path

import pytest

from gateway.contacts.model import Suppression
from tests.world import RULES, Played, World, json_answer

PACK = (Path(__file__).parents[2] / "plugins/twilio/pack.yaml").read_bytes()
RULE = "rules: [{id: stop, contact: {require: no_suppression}, on_refusal: drop}]\n"
PATH = "/crm/2010-04-01/Accounts/AC1/Calls.json"
TO, OTHER, STOPPED = "+33639980001", "+33639980002", "+33639980003"


def call(twiml: str, rules: str = RULE) -> Played:
    # The world's upstream is of provider `crm`: the pack is taken for that provider's.
    world = World(rules=RULES + rules, pack=PACK.replace(b"provider: twilio", b"provider: crm"))
    world.know("phone", STOPPED, Suppression(source="test"))
    form = [("To", TO), ("From", "+33199009900"), ("Twiml", twiml)]
    return world.ask("POST", PATH, client="caller", form=form, answer=json_answer({"sid": "CA1"}))


@pytest.mark.parametrize(
    "twiml",
    [
        f"<Response><Dial>{STOPPED}</Dial></Response>",
        f"<Response><Dial><Number>{STOPPED}</Number></Dial></Response>",
        "<Response><Dial><Number>+336<!-- -->39980003</Number></Dial></Response>",
        f'<Response><Message to="{STOPPED}">hi</Message></Response>',
        f"<Response><Gather><Say>x</Say></Gather><Dial><Sip>sip:{STOPPED}@x.example</Sip></Dial></Response>",
    ],
)
def test_whoever_twiml_reaches_is_judged(twiml: str) -> None:
    played = call(twiml)
    assert played.status == 403 and played.nothing_sent


def test_of_several_numbers_one_may_be_left_out() -> None:
    both = f'<Response><Dial timeout="9"><Number>{STOPPED}</Number><Number>{OTHER}</Number></Dial></Response>'
    played = call(both)
    assert played.status == 200 and played.headers["hushgate-dropped"] == "1"
    assert STOPPED.encode()[1:] not in played.sent[1] and OTHER.encode()[1:] in played.sent[1]


@pytest.mark.parametrize(
    "twiml",
    ["<Response><Say>Hello</Say></Response>", "<Response><Dial><Client>ana</Client></Dial></Response>", ""],
)
def test_twiml_that_reaches_nobody_else_goes_on_as_it_is(twiml: str) -> None:
    played = call(twiml)
    assert played.status == 200 and b"Twiml=" in played.sent[1]


def test_what_is_no_twiml_is_refused() -> None:
    assert call("<Response><Dial>").reason == "unparseable_body"
    assert call('<!DOCTYPE r [<!ENTITY a "b">]><Response>&a;</Response>').reason == "unparseable_body"


def test_what_twiml_says_is_masked_by_its_own_category() -> None:
    rule = "rules: [{id: m, mask: user.content.private, with: redact, direction: request}]\n"
    body = call('<Response><Say voice="alice">Hello Ana</Say></Response>', rule).sent[1]
    assert b"Ana" not in body and b"alice" in body and b"redacted" in body
