"""Nobody is recorded or transcribed who did not agree to that; a call that is up is of whom it reached."""

import json

import pytest

from gateway.contacts.model import Consent, Suppression
from gateway.errors import StoreError
from gateway.exchange.commands import Lookup, Reserve, Reserved
from tests.inbounds import COMPANY, PLUGINS, deliver, twilio_world
from tests.world import RULES, Answer, Played, World, json_answer

RULE = (
    RULES + "rules:\n  - {id: taped, contact: {channels: [call], recording: functional.service.improve, "
    "require: consent, unknown_subject: refuse}%s}\n"
)
PERSON, OTHER = "+33639980001", "+33639980002"
CALLS = "/crm/2010-04-01/Accounts/AC1/Calls"
AGREED = Consent(state="granted", purpose="functional.service")


def twilio(more: str = "") -> World:
    return World(rules=RULE % more, pack=(PLUGINS / "twilio" / "pack.yaml").read_bytes(), provider="twilio")


def call(world: World, query: str = "", **form: str) -> Played:
    said = {"To": PERSON, "From": COMPANY, **form}
    answer = json_answer({"sid": "CA1", "to": PERSON}, 201)
    return world.ask("POST", f"{CALLS}.json{query}", client="admin", form=[*said.items()], answer=answer)


def on(world: World, path: str, **form: str) -> Played:
    answer = json_answer({"sid": "CA1"})
    return world.ask("POST", f"{CALLS}/CA1{path}.json", client="admin", form=[*form.items()], answer=answer)


def twiml(inner: str) -> str:
    return f"<Response>{inner}</Response>"


RECORDS = [
    {"Record": "true"},
    {"Record": "TRUE"},
    {"Record": "1"},
    {"Record": "yes"},
    {"Twiml": twiml("<Record/>")},
    {"Twiml": twiml("<record maxLength='3' />")},
    {"Twiml": twiml("<Dial record='record-from-answer-dual'/>")},
    {"Twiml": twiml('<Dial><Conference record="record-from-start">a</Conference></Dial>')},
    {"Twiml": twiml("<Start><Transcription/></Start>")},
    {"Twiml": twiml("<Start><Recording/></Start><Say>Hello</Say>")},
    {"Twiml": twiml("<Connect><Stream url='wss://x.example'/></Connect>")},
    {"Twiml": twiml("<Gather input='speech dtmf'/>")},
    {"Twiml": twiml("<Gather input='speec&#104;'/>")},
    {"Twiml": twiml("<Dial x='a > b' record='true'/>")},
]
LETS_BE = [
    {},
    {"Record": "false"},
    {"Record": " False "},
    {"Record": ""},
    {"Twiml": twiml("<Say>Record the call? transcribe='true'</Say>")},
    {"Twiml": twiml("<!-- <Record/> --><Hangup/>")},
    {"Twiml": twiml("<Dial record='do-not-record'/>")},
    {"Twiml": twiml("<Gather input='dtmf'/>")},
    {"Twiml": twiml("""<Say voice="a record='true'">x</Say>""")},
]


@pytest.mark.parametrize("form", RECORDS)
def test_what_records_needs_a_consent_to_that(form: dict[str, str]) -> None:
    world = twilio()
    world.know("phone", PERSON, Consent(state="granted"), Consent(state="granted", purpose="marketing"))
    refused = call(world, **form)
    assert (refused.status, refused.reason, refused.nothing_sent) == (403, "contact_without_consent", True)
    world.know("phone", PERSON, AGREED)
    assert call(world, **form).status == 201


@pytest.mark.parametrize("form", LETS_BE)
def test_what_does_not_needs_none(form: dict[str, str]) -> None:
    assert call(twilio(), **form).status == 201


def test_a_parameter_beside_the_body_asks_as_well() -> None:
    assert call(twilio(), "?Record=true").status == 403


@pytest.mark.parametrize("text", ["<Response><Record", "<!DOCTYPE a><Response/>", "Record"])
def test_instructions_that_cannot_be_read_are_not_sent(text: str) -> None:
    assert call(twilio(), Twiml=text).nothing_sent


def test_everybody_in_the_call_has_to_agree() -> None:
    world = twilio()
    world.know("phone", PERSON, AGREED)
    dial = twiml(f"<Dial record='true'>{OTHER}</Dial>")
    assert call(world, Twiml=dial).reason == "contact_without_consent"
    world.know("phone", OTHER, AGREED)
    assert call(world, Twiml=dial).status == 201


@pytest.mark.parametrize("state", ["withdrawn", "expired"])
def test_a_consent_that_ended_is_none(state: str) -> None:
    world = twilio()
    world.know("phone", PERSON, AGREED, Consent(state=state, purpose="functional.service.improve"))  # type: ignore[arg-type]  # one of them
    assert call(world, Record="true").reason == "contact_without_consent"


def test_a_shadow_rule_says_what_it_would_have_done() -> None:
    played = call(twilio(", mode: shadow"), Record="true")
    assert played.status == 201 and played.records[-1].shadow == ("taped",)


