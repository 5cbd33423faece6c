"""Finding the operation of a method and a path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InternalError, PayloadError
from gateway.model import Operation
from gateway.policy.operations import OperationIndex


def op(call: str) -> Operation:
    method, path = call.split()
    return Operation(id=call, method=method, path=path)


CALLS = [
    "GET /crm/v3/objects/contacts",
    "GET /crm/v3/objects/contacts/{contactId}",
    "PATCH /crm/v3/objects/contacts/{contactId}",
    "POST /crm/v3/objects/contacts/search",
    "POST /crm/v3/objects/contacts/batch/read",
    "GET /crm/v3/objects/{type}/{id}",
    "GET /crm/v3/objects/{type}/{id}/notes",
    "POST /2010/Accounts/{Account}/Calls.json",
    "POST /2010/Accounts/{Account}/Calls/{Sid}.json",
    "GET /2010/Accounts/{Account}/Recordings/{Sid}.mp3",
    "GET /2010/Accounts/{Account}/Recordings/{Sid}",
    "GET /v1/Phone/{Number}",
    "GET /",
]
INDEX = OperationIndex(map(op, CALLS))


@pytest.mark.parametrize(
    ("method", "path", "call", "params"),
    [
        ("GET", "/crm/v3/objects/contacts", 0, {}),
        ("GET", "/crm/v3/objects/contacts/7", 1, {"contactId": "7"}),
        ("HEAD", "/crm/v3/objects/contacts/7", 1, {"contactId": "7"}),
        ("PATCH", "/crm/v3/objects/contacts/7", 2, {"contactId": "7"}),
        ("POST", "/crm/v3/objects/contacts/search", 3, {}),
        ("POST", "/crm/v3/objects/%63ontacts/search", 3, {}),
        ("POST", "/crm/v3/objects/contacts/batch/read", 4, {}),
        ("GET", "/crm/v3/objects/deals/7", 5, {"type": "deals", "id": "7"}),
        ("GET", "/crm/v3/objects/contacts/7/notes", 6, {"type": "contacts", "id": "7"}),
        ("POST", "/2010/Accounts/AC1/Calls.json", 7, {"Account": "AC1"}),
        ("POST", "/2010/Accounts/AC1/Calls/CA1.json", 8, {"Account": "AC1", "Sid": "CA1"}),
        ("GET", "/2010/Accounts/AC1/Recordings/RE1.mp3", 9, {"Account": "AC1", "Sid": "RE1"}),
        ("GET", "/2010/Accounts/AC1/Recordings/RE1", 10, {"Account": "AC1", "Sid": "RE1"}),
        ("GET", "/v1/Phone/%2B33612345678", 11, {"Number": "+33612345678"}),
        ("GET", "/", 12, {}),
    ],
)
def test_found(method: str, path: str, call: int, params: dict[str, str]) -> None:
    found = INDEX.match(method, path.encode())
    assert found is not None
    assert (found[0].id, found[1]) == (CALLS[call], params)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/crm"),
        ("GET", "/crm/v3/objects/contacts/"),
        ("DELETE", "/crm/v3/objects/contacts/7"),
        ("HEAD", "/crm/v3/objects/contacts/search"),
        ("GET", "/crm/v3/objects/contacts/search"),
        ("POST", "/2010/Accounts/AC1/Calls/CA1"),
        ("POST", "/2010/Accounts/AC1/Calls/.json"),
        ("get", "/crm/v3/objects/contacts"),
        ("GET", "/CRM/v3/objects/contacts"),
    ],
)
def test_unknown(method: str, path: str) -> None:
    assert INDEX.match(method, path.encode()) is None


@pytest.mark.parametrize("path", [b"/crm//v3", b"/crm/../v3", b"/v1/Phone/a%2Fb", b"/v1/Phone/%00", b"crm"])
def test_ambiguous(path: bytes) -> None:
    with pytest.raises(PayloadError):
        INDEX.match("GET", path)


@pytest.mark.parametrize("calls", [["GET /a/{x}", "GET /a/{y}"], ["GET /{x}{y}"], ["GET /a", "GET /a"]])
def test_bad_packs(calls: list[str]) -> None:
    with pytest.raises(InternalError):
        OperationIndex(map(op, calls))


GLANCED = ("/a", "/a/b", "/a/{x}", "/a/{x}/c.json", "/a/{x}.json", "/d/{y}/e")
TEXTS = st.lists(
    st.sampled_from(
        ("a", "b", "c.json", "x1", "x1.json", ".json", "d", "e", "", ".", "..", "é", "x y", "x%31", "x?")
    ),
    max_size=4,
)


@given(TEXTS)
def test_a_glance_finds_what_a_look_finds(parts: list[str]) -> None:
    index = OperationIndex([op(f"GET {path}") for path in GLANCED])
    path = "/" + "/".join(parts)
    glanced = index.led(path)
    if glanced is not None:
        found = index.leads(path.encode())
        assert found is not None and found[0] is glanced
    assert index.led("/d/x1/e") is not None


@given(TEXTS, TEXTS)
def test_what_is_alike_is_glanced_alike(parts: list[str], others: list[str]) -> None:
    index = OperationIndex([op(f"GET {path}") for path in GLANCED])
    path, other = "/" + "/".join(parts), "/" + "/".join(others)
    glanced = index.led(path)
    if glanced is None:
        return
    alike = re.compile(index.alike(path)).fullmatch
    assert alike(path)
    if alike(other):
        assert index.led(other) is glanced


def test_alike_are_others_and_no_literals() -> None:
    index = OperationIndex([op("GET /a/{x}.json"), op("GET /a/b.json"), op("GET /c/{x}"), op("GET /c/b")])
    for path in ("/a/7.json", "/c/7"):
        alike = re.compile(index.alike(path)).fullmatch
        assert alike(path.replace("7", "Xy8"))
        assert not any(alike(path.replace("7", other)) for other in ("b", "", "7/8", "%37", "é", "7 ", "7\n"))
    assert re.compile(index.alike("/c/b")).fullmatch("/c/b")


@pytest.mark.parametrize("literal", ["..", "a%20b", "a%2Fb", "a;b"])
def test_no_glance_where_literals_are_read_otherwise(literal: str) -> None:
    index = OperationIndex([op(f"GET /{literal}/{{x}}"), op("GET /a/{x}")])
    assert index.led(f"/{literal}/x") is None and index.led("/a/x") is None
    assert OperationIndex([op("GET /a/{x}")]).led("/a/x") is not None
