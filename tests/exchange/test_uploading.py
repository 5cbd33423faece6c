"""Request bodies that are sent on as they are read: what is, what is looked at, and how a refusal ends it."""

import gzip

import pytest

from gateway.codecs.program import Limits
from gateway.errors import StoreError
from gateway.exchange.commands import Acquire, Append, Collect, Release, Send
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.replay import NOON
from gateway.exchange.script import Script, play
from gateway.http1.encode import request_head, response_head
from gateway.http1.head import LIMITS, parse_request_head, parse_response_head
from gateway.policy.identity import Peer
from tests.world import KEYS, RULES, Played, World

PACK = b"""
provider: crm
title: A CRM that takes much
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
types:
  person: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}, n: system.operations}
operations:
  - id: load
    call: POST /load
    request:
      csv: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}, n: system.operations}
      json: {$: {type: person}, "[]": {type: person}}
      xml: {people/name: user.name}
      opaque: [{types: ["audio/*"], is: user.name}]
  - id: send
    call: POST /send
    channel: sms
    request: {json: {"[].to": {is: user.contact.phone_number, subject: phone, role: recipient}}}
  - {id: put, call: PUT /put}
"""
TIGHT = Limits(max_body=5_000, max_record=1_000, uploads=True)


def rows(count: int) -> bytes:
    return b"name,phone,n\r\n" + b"".join(
        b"Ana %d,+33639980%03d,1.10\r\n" % (n, n % 1000) for n in range(count)
    )


def lines(count: int) -> bytes:
    return b"".join(
        b'{"name": "Ana %d", "phone": "+33639980%03d", "n": 1.10}\n' % (n, n) for n in range(count)
    )


def array(count: int) -> bytes:
    return b"[%b]" % b",".join(lines(count).splitlines())


def send(
    body: bytes,
    kind: str,
    *,
    path: str = "/load",
    method: str = "POST",
    limits: Limits = TIGHT,
    uploads: bool = True,
    chunked: bool = False,
    coding: str = "",
    part: int = 700,
    rules: str = RULES,
    failures: dict[type, Exception] | None = None,
) -> Played:
    headers = [(b"Host", b"gw.test"), (b"Hushgate-Key", KEYS["admin"]), (b"Content-Type", kind.encode())]
    headers.append((b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", b"%d" % len(body)))
    if coding:
        headers.append((b"Content-Encoding", coding.encode()))
    place = World(rules=rules, pack=PACK, limits=limits)
    head = parse_request_head(request_head(method, b"/crm" + path.encode(), headers), LIMITS)
    exchange = Exchange(
        Env(place.snapshot, limits, lambda: 0.0, uploads=uploads), "d-1", head, Peer("127.0.0.1"), NOON
    )
    answer = response_head(204, b"", [])
    script = Script(
        body=body,
        addresses=("127.0.0.1",),
        answer=parse_response_head(answer, method, LIMITS),
        part=part,
        failures=failures or {},  # type: ignore[arg-type]  # a test's errors are those of the house
    )
    play(exchange.run(), script)
    return Played(script, exchange)


BODIES = {"text/csv": rows(300), "application/x-ndjson": lines(300), "application/json": array(300)}


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", BODIES)
def test_records_are_sent_on_as_they_are_read(kind: str, chunked: bool) -> None:
    body = BODIES[kind]
    played = send(body, kind, chunked=chunked)
    assert played.kinds == [Collect, Acquire, Append, Send, Append, Release]
    assert played.script.uploaded == body and played.script.whole and played.status == 204
    head = played.sent[0]
    assert b"Transfer-Encoding: chunked\r\n" in head and b"content-length" not in head.lower()
    intent, outcome = played.records
    assert (intent.phase, outcome.phase, outcome.effect) == ("intent", "outcome", "allow")
    assert outcome.seen["user.contact.phone_number"] == 300 and len(outcome.subjects) == 300
    assert outcome.request_bytes == len(body) and 0 < len(intent.subjects) < 300


def test_what_fits_is_read_whole() -> None:
    played = send(rows(50), "text/csv", chunked=True)
    assert played.sent[1] == rows(50) and played.script.uploaded == b""


@pytest.mark.parametrize("kind", BODIES)
def test_it_is_an_option_and_for_planes_that_can(kind: str) -> None:
    for limits, uploads in ((Limits(max_body=5_000), True), (TIGHT, False)):
        held(send(BODIES[kind], kind, limits=limits, uploads=uploads))


def held(played: Played) -> None:
    """The plane was asked for the whole body, which did not fit."""
    assert played.kinds == [Collect, Append, Release] and played.nothing_sent
    assert played.script.commands[0] == Collect(5_000)


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("application/xml", "/load", b"<people>%b</people>" % (b"<name>Ana</name>" * 500)),
        ("application/x-www-form-urlencoded", "/load", b"a=1&" * 3000),
        ("audio/wav", "/load", b"RIFF" * 3000),
        ("application/json", "/send", b'[{"to": "+33639980001"}%b]' % (b', {"to": "+33639980001"}' * 500)),
    ],
)
def test_what_cannot_be_judged_record_by_record_has_to_fit(kind: str, path: str, body: bytes) -> None:
    held(send(body, kind, path=path))


