"""Recipients of a request: counted before they are reached, held, left out, refused."""

import json
from collections.abc import Sequence

import pytest

from gateway.contacts.model import Entry, Suppression
from gateway.errors import HushgateError, PayloadError, StoreError, UpstreamError
from gateway.exchange.commands import Acquire, Append, Collect, Command, GiveBack, Lookup, Reserve, Send
from gateway.exchange.script import freed
from tests.exchange.batches import HEAD, VIEWS
from tests.world import PACK, Played, World, json_answer

ANA, BO, CY = "ana@example.com", "bo@example.com", "cy@example.com"
NUMBER, OTHER = "+33639980001", "+33639980002"
OFTEN = "  - {id: often, contact: {channels: [sms, email], at_most: ['2 in 7 days', '1 in 1 hour']}%s}\n"
DROP, HOLD, SHADOW = ", on_refusal: drop", ", on_refusal: hold", ", mode: shadow"
DAY = 86_400.0
Failures = dict[type[Command], HushgateError]


def world(rules: str, reached: dict[str, Sequence[float]] | None = None, pack: bytes = PACK) -> World:
    """A world in which people were reached so many seconds ago."""
    made = World(rules=HEAD + VIEWS + rules, pack=pack)
    for value, ago in (reached or {}).items():
        name = made.named("email" if "@" in value else "phone", value)
        made.reached[name] = tuple(made.now - seconds for seconds in ago)
    return made


def text(made: World, to: str = NUMBER, **more: object) -> Played:
    return made.ask("POST", "/crm/messages", form=[("To", to), ("Body", "x")], **more)  # type: ignore[arg-type]


def mail(made: World, to: str, *cc: str) -> Played:
    return made.ask("POST", "/crm/mails", json_body={"to": to, "cc": list(cc), "text": "x"})


def asked(played: Played) -> list[Reserve]:
    return [command for command in played.script.commands if isinstance(command, Reserve)]


def test_a_contact_is_counted_before_it_is_made() -> None:
    played = text(world(OFTEN % ""))
    assert played.kinds[:6] == [Collect, Lookup, Reserve, Acquire, Append, Send]
    [reserve] = asked(played)
    [wanted] = reserve.wanted
    assert (wanted.id, len(wanted.caps)) == ("d-1.0", 2)
    assert GiveBack not in played.kinds


def test_without_a_limit_nothing_is_counted() -> None:
    assert Reserve not in text(world("  - {id: plain, contact: {}}\n")).kinds


@pytest.mark.parametrize(
    ("ago", "wait"),
    [
        ((8 * DAY, 9 * DAY), None),
        ((2 * DAY,), None),
        ((2 * DAY, 3 * DAY), 4 * 86_400),
        ((600.0,), 3000),
        ((600.0, 6 * DAY), 86_400),
    ],
)
def test_too_often_says_until_when(ago: Sequence[float], wait: int | None) -> None:
    played = text(world(OFTEN % "", {NUMBER: ago}))
    assert (played.status == 403) is (wait is not None)
    if wait is not None:
        assert (played.reason, played.json["rules"]) == ("contact_too_often", ["often"])
        assert played.json["retry_after"] == wait and played.headers["retry-after"] == str(wait)
        assert played.nothing_sent


def test_whoever_was_reached_too_often_is_left_out() -> None:
    played = mail(world(OFTEN % DROP, {BO: (60.0,)}), ANA, BO, CY)
    assert played.status == 200 and played.headers["hushgate-dropped"] == "1"
    assert BO.encode() not in played.sent[1] and CY.encode() in played.sent[1]


def test_somebody_named_twice_is_reached_once() -> None:
    [reserve] = asked(mail(world(OFTEN % ""), ANA, BO, "Bo@Example.com"))
    assert len(reserve.wanted) == 2


def test_a_shadow_limit_counts_apart_and_only_reports() -> None:
    played = text(world(OFTEN % SHADOW, {NUMBER: (60.0,)}))
    assert played.status == 200 and played.records[-1].shadow == ("often",)
    broken = text(world(OFTEN % SHADOW), failures={Reserve: StoreError("registry_unavailable", "")})
    assert broken.status == 200


@pytest.mark.parametrize(
    "error", [StoreError("registry_unavailable", ""), PayloadError("request_timeout", "")]
)
def test_what_cannot_be_counted_is_not_made(error: StoreError | PayloadError) -> None:
    played = text(world(OFTEN % ""), failures={Reserve: error})
    assert (played.status, played.reason, played.nothing_sent) == (503, "registry_unavailable", True)
    assert GiveBack not in played.kinds


def test_a_contact_that_is_not_made_is_given_back() -> None:
    unreachable: Failures = {Acquire: UpstreamError("upstream_unreachable", "")}
    unwritten: Failures = {Append: StoreError("audit_unavailable", "")}
    for failure in (unreachable, unwritten):
        played = text(world(OFTEN % ""), failures=failure)
        [back] = [c for c in played.script.commands if isinstance(c, GiveBack)]
        assert list(back.ids) == ["d-1.0"] and played.status >= 500
    late = text(world(OFTEN % ""), failures={**unreachable, GiveBack: StoreError("registry_unavailable", "")})
    assert late.reason == "upstream_unreachable", "it counts then, and the answer is the same"


def test_a_contact_that_may_have_been_made_counts() -> None:
    played = text(world(OFTEN % ""), failures={Send: UpstreamError("upstream_timeout", "")})
    assert played.status == 504 and GiveBack not in played.kinds


