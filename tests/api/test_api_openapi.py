"""The OpenAPI document is the table of calls, whole and sound."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.calls import CALLS
from gateway.api.openapi import document
from gateway.errors import REASONS
from tests.api.apis import running
from tests.contract.memory import Memory

DOCUMENT = document()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_call_is_in_it_and_no_other() -> None:
    found = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}
    assert found == {(call.path, method) for call in CALLS for method in call.methods}


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = {reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)}
    assert named == schemas.keys()


def test_its_outline_is_that_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    identifiers = [op["operationId"] for item in DOCUMENT["paths"].values() for op in item.values()]
    assert len(set(identifiers)) == len(identifiers)
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            assert operation["requestBody"]["content"].keys() == {"application/json"}
            assert all(answer["description"] for answer in operation["responses"].values())
            for status, answer in operation["responses"].items():
                kind = "application/json" if status == "200" else "application/problem+json"
                assert answer["content"].keys() == {kind}


def test_every_refusal_names_reasons_of_its_status() -> None:
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                if status != "200":
                    named = answer["description"].replace("`", "").split(", ")
                    assert {str(REASONS[name].status) for name in named} == {status}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: str(call.name))
def test_objects_are_closed_and_say_what_they_need(call: Any) -> None:
    schema = DOCUMENT["components"]["schemas"][call.body.__name__]
    assert schema["additionalProperties"] is False
    assert schema["required"]
    assert schema["description"]


def test_it_is_served(tmp_path: Path) -> None:
    with running(Memory, tmp_path / "api.db") as api, httpx.Client(trust_env=False, verify=False) as client:
        assert client.get(f"http://127.0.0.1:{api.port}/openapi.json").json() == json.loads(
            json.dumps(DOCUMENT)
        )