LATE = {
    "a mask": (
        "text/csv",
        rows(300) + b"[redacted],+33639980001,1\r\n" + rows(300)[14:],
        "masked_value_written",
    ),
    "a mask in a line": (
        "application/x-ndjson",
        lines(300) + b'{"name": "[redacted]"}\n' + lines(300),
        "masked_value_written",
    ),
    "a row": ("text/csv", rows(300) + b'"A"na,1,2\r\n' + rows(300), "unparseable_body"),
    "a cut": ("application/json", array(300)[:-1], "unparseable_body"),
    "a record": ("application/json", array(300)[:-1] + b',"%b"]' % (b"x" * 3000), "body_too_large"),
    "a token": ("application/x-ndjson", lines(300) + b'{"t_%b": 1}\n' % (b"a" * 60), "token_not_allowed"),
}


@pytest.mark.parametrize("what", LATE)
def test_a_refusal_half_way_breaks_the_request_off_and_is_on_record(what: str) -> None:
    kind, body, reason = LATE[what]
    played = send(body, kind)
    assert not played.script.whole, "the upstream got no end"
    assert played.reason == reason and "a part of the body had been sent on" in played.json["detail"]
    intent, outcome = played.records
    assert (intent.phase, outcome.phase, outcome.effect, outcome.reason) == (
        "intent",
        "outcome",
        "error",
        reason,
    )
    assert outcome.seen["user.name"] > 0 and b"Ana" not in played.body


@pytest.mark.parametrize("what", sorted(set(LATE) - {"a cut"}))
def test_what_shows_in_the_first_part_is_refused_before_anything_is_sent(what: str) -> None:
    kind, body, reason = LATE[what]
    limits = Limits(max_body=len(body) - 1, max_record=1_000, uploads=True)
    played = send(body + lines(100), kind, limits=limits)
    assert played.nothing_sent and played.reason == reason
    assert [record.phase for record in played.records] == ["refusal"]


def test_no_record_no_upload() -> None:
    played = send(rows(300), "text/csv", failures={Append: StoreError("audit_unavailable", "")})
    assert played.nothing_sent and played.status == 503 and played.script.uploaded == b""


def test_a_coded_body_keeps_its_coding() -> None:
    body = b"".join(b"%d,%d\n" % (n, n * n * 7919) for n in range(4000))
    played = send(gzip.compress(b"name,x\n" + body), "text/csv", coding="gzip")
    assert gzip.decompress(played.script.uploaded) == b"name,x\n" + body


def test_a_body_that_no_data_map_reads_passes_without_a_token() -> None:
    views = RULES.replace("views:", "views:\n  minter: {mask: {user.contact.email: token}}")
    plain = put(b"\0binary" * 1000, views)
    assert plain.script.uploaded == b"\0binary" * 1000 and plain.script.whole
    token = b"x" * 5_500 + b"t_" + b"a" * 60 + b"x" * 700
    other = put(token, views)
    assert other.reason == "token_not_allowed" and other.status == 403 and not other.script.whole


def put(body: bytes, rules: str) -> Played:
    return send(body, "application/octet-stream", path="/put", method="PUT", rules=rules, part=7)
