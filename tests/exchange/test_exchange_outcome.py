"""Answers the gateway writes itself."""

import json

import pytest

from gateway.errors import REASONS
from gateway.exchange.outcome import problem
from gateway.http1.head import LIMITS, parse_response_head
from gateway.model import Pack


def pack_of(refusal: dict[str, str | int], *, array: bool = False) -> Pack:
    return Pack(provider="crm", title="CRM", hosts=(), operations=(), refusal=refusal, refusal_in_array=array)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_makes_a_problem(reason: str) -> None:
    head, body = problem(reason, "d-1")
    parsed, members = parse_response_head(head, "GET", LIMITS), json.loads(body)
    assert parsed.status == members["status"] == REASONS[reason].status
    assert parsed.length == len(body) and parsed.reason not in (b"", b"Refused")
    assert parsed.get(b"content-type") == b"application/problem+json"
    assert parsed.get(b"cache-control") == b"no-store" and parsed.get(b"hushgate-decision") == b"d-1"
    assert members["type"] == f"urn:hushgate:{reason}" and members["instance"] == "urn:hushgate:decision:d-1"
    assert members["title"] == members["detail"] == REASONS[reason].title
    wait = REASONS[reason].retry_after
    assert members.get("retry_after") == wait
    assert parsed.get(b"retry-after") == (None if wait is None else b"%d" % wait)
    assert (parsed.get(b"www-authenticate") is not None) is (parsed.status == 401)


def test_a_pack_adds_members_and_fills_them_but_takes_none() -> None:
    shape: dict[str, str | int] = dict.fromkeys(("type", "title", "status", "detail", "rules"), "mine")
    shape |= {"instance": 1, "retry_after": 1, "message": "{reason}: {detail} ({status}, {id})", "code": 7}
    members = json.loads(problem("access_denied", "d-1", detail="no", rules=("r",), pack=pack_of(shape))[1])
    assert members.pop("message") == "access_denied: no (403, d-1)" and members.pop("code") == 7
    assert members == json.loads(problem("access_denied", "d-1", detail="no", rules=("r",))[1])


def test_a_provider_whose_errors_are_arrays_gets_an_array() -> None:
    head, body = problem("access_denied", "d-1", pack=pack_of({"errorCode": "{reason}"}, array=True))
    (members,) = json.loads(body)
    assert members["errorCode"] == "access_denied" and members["type"] == "urn:hushgate:access_denied"
    parsed = parse_response_head(head, "GET", LIMITS)
    assert parsed.get(b"content-type") == b"application/json" and parsed.length == len(body)


def test_a_moment_that_is_known_beats_the_tables() -> None:
    head, body = problem("contact_outside_hours", "d-1", retry_after=60)
    assert b"Retry-After: 60\r\n" in head and json.loads(body)["retry_after"] == 60
    assert b"Retry-After: 0\r\n" in problem("overloaded", "d-1", retry_after=0)[0]


def test_a_head_request_gets_the_head_of_the_same_answer() -> None:
    head, body = problem("access_denied", "d-1", head_only=True)
    assert body == b"" and head == problem("access_denied", "d-1")[0]


def test_the_status_of_an_upstream_can_go_on() -> None:
    head, body = problem("unparseable_response", "d-1", status=503)
    assert head.startswith(b"HTTP/1.1 503 ") and json.loads(body)["status"] == 503
