"""Answers in pieces: what is streamed, what is on record before and after, and how it ends when it breaks."""

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import Link, encoder
from gateway.audit.record import Record
from gateway.audit.verify import Segment, Verifier
from gateway.codecs.program import Limits
from gateway.errors import StoreError, UpstreamError
from gateway.exchange.commands import (
    Acquire,
    Append,
    Begin,
    Break,
    CollectAnswer,
    Command,
    Next,
    Release,
    Send,
    Write,
)
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.replay import NOON
from gateway.exchange.script import Script, play
from gateway.exchange.streaming import MAX_SUBJECTS, WHOLE
from gateway.http1.encode import request_head, response_head
from gateway.http1.head import LIMITS, parse_request_head, parse_response_head
from gateway.policy.identity import Peer
from tests.world import KEYS, RULES, Played, World

PACK = b"""
provider: crm
title: A CRM that exports
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
types:
  person: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}, n: system.operations}
operations:
  - id: export
    call: GET /export
    response:
      csv: {name: user.name, phone: {is: user.contact.phone_number, subject: phone}, n: system.operations}
      json: {$: {type: person}, "[]": {type: person}, "results[]": {type: person}}
      text: user.name
      xml: {people/name: user.name, people/phone: user.contact.phone_number}
      multipart: {name: user.name, phone: user.contact.phone_number}
  - id: search
    call: POST /search
    response: {json: {$: {type: person}, "[]": {type: person}}}
"""
PHONE = "+336399800%02d"
SMALL = Limits(max_body=100_000, max_record=2_000)


def world(limits: Limits = SMALL) -> World:
    return World(rules=RULES, pack=PACK, limits=limits)


def rows(count: int) -> bytes:
    return b"name,phone,n\r\n" + b"".join(
        b"Ana %d,%b,%d\r\n" % (n, (PHONE % (n % 100)).encode(), n) for n in range(count)
    )


def people(count: int) -> list[dict[str, object]]:
    return [{"name": f"Ana {n}", "phone": PHONE % (n % 100), "n": n} for n in range(count)]


def lines(count: int) -> bytes:
    return b"".join(json.dumps(person).encode() + b"\n" for person in people(count))


def ask(
    body: bytes,
    kind: str,
    *,
    length: bool = False,
    status: int = 200,
    method: str = "GET",
    minor: int = 1,
    coding: str = "",
    part: int = 1000,
    limits: Limits = SMALL,
    failures: dict[type, Exception] | None = None,
    client: str = "support",
    script: type[Script] = Script,
) -> Played:
    headers = [(b"Content-Type", kind.encode()), (b"ETag", b'"x"')]
    headers.append((b"Content-Length", b"%d" % len(body)) if length else (b"Transfer-Encoding", b"chunked"))
    if coding:
        headers.append((b"Content-Encoding", coding.encode()))
    block = request_head(
        method,
        b"/crm/export" if method != "POST" else b"/crm/search",
        [(b"Host", b"gw.test"), (b"Hushgate-Key", KEYS[client])],
    ).replace(b"HTTP/1.1", b"HTTP/1.%d" % minor)
    place = world(limits)
    exchange = Exchange(
        Env(place.snapshot, limits, lambda: 0.0),
        "d-1",
        parse_request_head(block, LIMITS),
        Peer("127.0.0.1"),
        NOON,
    )
    played = script(
        addresses=("127.0.0.1",),
        answer=parse_response_head(response_head(status, b"", headers), method, LIMITS),
        answer_body=body,
        part=part,
        failures=failures or {},  # type: ignore[arg-type]  # a test's errors are those of the house
    )
    play(exchange.run(), played)
    return Played(played, exchange)


def verified(records: list[Record]) -> list[str]:
    """What an auditor finds."""
    link, encode, made = Link(), encoder(), []
    for record in records:
        line = link.line(encode(record))
        link = link.after(line)
        made.append(line + b"\n")
    verifier = Verifier()
    verifier.read("w", [Segment("s", 1, made)])
    return [finding.kind for finding in verifier.report().findings]


