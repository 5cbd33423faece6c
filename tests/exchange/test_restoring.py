"""Tokens that are sent back become what they stand for, where that is granted; own masks are not written."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contacts.model import Suppression
from gateway.masking.token import Kind, Tokens, kind_of
from tests.world import PACK, RING, RULES, Played, World, json_answer

PHONE, EMAIL, NAME, BORN = (
    "user.contact.phone_number",
    "user.contact.email",
    "user.name.first",
    "user.demographic.date_of_birth",
)
NUMBER, ADDRESS = "+33639980001", "ana@example.com"
MASKS = f"{{{PHONE}: token, {EMAIL}: token, {BORN}: token, user.unique_id: token, user.name: token}}"
RIGHTS = "reveal: [user.contact, user.unique_id, user.demographic]"
MORE = (
    b'  - {id: lookups.fetch, call: "GET /lookups/{number}.json", request: {path: {number:'
    b" {is: user.contact.phone_number, subject: phone}}}}\n"
    b"  - {id: imports.csv, call: POST /imports, request: {csv: {phone: user.contact.phone_number},"
    b" xml: {Person/Phone: user.contact.phone_number}, multipart: {phone: user.contact.phone_number},"
    b" text: user.contact.phone_number}}\n"
    b"  - {id: forms.save, call: POST /forms, request: {form: {To: user.contact.phone_number,"
    b" Card: {is: user, xml: {Dial/Number: user.contact.phone_number}}"
    b"}}}\n"
    b"  - {id: people.list, call: GET /people, request: {headers: {X-Person: user.contact.email},"
    b" cookies: {who: user.contact.phone_number}}}\n"
    b"  - {id: notes.save, call: POST /notes}\n"
)
ours, theirs = Tokens(RING.token_keys("acme"), "FR"), Tokens(RING.token_keys("other"), "FR")


def world(caller: str = RIGHTS, rules: str = "") -> World:
    """The caller gets tokens, and may send them back as `caller` says."""
    head, _, rest = RULES.partition("  caller:")
    tail = "\n".join(rest.splitlines()[1:])
    view = f"  caller: {{show: [user.unique_id], mask: {MASKS}, {caller}}}".replace(", }", "}")
    view = view.replace("show: [user.unique_id], ", "")
    return World(rules=f"{head}{view}\n{tail}\n{rules}", pack=PACK.rstrip(b"\n") + b"\n" + MORE)


def token(value: str, category: str = PHONE, tokens: Tokens = ours, kind: Kind | None = None) -> str:
    made = tokens.issue(category, kind or kind_of(category), value)
    assert made is not None
    return made


TOKEN, MAIL = token(NUMBER), token(ADDRESS, EMAIL)
FOREIGN = (
    token(NUMBER, tokens=theirs),
    token(ADDRESS, EMAIL, theirs),
    token("1984-03-07", BORN, theirs),
)


def refused(played: Played, reason: str, *never: str) -> None:
    """Nothing was sent; the place is named and no value is, in the answer and in the record."""
    assert played.nothing_sent
    assert played.reason == reason
    said = played.body.decode() + repr(played.records)
    assert not [value for value in never if value in said]
    assert played.records[-1].reason == reason


def sms(w: World, to: str, client: str = "caller") -> Played:
    return w.ask("POST", "/crm/messages", client=client, form=(("To", to), ("Body", "x")))


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


def _form(value: str) -> tuple[str, str, dict[str, Any]]:
    return "POST", "/crm/forms", {"form": (("To", value),)}


def _typed(kind: str, body: str) -> tuple[str, str, dict[str, Any]]:
    return "POST", "/crm/imports", {"body": body.encode(), "headers": {"Content-Type": kind}}


CARRIED: dict[str, Callable[[str], tuple[str, str, dict[str, Any]]]] = {
    "path": lambda v: ("GET", f"/crm/lookups/{quote(v)}.json", {}),
    "path as it stands": lambda v: ("GET", f"/crm/lookups/{v}.json", {}),
    "form": _form,
    "prefix": lambda v: _form(f"whatsapp:{v}"),
    "json": lambda v: ("POST", "/crm/contacts", {"json_body": {"id": "7", "phone": v}}),
    "escaped json": lambda v: _json_escaped(v),
    "cookie": lambda v: ("GET", "/crm/people", {"headers": {"Cookie": f"a=1; who={v}"}}),
    "csv": lambda v: _typed("text/csv", f"id,phone\r\n7,{v}\r\n"),
    "xml": lambda v: _typed("text/xml", f"<Person><Phone>{v}</Phone></Person>"),
    "xml in pieces": lambda v: _typed(
        "text/xml", f"<Person><Phone>{v[:5]}<!-- -->&#{ord(v[5])};{v[6:]}</Phone></Person>"
    ),
    "xml in a form": lambda v: (
        "POST",
        "/crm/forms",
        {"form": (("Card", f"<Dial><Number>{v[:5]}&#{ord(v[5])};{v[6:]}</Number></Dial>"),)},
    ),
    "multipart": lambda v: _typed(
        "multipart/form-data; boundary=b",
        f'--b\r\nContent-Disposition: form-data; name="phone"\r\n\r\n{v}\r\n--b--\r\n',
    ),
    "text": lambda v: _typed("text/plain", v),
    "utf-16": lambda v: (
        "POST",
        "/crm/contacts",
        {
            "body": json.dumps({"phone": v}).encode("utf-16"),
            "headers": {"Content-Type": "application/json; charset=utf-16"},
        },
    ),
}


def _json_escaped(value: str) -> tuple[str, str, dict[str, Any]]:
    escaped = "".join(f"\\u{ord(sign):04X}" for sign in value)
    kind = {"Content-Type": "application/json"}
    return "POST", "/crm/contacts", {"body": f'{{"phone": "{escaped}"}}'.encode(), "headers": kind}


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


# ---- properties ------------------------------------------------------------------------------------------

VALUES = {TOKEN: NUMBER, MAIL: ADDRESS, token("7", "user.unique_id"): "7", token("Ana", NAME): "Ana"}
plain = st.one_of(st.none(), st.booleans(), st.integers(-9, 10**12), st.text(max_size=9))
KEYS = st.sampled_from(("id", "phone", "email", "name", "first", "address", "created", "odd")) | st.text(
    max_size=4
)


def documents(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(
        KEYS,
        st.recursive(
            values, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=6
        ),
        max_size=6,
    )


def restored(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: restored(value) for key, value in document.items()}
    if isinstance(document, list):
        return [restored(value) for value in document]
    return VALUES.get(document, document) if isinstance(document, str) else document


def written(document: Any, escape: bool) -> bytes:
    text = json.dumps(document)
    if escape:  # every letter and digit of every token
        for each in (*VALUES, *FOREIGN):
            text = text.replace(each, "".join(f"\\u{ord(sign):04x}" for sign in each))
    return text.encode()


EVERYTHING = world("reveal: user, reveal_in: anywhere")
MAPPED = world("reveal: user")
KIND = {"Content-Type": "application/json"}


@settings(deadline=None)
@given(documents(plain | st.sampled_from(list(VALUES))), st.booleans())
def test_the_upstream_gets_the_document_with_the_real_values(document: Any, escape: bool) -> None:
    body = written(document, escape)
    played = EVERYTHING.ask("POST", "/crm/contacts", client="caller", body=body, headers=KIND)
    assert json.loads(played.sent[1]) == restored(document)


@settings(deadline=None)
@given(documents(plain | st.sampled_from(list(VALUES))), st.booleans())
def test_where_only_mapped_places_are_open_it_is_that_or_a_refusal(document: Any, escape: bool) -> None:
    body = written(document, escape)
    played = MAPPED.ask("POST", "/crm/contacts", client="caller", body=body, headers=KIND)
    if played.nothing_sent:
        assert played.reason == "token_not_allowed"
    else:
        assert json.loads(played.sent[1]) == restored(document)


@settings(deadline=None)
@given(documents(plain | st.sampled_from((*VALUES, *FOREIGN))), st.booleans(), st.booleans())
def test_no_token_of_another_tenant_goes_upstream(document: Any, escape: bool, mapped: bool) -> None:
    body = written(document, escape)
    played = (MAPPED if mapped else EVERYTHING).ask(
        "POST", "/crm/contacts", client="caller", body=body, headers=KIND
    )
    if not played.nothing_sent:
        assert not [each for each in FOREIGN if each in json.dumps(json.loads(played.sent[1]))]
        assert not [each for each in FOREIGN if each in json.dumps(document)]
