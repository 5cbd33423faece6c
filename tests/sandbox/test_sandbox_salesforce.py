"""The real simple-salesforce through the gateway to the sandbox, on real sockets over TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
import requests
import trustme
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceRefusedRequest, SalesforceResourceNotFound

from gateway.sandbox import salesforce
from gateway.sandbox.people import PEOPLE
from gateway.sandbox.serve import running
from tests.exchange.salesforce_world import DROPPING, PACK
from tests.plane import Gate
from tests.sandbox.sandboxkit import received
from tests.world import KEYS

CAMILLE = PEOPLE[0]
V = f"/services/data/{salesforce.VERSION}"


@dataclass
class Port:
    port: int


class House(NamedTuple):
    """A sandbox, and a gateway in front of it that speaks TLS as the SDK wants."""

    sandbox: str
    gate: Gate
    trust: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path_factory.mktemp("trust") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    pack = PACK.replace(b"provider: salesforce", b"provider: crm")  # the gate of the tests knows this name
    with running(salesforce.create(batch=2)) as sandbox:
        port = Port(urlsplit(sandbox).port or 0)
        with Gate(port, pack=pack, rules=DROPPING, tls=context, change=_by_host) as gate:
            yield House(sandbox, gate, str(file))


def _by_host(upstream: Any) -> Any:
    return msgspec.structs.replace(upstream, prefix=None, host="127.0.0.1")


@contextmanager
def sdk(house: House, client: str = "support") -> Iterator[Any]:
    """The SDK as an application has it; one header and a CA are all that is added to its session."""
    with requests.Session() as session:
        session.trust_env = False  # a bundle that the machine's environment names would go before this one
        session.verify = house.trust
        session.headers["Hushgate-Key"] = KEYS[client].decode()
        address = f"https://127.0.0.1:{house.gate.port}"
        yield Salesforce(
            instance_url=address, session_id=salesforce.TOKEN, session=session, version=salesforce.VERSION[1:]
        )


def test_a_role_sees_what_its_view_shows(house: House) -> None:
    with sdk(house) as sf:
        found = sf.query(f"SELECT Id, Name, Email, MobilePhone FROM Contact WHERE Name = '{NAME}'")
        (row,) = found["records"]
        assert (row["Name"], row["Email"]) == (NAME, "[redacted]")
        assert row["MobilePhone"].startswith("*") and row["MobilePhone"][-2:] == CAMILLE.mobilephone[-2:]
        whole = sf.Contact.get(row["Id"])
        assert whole["LastName"] == CAMILLE.lastname and whole["Volunteer_Notes__c"] == "[redacted]"
        assert whole["Birthdate"] == CAMILLE.date_of_birth[:4]


NAME = f"{CAMILLE.firstname} {CAMILLE.lastname}"


def test_all_pages_of_a_query_come(house: House) -> None:
    with sdk(house, "admin") as sf:
        rows = sf.query_all("SELECT Id, Email FROM Contact")["records"]
    assert [row["Email"] for row in rows] == [person.email for person in PEOPLE]


def test_records_are_made_changed_and_removed(house: House) -> None:
    with sdk(house, "admin") as sf:
        made = sf.Lead.create({"LastName": "Petit", "Email": "petit@example.org", "Company": "Petit SA"})
        assert made["success"]
        assert sf.Lead.update(made["id"], {"Title": "Gérante"}) == 204
        assert sf.Lead.get(made["id"])["Title"] == "Gérante"
        assert sf.Lead.get_by_custom_id("Email", "petit@example.org")["Id"] == made["id"]
        assert sf.Lead.upsert("Email/petit@example.org", {"LastName": "Grand"}) == 200
        assert sf.Lead.describe()["name"] == "Lead"
        assert sf.Lead.delete(made["id"]) == 204
        with pytest.raises(SalesforceResourceNotFound):
            sf.Lead.get(made["id"])


def told(refused: pytest.ExceptionInfo[SalesforceRefusedRequest]) -> Any:
    return refused.value.content


def test_a_refusal_is_the_sdk_s_own_exception(house: House) -> None:
    with sdk(house) as sf:
        asks: list[Any] = [
            lambda: sf.query(f"SELECT Id FROM Contact WHERE Email = '{CAMILLE.email}'"),
            lambda: sf.Contact.get_by_custom_id("Email", CAMILLE.email),
            lambda: sf.search(f"FIND {{{CAMILLE.email}}}"),
        ]
        for ask in asks:
            with pytest.raises(SalesforceRefusedRequest) as refused:
                ask()
            (error,) = told(refused)
            assert error["errorCode"] == "hidden_field_queried" and error["message"]
        with pytest.raises(SalesforceRefusedRequest) as refused:
            sf.Contact.delete("0035g0000000002AAA")
        assert told(refused)[0]["errorCode"] == "access_denied"
        with pytest.raises(SalesforceRefusedRequest) as refused:
            sf.restful("tooling/query", {"q": "SELECT Id FROM User"})
        assert told(refused)[0]["errorCode"] == "unknown_operation"


def test_a_composite_is_decided_call_by_call(house: House) -> None:
    calls: list[dict[str, Any]] = [
        {"method": "POST", "url": f"{V}/sobjects/Account", "referenceId": "acc", "body": {"Name": "Neuf"}},
        {
            "method": "POST",
            "url": f"{V}/sobjects/Contact",
            "referenceId": "con",
            "body": {"LastName": "Roy", "Email": "roy@example.org", "AccountId": "@{acc.id}"},
        },
        {"method": "GET", "url": f"{V}/sobjects/Contact/@{{con.id}}", "referenceId": "back"},
        {"method": "GET", "url": f"{V}/query?q=SELECT Email FROM Contact LIMIT 1", "referenceId": "q"},
        {"method": "GET", "url": f"{V}/sobjects/Contact/0030000000000000AA", "referenceId": "none"},
    ]
    with sdk(house) as sf:
        answers = sf.restful("composite", method="POST", json={"compositeRequest": calls})[
            "compositeResponse"
        ]
        assert [each["referenceId"] for each in answers] == ["acc", "con", "back", "q", "none"]
        assert [each["httpStatusCode"] for each in answers] == [201, 201, 200, 200, 404]
        back = answers[2]["body"]
        assert (back["LastName"], back["Email"]) == ("Roy", "[redacted]")
        assert back["AccountId"] == answers[0]["body"]["id"]
        assert answers[3]["body"]["records"][0]["Email"] == "[redacted]"
        calls[2]["url"] = f"{V}/sobjects/Contact/@{{con.Email}}"
        before = received(house.sandbox)["count"]
        with pytest.raises(SalesforceRefusedRequest):
            sf.restful("composite", method="POST", json={"compositeRequest": calls})
        assert received(house.sandbox)["count"] == before
    record = [r for r in house.gate.records() if r.operation == "composite" and r.phase == "outcome"][-1]
    assert record.parts == (
        "accounts.create",
        "contacts.create",
        "contacts.fetch",
        "query",
        "contacts.fetch",
    )


def test_a_batch_and_collections(house: House) -> None:
    calls = [
        {"method": "GET", "url": f"{salesforce.VERSION}/query?q=SELECT Name, Email FROM Contact LIMIT 1"}
    ]
    rows = [{"attributes": {"type": "Lead"}, "LastName": n, "Email": f"{n}@example.org"} for n in ("a", "b")]
    with sdk(house) as sf:
        made = sf.restful("composite/batch", method="POST", json={"batchRequests": calls})
        (row,) = made["results"][0]["result"]["records"]
        assert (row["Name"], row["Email"]) == (NAME, "[redacted]") and made["hasErrors"] is False
        saved = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
        assert [each["success"] for each in saved] == [True, True]


# ---- every URL of the SDK is a call of the pack -----------------------------------------------------------


class Recorder(requests.Session):
    """Answers everything with an empty page, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, url: str, **_: Any) -> Any:  # type: ignore[override]  # all that the SDK uses
        self.asked.append((method, urlsplit(url).path))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"records": [], "done": true}'
        return answer


