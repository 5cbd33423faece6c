"""Tokens that are sent back become the real value for the provider, where that is allowed."""

import json
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pytest

from gateway.contacts.model import Suppression
from gateway.masking.token import Tokens
from tests.exchange.tokens import (
    ADDRESS,
    BORN,
    CARRIED,
    EMAIL,
    FOREIGN,
    MAIL,
    NAME,
    NUMBER,
    PHONE,
    RIGHTS,
    TOKEN,
    refused,
    sms,
    token,
    world,
)
from tests.world import Played, json_answer

# ---- round trip ------------------------------------------------------------------------------------------


def test_what_was_shown_as_a_token_reaches_the_provider_as_the_number() -> None:
    w = world()
    shown = w.ask("GET", "/crm/contacts/7", client="caller", answer=json_answer({"phone": NUMBER})).json
    assert shown == {"phone": TOKEN}
    answer = json_answer({"to": NUMBER, "id": "m-1"})
    sent = w.ask(
        "POST", "/crm/messages", client="caller", form=(("To", shown["phone"]), ("Body", "x")), answer=answer
    )
    assert dict(parse_qsl(sent.sent[1].decode())) == {"To": NUMBER, "Body": "x"}
    assert sent.json == {"to": TOKEN, "id": "m-1"}, "the echo is a token again"


def test_the_record_names_the_same_person_as_for_the_number_itself() -> None:
    w = world()
    plain, by_token = sms(w, NUMBER), sms(w, TOKEN)
    assert plain.records[-1].subjects == by_token.records[-1].subjects != ()
    assert NUMBER not in repr(by_token.records)


def test_the_record_counts_what_was_restored_and_nothing_of_what_it_is() -> None:
    w = world()
    assert [record.restored for record in sms(w, TOKEN).records] == [{PHONE: 1}] * 2
    assert [record.restored for record in sms(w, NUMBER).records] == [{}] * 2
    query, card = f"/crm/contacts?email={quote(MAIL)}", {"X-Person": MAIL, "Cookie": f"who={TOKEN}"}
    found = w.ask("GET", query, client="caller", answer=json_answer({"results": []}))
    assert found.records[-1].restored == {EMAIL: 1}
    found = w.ask("GET", "/crm/people", client="caller", headers=card)
    assert found.records[-1].restored == {EMAIL: 1, PHONE: 1}
    found = w.ask("GET", f"/crm/lookups/{quote(TOKEN)}.json", client="caller")
    assert found.records[-1].restored == {PHONE: 1}


def test_of_a_refused_value_nothing_was_restored() -> None:
    w = world()
    document = {"phone": TOKEN, "email": FOREIGN[1]}
    played = w.ask("POST", "/crm/contacts", client="caller", json_body=document)
    refused(played, "token_invalid", NUMBER, TOKEN)
    assert played.records[-1].restored == {}
    assert [record.restored for record in sms(w, TOKEN).records] == [{PHONE: 1}] * 2


def test_contact_rules_judge_the_person_and_not_the_token() -> None:
    w = world()
    w.know("phone", NUMBER, Suppression())
    refused(sms(w, TOKEN), "contact_suppressed", NUMBER)


def test_a_request_mask_works_on_the_real_value() -> None:
    rules = (
        f"rules:\n  - {{id: m, mask: {PHONE}, with: {{partial: {{keep_last: 4}}}}, to: {{providers: crm}}}}"
    )
    played = world(rules=rules).ask("POST", "/crm/contacts", client="caller", json_body={"phone": TOKEN})
    assert json.loads(played.sent[1]) == {"phone": "********0001"}


def text_of(played: Played) -> str:
    head, body = played.sent
    raw = head + body.replace(b"\0", b"")
    return unquote(raw.decode("latin-1"))


@pytest.mark.parametrize("carrier", CARRIED)
def test_every_carrier_gives_the_provider_the_number(carrier: str) -> None:
    method, path, more = CARRIED[carrier](TOKEN)
    played = world().ask(method, path, client="caller", **more)
    assert not played.nothing_sent, played.body
    assert NUMBER in text_of(played)
    assert TOKEN[1:] not in text_of(played)


@pytest.mark.parametrize("carrier", CARRIED)
def test_a_foreign_tenants_token_goes_nowhere(carrier: str) -> None:
    method, path, more = CARRIED[carrier](FOREIGN[0])
    played = world().ask(method, path, client="caller", **more)
    assert played.nothing_sent
    assert played.reason == "token_invalid"
    assert FOREIGN[0] not in played.body.decode()


@pytest.mark.parametrize("value", [MAIL, f"Ana <{MAIL}>", MAIL.upper()])
def test_an_address_in_a_query_and_in_a_header(value: str) -> None:
    query = urlencode({"email": value})
    played = world().ask("GET", f"/crm/contacts?{query}", client="caller")
    assert ADDRESS in text_of(played)
    played = world().ask("GET", "/crm/people", client="caller", headers={"X-Person": value})
    assert ADDRESS in text_of(played)


def test_a_number_comes_back_as_a_number() -> None:
    made = token("1984", BORN, kind="number")
    played = world().ask("POST", "/crm/contacts", client="caller", json_body={"born": made, "id": "1"})
    assert json.loads(played.sent[1]) == {"born": 1984, "id": "1"}


def test_digits_alone_are_a_token_where_numbers_stand() -> None:
    digits = TOKEN[1:]
    played = world().ask("POST", "/crm/contacts", client="caller", json_body={"phone": int(digits)})
    assert json.loads(played.sent[1]) == {"phone": int(NUMBER[1:])}
    played = world().ask("POST", "/crm/contacts", client="caller", json_body={"created": digits})
    assert json.loads(played.sent[1]) == {"created": digits}, "elsewhere fifteen digits are fifteen digits"


