"""A world whose callers get tokens, and may send them back."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from gateway.masking.token import Kind, Tokens, kind_of
from tests.world import PACK, RING, RULES, Played, World

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


plain = st.one_of(st.none(), st.booleans(), st.integers(-9, 10**12), st.text(max_size=9))
