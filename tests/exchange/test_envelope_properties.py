"""Whatever calls an envelope mixes: each is sent and answered as the same call alone.

HUSHGATE_EXAMPLES says how many envelopes are tried.
"""

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contacts.model import Suppression
from gateway.masking.token import Tokens
from tests.exchange.salesforce_world import DROPPING, V, composite, refusal, world
from tests.world import RING, Answer, Played, World

EXAMPLES = int(os.environ.get("HUSHGATE_EXAMPLES", "60"))
SECRETS = ("ana@example.com", "+33639980001", "12 rue des Lilas", "b0ttom-secret", "1984-03-07")
SHOWN = ("Besson", "Ana", "003A000000000001", "Contact", "Web")
TOKENS = Tokens(RING.token_keys("acme"), "FR")
PHONE = TOKENS.issue("user.contact.phone_number", "phone", "+33639980009") or ""
TOKEN_RULES = DROPPING.replace(
    "  caller:",
    "  agent: {show: [user.name], mask: {user.contact.phone_number: token},"
    " reveal: user.contact.phone_number, reveal_in: anywhere}\n"
    "  caller:",
).replace("role: caller", "role: agent")

# Names that say what is in them, in Salesforce's own spelling, and names that no data map knows.
_hidden = st.sampled_from(["Email", "Birthdate", "MailingStreet", "Custom__c", "Odd Key", "Description"])
_shown = st.sampled_from(["LastName", "FirstName", "Id", "LeadSource", "Status"])
MAIL = "actions/standard/emailSimple"
_numbers = st.sampled_from(["1.10", "12345678901234567890123", "0", "-7", "1E400", "true", "null"])


@st.composite
def _record(draw: st.DrawFn, depth: int = 2) -> str:
    """A record as JSON text: secrets where they are hidden, words and odd numbers where they are shown."""
    members = [f"{json.dumps(draw(_hidden))}: {json.dumps(draw(st.sampled_from(SECRETS)))}" for _ in range(2)]
    members += [f"{json.dumps(draw(_shown))}: {json.dumps(draw(st.sampled_from(SHOWN)))}" for _ in range(2)]
    members.append(f'"NumberOfEmployees": {draw(_numbers)}')
    if depth and draw(st.booleans()):
        inner = draw(_record(depth - 1))
        shape = draw(st.sampled_from(['"Account": %s', '"Contacts": {"done": true, "records": [%s]}']))
        members.append(shape % inner)
    named = {member.partition(":")[0]: member for member in draw(st.permutations(members))}
    return "{" + ", ".join(named.values()) + "}"


_CALLS: dict[str, tuple[str, str, str | None, str]] = {
    "fetch": ("GET", "sobjects/Contact/003A?fields=LastName,Email", None, "%s"),
    "query": ("GET", "query/?q=SELECT Id,(SELECT Id FROM Cases) FROM Account", None, '{"records": [%s, %s]}'),
    "create": ("POST", "sobjects/Lead", "%s", '{"id": "00Q", "success": true, "errors": []}'),
    "update": ("PATCH", "sobjects/Account/001", "%s", "null"),
    "failed": ("PATCH", "sobjects/Contact/003B", "%s", '[{"errorCode": "X", "message": "b0ttom-secret"}]'),
    "token": ("GET", f"query?q=SELECT+Id+FROM+Contact+WHERE+LastName='{PHONE}'", None, '{"records": [%s]}'),
    "write": ("PATCH", f"sobjects/Contact/LastName/{PHONE}", f'{{"Phone": "{PHONE}", "Rating": 1.10}}', "%s"),
    "mail": ("POST", MAIL, '{"inputs": [{"emailAddresses": "TO"}]}', '[{"n": -1}]'),
}  # fmt: skip
_STATUS = {"failed": 400, "create": 201, "update": 204}


@st.composite
def _call(draw: st.DrawFn, kinds: list[str]) -> tuple[str, str, str, str | None, str]:
    """(kind, method, path, body, answer), the last two as JSON text."""
    kind = draw(st.sampled_from(kinds))
    method, path, body, answer = _CALLS[kind]
    to = draw(st.sampled_from(["bo@example.com", "cy@example.com"]))
    body = body.replace("TO", to).replace("%s", draw(_record())) if body else body
    while "%s" in answer:
        answer = answer.replace("%s", draw(_record()), 1)
    return kind, method, path, body, answer


def _worlds() -> dict[str, World]:
    made = {"support": world(DROPPING), "admin": world(DROPPING), "caller": world(TOKEN_RULES)}
    for it in made.values():
        it.know("email", "bo@example.com", Suppression(channel="email", purpose=None))
    return made


WORLDS = _worlds()


