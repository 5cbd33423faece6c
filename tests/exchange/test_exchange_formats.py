"""Every format of a body through real exchanges: what a role may not see does not come out of any of them."""

import re

import pytest

from gateway.contacts.model import Suppression
from gateway.exchange.commands import CollectAnswer, Pipe
from tests.world import RULES, Answer, Played, World, json_answer

PACK = b"""
provider: crm
title: A CRM of many formats
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
types:
  person: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}}
operations:
  - id: export
    call: GET /export
    response:
      cookies: {last_contact: user.contact.email, session: system.operations}
      csv: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}, id: system.operations}
      xml:
        people/person/@id: system.operations
        people/person/name: user.name
        people/person/phone: {is: user.contact.phone_number, subject: phone}
      json: {"[]": {type: person}}
      form: {name: user.name, phone: user.contact.phone_number}
      multipart:
        person: {is: user, json: {$: {type: person}}}
        photo: user.name
      text: user.name
      opaque:
        - {types: [image/gif], is: user.name, refuse: true}
        - {types: ["image/*"], is: user.name}
        - {types: ["audio/*"], is: user.name, consent: call_recording}
        - {types: ["video/*"], is: user.content.private}
  - id: send
    call: POST /send
    channel: sms
    request:
      cookies: {who: user.contact.email}
      form:
        To: {is: user.contact.phone_number, subject: phone, role: recipient}
        Body: user.content.private
        Xml:
          is: user.content.private
          xml: {"**/N": {is: user.contact.phone_number, subject: phone, role: recipient}}
      csv:
        phone: {is: user.contact.phone_number, subject: phone, role: recipient}
        text: user.content.private
      xml: {messages/message/to: {is: user.contact.phone_number, subject: phone, role: recipient}}
      multipart:
        To: {is: user.contact.phone_number, subject: phone, role: recipient}
        json: {is: user, json: {"to[]": {is: user.contact.phone_number, subject: phone, role: recipient}}}
        file: user.content.private
      opaque:
        - {types: [image/gif], is: user.name, refuse: true}
        - {types: ["image/*"], is: user.content.private}
    response: {json: {id: system.operations}}
  - id: upload
    call: PUT /upload
    request: {json: {name: user.name}, opaque: {types: ["audio/*"], is: user.content.private}}
"""
DROPPING = RULES + ("rules: [{id: stop, contact: {require: no_suppression}, on_refusal: drop}]\n")
SECRETS = ("ana@example.com", "639980001", "surprise")


def world(rules: str = RULES) -> World:
    return World(pack=PACK, rules=rules)


