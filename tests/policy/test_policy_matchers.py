"""Whether a rule's scope covers an exchange, and the reason when it does not."""

from datetime import date

import msgspec
import pytest

from gateway.model import Client, DataMap, Field, Operation, Rule, Scope, Unread, Upstream
from gateway.policy.matchers import Situation, categories, obstacle, personal

EMAIL = Field(path="email", category="user.contact.email")
OPERATION = Operation(
    id="messages.create",
    method="POST",
    path="/messages",
    channel="sms",
    request=DataMap(form=(EMAIL,), query=(Field(path="page", category="system.operations"),)),
    response=DataMap(opaque=(Unread(types=("audio/*",), category="user.content.private"),)),
)
IT = Situation(
    client=Client(id="dialer", role="caller", purposes=("marketing.communications",)),
    purposes=("marketing.communications",),
    provider="crm",
    operation=OPERATION,
    upstream=Upstream(name="u", provider="crm", url="https://x.example", region="FR", operator="OVH"),
    upstream_countries=frozenset({"FR"}),
    today=date(2026, 4, 1),
)


@pytest.mark.parametrize(
    ("scope", "applies"),
    [
        (Scope(), True),
        (Scope(roles=("support", "caller")), True),
        (Scope(roles=("support",)), False),
        (Scope(clients=("dialer",)), True),
        (Scope(clients=("caller",)), False),
        (Scope(purposes=("marketing",)), True),
        (Scope(purposes=("marketing.communications.sms",)), True),
        (Scope(purposes=("essential",)), False),
        (Scope(providers=("crm",)), True),
        (Scope(providers=("cr",)), False),
        (Scope(operations=("crm.messages.create",)), True),
        (Scope(operations=("*.create",)), True),
        (Scope(operations=("messages.create",)), False),
        (Scope(operations=("CRM.*",)), False),
        (Scope(channels=("sms",)), True),
        (Scope(channels=("whatsapp",)), True),
        (Scope(channels=("call",)), False),
        (Scope(regions=("EEA",)), True),
        (Scope(regions=("US",)), False),
        (Scope(data=("user.contact",)), True),
        (Scope(data=("user.content.private.x",)), True),
        (Scope(data=("user.name",)), False),
        (Scope(data=("system.operations",)), False),
        (Scope(roles=("caller",), clients=("office",)), False),
    ],
)
def test_narrowing(scope: Scope, applies: bool) -> None:
    why = obstacle(Rule(id="r", line=1, scope=scope, access=True), IT, ())
    assert (why is None) is applies, why


def test_every_narrowing_key_is_tested_or_belongs_to_masks() -> None:
    """A key of Scope that no test looks at would narrow nothing, and its rule would apply everywhere."""
    never = {name: ("nothing-like-this",) for name in Scope.__struct_fields__ if name != "direction"}
    for name, value in never.items():
        scope = msgspec.structs.replace(Scope(), **{name: value})
        why = obstacle(Rule(id="r", line=1, scope=scope, access=True), IT, ())
        assert why == f"narrowed by {name}"


def test_without_a_known_purpose_a_rule_applies() -> None:
    rule = Rule(id="r", line=1, scope=Scope(purposes=("essential",)), access=True)
    client = Client(id="dialer", role="caller")
    bare = Situation(client, (), "crm", OPERATION, IT.upstream, IT.upstream_countries, IT.today)
    assert obstacle(rule, bare, ()) is None


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        (None, None, None),
        ("2026-04-01", None, None),
        ("2026-04-02", None, "in force from 2026-04-02"),
        (None, "2026-04-02", None),
        (None, "2026-04-01", "in force until 2026-04-01"),
        ("2026-03-01", "2026-04-02", None),
    ],
)
def test_dates_are_inclusive_and_exclusive(since: str | None, until: str | None, why: str | None) -> None:
    assert obstacle(Rule(id="r", line=1, since=since, until=until, access=True), IT, ()) == why


def test_a_consent_of_the_tenant_lifts_a_rule() -> None:
    rule = Rule(id="r", line=1, consents=("a", "b"), access=True)
    assert obstacle(rule, IT, ()) is None and obstacle(rule, IT, ("c",)) is None
    assert obstacle(rule, IT, ("b",)) == "lifted by the tenant's consent b"


def test_categories_are_those_of_both_directions() -> None:
    assert categories(OPERATION) == {"user.contact.email", "user.content.private"}


@pytest.mark.parametrize(("category", "is_personal"), [("user", True), ("system", False), ("systemic", True)])
def test_personal(category: str, is_personal: bool) -> None:
    assert personal(category) is is_personal