def _exact(text: str | bytes) -> Any:
    """JSON with the text of its numbers and the order of its members."""
    keep = {"parse_int": lambda t: ("n", t), "parse_float": lambda t: ("n", t)}
    return json.loads(text, object_pairs_hook=lambda pairs: ("o", tuple(pairs)), **keep)  # type: ignore[arg-type]  # mypy cannot tell the keywords apart


def _alone(it: World, client: str, call: tuple[str, str, str, str | None, str]) -> Played:
    """The same call, without an envelope."""
    kind, method, path, body, answer = call
    head = {"Content-Type": "application/json"} if body is not None else {}
    return it.ask(
        method,
        f"/crm{V}/{path}".replace(" ", "+"),
        client=client,
        headers=head,
        body=(body or "").encode(),
        answer=Answer(_STATUS.get(kind, 200), body=answer.encode()),
    )


def _text(index: int, call: tuple[str, str, str, str | None, str]) -> str:
    _, method, path, body, _ = call
    more = "" if body is None else f', "body": {body}'
    return f'{{"method": "{method}", "url": "{V}/{path}", "referenceId": "r{index}"{more}}}'


def _together(
    it: World, client: str, calls: list[tuple[str, str, str, str | None, str]], drop: bool
) -> Played:
    sent = ", ".join(_text(n, call) for n, call in enumerate(calls))
    kept = [(n, call) for n, call in enumerate(calls) if not (drop and "bo@" in (call[3] or ""))]
    answers = ", ".join(
        f'{{"body": {call[4]}, "httpHeaders": {{}}, "httpStatusCode": {_STATUS.get(call[0], 200)}, '
        f'"referenceId": "r{n}"}}'
        for n, call in kept
    )
    return it.ask(
        "POST",
        f"/crm{V}/composite",
        client=client,
        headers={"Content-Type": "application/json"},
        body=f'{{"compositeRequest": [{sent}]}}'.encode(),
        answer=Answer(200, body=f'{{"compositeResponse": [{answers}]}}'.encode()),
    )


def _members(text: bytes, name: str) -> list[dict[str, Any]]:
    _, pairs = _exact(text)
    return [dict(pairs_) for _, pairs_ in dict(pairs)[name]]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(sorted(WORLDS)), st.booleans())
def test_each_call_is_what_it_is_alone(data: st.DataObject, client: str, tokens: bool) -> None:
    it = WORLDS[client]
    kinds = [kind for kind in sorted(_CALLS) if tokens or kind not in ("token", "write")]
    calls = data.draw(st.lists(_call(kinds), min_size=1, max_size=6))
    alone = [_alone(it, client, call) for call in calls]
    gone = [played.nothing_sent for played in alone]
    droppable = ["bo@" in (call[3] or "") for call in calls]
    played = _together(it, client, calls, drop=True)
    if any(g and not d for g, d in zip(gone, droppable, strict=True)) or all(gone):
        assert played.nothing_sent and refusal(played)[0] == next(
            each.status
            for each, d in zip(alone, droppable, strict=True)
            if each.nothing_sent and (not d or all(gone))
        )
        return
    assert played.status == 200
    given_ = _members(played.body, "compositeResponse")
    assert [each["referenceId"] for each in given_] == [f"r{n}" for n in range(len(calls))]
    sent = iter(_members(played.sent[1], "compositeRequest"))
    for call, single, got in zip(calls, alone, given_, strict=True):
        if single.nothing_sent:
            assert got["httpStatusCode"] == ("n", "403")
            continue
        # 204 has no body on the wire; in an envelope it is null
        assert got["body"] == (None if call[4] == "null" else _exact(single.body))
        head, body = single.sent
        went = next(sent)
        assert went.get("body") == (_exact(body) if call[3] is not None else None)
        path = head.split(b" ")[1].decode().replace("+", " ")
        assert went["url"].replace("+", " ") == path
    if client != "admin":
        assert not [secret for secret in SECRETS if secret.encode() in played.body]


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["method", "url", "referenceId", "body", "httpHeaders", "compositeRequest", "x"])
        | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
))  # fmt: skip
def test_any_document_is_sent_whole_or_refused(document: Any) -> None:
    """A refusal says where, never what; nothing else ever comes of it."""
    it = WORLDS["support"]
    played = it.ask("POST", f"/crm{V}/composite", json_body=document)
    if played.nothing_sent:
        assert 400 <= played.status < 500
    inner = document if isinstance(document, list) else [document]
    played = composite(it, *inner)
    assert not played.nothing_sent or 400 <= played.status < 500


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(st.binary(max_size=60))
def test_any_answer_is_masked_or_withheld(body: bytes) -> None:
    it = WORLDS["support"]
    call = {"method": "GET", "url": f"{V}/sobjects/Contact/1", "referenceId": "a"}
    played = it.ask(
        "POST", f"/crm{V}/composite", json_body={"compositeRequest": [call]}, answer=Answer(200, body=body)
    )
    assert played.status in (200, 502)
    assert not body or played.status == 502 or b"compositeResponse" in body