# ---- calls that are up ----------------------------------------------------------------------------------

UP = ["/Recordings", "/Transcriptions"]


def remembered(played: Played) -> dict[str, str]:
    wanted = [each for c in played.script.commands if isinstance(c, Reserve) for each in c.wanted]
    return {each.id: each.subject for each in wanted}


@pytest.mark.parametrize("path", UP)
def test_a_call_that_is_up_is_of_whom_it_reached(path: str) -> None:
    world = twilio()
    played = call(world)
    known = remembered(played)
    assert list(known.values()) == [world.named("phone", PERSON)]
    assert PERSON not in json.dumps(known) and "CA1" not in json.dumps(known)
    assert on(world, path).reason == "contact_unknown_recipient", "nobody knows yet whose it is"
    world.reserved = known
    world.know("phone", PERSON, Consent(state="granted", purpose="marketing"))
    refused = on(world, path)
    assert (refused.reason, refused.nothing_sent) == ("contact_without_consent", True)
    world.know("phone", PERSON, AGREED)
    passed = on(world, path)
    assert passed.status == 200 and world.named("phone", PERSON) in passed.records[-1].subjects


def test_of_several_people_each_is_asked() -> None:
    world = twilio()
    known = remembered(call(world, Twiml=twiml(f"<Dial>{OTHER}</Dial>")))
    assert len(known) == 2
    world.reserved = known
    world.know("phone", PERSON, AGREED)
    assert on(world, "/Recordings").status == 403
    world.know("phone", OTHER, AGREED)
    assert on(world, "/Recordings").status == 200


def test_a_call_of_more_than_can_be_remembered_is_of_nobody() -> None:
    world = twilio()
    others = "".join(f"<Number>+3363998{n:04}</Number>" for n in range(10, 18))
    assert remembered(call(world, Twiml=twiml(f"<Dial>{others}</Dial>"))) == {}


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"sid": 7}, 201),
        json_answer({}, 201),
        json_answer([], 201),
        json_answer({"sid": "CA1"}, 400),
    ],
)
def test_a_call_that_has_no_name_is_not_remembered(answer: Answer) -> None:
    form = [("To", PERSON), ("From", COMPANY)]
    played = twilio().ask("POST", f"{CALLS}.json", client="admin", form=form, answer=answer)
    assert remembered(played) == {}


def test_where_it_cannot_be_kept_the_call_is_made_all_the_same() -> None:
    world, away = twilio(), StoreError("registry_unavailable", "")
    form = [("To", PERSON), ("From", COMPANY)]
    answer = json_answer({"sid": "CA1"}, 201)
    played = world.ask(
        "POST", f"{CALLS}.json", client="admin", form=form, answer=answer, failures={Reserve: away}
    )
    assert played.status == 201
    lost = world.ask(
        "POST", f"{CALLS}/CA1/Recordings.json", client="admin", form=[], failures={Reserved: away}
    )
    assert (lost.status, lost.reason, lost.nothing_sent) == (503, "registry_unavailable", True)


def test_a_recording_goes_on_only_with_consent_and_can_always_be_stopped() -> None:
    world = twilio()
    world.know("phone", PERSON, Suppression())
    assert on(world, "/Recordings/RE1", Status="stopped").status == 200
    assert on(world, "/Recordings/RE1", Status="paused").status == 200
    assert on(world, "/Recordings/RE1", Status="in-progress").status == 403


def test_other_instructions_to_a_call_reach_nobody_anew() -> None:
    world = twilio()
    world.reserved = remembered(call(world))
    world.know("phone", PERSON, Suppression())
    ended = on(world, "", Status="completed")
    assert ended.status == 200 and Lookup not in ended.kinds
    assert on(world, "", Twiml=twiml("<Record/>")).status == 403


def test_without_a_rule_nothing_is_asked_or_remembered() -> None:
    world = World(pack=(PLUGINS / "twilio" / "pack.yaml").read_bytes(), provider="twilio")
    assert Reserve not in call(world, Record="true").kinds
    played = on(world, "/Recordings")
    assert played.status == 200 and Lookup not in played.kinds and Reserved not in played.kinds


# ---- calls that come in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [PERSON, "anonymous", ""])
def test_an_answer_records_nobody_who_did_not_agree(caller: str) -> None:
    world = twilio_world(rules=RULE % "")
    comes = {"CallSid": "CA1", "From": caller, "To": COMPANY, "CallStatus": "ringing"}
    tape = Answer(200, ((b"Content-Type", b"text/xml"),), twiml("<Record/>").encode())
    assert deliver(world, comes, answer=tape).body == b"<Response><Hangup/></Response>"
    plain = Answer(200, ((b"Content-Type", b"text/xml"),), twiml("<Say>Hello</Say>").encode())
    assert deliver(world, comes, answer=plain).body == plain.body
    world.know("phone", PERSON, AGREED)
    assert (deliver(world, comes, answer=tape).body == tape.body) is (caller == PERSON)