def test_the_pack_knows_every_url_the_sdk_makes() -> None:
    from datetime import UTC, datetime

    from gateway.policy.operations import OperationIndex
    from gateway.policy.packfile import read_pack

    pack = read_pack(PACK, "salesforce/pack.yaml")
    index = OperationIndex(pack.operations, slash=pack.trailing_slash)
    with Recorder() as session:
        sf: Any = Salesforce(instance_url="https://x.my.salesforce.com", session_id="x", session=session)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for kind in ("Contact", "Lead", "Account", "Task"):
            it = getattr(sf, kind)
            it.metadata(), it.describe(), it.describe_layout("012"), it.get("003"), it.create({})
            it.get_by_custom_id("Email", "a@example.org"), it.upsert("Email/a@example.org", {})
            it.update("003", {}), it.delete("003"), it.deleted(start, start), it.updated(start, start)
        sf.describe(), sf.limits(), sf.search("FIND {x}"), sf.quick_search("x")
        sf.query("SELECT Id FROM Contact"), sf.query("SELECT Id FROM Contact", include_deleted=True)
        sf.query_more("01g-2000"), sf.query_more("01g-2000", include_deleted=True)
        sf.query_more(f"{V}/query/01g-2000", identifier_is_url=True)
    assert len(session.asked) > 50
    unknown = [each for each in session.asked if index.match(each[0], each[1].encode()) is None]
    assert unknown == []
