"""Policy and situation to plan."""

import msgspec
import pytest

from gateway.model import Operation
from gateway.policy.compile import Ground, compile_plan, situation
from gateway.policy.plan import Plan
from gateway.policy.rulefile import read_rules
from gateway.residency.locate import AddressTable
from tests.world import RULES, World

WORLD = World()
NOON = WORLD.now


def compiled(rules: str, operation_id: str, client: int = 0, unmapped: str = "redact") -> Plan:
    text = RULES + (f"rules:\n{rules}" if rules else "") + f"unmapped: {unmapped}\n"
    policy = read_rules(text.encode(), "acme.yaml")
    operation = next(o for o in WORLD.snapshot.packs["crm"].operations if o.id == operation_id)
    target = WORLD.snapshot.routes.find(b"", b"/crm/x", "acme")
    assert target
    upstream = msgspec.structs.replace(target.upstream, url="https://api.crm.example:8443/base/")
    it = situation(policy.clients[client], None, "crm", operation, upstream, NOON)
    return compile_plan(Ground(policy, b"key", AddressTable([])), it, NOON)


def test_where_it_is_sent_and_until_when() -> None:
    plan = compiled("", "contacts.fetch")
    assert (plan.authority, plan.base_path, plan.name) == (
        b"api.crm.example:8443",
        b"/base",
        "crm.contacts.fetch",
    )
    assert NOON < plan.expires <= NOON + 86_400 and plan.expires % 86_400 == 0


@pytest.mark.parametrize(
    ("rule", "denied", "shadow"),
    [
        ("access: {operations: crm.contacts.fetch}", ("r",), ()),
        ("access: {operations: crm.contacts.fetch}, mode: shadow", (), ("r",)),
        ("access: {operations: crm.contacts.fetch}, roles: admin", (), ()),
        ("access: {}", ("r",), ()),
    ],
)
def test_access(rule: str, denied: tuple[str, ...], shadow: tuple[str, ...]) -> None:
    plan = compiled(f"  - {{id: r, {rule}}}\n", "contacts.fetch")
    assert (plan.denial.rules if plan.denial else ()) == denied and plan.shadow == shadow


def test_every_rule_is_considered_with_its_reason() -> None:
    rules = (
        "  - {id: m, mask: user.name, with: hash}\n"
        "  - {id: c, contact: {require: consent}}\n"
        "  - {id: r, residency: {regions: [EEA]}, mode: shadow}\n"
        "  - {id: a, access: {roles: admin}}\n"
    )
    got = {c.rule: (c.kind, c.applies, c.mode, c.why) for c in compiled(rules, "contacts.fetch").considered}
    assert got == {
        "m": ("mask", True, "enforce", "applies"),
        "c": ("contact", False, "enforce", "the operation reaches nobody"),
        "r": ("residency", True, "shadow", "applies"),
        "a": ("access", False, "enforce", "narrowed by roles"),
    }


def test_a_message_may_turn_out_to_be_whatsapp() -> None:
    rules = (
        "  - {id: sms, contact: {channels: [sms], require: consent}}\n"
        "  - {id: wa, contact: {channels: [whatsapp], require: consent}}\n"
        "  - {id: all, contact: {require: consent}, mode: shadow}\n"
    )
    checks = compiled(rules, "messages.create").contact
    assert {channel: [c.rule for c in found] for channel, found in checks.items()} == {
        "sms": ["sms", "all"],
        "whatsapp": ["wa", "all"],
    }
    assert set(compiled(rules, "mails.send").contact) == {"email"}
    assert compiled(rules, "contacts.fetch").contact == {}


@pytest.mark.parametrize(
    ("operation", "client", "unmapped", "body"),
    [
        ("contacts.fetch", 0, "pass", True),
        ("status", 0, "redact", True),
        ("status", 0, "detect", True),
        ("status", 0, "pass", False),
        ("recordings.media", 0, "pass", True),
        ("recordings.media", 2, "pass", True),
    ],
)
def test_when_an_answer_is_read(operation: str, client: int, unmapped: str, body: bool) -> None:
    assert compiled("", operation, client, unmapped).response.body is body


def test_content_that_is_not_read_passes_only_to_who_may_see_it() -> None:
    hidden, shown = (
        compiled("", "recordings.media", client).response.unread("audio/wav") for client in (0, 2)
    )
    assert hidden and not hidden.shown and hidden.rules == ("view:support",)
    assert shown and shown.shown and shown.rules == ()
    masked = compiled("  - {id: m, mask: user.content}\n", "recordings.media", 2).response.unread("audio/wav")
    assert masked and not masked.shown and masked.rules == ("m",)


def test_errors_are_searched_even_where_the_unknown_passes() -> None:
    side = compiled("", "contacts.fetch", 0, "pass").response
    assert side.json and side.json.unmapped is None
    assert side.errors["json"].unmapped is not None


def test_a_residency_rule_for_data_speaks_of_operations_that_carry_it() -> None:
    rule = "  - {id: r, residency: {data: user.financial, regions: [US]}}\n"
    assert compiled(rule, "status").permission("9.9.9.9") is not None
    assert compiled(rule, "contacts.delete").permission("9.9.9.9") is not None
    # an error's `message` is `user`: it may hold anything of a person
    assert compiled(rule, "contacts.fetch").permission("9.9.9.9") is None
    assert compiled(rule, "status").permission("192.0.2.1") is None, "an address nobody knows"


def test_an_operation_that_carries_nothing_has_nothing_to_look_at() -> None:
    operation = Operation(id="none", method="GET", path="/none")
    target = WORLD.snapshot.routes.find(b"", b"/crm/x", "acme")
    assert target
    policy = read_rules((RULES + "unmapped: pass\n").encode(), "acme.yaml")
    it = situation(policy.clients[0], None, "crm", operation, target.upstream, NOON)
    plan = compile_plan(Ground(policy, b"key", AddressTable([])), it, NOON)
    assert not plan.request.body and not plan.response.body and plan.response.json is None