def export(
    kind: str, body: bytes, *, client: str = "support", rules: str = RULES, status: int = 200
) -> Played:
    headers = ((b"Content-Type", kind.encode()), (b"Set-Cookie", b"last_contact=ana@example.com; Path=/"))
    answer = Answer(status, (*headers, (b"Set-Cookie", b"session=77; HttpOnly")), body)
    return world(rules).ask("GET", "/crm/export", client=client, answer=answer)


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="person"\r\nContent-Type: application/json\r\n\r\n'
    b'{"name":"Ana","phone":"+33639980001","x":"surprise"}\r\n'
    b'--b\r\nContent-Disposition: form-data; name="photo"; filename="Ana.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n"
    b'--b\r\nContent-Disposition: form-data; name="other"; filename="surprise.txt"\r\n\r\n'
    b"surprise\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body", "want"),
    [
        (
            "text/csv",
            b'id;name;phone;x\r\n1;"Ana";+33639980001;surprise\r\n',
            b'id;name;phone;x\r\n1;"Ana";**********01;[redacted]\r\n',
        ),
        (
            "text/xml; charset=utf-8",
            b"<people><person id='1'><name>Ana</name><phone>+33639980001</phone>surprise</person></people>",
            b"<people><person id='1'><name>Ana</name><phone>**********01</phone>[redacted]</person></people>",
        ),
        (
            "application/soap+xml",
            b"<people><y surprise='surprise'/><!-- surprise --></people>",
            b'<people><y surprise="[redacted]"/></people>',
        ),
        (
            "application/x-ndjson",
            b'{"name":"Ana","x":"surprise"}\n\n{"name":"Bo","x":2}\n',
            b'{"name":"[redacted]","x":"[redacted]"}\n\n{"name":"[redacted]","x":null}\n',
        ),
        (
            "application/x-www-form-urlencoded",
            b"name=Ana&phone=%2B33639980001&x=surprise",
            b"name=Ana&phone=%2A%2A%2A%2A%2A%2A%2A%2A%2A%2A01&x=%5Bredacted%5D",
        ),
        (
            "multipart/form-data; boundary=b",
            MULTIPART,
            MULTIPART.replace(b"+33639980001", b"**********01")
            .replace(b"surprise", b"[redacted]")
            .replace(b"[redacted].txt", b"[redacted]"),
        ),
        ("text/plain", b"Ana", b"Ana"),
    ],
)
def test_what_a_role_may_not_see_does_not_come_out(kind: str, body: bytes, want: bytes) -> None:
    played = export(kind, body)
    assert (played.status, played.body) == (200, want)
    assert played.headers["content-length"] == str(len(want))
    assert all(secret not in played.body.decode("latin-1") for secret in SECRETS[:2])
    cookies = re.findall(rb"(?i)set-cookie: (.*)\r\n", played.script.released[0])
    assert cookies == [b"last_contact=[redacted]; Path=/", b"session=77; HttpOnly"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"id,name\n1,surprise ana@example.com\n"),
        ("application/xml", b"<e><message>ana@example.com</message></e>"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nana@example.com\r\n--b--"),
        ("application/x-www-form-urlencoded", b"error=ana@example.com"),
    ],
)
def test_errors_of_every_format_are_searched_even_where_the_unknown_passes(kind: str, body: bytes) -> None:
    played = export(kind, body, status=400, client="caller", rules=RULES + "unmapped: pass\n")
    assert played.status == 400
    if "name" not in body.decode():
        assert b"ana@example.com" not in played.body and b"redacted" in played.body


def test_a_format_the_map_does_not_name_is_refused_where_the_unknown_passes() -> None:
    answer = Answer(headers=((b"Content-Type", b"text/csv"),), body=b"phone\n+33639980001\n")
    played = World(rules=RULES + "unmapped: pass\n").ask("GET", "/crm/contacts/7", answer=answer)
    assert (played.status, played.reason) == (502, "unparseable_response")


@pytest.mark.parametrize(
    ("kind", "rules", "status", "why"),
    [
        ("image/png", "", 200, []),
        ("image/gif", "", 403, ["pack:refuse"]),
        ("audio/wav", "", 403, ["consent:call_recording"]),
        ("audio/wav", "consents: [call_recording]\n", 200, []),
        ("video/mp4", "", 403, ["view:support"]),
        ("application/pdf", "", 502, []),
    ],
)
def test_what_is_not_read_follows_its_line(kind: str, rules: str, status: int, why: list[str]) -> None:
    played = export(kind, b"\x00bytes", rules=RULES + rules)
    assert played.status == status
    if status == 200:
        assert Pipe in played.kinds and CollectAnswer not in played.kinds
    else:
        assert played.json.get("rules", []) == why and b"bytes" not in played.body


# ---- requests -------------------------------------------------------------------------------------------

TWO = ("+33639980001", "+33639980002")


def send(kind: str, body: bytes, *, suppressed: str = TWO[0], cookie: str = "") -> Played:
    it = world(DROPPING)
    it.know("phone", suppressed, Suppression(source="test"))
    headers = {"Content-Type": kind, **({"Cookie": cookie} if cookie else {})}
    return it.ask(
        "POST", "/crm/send", client="caller", headers=headers, body=body, answer=json_answer({"id": "1"})
    )


