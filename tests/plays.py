"""Cases that every plane plays: the shipped ones, small exchanges of every shape, answers that stream."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import msgspec

from gateway.cli.test import load_cases
from gateway.codecs.program import Limits
from gateway.contacts.model import Consent, Suppression
from gateway.exchange.case import Case, CaseRequest, CaseResponse, Expectation, Known
from gateway.model import Client, Pack, Policy
from gateway.policy.packfile import read_pack
from gateway.policy.packs import load_packs
from gateway.policy.rulefile import read_rules
from tests.world import PACK
from tests.world import RULES as WORLD

ROOT = Path(__file__).resolve().parent.parent
HERE = "127.0.0.1"
TALKS = ROOT / "tests" / "vectors" / "talks"
"""Cases with WebSockets, with their rules and their pack."""
EXPORT = b"""
provider: exports
title: Answers of records
hosts: [{name: api.exports.example, region: FR, operator: OVH}]
types:
  person: {name.first: user.name.first, phone: {is: user.contact.phone_number, subject: phone}}
operations:
  - id: export
    call: GET /export
    response:
      csv: {name: user.name.first, phone: {is: user.contact.phone_number, subject: phone}}
      json: {$: {type: person}, "[]": {type: person}, "results[]": {type: person}}
  - {id: search, call: POST /search, response: {json: {$: {type: person}}}}
"""
PACKS: Mapping[str, Pack] = {
    **{pack.provider: pack for pack in load_packs([ROOT / "plugins", TALKS / "packs"]).packs},
    "crm": read_pack(PACK, "crm/pack.yaml"),
    "exports": read_pack(EXPORT, "exports/pack.yaml"),
}
WORLD_RULES = """
rules:
  - {id: names, mask: user.name.last, with: hash}
  - {id: no-notes, mask: user.content.private, with: redact, to: {providers: crm}}
  - {id: copies, contact: {channels: [email]}, on_refusal: drop}
  - {id: later, access: {operations: "*.fetch"}, mode: shadow}
"""
PERSON = (
    b'{"id": "7", "name": {"first": "Ana", "last": "Silva"}, "email": "a@b.fr", "n": 1.10, "x": [1, "a"]}'
)


@dataclass(frozen=True, slots=True)
class Play:
    """A case with the rules it runs under."""

    policy: Policy
    case: Case
    limits: Limits = field(default_factory=Limits)

    @property
    def client(self) -> Client:
        """Who asks."""
        return next(client for client in self.policy.clients if client.id == self.case.client)


def golden(rules: Path = ROOT / "rules") -> Iterator[Play]:
    """The shipped cases, or those of another folder of rules."""
    policies: dict[str, Policy] = {}
    for tenant, case in load_cases(rules):
        if tenant not in policies:
            policies[tenant] = read_rules((rules / f"{tenant}.yaml").read_bytes(), f"{tenant}.yaml")
        yield Play(policies[tenant], msgspec.structs.replace(case, address=case.address or HERE))


def world() -> Iterator[Play]:
    """Small exchanges of every shape, for every client of the tests' own world."""
    policy = read_rules((WORLD + WORLD_RULES).encode(), "acme.yaml")
    known = (
        Known(kind="email", value="b@example.com", suppressions=(Suppression(),)),
        Known(kind="phone", value="+33639980002", suppressions=(Suppression(channel="sms"),)),
        Known(kind="phone", value="+33639980001", consents=(Consent(state="granted"),)),
    )
    json = (("Content-Type", "application/json"),)
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    ok = CaseResponse(status=200, headers=json, body=PERSON)
    exchanges = {
        "read": ("GET", "/contacts/7", (), b"", ok),
        "head": ("HEAD", "/contacts/7", (), b"", CaseResponse(status=200, headers=json)),
        "list": ("GET", "/contacts?email=a%40b.fr&x=%2B", (), b"", ok),
        "create": ("POST", "/contacts", json, PERSON, ok),
        "create broken": ("POST", "/contacts", json, PERSON[:20], ok),
        "delete": ("DELETE", "/contacts/7", (), b"", CaseResponse(status=204)),
        "message": ("POST", "/messages", form, b"To=%2B33639980001&Body=hi", ok),
        "message refused": ("POST", "/messages", form, b"To=%2B33639980002&Body=hi", ok),
        "mail": (
            "POST",
            "/mails",
            json,
            b'{"to": "a@example.com", "cc": ["b@example.com"], "text": "t"}',
            ok,
        ),
        "error": (
            "GET",
            "/contacts/7",
            (),
            b"",
            CaseResponse(status=404, headers=json, body=b'{"message": "Ana"}'),
        ),
        "error page": ("GET", "/contacts/7", (), b"", CaseResponse(status=500, headers=form, body=b"%%%")),
        "wrong kind": ("GET", "/contacts/7", (), b"", CaseResponse(status=200, body=PERSON)),
        "part": ("GET", "/contacts/7", (), b"", CaseResponse(status=206, headers=json, body=PERSON)),
        "sound": (
            "GET",
            "/recordings/7",
            (),
            b"",
            CaseResponse(status=200, headers=(("Content-Type", "audio/wav"), ("ETag", '"a"')), body=b"RIFF"),
        ),
        "redirect": (
            "GET",
            "/contacts/7",
            (),
            b"",
            CaseResponse(status=302, headers=(("Location", "/elsewhere"),)),
        ),
        "unknown": ("GET", "/nothing", (), b"", ok),
        "plain": ("GET", "/status", (), b"", ok),
    }
    for name, (method, path, headers, body, response) in exchanges.items():
        for client in policy.clients:
            yield Play(
                policy,
                Case(
                    name=f"{name}, {client.role}",
                    file="world",
                    client=client.id,
                    upstream="crm",
                    request=CaseRequest(method=method, path=path, headers=headers, body=body),
                    response=response,
                    registry=known,
                    address=HERE,
                    expect=Expectation(effect="allow"),
                ),
            )


