"""WebSockets in packs: what may be said of one, what is made of it, and which directions are looked into."""

import pytest

from gateway.errors import ConfigError
from gateway.model import DataMap, Operation
from gateway.policy.identity import Identity
from gateway.policy.matchers import categories
from gateway.policy.packfile import read_pack
from gateway.policy.plan import Plan
from tests.world import PACK, RULES, World
from tests.wspeers import LIVE

HEAD = PACK.decode()


def operation(text: str, call: str = "GET /feed") -> Operation:
    """The one a pack says."""
    pack = read_pack(f"{HEAD}  - {{id: feed, call: {call}, {text}}}\n".encode(), "crm/pack.yaml")
    return pack.operations[-1]


def wrong(text: str, call: str = "GET /feed") -> str:
    """Why it is none."""
    with pytest.raises(ConfigError) as caught:
        operation(text, call)
    return str(caught.value.detail)


def test_what_is_made_of_it() -> None:
    made = operation(
        "websocket: {by: data.type, sends: {kinds: {a: {$: {type: contact}}}}, "
        "receives: {json: {x: user}, binary: user.content, kinds: {b: {y: user.name}}}}"
    )
    talk = made.websocket
    assert talk is not None and made.act and talk.by == ("data", "type")
    assert talk.sends.any is None and {field.path for field in talk.sends.kinds["a"].json} >= {
        "email",
        "born",
    }
    assert talk.receives.any is not None and talk.receives.any.json[0].category == "user"
    assert talk.receives.kinds["b"].json[0].path == "y"
    assert talk.receives.binary.opaque[0].category == "user.content"
    assert {"user.name", "user.content", "user.demographic.date_of_birth"} <= categories(made)


def test_what_is_left_out_passes_or_is_unmapped() -> None:
    talk = operation("websocket: {receives: {text: user.name}}").websocket
    assert talk is not None and talk.sends.any == DataMap()
    assert talk.receives.any is not None and talk.receives.any.text[0].path == "$"


@pytest.mark.parametrize(
    ("text", "call", "said"),
    [
        ("websocket: {sends: {json: {a: user}}}", "POST /feed", "another call than a GET"),
        ("websocket: {sends: {json: {a: user}}}, channel: sms", "GET /feed", "another call than a GET"),
        ("websocket: {sends: {json: {a: user}}}, act: false", "GET /feed", "another call than a GET"),
        (
            "websocket: {sends: {json: {a: user}}}, request: {json: {a: user}}",
            "GET /feed",
            "a map of the body",
        ),
        ("websocket: {sends: {kinds: {a: {b: user}}}}", "GET /feed", "'kinds' without 'by'"),
        ("websocket: {by: a, sends: {json: {b: user}}}", "GET /feed", "'by' without 'kinds'"),
        ("websocket: {by: 'a[]', sends: {kinds: {a: {b: user}}}}", "GET /feed", "the name of a member"),
        ("websocket: {sends: {json: {a: user}, text: user}}", "GET /feed", "'text' beside 'json'"),
        (
            "websocket: {by: a, sends: {text: user, kinds: {a: {b: user}}}}",
            "GET /feed",
            "'kinds' beside 'text'",
        ),
        ("websocket: {sends: {binary: user.nmae}}", "GET /feed", "user.name"),
        ("websocket: {sends: {json: {a: {type: contct}}}}", "GET /feed", "contact"),
        ("websocket: {by: a, receives: {kinds: {a: {b: {type: contct}}}}}", "GET /feed", "contact"),
        ("websocket: {recieves: {json: {a: user}}}", "GET /feed", "receives"),
        ("websocket: {sends: {form: {a: user}}}", "GET /feed", "form"),
    ],
)
def test_what_may_not_be_said(text: str, call: str, said: str) -> None:
    assert said in wrong(text, call)


def plan(name: str, *, client: str = "helpdesk", rules: str = RULES) -> Plan:
    """Of a call of the tests' WebSockets."""
    snapshot = World(rules=rules, pack=LIVE).snapshot
    (tenant,) = snapshot.tenants.values()
    who = next(each for each in tenant.clients if each.id == client)
    call = next(each for each in snapshot.packs["crm"].operations if each.id == name)
    return snapshot.plan(Identity("acme", who), None, call, snapshot.upstreams[0], 0.0)


TOKENS = RULES.replace("user.demographic.date_of_birth: year}}", "user.contact.email: token}}")
PASSING = RULES + "unmapped: pass\n"


@pytest.mark.parametrize(
    ("name", "client", "rules", "sends", "receives"),
    [
        ("live", "helpdesk", RULES, True, True),
        ("raw", "helpdesk", RULES, False, False),
        ("raw", "helpdesk", TOKENS, True, True),
        ("kinds", "helpdesk", RULES, True, True),
        ("kinds", "office", RULES, True, True),
        ("words", "office", RULES, True, True),
        ("raw", "office", PASSING, False, False),
        ("live", "office", PASSING, True, True),
        ("status", "helpdesk", RULES, None, None),
    ],
)
def test_which_directions_are_looked_into(
    name: str, client: str, rules: str, sends: bool | None, receives: bool | None
) -> None:
    talk = plan(name, client=client, rules=rules).talk
    assert (talk and talk.sends.looks, talk and talk.receives.looks) == (sends, receives)


def test_masks_written_into_messages_are_guarded_though_they_begin_with_a_get() -> None:
    talk = plan("live").talk
    assert talk is not None
    assert talk.sends.kinds["note"].plan.restoring.masked(b'{"email": "[redacted]"}')