def test_those_within_their_limits_are_given_back_when_another_stops_the_request() -> None:
    played = mail(world(OFTEN % "", {BO: (60.0,)}), ANA, BO)
    [back] = [c for c in played.script.commands if isinstance(c, GiveBack)]
    assert played.reason == "contact_too_often" and list(back.ids) == ["d-1.0", "d-1.1"]


def test_calls_of_an_envelope_never_share_a_reservation() -> None:
    facts = text(world(OFTEN % "")).exchange.facts
    assert facts.part().reserved is facts.reserved
    assert facts.reserved == ["d-1.0"]


HOURS = "  - {id: hours, contact: {channels: [email], within: '%s', timezone: UTC}%s}\n"


def test_a_hold_says_when_everybody_can_be_reached() -> None:
    rules = HOURS % ("13:00-18:00", HOLD) + OFTEN % DROP
    played = mail(world(rules, {BO: (60.0,)}), ANA, BO)
    assert (played.reason, played.json["retry_after"]) == ("contact_outside_hours", 3600)
    played = mail(world(OFTEN % HOLD, {ANA: (600.0,), BO: (1200.0,)}), ANA, BO)
    assert (played.reason, played.json["retry_after"]) == ("contact_too_often", 3000)


def test_what_no_time_heals_is_said_first() -> None:
    made = world("  - {id: hours, contact: {channels: [email], within: '13:00-18:00', timezone: UTC}}\n")
    made.know("email", BO, Suppression())
    played = mail(made, ANA, BO)
    assert played.reason == "contact_suppressed" and "retry_after" not in played.json


SENDING = PACK.replace(
    b"{To: {is: user.contact.phone_number, subject: phone, role: recipient}, Body: user.content.private}}",
    b"{To: {is: user.contact.phone_number, subject: phone, role: recipient}, Body: user.content.private,"
    b" From: {is: user.contact.phone_number, subject: phone, role: sender}}}",
    1,
)


@pytest.mark.parametrize(
    ("sender", "status"), [("01 99 00 99 00", 403), ("+33199009901", 200), ("ACME", 403), (None, 403)]
)
def test_a_stop_is_to_the_sender_it_was_said_to(sender: str | None, status: int) -> None:
    made = world("  []\n", pack=SENDING)
    made.know("phone", NUMBER, Entry(id="1", subject="", act="suppressed", at=1.0, sender="+33199009900"))
    form = [("To", NUMBER), ("Body", "x"), *([("From", sender)] if sender else [])]
    assert made.ask("POST", "/crm/messages", form=form).status == status


def test_every_address_of_a_list_in_one_field_is_judged() -> None:
    made = world("  - {id: drops, contact: {}, on_refusal: drop}\n")
    assert mail(made, f"{ANA}; {BO}, {CY}").status == 200
    made.know("email", CY, Suppression())
    played = mail(made, f'{ANA}; "Bo, B." <{BO}>, {CY}')
    assert played.status == 200 and played.headers["hushgate-dropped"] == "1"
    assert json.loads(played.sent[1])["to"] == f'{ANA}; "Bo, B." <{BO}>'
    refusing = world("  []\n")
    refusing.know("email", CY, Suppression())
    assert (mail(refusing, f"{ANA}; {CY}").reason, mail(refusing, ANA).status) == ("contact_suppressed", 200)
    for odd in (f"{ANA}, nobody", ",", f'"{ANA}" <{BO}>', f"{ANA} {BO}"):
        assert mail(made, odd).reason == "contact_unknown_recipient"


def test_of_a_field_in_which_nobody_is_left_nothing_is() -> None:
    made = world("  - {id: drops, contact: {}, on_refusal: drop}\n")
    for who in (ANA, BO):
        made.know("email", who, Suppression())
    assert mail(made, f"{ANA}, {BO}", CY).reason == "contact_suppressed"
    copied = mail(made, CY, f"{ANA}, {BO}", f"{BO}, {CY}")
    assert json.loads(copied.sent[1]) == {"to": CY, "cc": [CY], "text": "x"}
    assert copied.headers["hushgate-dropped"] == "3"


def test_who_was_reached_too_often_is_left_out_of_a_list() -> None:
    made = world(OFTEN % DROP, {BO: [60.0]})
    assert json.loads(mail(made, f"{ANA}, {BO},{CY}").sent[1])["to"] == f"{ANA},{CY}"


@pytest.mark.parametrize("to", [f"{NUMBER},{OTHER}", f"{NUMBER} {OTHER}", "12345", "ACME", "group:7", ""])
def test_what_is_no_one_number_is_nobody(to: str) -> None:
    assert text(world("  []\n"), to).reason == "contact_unknown_recipient"


def test_an_extension_is_not_another_number() -> None:
    made = world("  []\n")
    made.know("phone", NUMBER, Suppression())
    assert text(made, "06 39 98 00 01 ext. 12").reason == "contact_suppressed"


def test_who_is_freed_when() -> None:
    [reserve] = asked(text(world(OFTEN % "")))
    [wanted] = reserve.wanted
    assert freed(wanted, (), 0.0) is None
    assert freed(wanted, (10.0, 20.0), 5000.0) == 10.0 + 7 * DAY
    assert freed(wanted, (10.0,), 100.0) == 3610.0


def test_an_answer_comes_as_before() -> None:
    assert text(world(OFTEN % ""), answer=json_answer({"id": "m-1"})).json == {"id": "m-1"}
