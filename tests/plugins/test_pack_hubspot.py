"""The HubSpot pack against the generated sources of the provider's own SDK."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from gateway.model import Operation
from gateway.policy.matchers import personal
from gateway.policy.packfile import read_pack
from tests.plugins.hubspot_sources import calls
from tests.plugins.pathcover import call, deciding, names

ROOT = Path(__file__).parents[2]
PACK = read_pack((ROOT / "plugins/hubspot/pack.yaml").read_bytes(), "plugins/hubspot/pack.yaml")
TRUTH = calls()
BY_ID = {o.id: o for o in PACK.operations}

each = pytest.mark.parametrize("operation", PACK.operations, ids=lambda o: o.id)

COVERED = {
    "GET /crm/v3/objects/contacts",
    "POST /crm/v3/objects/contacts",
    "GET /crm/v3/objects/contacts/{contactId}",
    "PATCH /crm/v3/objects/contacts/{contactId}",
    "DELETE /crm/v3/objects/contacts/{contactId}",
    "POST /crm/v3/objects/contacts/search",
    "POST /crm/v3/objects/contacts/merge",
    "POST /crm/v3/objects/contacts/gdpr-delete",
    *(f"POST /crm/v3/objects/contacts/batch/{v}" for v in ("create", "read", "update", "upsert", "archive")),
    "POST /marketing/v3/transactional/single-email/send",
}


@each
def test_the_sdk_makes_this_call(operation: Operation) -> None:
    assert call(operation) in TRUTH


def test_contacts_and_single_send_are_complete() -> None:
    assert {call(o) for o in PACK.operations} >= COVERED


@each
def test_parameters_are_exactly_those_of_the_sdk(operation: Operation) -> None:
    truth = TRUTH[call(operation)]
    assert names(operation.request.path) == truth.path
    assert names(operation.request.query) == truth.query


@each
def test_every_member_sent_and_answered_is_mapped(operation: Operation) -> None:
    truth = TRUTH[call(operation)]
    assert [p for p in sorted(truth.body) if deciding(operation.request.json, p) is None] == []
    assert [p for p in sorted(truth.answer) if deciding(operation.response.json, p) is None] == []


@each
def test_errors_keep_what_sdk_exceptions_need(operation: Operation) -> None:
    shown = {"category", "correlationId", "status"} - (
        {"status"} if operation.id.startswith("preferences.") else set()
    )
    for name in shown:
        field = deciding(operation.response.json, name)
        assert field and not personal(field.category), name
    message = deciding(operation.response.json, "message")
    assert message and message.category == "user"


@each
def test_whoever_is_reached_is_known(operation: Operation) -> None:
    recipients = [f for f in operation.request.json if f.role == "recipient"]
    assert bool(operation.channel) == bool(recipients)


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("properties.email", "user.contact.email"),
        ("properties.mobilephone", "user.contact.phone_number"),
        ("properties.date_of_birth", "user.demographic.date_of_birth"),
        ("properties.volunteer_notes", "user"),
        ("properties.hs_object_id", "system.operations"),
        ("propertiesWithHistory.email[].value", "user.contact.email"),
        ("propertiesWithHistory.email[].timestamp", "system.operations"),
        ("propertiesWithHistory.volunteer_notes[].value", "user"),
        ("propertiesWithHistory.volunteer_notes[].sourceLabel", "user"),
    ],
)
def test_contact_properties(path: str, category: str) -> None:
    field = deciding(BY_ID["contacts.fetch"].response.json, path)
    assert field and field.category == category


def test_subjects_of_a_contact() -> None:
    fields = BY_ID["contacts.list"].response.json
    kinds = {f.path: f.subject for f in fields if f.subject}
    assert kinds["results[].id"] == "record"
    assert kinds["results[].properties.email"] == "email"
    assert kinds["results[].properties.phone"] == "phone"


def test_recipients_of_a_single_send_can_be_dropped_one_by_one() -> None:
    paths = {f.path for f in BY_ID["emails.single_send"].request.json if f.role == "recipient"}
    assert paths == {"message.to", "message.cc[]", "message.bcc[]"}


def test_searches_are_reads_and_everything_else_unsafe_is_an_act() -> None:
    reads = {o.id for o in PACK.operations if not o.act and o.method != "GET"}
    assert reads == {"contacts.search", "contacts.batch_read", "associations.batch_read"}


def test_refusal_does_not_clash_with_the_problem_document() -> None:
    assert not set(PACK.refusal) & {"type", "title", "status", "detail", "instance", "rules"}


BATCHES = {
    "contacts.batch_create": "crm.contacts.models.batch_response_simple_public_object_with_errors",
    "contacts.batch_read": "crm.contacts.models.batch_response_simple_public_object_with_errors",
    "contacts.batch_update": "crm.contacts.models.batch_response_simple_public_object_with_errors",
    "contacts.batch_upsert": "crm.contacts.models.batch_response_simple_public_upsert_object_with_errors",
    "associations.batch_create": (
        "crm.associations.v4.models.batch_response_labels_between_object_pair_with_errors"
    ),
    "associations.batch_read": (
        "crm.associations.v4.models.batch_response_public_association_multi_with_label_with_errors"
    ),
}
"""Where the SDK says what a batch answers with 207."""


@pytest.mark.parametrize("name", BATCHES)
def test_whoever_is_left_out_is_told_of_as_the_sdk_reads_it(name: str) -> None:
    partial = BY_ID[name].partial
    assert partial and partial.entry and partial.status == 207
    envelope = _members(BATCHES[name])
    assert {partial.errors, partial.count, "results"} <= envelope.keys()
    error = _members(BATCHES[name].rpartition(".")[0] + ".standard_error")
    entry = json.loads(partial.entry)
    assert entry.keys() <= error.keys()
    needed = {"status", "category", "message", "context", "links", "errors"}
    assert needed <= entry.keys(), "the SDK raises for a StandardError without them"
    assert error["context"] == "dict[str, list[str]]"
    assert all(isinstance(each, list) for each in entry["context"].values())


def _members(module: str) -> dict[str, str]:
    """Members of the one model in a module of the SDK, by their name in JSON, with their types."""
    every = vars(import_module(f"hubspot.{module}")).values()
    (model,) = (each for each in every if hasattr(each, "attribute_map"))
    return {name: model.openapi_types[member] for member, name in model.attribute_map.items()}


def test_whatever_answers_with_errors_beside_results_says_so() -> None:
    with_errors = {
        o.id for o in PACK.operations if o.request.json and "batch" in o.id and o.id[-7:] != "archive"
    }
    assert {o.id for o in PACK.operations if o.partial and o.partial.entry} == with_errors == set(BATCHES)
