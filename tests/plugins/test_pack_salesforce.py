"""The Salesforce pack: what it says of fields, and that nothing in it is left open."""

from pathlib import Path

import pytest

from gateway.codecs.json import JSON
from gateway.codecs.program import Tally
from gateway.exchange.replay import NOON
from gateway.model import Operation
from gateway.policy.identity import Identity
from gateway.policy.matchers import personal
from gateway.policy.packfile import read_pack
from tests.exchange.salesforce_world import V, world
from tests.plugins.pathcover import call, deciding

ROOT = Path(__file__).parents[2]
FILE = "plugins/salesforce/pack.yaml"
PACK = read_pack((ROOT / FILE).read_bytes(), FILE)
BY_ID = {operation.id: operation for operation in PACK.operations}
OBJECTS = {"contacts": "Contact", "leads": "Lead", "accounts": "Account", "tasks": "Task"}


def test_all_objects_have_the_same_calls() -> None:
    calls = {
        name: {call(o).replace(f"/{object_}", "/X") for o in PACK.operations if o.id.startswith(f"{name}.")}
        for name, object_ in OBJECTS.items()
    }
    assert len(calls["contacts"]) == 13 and all(found == calls["contacts"] for found in calls.values())


@pytest.mark.parametrize("operation", PACK.operations, ids=lambda o: o.id)
def test_errors_are_read_and_their_messages_hidden(operation: Operation) -> None:
    code, message = (deciding(operation.response.json, f"[].{name}") for name in ("errorCode", "message"))
    whole = any(line.path == "$" and not personal(line.category) for line in operation.response.json)
    assert whole or (code is not None and code.category == "system.operations")
    assert message is not None and message.category == "user"


@pytest.mark.parametrize("operation", [o for o in PACK.operations if o.method == "POST"], ids=lambda o: o.id)
def test_no_post_becomes_another_call(operation: Operation) -> None:
    (line,) = [line for line in operation.request.query if line.path == "_HttpMethod"]
    assert line.guard is not None and line.guard.kind == "never"


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("records[].Email", "user.contact.email"),
        ("records[].Account.Owner.Email", "user.contact.email"),
        ("records[].Contacts.records[].MobilePhone", "user.contact.phone_number"),
        ("records[].MailingAddress.street", "user.contact.address.street"),
        ("records[].MailingAddress.latitude", "user.location.precise"),
        ("records[].Secret__c", "user"),
        ("records[].Account.Secret__c", "user"),
        ("records[].expr0", "system.operations"),
        ("records[].attributes.url", "system.operations"),
        ("records[].attributes.other", "user"),
        ("records[].Contacts.totalSize", "system.operations"),
        ("nextRecordsUrl", "system.operations"),
    ],
)
def test_fields_are_known_at_any_depth(path: str, category: str) -> None:
    found = deciding(BY_ID["query"].response.json, path)
    assert found is not None and found.category == category


def test_a_record_of_all_known_fields_is_masked_field_by_field() -> None:
    """What the compiled program does, not only what the paths say."""
    names = [f.path.removeprefix("**.") for f in BY_ID["contacts.fetch"].response.json if f.path[:3] == "**."]
    flat = {name: f"value of {name}" for name in names if "." not in name and name != "*"}
    upstream = (it := world().snapshot).upstreams[0]
    identity = Identity("acme", next(c for c in it.tenants["acme"].clients if c.role == "support"))
    plan = it.plan(identity, None, BY_ID["contacts.fetch"], upstream, NOON).response.json
    assert plan is not None
    document = {**flat, "Account": dict(flat), "attributes": {"type": "Contact"}}
    masked = JSON.rewrite(document, plan, Tally.of(plan))
    for where in (masked, masked["Account"]):
        shown = {name for name, value in where.items() if value == f"value of {name}"}
        assert {"FirstName", "LastName", "Name", "Id", "Status"} <= shown
        assert not shown & {"Email", "Phone", "Birthdate", "MailingStreet", "Description", "AnnualRevenue"}
    assert masked["attributes"] == {"type": "Contact"}


@pytest.mark.parametrize("object_", OBJECTS.values())
def test_an_object_is_reached_by_its_own_spelling_alone(object_: str) -> None:
    """So that a rule on `contacts.delete` cannot be walked around by `/sobjects/contact/`."""
    it = world()
    for spelling in (object_.lower(), object_.upper(), f"{object_}%20", f"{object_}__c"):
        assert (
            it.ask("DELETE", f"/crm{V}/sobjects/{spelling}/003A").json[0]["errorCode"] == "unknown_operation"
        )


def test_personal_data_is_not_called_structure() -> None:
    words = ("email", "phone", "name", "street", "birth", "gender", "city", "title")
    allowed = {"attributes.type"}
    found = [
        line.path
        for line in BY_ID["contacts.fetch"].response.json
        if any(word in line.path.lower() for word in words) and not personal(line.category)
    ]
    assert set(found) <= allowed
