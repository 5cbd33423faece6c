"""Envelopes, slashes and guards of paths in packs: what the strict reader takes and what it tells."""

import pytest

from gateway.errors import ConfigError
from gateway.model import Composite, Pack, References
from gateway.policy.operations import OperationIndex
from gateway.policy.packfile import read_pack

HEAD = """\
provider: acme
title: Acme
hosts: [{name: api.acme.example, region: FR, operator: OVH}]
types: {person: {"**.Name": user.name, "**.*": user}}
"""
MEMBERS = "requests: calls, method: m, path: p, body: b, answers: results, status: s, answer: r"


def pack(operation: str, more: str = "") -> Pack:
    text = f"{HEAD}{more}operations:\n  - {{id: o, {operation}}}\n"
    return read_pack(text.encode(), "plugins/acme/pack.yaml")


def told(operation: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        pack(operation, more)
    return str(caught.value.problems[0])


def test_an_envelope_is_read_whole() -> None:
    references = "references: {open: '@{', close: '}', to: [id]}"
    more = (
        f"headers: h, name: n, below: /v1/, most: 7, flags: [x, y], together: all, failed: bad, {references}"
    )
    (operation,) = pack(f"call: POST /batch, composite: {{{MEMBERS}, {more}}}").operations
    assert operation.act and operation.composite == Composite(
        requests="calls",
        answers="results",
        method="m",
        path="p",
        body="b",
        status="s",
        answer="r",
        headers="h",
        name="n",
        below="/v1/",
        most=7,
        flags=("x", "y"),
        together="all",
        failed="bad",
        references=References(open="@{", close="}", to=("id",)),
    )


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("call: GET /batch, composite: {%s}", "'composite' for another call than a POST"),
        ("call: POST /batch, channel: sms, composite: {%s}", "'composite' for another call than a POST"),
        ("call: POST /batch, act: true, composite: {%s}", "'composite' for another call than a POST"),
        ("call: POST /batch, request: {json: {$: user}}, composite: {%s}", "beside a map of the body"),
        (
            "call: POST /batch, request: {opaque: {types: [image/*], is: user}}, composite: {%s}",
            "beside a map of the body",
        ),
        ("call: POST /batch, composite: {%s, most: 0}", "expected a number from 1 to 9999"),
        ("call: POST /batch, composite: {%s, below: v1}", "expected a path that begins and ends with '/'"),
        ("call: POST /batch, composite: {%s, name: m}", "the member 'm' for two things"),
        ("call: POST /batch, composite: {%s, together: calls}", "the member 'calls' for two things"),
        ("call: POST /batch, composite: {%s, flags: [calls]}", "the member 'calls' for two things"),
        ("call: POST /batch, composite: {%s, failed: results}", "the member 'results' for two things"),
        (
            "call: POST /batch, composite: {%s, references: {open: a, close: b, to: [id]}}",
            "expected one to four signs",
        ),
        (
            "call: POST /batch, composite: {%s, references: {open: '{', close: '}', to: [id]}}",
            "references to calls without names",
        ),
        ("call: POST /batch, composite: {%s, requets: x}", "did you mean 'requests'"),
        ("call: POST /batch, composite: {requests: a}", "composite without 'method'"),
    ],
)
def test_what_cannot_be_one_is_told(operation: str, message: str) -> None:
    assert message in told(operation.replace("%s", MEMBERS))


def test_a_slash_at_the_end_is_passed_over_where_it_means_nothing() -> None:
    call = 'call: "GET /v1/people/{id}"'
    strict, loose = pack(call), pack(call, "trailing_slash: true\n")
    known, either = (OperationIndex(it.operations, slash=it.trailing_slash) for it in (strict, loose))
    assert known.match("GET", b"/v1/people/7/") is None
    for path in (b"/v1/people/7", b"/v1/people/7/"):
        matched = either.match("GET", path)
        assert matched is not None and matched[1] == {"id": "7"}
    assert either.match("GET", b"/v1/people/") is None


def test_path_parameters_may_name_fields() -> None:
    line = "{field: {is: system.operations, guard: named, of: person}, value: user}"
    (operation,) = pack(f'call: "GET /v1/{{field}}/{{value}}", request: {{path: {line}}}').operations
    guard = operation.request.path[0].guard
    assert guard is not None and guard.names == (("**.Name", "user.name"), ("**.*", "user"))
    wrong = line.replace("of: person", "of: persons")
    assert "unknown type 'persons'" in told(
        f'call: "GET /v1/{{field}}/{{value}}", request: {{path: {wrong}}}'
    )


def test_what_may_never_be_sent_names_no_fields() -> None:
    line = "request: {query: {method: {is: system.operations, guard: never%s}}}"
    assert pack(f"call: POST /a, {line % ''}").operations[0].request.query[0].guard is not None
    assert "'of' without a guard" in told(f"call: POST /a, {line % ', of: person'}")