ONE = '{"name": {"first": "Ana"}, "phone": "+33639980001", "n": 1.10}'
STREAMS: Mapping[str, tuple[str, Sequence[str]]] = {
    "rows": ("text/csv", ["name,phone\r\nAna,+3363", '9980001\r\n"A\n', 'na",\r\n', "B,2"]),
    "lines": ("application/x-ndjson", [ONE + "\n" + ONE[:20], ONE[20:] + "\n\n" + ONE, "\n", ONE]),
    "events": (
        "text/event-stream",
        [": hi\r", f"\ndata: {ONE}\n", "\n", f"data: {ONE[:9]}\ndata: {ONE[9:]}\n\n"],
    ),
    "array": ("application/json", ["[", f"{ONE}, {ONE[:30]}", ONE[30:] + ",", ONE + "]"]),
    "array in an object": ("application/json", ['{"n": 1, "results": [', f"{ONE}, {ONE}", '], "more": {}}']),
    "nothing": ("text/csv", [""]),
    "rows that break": ("text/csv", ["name,phone\r\n", "Ana,+33639980001\r\n", '"A"na,2\r\n', "B,3\r\n"]),
    "an array that breaks": ("application/json", ["[", f"{ONE}, ", ONE, "} "]),
    "broken at once": ("text/csv", ['"A"na,2\r\n', "B,3\r\n"]),
}
TIGHT = Limits(max_body=150, max_record=120)


def streams() -> Iterator[Play]:
    """Answers that come in parts and of a length that is not told."""
    policy = read_rules((WORLD + WORLD_RULES).encode(), "acme.yaml")
    for name, (kind, parts) in STREAMS.items():
        response = CaseResponse(
            status=200,
            headers=(("Content-Type", kind), ("ETag", '"a"')),
            body="".join(parts).encode(),
            chunks=tuple(part.encode() for part in parts if part),
        )
        for client, method in product(policy.clients, ("GET", "POST")):
            if method == "POST" and "application" not in kind:
                continue
            yield Play(
                policy,
                Case(
                    name=f"{name}, {method}, {client.role}",
                    file="streams",
                    client=client.id,
                    upstream="exports",
                    request=CaseRequest(method=method, path="/export" if method == "GET" else "/search"),
                    response=response,
                    address=HERE,
                    expect=Expectation(effect="allow"),
                ),
                TIGHT,
            )
