"""Masks and tokens in what an application writes back."""

import json

import pytest

from tests.exchange.tokens import ADDRESS, CARRIED, MORE, NUMBER, TOKEN, refused, sms, world
from tests.world import PACK, RULES, World, json_answer

# ---- write-back ------------------------------------------------------------------------------------------

VIEW = (
    "{mask: {user.contact.phone_number: {partial: {keep_last: 2}}, user.contact.email: hash,"
    " user.demographic.date_of_birth: year, user.name.first: initials,"
    " user.name.last: {fixed: {text: on file}}}"
)


def masking(extra: str = "") -> World:
    head, _, rest = RULES.partition("  caller:")
    tail = "\n".join(rest.splitlines()[1:])
    return World(rules=f"{head}  caller: {VIEW}{extra}}}\n{tail}\n", pack=PACK.rstrip(b"\n") + b"\n" + MORE)


PERSON = {
    "name": {"first": "Ana", "last": "Silva"},
    "email": ADDRESS,
    "phone": NUMBER,
    "born": "1984-03-07",
    "address": {"city": "Lyon"},
    "surprise": "a text",
}


def test_what_a_view_masks_is_not_written_back() -> None:
    w = masking()
    shown = w.ask("GET", "/crm/contacts/7", client="caller", answer=json_answer(PERSON)).json
    for name, value in shown.items():
        for each in value.items() if isinstance(value, dict) else ((None, value),):
            body = {name: {each[0]: each[1]} if each[0] else each[1]}
            played = w.ask("POST", "/crm/contacts", client="caller", json_body=body)
            refused(played, "masked_value_written", str(each[1]))
            assert played.status == 409
            assert "body: " in played.json["detail"]
    sent = w.ask("POST", "/crm/contacts", client="caller", json_body=PERSON)
    assert json.loads(sent.sent[1]) == PERSON, "and the real values are written"


def test_masks_may_be_taken_out() -> None:
    w = masking(", write_back: strip")
    shown = w.ask("GET", "/crm/contacts/7", client="caller", answer=json_answer(PERSON)).json
    played = w.ask("POST", "/crm/contacts", client="caller", json_body={**shown, "created": "2026"})
    assert json.loads(played.sent[1]) == {"name": {}, "address": {}, "created": "2026"}
    form = w.ask("POST", "/crm/forms", client="caller", form=(("To", "**********01"), ("a", "1")))
    assert form.sent[1] == b"a=1"


@pytest.mark.parametrize("carrier", ["csv", "xml", "multipart", "text"])
def test_where_nothing_can_be_taken_out_it_is_refused(carrier: str) -> None:
    method, path, more = CARRIED[carrier]("**********01")
    played = masking(", write_back: strip").ask(method, path, client="caller", **more)
    refused(played, "masked_value_written")


def test_a_mask_that_is_a_whole_body_is_not_taken_out() -> None:
    kind = {"Content-Type": "application/json"}
    w = masking(", write_back: strip")
    refused(
        w.ask("POST", "/crm/contacts", client="caller", body=b'"[redacted]"', headers=kind),
        "masked_value_written",
    )


def test_masks_in_what_writes_nothing_are_left_alone() -> None:
    assert masking().ask("GET", "/crm/contacts?email=%5Bredacted%5D", client="caller").status == 200


def test_escaped_masks_are_seen() -> None:
    body = b'{"phone": "\\u002a\\u002A********01"}'
    kind = {"Content-Type": "application/json"}
    refused(
        masking().ask("POST", "/crm/contacts", client="caller", body=body, headers=kind),
        "masked_value_written",
    )


@pytest.mark.parametrize("last", ["on file", "on%20file", "[redacted]", "%5bredacted%5D"])
def test_masks_in_forms_are_seen(last: str) -> None:
    body = f"name.last={last.replace(' ', '+')}&Card={last.replace(' ', '+')}".encode()
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    rules = PACK.replace(
        b"{To: {is: user.contact.phone_number",
        b"{name.last: user.name.last, To: {is: user.contact.phone_number",
    )
    w = masking()
    w.pack = rules
    refused(w.ask("POST", "/crm/messages", client="caller", body=body, headers=head), "masked_value_written")


def test_tokens_may_go_back_where_they_came_from_and_nowhere_else() -> None:
    w = world("write_back: restore")
    played = w.ask("POST", "/crm/contacts", client="caller", json_body={"phone": TOKEN})
    assert json.loads(played.sent[1]) == {"phone": NUMBER}
    refused(sms(w, TOKEN), "token_not_allowed")
    refused(w.ask("POST", "/crm/contacts", client="caller", json_body={"email": TOKEN}), "token_not_allowed")
    refused(w.ask("GET", f"/crm/lookups/{TOKEN}.json", client="caller"), "token_not_allowed")
    refused(
        w.ask("POST", "/crm/contacts", client="caller", json_body={"created": "[redacted]"}),
        "masked_value_written",
    )
    sealed = world("write_back: restore", rules="rules:\n  - {id: no, seal: user.contact}")
    refused(
        sealed.ask("POST", "/crm/contacts", client="caller", json_body={"phone": TOKEN}), "token_not_allowed"
    )
