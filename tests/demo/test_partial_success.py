"""HubSpot's own SDK on batches of which the gateway leaves somebody out: real sockets, real process."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchReadInputSimplePublicObjectId,
    BatchResponseSimplePublicObject,
    BatchResponseSimplePublicObjectWithErrors,
    BatchResponseSimplePublicUpsertObjectWithErrors,
    PublicObjectSearchRequest,
)

from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks
from gateway.demo.apps import Answer
from gateway.demo.house import PLACES, SUPPRESSED, TENANT, furnish
from gateway.demo.process import free_port, gateway, wait_ready
from gateway.demo.world import World, world
from gateway.keys import read
from gateway.sandbox import hubspot, twilio
from gateway.sandbox.people import PEOPLE
from gateway.sandbox.serve import running

FIRST, GONE = PEOPLE[0], SUPPRESSED


@dataclass(frozen=True)
class Tenant:
    """The tour's applications, and the sandbox's own view of a contact."""

    apps: World

    def dialer(self, do: Any) -> Answer:
        """One call of the dialler's SDK."""
        return self.apps.dialer.call(do)

    def stored(self, email: str) -> list[str]:
        """First names of the sandbox's contacts with this address."""
        read_by = {"idProperty": "email", "inputs": [{"id": email}], "properties": ["firstname"]}
        found = self.apps.direct_hubspot.call(lambda h: h.crm.contacts.batch_api.read(read_by))
        return [each.properties["firstname"] for each in found.value.results]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    folder: Path = tmp_path_factory.mktemp("partial")
    with (
        running(hubspot.create(), PLACES["hubspot"]) as crm,
        running(twilio.create(), PLACES["twilio"]) as calls,
    ):
        urls = {"hubspot": crm, "hubspot-us": crm, "twilio": calls, "replies": crm}
        house = furnish(folder, urls, f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
        books = SqliteBooks(folder / "state.db")
        person = read(folder / "keyring").pseudonymiser(TENANT)("record", "hubspot/contact/104")
        books.enter(TENANT, [Entry(id="t", subject=person, act="suppressed", at=1.0, channel="call")])
        books.close()
        with gateway(house) as process, world(house, urls) as apps:
            wait_ready(process, house)
            yield Tenant(apps)


def errors(answer: Answer) -> list[tuple[str, dict[str, list[str]]]]:
    value = answer.value
    assert isinstance(
        value, BatchResponseSimplePublicObjectWithErrors | BatchResponseSimplePublicUpsertObjectWithErrors
    ), answer
    assert (value.status, value.num_errors, answer.dropped) == ("COMPLETE", 1, 1)
    assert all(each.status == "error" and each.links == {} and each.errors == [] for each in value.errors)
    return [(each.category, each.context) for each in value.errors]


def test_read(tenant: Tenant) -> None:
    inputs = [{"id": "101"}, {"id": "104"}, {"id": "102"}]
    wanted = BatchReadInputSimplePublicObjectId(
        inputs=inputs, properties=["lastname"], properties_with_history=[]
    )
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.read(wanted))
    assert errors(answer) == [("record_withheld", {"ids": ["104"]})]
    assert [each.id for each in answer.value.results] == ["101", "102"]


def test_read_of_one_whom_only_the_answer_names(tenant: Tenant) -> None:
    wanted = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": GONE.id}, {"id": "101"}], properties=["lastname"], properties_with_history=[]
    )
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.read(wanted))
    assert errors(answer) == [("record_withheld", {"ids": [GONE.id]})]
    assert [each.id for each in answer.value.results] == ["101"]


def test_create(tenant: Tenant) -> None:
    people = [
        {"properties": {"email": "new.one@example.org", "firstname": "New"}, "objectWriteTraceId": "t-1"},
        {"properties": {"email": "x@example.org", "phone": GONE.phone}, "objectWriteTraceId": "t-2"},
    ]
    batch = BatchInputSimplePublicObjectBatchInputForCreate(inputs=people)
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.create(batch))
    assert errors(answer) == [("record_withheld", {"objectWriteTraceId": ["t-2"]})]
    assert [each.properties["firstname"] for each in answer.value.results] == ["New"]
    assert (tenant.stored("new.one@example.org"), tenant.stored("x@example.org")) == (["New"], [])


def test_update(tenant: Tenant) -> None:
    people = [
        {"id": "104", "properties": {"firstname": "Changed"}},
        {"id": FIRST.id, "properties": {"firstname": FIRST.firstname}},
    ]
    batch = BatchInputSimplePublicObjectBatchInput(inputs=people)
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.update(batch))
    assert errors(answer) == [("record_withheld", {"ids": ["104"]})]
    assert [each.id for each in answer.value.results] == [FIRST.id]
    assert tenant.stored(PEOPLE[3].email) == [PEOPLE[3].firstname]


def test_upsert(tenant: Tenant) -> None:
    people = [
        {"id": FIRST.email, "idProperty": "email", "properties": {"firstname": FIRST.firstname}},
        {"id": GONE.email.upper(), "idProperty": "email", "properties": {"firstname": "Changed"}},
    ]
    batch = BatchInputSimplePublicObjectBatchInputUpsert(inputs=people)
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.upsert(batch))
    assert errors(answer) == [("record_withheld", {"ids": [GONE.email.upper()]})]
    assert [each.id for each in answer.value.results] == [FIRST.id]
    assert tenant.stored(GONE.email) == [GONE.firstname]


def test_associations(tenant: Tenant) -> None:
    wanted = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": "101"}, {"id": "104"}])
    answer = tenant.dialer(
        lambda h: h.crm.associations.v4.batch_api.get_page("contacts", "companies", wanted)
    )
    assert type(answer.value).__name__ == "BatchResponsePublicAssociationMultiWithLabelWithErrors", answer
    assert [each.context for each in answer.value.errors] == [{"fromObjectId": ["104"]}]
    assert [each._from.id for each in answer.value.results] == ["101"]


def test_nobody_left_out_is_an_answer_like_any_other(tenant: Tenant) -> None:
    wanted = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": "101"}], properties=["lastname"], properties_with_history=[]
    )
    answer = tenant.dialer(lambda h: h.crm.contacts.batch_api.read(wanted))
    assert (type(answer.value), answer.dropped) == (BatchResponseSimplePublicObject, 0)


def test_lists_and_searches_come_without_them(tenant: Tenant) -> None:
    search = PublicObjectSearchRequest(
        limit=100, properties=["lastname"], filter_groups=[], sorts=[], after="0"
    )
    found = tenant.dialer(lambda h: h.crm.contacts.search_api.do_search(search)).value
    ids = {each.id for each in found.results}
    assert found.total == len(ids) and {"101", "102"} <= ids
    assert not ids & {"104", GONE.id}
    listed = tenant.dialer(lambda h: h.crm.contacts.basic_api.get_page(limit=100))
    assert listed.dropped == 0
    assert not {each.id for each in listed.value.results} & {"104", GONE.id}
    everybody = tenant.apps.backoffice.call(lambda h: h.crm.contacts.basic_api.get_page(limit=100)).value
    assert {"104", GONE.id} <= {each.id for each in everybody.results}
