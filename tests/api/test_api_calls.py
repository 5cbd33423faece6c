"""The registry's API over a real socket: rights, entries, answers, refusals, and a record of each."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.api.bodies import Problem
from gateway.api.calls import CALLS, Call
from gateway.errors import REASONS
from tests.api.apis import KEYS, NAMED, NOW, PHONE, Running, T, running
from tests.contract.memory import Memory

SUBJECT = {"value": PHONE}
GOOD = b'{"subject":{"value":"a@b.fr"}}'


@pytest.fixture
def books() -> Memory:
    return Memory()


@pytest.fixture
def api(books: Memory, tmp_path: Path) -> Iterator[Running]:
    with running(lambda: books, tmp_path / "api.db") as made:
        yield made


def problem(answer: httpx.Response, reason: str) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(answer.content, type=Problem)
    assert (found.type, found.status, answer.status_code) == (
        f"urn:hushgate:{reason}",
        REASONS[reason].status,
        REASONS[reason].status,
    )
    assert PHONE not in answer.text
    return found


@pytest.mark.parametrize(
    ("call", "body", "member"),
    [
        ("consents", {"act": "granted", "channel": "sms", "purpose": "marketing"}, "consents"),
        ("suppressions", {"sender": "+33100000000"}, "suppressions"),
        ("objections", {"purpose": "marketing"}, "objections"),
        ("restrictions", {}, "restricted"),
        ("erasures", {}, "erased"),
        ("customers", {"until": "2030-01-01T00:00:00Z"}, "customer"),
        ("zones", {"zone": "Europe/Paris"}, "zone"),
    ],
)
def test_what_is_told_is_in_force(api: Running, call: str, body: dict[str, str], member: str) -> None:
    answer = api.ask(call, {"subject": {"value": "06 12 34 56 78"}, **body})
    assert answer.status_code == 200, answer.text
    [entered] = answer.json()["entries"]
    assert (answer.json()["new"], entered["subject"]) == (1, NAMED("phone", PHONE))
    found = api.ask("lookups", {"subjects": [SUBJECT]}, "report").json()["standings"][0]
    assert found["subject"] == NAMED("phone", PHONE)
    assert found[member] not in ([], None, False) or call == "restrictions"
    assert found["restricted"] == ([] if call == "restrictions" else None)


def test_a_sender_is_kept_in_its_one_spelling(api: Running) -> None:
    api.ask("suppressions", {"subject": SUBJECT, "sender": "01 99 00 99 00"})
    found = api.ask("lookups", {"subjects": [SUBJECT]}, "report").json()["standings"][0]
    assert [each["sender"] for each in found["suppressions"]] == ["+33199009900"]


def test_put_is_post(api: Running) -> None:
    with api.client() as client:
        answer = client.put("/v1/suppressions", json={"subject": SUBJECT, "id": "crm-17"})
        assert answer.json()["new"] == 1
        assert client.put("/v1/suppressions", json={"subject": SUBJECT, "id": "crm-17"}).json()["new"] == 0


def test_history_is_told_in_order_with_times(api: Running) -> None:
    body = {
        "subject": SUBJECT,
        "act": "granted",
        "purpose": "marketing",
        "at": "2026-01-02T00:00:00Z",
        "text": "v1",
    }
    api.ask("consents", body)
    api.ask(
        "consents", {**body, "act": "withdrawn", "at": "2026-01-03T01:00:00+01:00", "department": "sales"}
    )
    answer = api.ask("history", {"subject": SUBJECT, "linked": True}, "report").json()
    assert [(e["act"], e["at"], e["source"]) for e in answer["entries"]] == [
        ("granted", 1767312000.0, "api:crm"),
        ("withdrawn", 1767398400.0, "api:crm"),
    ]


def test_a_batch_is_added_whole(api: Running, books: Memory) -> None:
    items = [{"subject": {"value": f"+336{n:08d}"}, "act": "suppressed"} for n in range(1000)]
    answer = api.ask("batch", {"entries": items})
    assert (answer.json()["new"], len(answer.json()["entries"])) == (1000, 1000)
    assert len(list(books.entries(T))) == 1000


def test_a_batch_with_a_mistake_is_not_added_at_all(api: Running, books: Memory) -> None:
    items = [
        {"subject": SUBJECT, "act": "suppressed"},
        {"subject": {"value": "nobody"}, "act": "suppressed"},
        {"subject": SUBJECT, "act": "suppressed", "purpose": "marketting"},
        {"subject": SUBJECT, "act": "erased", "channel": "sms"},
        {"subject": SUBJECT, "act": "granted", "at": "2050-01-01T00:00:00Z"},
    ]
    found = problem(api.ask("batch", {"entries": items}), "unparseable_body")
    assert [wrong.index for wrong in found.errors] == [1, 2, 3, 4]
    assert list(books.entries(T)) == []


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("consents", {"subject": SUBJECT}),
        ("consents", {"subject": SUBJECT, "act": "suppressed"}),
        ("suppressions", {"subject": SUBJECT, "colour": "red"}),
        ("suppressions", {"subject": {"value": ""}}),
        ("suppressions", {"subject": {"value": f"{PHONE};{PHONE}"}}),
        ("suppressions", {"subject": SUBJECT, "at": "2026-01-02T00:00:00"}),
        ("suppressions", {"subject": SUBJECT, "at": 5}),
        ("zones", {"subject": SUBJECT, "zone": "Europe/Pariss"}),
        ("batch", {"entries": []}),
        ("batch", {"entries": [{"subject": SUBJECT, "act": "suppressed"}] * 1001}),
        ("lookups", {"subjects": [SUBJECT] * 101}),
        ("lookups", {"subjects": [{"value": "nobody"}]}),
        ("history", []),
        ("history", {"subject": {"value": PHONE, "kind": PHONE}}),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Running, books: Memory, call: str, body: object) -> None:
    assert problem(api.ask(call, body), "unparseable_body").detail
    assert list(books.entries(T)) == []
    assert [r.phase for r in api.log.records] == ["refusal"]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'"x"', b"[" * 10_000, b'{"a":1}x'])
def test_any_bytes_are_refused(api: Running, data: bytes) -> None:
    with api.client() as client:
        for call in CALLS:
            answer = client.post(call.path, content=data, headers={"Content-Type": "application/json"})
            problem(answer, "unparseable_body")


@pytest.mark.parametrize(
    ("headers", "data", "reason"),
    [
        ({"Content-Type": "text/plain"}, b"{}", "unsupported_media_type"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}", "unsupported_encoding"),
        ({"Content-Type": "application/json"}, b" " * (2 * 1024 * 1024 + 1), "body_too_large"),
        (
            {"Content-Type": "application/json", "Idempotency-Key": "x" * 201},
            b'{"subject":{"value":"1"}}',
            "malformed_request",
        ),
    ],
)
def test_bodies_are_bounded_and_typed(
    api: Running, headers: dict[str, str], data: bytes, reason: str
) -> None:
    with api.client() as client:
        problem(client.post("/v1/suppressions", content=data, headers=headers), reason)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: str(call.name))
@pytest.mark.parametrize("who", ["nobody", "app", "report", "far"])
def test_only_who_may(
    api: Running, books: Memory, call: Call, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KEYS, "nobody", "guessed")
    if who == "report" and call.right == "read":
        return
    reason = {"nobody": "unknown_client", "far": "unknown_client"}.get(who, "access_denied")
    answer = api.ask(call.name, {"subject": SUBJECT}, who)
    problem(answer, reason)
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert list(books.entries(T)) == []
    assert api.log.records[-1].reason == reason


def test_a_key_in_its_own_header(api: Running) -> None:
    with httpx.Client(trust_env=False, verify=False) as client:
        url = f"http://127.0.0.1:{api.port}/v1/lookups"
        answer = client.post(url, json={"subjects": [SUBJECT]}, headers={"Hushgate-Key": KEYS["report"]})
    assert answer.status_code == 200


def test_other_addresses_and_methods_are_problems(api: Running) -> None:
    with api.client() as client:
        problem(client.post("/v1/people", json={}), "unknown_resource")
        answer = client.get("/v1/lookups")
        problem(answer, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


def test_whoever_asks_without_end_is_slowed(api: Running) -> None:
    for _ in range(2):
        assert api.ask("lookups", {"subjects": [SUBJECT] * 100}, "report").status_code == 200
    answer = api.ask("history", {"subject": SUBJECT}, "report")
    assert problem(answer, "too_many_lookups").retry_after == int(answer.headers["retry-after"])


def test_every_access_is_in_the_log_and_nobody_is(api: Running) -> None:
    api.ask("suppressions", {"subject": SUBJECT})
    api.ask("lookups", {"subjects": [SUBJECT]}, "report")
    api.ask("erasures", {"subject": {"value": "nobody"}})
    records = api.log.records
    assert [(r.phase, r.client, r.operation, r.effect) for r in records] == [
        ("intent", "crm", "contacts.suppressions", "allow"),
        ("outcome", "crm", "contacts.suppressions", "allow"),
        ("read", "report", "contacts.lookups", "allow"),
        ("refusal", "crm", "contacts.erasures", "refuse"),
    ]
    assert records[0].id == records[1].id
    assert records[0].subjects == records[2].subjects == (NAMED("phone", PHONE),)
    assert all(r.at == NOW and r.policy for r in records)
    assert PHONE not in json.dumps(msgspec.to_builtins(records))
    assert api.counts == [("suppressions", 200), ("lookups", 200), ("erasures", 422)]
