"""The operator `token` from the rule file to the caller, and the snapshot's way back."""

import json

import pytest

from gateway.errors import PayloadError
from gateway.masking.token import Tokens
from gateway.model import Mask
from gateway.policy import snapshot as snapshots
from gateway.policy.rulefile import read_rules
from tests.world import RING, RULES, Played, World, json_answer

TOKENS = RULES.replace(
    "caller: {show: [user.name, user.unique_id, user.contact.phone_number],"
    " mask: {user.contact.email: hash}}",
    "caller: {show: [user.unique_id], mask: {user.contact: token, user.contact.phone_number: token,"
    " user.contact.email: token, user.name: token, user.demographic.date_of_birth: hash}}",
)
PEOPLE = {
    "results": [
        {
            "id": "1",
            "name": {"first": "Ana", "last": "Ruiz"},
            "phone": "06 12 34 56 78",
            "email": "Ana@example.org",
        },
        {"id": "2", "name": {"first": "Ana"}, "phone": "+33612345678", "email": "ana@example.org"},
        {"id": "3", "phone": "ask at the desk", "email": None, "born": "1984-03-07"},
    ]
}
PHONE = "+337962366999821"
EMAIL = "taf7u3eaxhsjxqtbxbwcuahmyhot3y45zkqdgdja33xrugekzflvrg@token.hushgate.invalid"
FIRST = "t_AcUieaGXsQeAEvR1B5DvxFhTzBSl-0ILxy8vca5a5Dpf"


def listed(world: World, client: str = "caller") -> Played:
    return world.ask("GET", "/crm/contacts", client=client, answer=json_answer(PEOPLE))


def test_the_word_is_an_operator() -> None:
    assert read_rules(TOKENS.encode(), "acme.yaml").views["caller"].mask["user.name"] == Mask(op="token")


def test_a_caller_sees_tokens_and_one_person_is_one_token() -> None:
    played = listed(World(rules=TOKENS))
    ana, again, third = played.json["results"]
    assert (ana["phone"], ana["email"], ana["name"]["first"]) == (PHONE, EMAIL, FIRST)
    assert (again["phone"], again["email"], again["name"]["first"]) == (PHONE, EMAIL, FIRST)
    assert (third["phone"], third["email"]) == ("[redacted]", None)
    assert (
        b"612345678" not in played.body and b"example.org" not in played.body and b"Ruiz" not in played.body
    )
    assert played.headers["hushgate-masked"] == "9"


def test_the_snapshot_reveals_what_a_caller_saw() -> None:
    world = World(rules=TOKENS)
    ana = listed(world).json["results"][0]
    tokens = world.snapshot.tokens("acme")
    shown = (ana["phone"], ana["email"], ana["name"]["last"])
    there = [tokens.reveal(token) for token in shown]
    assert [(it.category, it.value) for it in there] == [
        ("user.contact.phone_number", "+33612345678"),
        ("user.contact.email", "ana@example.org"),
        ("user.name.last", "Ruiz"),
    ]
    assert all(tokens.find(token) == ((0, len(token)),) for token in shown)


def test_a_stricter_rule_wins_and_a_weaker_one_does_not() -> None:
    rule = "rules:\n  - {id: r, mask: user.contact.phone_number, with: OPERATOR}\n"
    hashed = listed(World(rules=TOKENS + rule.replace("OPERATOR", "hash"))).json["results"][0]
    hidden = listed(World(rules=TOKENS + rule.replace("OPERATOR", "redact"))).json["results"][0]
    assert (hashed["phone"], hidden["phone"]) == (PHONE, "[redacted]")


def test_another_tenant_cannot_read_it() -> None:
    token = listed(World(rules=TOKENS)).json["results"][0]["email"]
    theirs = Tokens(RING.token_keys("other"))
    with pytest.raises(PayloadError, match=r"^query email: ") as caught:
        theirs.reveal(token, "query email")
    assert caught.value.reason == "token_invalid"


def test_tokens_of_a_tenant_are_made_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(rules=TOKENS)
    first = world.snapshot.tokens("acme")
    assert world.snapshot.tokens("acme") is first
    monkeypatch.setattr(snapshots, "MAX_PLANS", 1)
    world.snapshot._tokens["gone"] = first
    world.snapshot._tokens.pop("acme")
    assert world.snapshot.tokens("acme") is not first
    assert list(world.snapshot._tokens) == ["acme"]


def test_what_is_not_a_token_is_as_it_was() -> None:
    document = json.loads(json.dumps(PEOPLE))
    assert [each["id"] for each in listed(World(rules=TOKENS)).json["results"]] == ["1", "2", "3"]
    assert listed(World(rules=TOKENS), client="admin").json == document
