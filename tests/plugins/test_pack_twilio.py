"""The Twilio pack against Twilio's own documents: a trimmed index always, the documents where they are."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.model import Operation
from gateway.policy.matchers import personal
from gateway.policy.packfile import read_pack
from tests.plugins.pathcover import call, deciding, names
from tests.plugins.twilio_index import index

ROOT = Path(__file__).parents[2]
VECTOR = ROOT / "tests/vectors/twilio_index.json"
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora"))
PACK = read_pack((ROOT / "plugins/twilio/pack.yaml").read_bytes(), "plugins/twilio/pack.yaml")
TRUTH: dict[str, Any] = json.loads(VECTOR.read_text())["operations"]
BY_CALL = {call(o): o for o in PACK.operations}

MEDIA = {
    # Twilio's manuals describe these beside the resource; the OpenAPI documents hold JSON answers only.
    "GET /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media/{Sid}",
    "GET /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.mp3",
    "GET /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.wav",
}
ERROR = {"code", "message", "more_info", "status", "details"}
UNDOCUMENTED = {
    # Members Twilio sends that its documents leave open or out.
    "caller_name.caller_type",
    "caller_name.error_code",
    "carrier.error_code",
    "annotation",
    "media_url",
    "encryption_details",
    "track",
    "subresource_uris",
    "messaging_binding.address",
    "messaging_binding.projected_address",
    "messaging_binding.proxy_address",
    "messaging_binding.type",
    "correlation_id",
    "twilio_error_code",
}
NOT_PERSONAL = {"caller_name.error_code"}
"""Labelled with the object it is in, but a number of Twilio's own: nothing of the person."""

documented = pytest.mark.parametrize("name", sorted(TRUTH))
DOCUMENTED = [o for o in PACK.operations if call(o) not in MEDIA]


def test_every_documented_call_is_in_the_pack_and_no_other() -> None:
    assert set(BY_CALL) == set(TRUTH) | MEDIA


def test_every_host_serves_the_calls_it_is_named_for() -> None:
    assert {t["host"] for t in TRUTH.values()} <= names_of_hosts()


def names_of_hosts() -> set[str]:
    return {h.name for h in PACK.hosts}


@documented
@pytest.mark.parametrize("carrier", ["path", "query", "form"])
def test_parameters_are_exactly_those_of_the_document(name: str, carrier: str) -> None:
    assert names(getattr(BY_CALL[name].request, carrier)) == set(TRUTH[name][carrier])


@documented
def test_every_member_of_the_answer_is_mapped(name: str) -> None:
    fields = BY_CALL[name].response.json
    missing = [path for path in TRUTH[name]["answer"] if deciding(fields, path) is None]
    assert missing == []


@documented
def test_every_mapped_member_is_in_the_document(name: str) -> None:
    known = {p.removesuffix(".*") for p in TRUTH[name]["answer"]}
    mapped = {f.path for f in BY_CALL[name].response.json}
    strange = {p for p in mapped - known if _tail(p) not in ERROR | UNDOCUMENTED and not _open(p, known)}
    assert strange == set()


@documented
def test_what_twilio_calls_personal_is_personal_here(name: str) -> None:
    operation, truth = BY_CALL[name], TRUTH[name]
    answers = {p for p, pii in truth["answer"].items() if pii and not _personal(operation.response.json, p)}
    sent = {
        parameter
        for carrier in ("path", "query", "form")
        for parameter, pii in truth[carrier].items()
        if pii and not _personal(getattr(operation.request, carrier), parameter)
    }
    assert (answers | sent) - NOT_PERSONAL == set()


def _personal(fields: Any, path: str) -> bool:
    exact = next((f for f in fields if f.path == path), None)
    field = exact or deciding(fields, path)
    return field is not None and personal(field.category)


def _tail(path: str) -> str:
    return path.rsplit("[].", 1)[-1]


def _open(path: str, known: set[str]) -> bool:
    """Whether the document leaves members open above this path, or describes what is below it."""
    return any(path.startswith(f"{k}.") or k.startswith(f"{path}.") for k in known)


def test_errors_keep_what_sdk_exceptions_need() -> None:
    for operation in PACK.operations:
        found = {name: deciding(operation.response.json, name) for name in ERROR}
        shown = {n for n, f in found.items() if f and not personal(f.category)}
        assert {"code", "more_info", "status"} <= shown, operation.id
        assert "message" not in shown, operation.id


@pytest.mark.parametrize("operation", PACK.operations, ids=lambda o: o.id)
def test_whoever_is_reached_is_known(operation: Operation) -> None:
    recipients = [f for f in (*operation.request.form, *operation.request.json) if f.role == "recipient"]
    assert bool(operation.channel) == bool(recipients)


def test_refusal_makes_the_exception_applications_catch() -> None:
    """type, title, status and code together would make the SDK raise TwilioServiceException."""
    assert "code" not in PACK.refusal
    assert not set(PACK.refusal) & {"type", "title", "status", "detail", "instance", "rules"}


@pytest.mark.skipif(not (CORPORA / "specs/twilio").is_dir(), reason="the OpenAPI documents are not here")
def test_index_is_what_the_documents_say() -> None:
    assert json.loads(json.dumps(index(CORPORA / "specs/twilio"))) == json.loads(VECTOR.read_text())


@pytest.mark.skipif(not (CORPORA / "pii").is_dir(), reason="the label corpus is not here")
def test_index_agrees_with_the_label_corpus() -> None:
    rows = map(json.loads, (CORPORA / "pii/twilio_x_pii_labels.jsonl").read_text().splitlines())
    schemas = {"api.v2010.account.message": "GET /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json",
               "api.v2010.account.call": "GET /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json",
               "lookups.v1.phone_number": "GET /v1/PhoneNumbers/{PhoneNumber}",
               "LookupResponse": "GET /v2/PhoneNumbers/{PhoneNumber}"}  # fmt: skip
    labelled = [r for r in rows if r["schema"] in schemas and r["pii"]]
    assert len(labelled) > 10
    for row in labelled:
        assert _personal(BY_CALL[schemas[row["schema"]]].response.json, row["property"]), row
