"""Why an exchange is decided as it is, in words and as members."""

import json

from gateway.exchange.explain import as_members, as_text, explain
from tests.world import RULES, World, json_answer

EXTRA = """rules:
  - {id: no-bulk, access: {operations: "*.delete_batch"}, roles: [support]}
  - {id: no-names, mask: user.name, with: remove, mode: shadow}
  - {id: old, mask: user.name, until: 2026-01-01}
"""
WORLD = World(rules=RULES + EXTRA)
ANSWER = json_answer({"name": {"first": "Ana"}, "email": "ana@example.com"})


def test_an_allowed_read_is_explained() -> None:
    played = WORLD.ask("GET", "/crm/contacts/7", headers={"Authorization": "Bearer s3"}, answer=ANSWER)
    found = explain(played.exchange, played.script)
    assert (found.tenant, found.client, found.role, found.operation) == (
        "acme",
        "helpdesk",
        "support",
        "crm.contacts.fetch",
    )
    assert {c.rule: (c.applies, c.why) for c in found.considered} == {
        "no-bulk": (False, "narrowed by operations"),
        "no-names": (True, "applies"),
        "old": (False, "in force until 2026-01-01"),
    }
    assert found.answers["user.contact.email"] == "masked by view:support"
    assert found.answers["user.name.first"] == "shown"
    text = as_text(found)
    assert "shadow     no-names would have decided otherwise" in text
    assert "sent       GET /contacts/7" in text and "Authorization: (hidden)" in text
    assert "s3" not in text and "key-support" not in text


def test_a_refusal_is_explained() -> None:
    played = WORLD.ask("POST", "/crm/contacts/delete", json_body={"ids": ["1"]})
    found = explain(played.exchange, played.script)
    text = as_text(found)
    assert (
        "refuse 403 access_denied" in text and "because    no-bulk" in text and "sent       nothing" in text
    )
    members = as_members(found)
    assert members["sent"] is None
    assert json.loads(json.dumps(members))["decision"] == {
        "effect": "refuse",
        "status": 403,
        "reason": "access_denied",
        "rules": ["no-bulk"],
    }


def test_where_nobody_is_known_there_is_nothing_to_consider() -> None:
    played = WORLD.ask("GET", "/crm/contacts/7", client=None)
    found = explain(played.exchange, played.script)
    assert (found.tenant, found.considered, found.answers) == ("-", (), {})
    assert "refuse 401 unknown_client" in as_text(found)


def test_secrets_in_headers_are_hidden_for_scripts_too() -> None:
    played = WORLD.ask("GET", "/crm/contacts/7", headers={"Cookie": "s3"}, answer=ANSWER)
    assert "s3" not in json.dumps(as_members(explain(played.exchange, played.script)))