def fields(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n%b\r\n" % part for part in parts) + b"--b--\r\n"


def field(name: bytes, value: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name, value)


@pytest.mark.parametrize(
    ("kind", "body", "sent"),
    [
        (
            "text/csv",
            b"phone,text\n+33639980001,hi\n+33639980002,ho\n",
            b"phone,text\n+33639980002,ho\n",
        ),
        (
            "application/xml",
            b"<messages><message><to>+33639980001</to></message><message><to>+33639980002</to></message></messages>",
            b"<messages><message><to>+33639980002</to></message></messages>",
        ),
        (
            "multipart/form-data; boundary=b",
            fields(field(b"To", b"+33639980001"), field(b"x", b"y"), field(b"To", b"+33639980002")),
            fields(field(b"x", b"y"), field(b"To", b"+33639980002")),
        ),
        (
            "multipart/form-data; boundary=b",
            fields(field(b"json", b'{"to":["+33639980001","+33639980002"],"n":1.10}')),
            fields(field(b"json", b'{"to":["+33639980002"],"n":1.10}')),
        ),
        (
            "application/x-www-form-urlencoded",
            b"To=%2B33639980002&Xml=%3CD%3E%3CN%3E%2B33639980001%3C/N%3E%3CN%3E%2B33639980002%3C/N%3E%3C/D%3E&y=1",
            b"To=%2B33639980002&Xml=%3CD%3E%3CN%3E%2B33639980002%3C%2FN%3E%3C%2FD%3E&y=1",
        ),
    ],
)
def test_a_recipient_is_found_and_dropped_in_every_format(kind: str, body: bytes, sent: bytes) -> None:
    played = send(kind, body)
    assert played.status == 200
    assert played.sent[1] == sent and played.headers["hushgate-dropped"] == "1"
    assert send(kind, body, suppressed="+33639980009").sent[1] == body


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (
            "application/xml",
            b"<messages><message><to>+33639980001</to></message></messages>",
            "contact_suppressed",
        ),
        ("application/xml", b"<messages/>", "contact_unknown_recipient"),
        ("application/xml", b"<!DOCTYPE m><messages/>", "unparseable_body"),
        (
            "application/xml",
            b"<messages><message><to>+336<b/>39980001</to></message></messages>",
            "unparseable_body",
        ),
        ("application/x-www-form-urlencoded", b"To=%2B33639980002&Xml=%3CD", "unparseable_body"),
        (
            "application/x-www-form-urlencoded",
            b"Xml=%3CN%3E%2B33639980001%3C/N%3E",
            "contact_suppressed",
        ),
        ("multipart/form-data; boundary=b", b"--b--", "contact_unknown_recipient"),
        ("multipart/form-data", fields(field(b"To", b"+33639980002")), "unsupported_media_type"),
        ("application/json", b"{}", "unsupported_media_type"),
        ("text/plain", b"hi", "unsupported_media_type"),
        ("image/gif", b"hi", "access_denied"),
        ("image/png", b"hi", "contact_unknown_recipient"),
        (
            "multipart/form-data; boundary=b",
            fields(
                field(b"To", b"+33639980002"),
                b'Content-Disposition: form-data; name="file"\r\nContent-Type: application/pdf\r\n\r\n%PDF',
            ),
            "unsupported_media_type",
        ),
    ],
)
def test_what_cannot_be_judged_is_not_sent(kind: str, body: bytes, reason: str) -> None:
    played = send(kind, body)
    assert played.reason == reason and played.nothing_sent
    assert all(secret not in played.body.decode() for secret in SECRETS)


def test_a_cookie_is_masked_where_a_rule_masks_what_is_sent() -> None:
    rule = "rules: [{id: m, mask: user.contact.email, with: redact, direction: request}]\n"
    it = world(RULES + rule)
    played = it.ask(
        "POST",
        "/crm/send",
        client="caller",
        form=[("To", TWO[1])],
        headers={"Cookie": "a=1; who=ana%40example.com; b"},
    )
    assert b"Cookie: a=1; who=[redacted]; b\r\n" in played.sent[0]
    assert played.records[-1].masked == {"user.contact.email": 1}


def test_bytes_that_may_be_sent_unread_are_sent_as_they_are() -> None:
    played = world().ask(
        "PUT", "/crm/upload", client="admin", headers={"Content-Type": "audio/wav"}, body=b"\x00RIFF"
    )
    assert played.sent[1] == b"\x00RIFF"
    refused = world().ask(
        "PUT", "/crm/upload", client="admin", headers={"Content-Type": "image/png"}, body=b"\x00"
    )
    assert refused.reason == "unsupported_media_type" and refused.nothing_sent