KINDS = {"text/csv": rows, "application/x-ndjson": lines}


@pytest.mark.parametrize("kind", KINDS)
def test_records_stream_before_their_end_is_known(kind: str) -> None:
    played = ask(KINDS[kind](50), kind)
    assert played.kinds[:5] == [Acquire, Send, Append, Begin, Next]
    assert set(played.kinds[5:-2]) == {Write, Next}
    assert played.kinds[-2:] == [Append, Write]
    assert played.headers["transfer-encoding"] == "chunked"
    assert not {"content-length", "etag", "hushgate-masked"} & set(played.headers)
    assert b"+336" not in played.body and b"Ana 49" in played.body


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gives_what_the_whole_body_gives(kind: str) -> None:
    body = KINDS[kind](50)
    whole = ask(body, kind, length=True)
    assert whole.kinds[-3:] == [CollectAnswer, Append, Release]
    assert ask(body, kind).body == whole.body


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_large_streams_and_what_is_small_does_not(kind: str) -> None:
    roomy = Limits(max_body=10 * WHOLE)
    small = KINDS[kind](10)
    large = KINDS[kind](WHOLE // 20)
    assert Begin not in ask(small, kind, length=True, limits=roomy).kinds
    assert len(large) > WHOLE
    assert Begin in ask(large, kind, length=True, limits=roomy, part=100_000).kinds


def test_a_stream_is_recorded_before_it_begins_and_with_all_counts_at_its_end() -> None:
    first, last = ask(rows(50), "text/csv").records
    assert (first.phase, first.status, first.seen, first.effect) == ("stream", 200, {}, "allow")
    assert (last.phase, last.status, last.effect, last.reason) == ("outcome", 200, "allow", "")
    assert last.seen == {"user.name": 50, "user.contact.phone_number": 50}
    assert last.masked == {"user.contact.phone_number": 50}
    assert last.response_bytes == len(rows(50)) and len(last.subjects) == 50
    assert first.id == last.id and verified([first, last]) == []


def test_an_act_has_its_intent_its_stream_and_its_outcome() -> None:
    played = ask(lines(50), "application/x-ndjson", method="POST")
    assert [record.phase for record in played.records] == ["intent", "stream", "outcome"]
    assert verified(played.records) == []


@pytest.mark.parametrize(
    ("phases", "found"),
    [
        (("stream",), ["open"]),
        (("intent", "stream"), ["open"]),
        (("stream", "stream", "outcome"), ["failure"]),
        (("stream", "intent", "outcome"), ["failure"]),
        (("stream", "outcome", "outcome"), ["failure"]),
        (("read", "stream"), ["failure"]),
    ],
)
def test_an_auditor_sees_a_stream_that_is_not_whole(phases: tuple[str, ...], found: list[str]) -> None:
    assert verified([Record(phase=phase, id="a", at=NOON) for phase in phases]) == found  # type: ignore[arg-type]  # a test's table


def test_the_log_keeps_a_bounded_number_of_people() -> None:
    body = b"phone\r\n" + b"".join(b"+3363998%04d\r\n" % n for n in range(1500)) + b"+33639980000\r\n"
    last = ask(body, "text/csv").records[-1]
    assert len(last.subjects) == MAX_SUBJECTS
    assert last.subjects_more == 501 and last.seen["user.contact.phone_number"] == 1501


def test_old_callers_get_a_body_that_ends_with_the_connection() -> None:
    played = ask(rows(5), "text/csv", minor=0)
    assert "transfer-encoding" not in played.headers and played.body.count(b"\r\n") == 6


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_content_codings_are_taken_off_and_put_on(coding: str) -> None:
    from gateway.codecs.encodings import decode, encode

    body = rows(500)
    played = ask(encode(body, coding.encode()), "text/csv", coding=coding, part=50)
    assert played.headers["content-encoding"] == coding
    assert decode(played.body, coding.encode(), Limits()) == ask(body, "text/csv").body


def test_what_came_is_sent_on_even_when_it_is_encoded() -> None:
    """The encoder holds nothing back at the end of a part."""
    stream = zlib.compressobj(wbits=31)
    first = stream.compress(lines(3)) + stream.flush(zlib.Z_SYNC_FLUSH)
    rest = stream.compress(lines(3)) + stream.flush()
    played = ask(first + rest, "application/x-ndjson", coding="gzip", part=len(first))
    writes = [c.data for c in played.script.commands if isinstance(c, Write)]
    assert zlib.decompressobj(wbits=31).decompress(writes[0] + writes[1]).count(b"\n") == 3
    assert gzip.decompress(b"".join(writes)).count(b"\n") == 6


# ---- JSON -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("wrap", ["array", "member"])
def test_json_above_the_limit_streams(length: bool, wrap: str) -> None:
    document = people(3000)
    body = json.dumps(document if wrap == "array" else {"results": document, "n": 1}).encode()
    assert len(body) > SMALL.max_body
    played = ask(body, "application/json", length=length)
    assert played.kinds[-2:] == [Append, Write] and Begin in played.kinds
    got = played.json if wrap == "array" else played.json["results"]
    assert [each["n"] for each in got] == list(range(3000))
    assert b"+336" not in played.body


@pytest.mark.parametrize("length", [True, False])
def test_json_within_the_limit_is_read_whole(length: bool) -> None:
    played = ask(json.dumps(people(1000)).encode(), "application/json", length=length)
    assert played.kinds[-2:] == [Append, Release] and int(played.headers["hushgate-masked"]) == 1000
    assert played.records[-1].phase == "read"


@pytest.mark.parametrize("length", [True, False])
def test_a_text_is_read_whole(length: bool) -> None:
    played = ask(b"Ana\n" * 100, "text/plain", length=length)
    assert CollectAnswer in played.kinds and played.kinds[-1] is Release


@pytest.mark.parametrize("length", [True, False])
def test_json_that_is_no_array_is_refused_above_the_limit(length: bool) -> None:
    body = json.dumps({"name": {"deep": people(3000)}}).encode()
    played = ask(body, "application/json", length=length)
    assert (played.status, played.reason) == (502, "response_too_large")
    assert [record.phase for record in played.records] == ["refusal"] and b"Ana" not in played.body


def test_json_that_is_small_only_as_it_came_streams() -> None:
    body = json.dumps(people(3000)).encode()
    played = ask(gzip.compress(body), "application/json", length=True, coding="gzip")
    assert CollectAnswer in played.kinds and Begin in played.kinds
    assert len(json.loads(gzip.decompress(played.body))) == 3000
    nested = json.dumps({"name": {"deep": people(3000)}}).encode()
    refused = ask(gzip.compress(nested), "application/json", length=True, coding="gzip")
    assert refused.reason == "response_too_large" and Begin not in refused.kinds


@pytest.mark.parametrize("length", [True, False])
def test_what_cannot_be_streamed_is_read_whole_or_not_at_all(length: bool) -> None:
    played = ask(b"<a/>" * 50_000, "application/xml", length=length, failures={CollectAnswer: TOO_LONG})
    assert Begin not in played.kinds and played.reason == "response_too_large"


TOO_LONG = UpstreamError("response_too_large", "the answer has more than 100000 bytes")


def test_an_error_answer_is_read_whole() -> None:
    played = ask(lines(3), "application/x-ndjson", status=500)
    assert Begin not in played.kinds and played.status == 500


# ---- what breaks ----------------------------------------------------------------------------------------


LOST = UpstreamError("upstream_timeout", "")
DOWN = StoreError("audit_unavailable", "disk full")
BROKEN_ROW = rows(50) + b'Eve,"not ended'
BROKEN = {
    "a row": (BROKEN_ROW, "text/csv", "", "unparseable_response"),
    "a line": (lines(50) + b'{"name": nobody}\n', "application/x-ndjson", "", "unparseable_response"),
    "a record too large": (
        lines(50) + b'"%b"' % (b"x" * 5000),
        "application/x-ndjson",
        "",
        "response_too_large",
    ),
    "a coding": (gzip.compress(rows(500))[:-9], "text/csv", "gzip", "unparseable_response"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_error_within_the_body_is_no_clean_end(how: str) -> None:
    body, kind, coding, reason = BROKEN[how]
    played = ask(body, kind, coding=coding, part=500)
    assert played.kinds[-2:] == [Append, Break]
    assert not any(isinstance(c, Write) and c.last for c in played.script.commands)
    first, last = played.records
    assert (last.phase, last.effect, last.reason, last.status) == ("outcome", "error", reason, 200)
    assert last.seen["user.name"] >= 10, "what was seen before is counted"
    assert verified([first, last]) == [] and b"Eve" not in played.body


@pytest.mark.parametrize("how", ["gzip", "csv"])
def test_an_error_at_the_beginning_is_refused(how: str) -> None:
    body, coding = (b"no gzip" * 20_000, "gzip") if how == "gzip" else (b'"a"b\r\n' * 20_000, "")
    played = ask(body, "text/csv", length=True, coding=coding)
    assert (played.status, played.reason) == (502, "unparseable_response")
    assert played.kinds[-2:] == [Append, Release] and Begin not in played.kinds


def test_an_unknown_coding_is_refused() -> None:
    assert ask(rows(5), "text/csv", coding="compress").reason == "unparseable_response"


@pytest.mark.parametrize("command", [Begin, Next, Write])
def test_a_wire_that_breaks_is_on_record(command: type[Command]) -> None:
    played = ask(rows(50), "text/csv", failures={command: LOST})
    assert played.kinds[-2:] == [Append, Break]
    assert [(r.phase, r.reason) for r in played.records] == [("stream", ""), ("outcome", "upstream_timeout")]


def test_a_log_that_does_not_take_the_beginning_lets_nothing_out() -> None:
    played = ask(rows(50), "text/csv", failures={Append: DOWN})
    assert played.status == 503 and Begin not in played.kinds and b"Ana" not in played.body


class Forgetful(Script):
    """A log that takes the beginning and not the end."""

    def answer_to(self, command: Command) -> object:
        if isinstance(command, Append) and command.record.phase == "outcome":
            self.commands.append(command)
            raise DOWN
        return Script.answer_to(self, command)


@pytest.mark.parametrize("body", [rows(50), BROKEN_ROW], ids=["whole", "broken"])
def test_a_log_that_does_not_take_the_end_gives_no_end(body: bytes) -> None:
    played = ask(body, "text/csv", script=Forgetful)
    assert played.kinds[-2:] == [Append, Break] and played.kinds.count(Append) == 2


class Looking(Script):
    """Looks at every command as it comes: nothing of the upstream's leaves without a record."""

    def answer_to(self, command: Command) -> object:
        if isinstance(command, Begin | Write):
            assert any(record.phase == "stream" for record in self.records)
        if isinstance(command, Write) and command.last:
            assert self.records[-1].phase == "outcome"
        return Script.answer_to(self, command)


def _splits() -> Iterator[int]:
    yield from (1, 7, 64, 1000, 100_000)


@settings(deadline=None)
@given(part=st.sampled_from(list(_splits())), count=st.integers(0, 60), kind=st.sampled_from(sorted(KINDS)))
def test_however_it_arrives_it_is_the_same(part: int, count: int, kind: str) -> None:
    body = KINDS[kind](count)
    played = ask(body, kind, part=part, script=Looking)
    assert played.body == ask(body, kind, part=0).body
    assert [r.phase for r in played.records] == ["stream", "outcome"]
    kinds = [type(c) for c in played.script.commands]
    assert all(not (a is Next and b is Break) for a, b in pairwise(kinds))