def test_a_record_id_that_no_path_could_hold_is_refused() -> None:
    for value in ("a/b", "..", "%41"):
        made = token(value, "user.unique_id")
        refused(world().ask("GET", f"/crm/contacts/{made}", client="caller"), "token_not_allowed", made)


def test_a_path_with_a_token_is_the_path_of_the_person() -> None:
    made = token("77", "user.unique_id")
    w = world()
    by_token = w.ask("GET", f"/crm/contacts/{made}", client="caller")
    plain = w.ask("GET", "/crm/contacts/77", client="caller")
    assert by_token.sent == plain.sent
    assert by_token.records[-1].subjects == plain.records[-1].subjects != ()


# ---- what is not allowed ---------------------------------------------------------------------------------


def test_nothing_is_restored_without_a_grant() -> None:
    w = world("")
    refused(sms(w, TOKEN), "token_not_allowed", TOKEN, NUMBER)
    refused(sms(world(f"reveal: [{EMAIL}]"), TOKEN), "token_not_allowed", TOKEN, NUMBER)
    refused(sms(world(), TOKEN, client="support"), "token_not_allowed", TOKEN, NUMBER)


@pytest.mark.parametrize(
    "narrow",
    [
        "",
        "providers: crm",
        "purposes: marketing",
        "clients: dialer",
        "channels: sms",
        "operations: 'crm.mess*'",
    ],
)
def test_a_rule_takes_a_grant_away(narrow: str) -> None:
    sealed = f"rules:\n  - {{id: no, seal: user.contact{', ' + narrow if narrow else ''}}}"
    played = sms(world(rules=sealed), TOKEN)
    refused(played, "token_not_allowed", TOKEN, NUMBER)
    assert played.json["rules"] == ["no"]


def test_a_rule_for_others_takes_nothing_away() -> None:
    played = sms(world(rules="rules:\n  - {id: no, seal: user.contact, clients: helpdesk}"), TOKEN)
    assert NUMBER in text_of(played)


def test_a_shadow_rule_only_says_so() -> None:
    played = sms(world(rules="rules:\n  - {id: no, seal: user.contact, mode: shadow}"), TOKEN)
    assert NUMBER in text_of(played)
    assert played.records[-1].shadow == ("no",)
    assert sms(world(rules="rules:\n  - {id: no, seal: user, mode: shadow}"), NUMBER).records[-1].shadow == ()


@pytest.mark.parametrize("place", ["text", "unknown"])
def test_a_token_is_restored_only_where_its_category_stands(place: str) -> None:
    body = {"to": "bo@example.com", place: f"write to {MAIL}"}
    refused(
        world().ask("POST", "/crm/mails", client="caller", json_body=body), "token_not_allowed", MAIL, ADDRESS
    )
    anywhere = world(f"{RIGHTS}, reveal_in: anywhere")
    sent = anywhere.ask("POST", "/crm/mails", client="caller", json_body=body)
    assert json.loads(sent.sent[1])[place] == f"write to {ADDRESS}"


@pytest.mark.parametrize("body", [{MAIL: 1}, {"a": {token("x", NAME): "b"}}])
def test_a_token_is_no_name(body: Any) -> None:
    played = world(f"{RIGHTS}, reveal_in: anywhere").ask(
        "POST", "/crm/contacts", client="caller", json_body=body
    )
    refused(played, "token_not_allowed", MAIL)


def mangled(value: str) -> str:
    at = len(value) - 1 if "@" not in value else 5
    return value[:at] + ("2" if value[at] != "2" else "3") + value[at + 1 :]


@pytest.mark.parametrize("value", [TOKEN, MAIL, token("1984-03-07", BORN)])
def test_a_changed_token_is_refused(value: str) -> None:
    field = "email" if "@" in value else "phone" if value[0] == "+" else "born"
    played = world().ask("POST", "/crm/contacts", client="caller", json_body={field: mangled(value)})
    refused(played, "token_invalid", mangled(value))
    assert f"body: {field}" in played.json["detail"]


def test_a_token_of_an_unknown_epoch_is_refused() -> None:
    later = Tokens({9: bytes(32)}, "FR")
    made = token(ADDRESS, EMAIL, later)
    played = world().ask("POST", "/crm/contacts", client="caller", json_body={"email": made})
    refused(played, "token_invalid", made)


def test_a_body_nothing_is_known_of_holds_no_tokens_either() -> None:
    w = world()
    for value in (MAIL, *FOREIGN):
        played = w.ask("POST", "/crm/notes", client="caller", json_body={"note": value})
        assert played.nothing_sent, value
    kind = {"Content-Type": "application/octet-stream"}
    refused(
        w.ask("POST", "/crm/notes", client="caller", body=b"\xff" + MAIL.encode(), headers=kind),
        "token_not_allowed",
    )
    for body, headers in ((b"\xff\0\\u0041", kind), (b'{"a": 1.10}', {"Content-Type": "application/json"})):
        assert w.ask("POST", "/crm/notes", client="caller", body=body, headers=headers).sent[1] == body


def test_refused_tokens_in_a_path_are_recorded_with_their_operation() -> None:
    played = world().ask("GET", f"/crm/lookups/{FOREIGN[0]}.json", client="caller")
    refused(played, "token_invalid", FOREIGN[0])
    assert played.records[-1].operation == "lookups.fetch"


def test_without_tokens_every_byte_stays() -> None:
    body = b'{ "phone": "+33639980001",\n "created": 1.10, "text": "\\u0041 \\/" }'
    kind = {"Content-Type": "application/json"}
    plain = world().ask("POST", "/crm/notes", client="caller", body=body, headers=kind)
    assert plain.sent[1] == body
