"""The real `hubspot-api-client` SDK against the sandbox, directly."""

from collections.abc import Iterator
from typing import Any

import hubspot
import pytest
from hubspot.communication_preferences import PublicUpdateSubscriptionStatusRequest
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.marketing.transactional import PublicSingleSendRequestEgg

from gateway.sandbox import hubspot as sandbox
from gateway.sandbox.people import PEOPLE
from gateway.sandbox.serve import running
from tests.sandbox.sandboxkit import received


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(sandbox.create()) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Any:
    return hubspot.Client.create(access_token=sandbox.TOKEN, host=url)


def test_fetch_answers_default_and_wanted_properties(client: Any) -> None:
    found = client.crm.contacts.basic_api.get_by_id("101", properties=["phone", "date_of_birth", "nothing"])
    assert found.properties["email"] == PEOPLE[0].email
    assert found.properties["phone"] == PEOPLE[0].phone
    assert found.properties["nothing"] is None
    assert "company" not in found.properties


def test_fetch_by_email_with_history_and_companies(client: Any) -> None:
    found = client.crm.contacts.basic_api.get_by_id(
        PEOPLE[1].email, id_property="email", properties_with_history=["email"], associations=["companies"]
    )
    assert found.id == "102"
    assert found.properties_with_history["email"][0].value == PEOPLE[1].email
    assert found.associations["companies"].results[0].id == "902"


def test_list_in_pages(client: Any) -> None:
    first = client.crm.contacts.basic_api.get_page(limit=3)
    second = client.crm.contacts.basic_api.get_page(limit=3, after=first.paging.next.after)
    assert [c.id for c in first.results + second.results] == ["101", "102", "103", "104", "105", "106"]


def test_create_update_archive(client: Any) -> None:
    api = client.crm.contacts.basic_api
    made = api.create(
        SimplePublicObjectInputForCreate(properties={"email": "new@example.org", "firstname": "N"})
    )
    changed = api.update(made.id, SimplePublicObjectInput(properties={"phone": "+33199000042"}))
    assert changed.properties["phone"] == "+33199000042"
    with pytest.raises(ApiException) as conflict:
        api.create(SimplePublicObjectInputForCreate(properties={"email": "NEW@example.org"}))
    assert conflict.value.status == 409
    api.archive(made.id)
    with pytest.raises(ApiException) as gone:
        api.get_by_id(made.id)
    assert gone.value.status == 404


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ({"propertyName": "country", "operator": "EQ", "value": "United Kingdom"}, ["104", "105"]),
        ({"propertyName": "email", "operator": "IN", "values": [PEOPLE[0].email]}, ["101"]),
        (
            {"propertyName": "date_of_birth", "operator": "BETWEEN", "value": "1990", "highValue": "1994"},
            ["102", "107"],
        ),
        ({"propertyName": "nothing", "operator": "HAS_PROPERTY"}, []),
    ],
)
def test_search(client: Any, condition: dict[str, Any], ids: list[str]) -> None:
    search = PublicObjectSearchRequest(
        filter_groups=[{"filters": [condition]}], properties=["email"], limit=10
    )
    found = client.crm.contacts.search_api.do_search(search)
    assert ([c.id for c in found.results], found.total) == (ids, len(ids))


def test_batches(client: Any) -> None:
    api = client.crm.contacts.batch_api
    made = api.create(
        BatchInputSimplePublicObjectBatchInputForCreate(
            [{"properties": {"email": f"b{n}@example.net"}} for n in (1, 2)]
        )
    )
    ids = [c.id for c in made.results]
    read = api.read(
        BatchReadInputSimplePublicObjectId(
            inputs=[{"id": i} for i in (*ids, "9")], properties=[], properties_with_history=[]
        )
    )
    assert ([c.id for c in read.results], read.num_errors, read.errors[0].context) == (ids, 1, {"ids": ["9"]})
    changed = api.update(
        BatchInputSimplePublicObjectBatchInput([{"id": ids[0], "properties": {"city": "Brest"}}])
    )
    assert changed.results[0].properties["city"] == "Brest"
    upsert = {"id": "b3@example.net", "idProperty": "email", "properties": {"city": "Metz"}}
    assert api.upsert(BatchInputSimplePublicObjectBatchInputUpsert([upsert])).results[0].new is True
    assert api.upsert(BatchInputSimplePublicObjectBatchInputUpsert([upsert])).results[0].new is False
    api.archive(BatchInputSimplePublicObjectId([{"id": i} for i in ids]))
    with pytest.raises(ApiException):
        client.crm.contacts.basic_api.get_by_id(ids[0])


def test_merge_and_forget() -> None:
    with running(sandbox.create()) as url:
        client = hubspot.Client.create(access_token=sandbox.TOKEN, host=url)
        api = client.crm.contacts.basic_api
        assert api.merge(PublicMergeInput(primary_object_id="101", object_id_to_merge="102")).id == "101"
        api.purge(PublicGdprDeleteInput(object_id="101"))
        assert [c.id for c in api.get_page().results] == ["103", "104", "105", "106", "107", "108"]


def test_associations(client: Any) -> None:
    api = client.crm.associations.v4.basic_api
    specs = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)]
    assert api.create("contacts", "103", "companies", "901", specs).to_object_id == "901"
    assert len(api.get_page("contacts", "103", "companies").results) == 2
    api.archive("contacts", "103", "companies", "901")
    read = client.crm.associations.v4.batch_api.get_page("contacts", "companies", {"inputs": [{"id": "103"}]})
    assert [t.to_object_id for t in read.results[0].to] == ["903"]


def test_single_send_is_remembered(client: Any, url: str) -> None:
    received(url, "DELETE")
    message = {"to": "a@example.org", "cc": ["b@example.org", "c@example.org"]}
    api = client.marketing.transactional.single_send_api
    sent = api.send_email(
        PublicSingleSendRequestEgg(email_id=7, message=message, contact_properties={}, custom_properties={})
    )
    assert sent.send_result == "SENT"
    assert '"cc": ["b@example.org", "c@example.org"]' in received(url)["requests"][0]["body"]


def test_preferences_owners_and_properties(client: Any) -> None:
    preferences = client.communication_preferences
    wish = PublicUpdateSubscriptionStatusRequest(email_address="a@example.org", subscription_id="301")
    assert preferences.status_api.unsubscribe(wish).status == "NOT_SUBSCRIBED"
    statuses = preferences.status_api.get_email_status("a@example.org").subscription_statuses
    assert [s.status for s in statuses] == ["NOT_SUBSCRIBED", "SUBSCRIBED"]
    assert preferences.status_api.subscribe(wish).status == "SUBSCRIBED"
    assert len(preferences.definition_api.get_page().subscription_definitions) == 2
    assert client.crm.owners.owners_api.get_by_id(71).first_name == "Noémie"
    assert "email" in {p.name for p in client.crm.properties.core_api.get_all("contacts").results}


def test_wrong_credential_and_too_many_requests() -> None:
    with running(sandbox.create(allowance=1)) as url:
        for token, status in (("wrong", 401), (sandbox.TOKEN, 429)):
            client = hubspot.Client.create(access_token=token, host=url)
            with pytest.raises(ApiException) as refused:
                client.crm.contacts.basic_api.get_page()
            assert refused.value.status == status
