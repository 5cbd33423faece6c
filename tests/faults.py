"""Faults put into one point after another of an exchange, and what came of each."""

import gzip
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

import gateway.exchange.answering
import gateway.exchange.asking
import gateway.exchange.contacting
import gateway.exchange.exchange
import gateway.exchange.finding
import gateway.planes.reverse.caller
import gateway.planes.reverse.upstream
import gateway.policy.compile
import gateway.policy.snapshot
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Codec
from gateway.codecs.table import CODECS
from gateway.deployment import Log as LogSettings
from gateway.errors import REASONS, HushgateError, InternalError, PayloadError, StoreError, UpstreamError
from gateway.exchange.facts import Facts
from gateway.http1.encode import chunk, last_chunk
from gateway.masking import table as masking
from gateway.masking.echoes import Echoes
from gateway.masking.token import Tokens
from gateway.planes.driver import Driver
from gateway.planes.reverse.dial import Dialer
from gateway.planes.reverse.pool import Pool
from gateway.planes.reverse.talk import Side
from gateway.planes.reverse.turn import Turn
from gateway.planes.reverse.upstream import UpstreamConnection
from gateway.policy.identity import Directory
from gateway.policy.linking import Linker
from gateway.policy.operations import OperationIndex
from gateway.policy.operators import PLAIN
from gateway.policy.reach import Reach
from gateway.policy.routes import Routes
from gateway.policy.snapshot import Snapshot
from gateway.residency.judge import Gate as ResidencyGate
from gateway.service.logs import set_up
from tests.plane import Gate, Upstream, answer, request
from tests.world import PACK, RING, RULES

SECRET = "secret-of-ana@example.com"
UPSTREAMS = "Anastasia"
"""a name in every answer of the upstream, which the view shows: the caller gets it unless it is withheld"""

QUERY_MAP = b"request: {query: {email: {is: user.contact.email, subject: email}}"
PACK_WITH_HEADERS = PACK.replace(QUERY_MAP, QUERY_MAP + b", headers: {X-Person: user.contact.email}")
OFTEN = "rules:\n  - {id: often, contact: {at_most: 3 in 7 days}}\n"
ANY_RULE = "rules:\n  - {id: a, access: {operations: crm.status}}\n"
MASKED_PATH = "rules:\n  - {id: m, mask: user.unique_id, with: hash, to: {providers: crm}}\n"
JSON_KIND = "Content-Type: application/json\r\n"
FORM_KIND = "Content-Type: application/x-www-form-urlencoded\r\n"
PERSON = {"id": "7", "name": {"first": UPSTREAMS, "last": "Silva"}, "email": "ana@example.com"}
READ = request("GET", "/crm/contacts/7")
ZIPPED = request("GET", "/crm/contacts/7", extra="Accept-Encoding: gzip\r\n")
LIST = request("GET", "/crm/contacts?email=ana%40example.com", extra="X-Person: ana@example.com\r\n")
MAIL = request("POST", "/crm/mails", b'{"to": "ana@example.com", "text": "x"}', extra=JSON_KIND)
SMS = request("POST", "/crm/messages", b"To=%2B33639980001&Body=x", extra=FORM_KIND)
SIGNALLED = request("GET", "/crm/contacts/7", extra="Sec-GPC: 1\r\n")
DELETE = request("DELETE", "/crm/contacts/7")
MEDIA = request("GET", "/crm/recordings/7", client="admin")
CHUNKED = request("GET", "/crm/contacts/chunked")
EXPORT = request("GET", "/crm/contacts/export")
BROKEN_EXPORT = request("GET", "/crm/contacts/broken")
CREATED = request("GET", "/crm/contacts/created")
OURS = Tokens(RING.token_keys("acme")).issue("user.contact.email", "email", "ana@example.com")
BY_TOKEN = request("GET", f"/crm/contacts?email={OURS}")
REVEALING = RULES.replace("date_of_birth: year}}", "date_of_birth: year}, reveal: user.contact.email}")


LINES = b"".join(json.dumps({**PERSON, "email": f"{n}@example.com"}).encode() + b"\n" for n in range(20))
STREAMED = {
    b"/contacts/chunked": (b"application/json", json.dumps(PERSON).encode()),
    b"/contacts/export": (b"application/x-ndjson", LINES),
    b"/contacts/broken": (b"application/x-ndjson", LINES + b"{broken\n"),
}


BODIES = {
    "application/x-www-form-urlencoded": b"name=" + UPSTREAMS.encode(),
    "application/x-ndjson": LINES,
    "application/json-seq": b"".join(b"\x1e" + line + b"\n" for line in LINES.splitlines()),
    "text/event-stream": b"".join(b"data: " + line + b"\n\n" for line in LINES.splitlines()),
    "text/csv": b"name,email\r\n%b,ana@example.com\r\n" % UPSTREAMS.encode(),
    "text/tab-separated-values": b"name\temail\r\n%b\tana@example.com\r\n" % UPSTREAMS.encode(),
    "text/plain": UPSTREAMS.encode(),
    "application/xml": b"<person><name>%b</name></person>" % UPSTREAMS.encode(),
}
"""One of each codec that only reads answers here."""


def asking_for(kind: str) -> bytes:
    """A request that is answered with a body of this type."""
    return request("GET", f"/crm/contacts/{kind.replace('/', '.')}")


def reply(asked: bytes) -> bytes:
    """What the upstream says."""
    wanted = asked.split(b" ")[1].removeprefix(b"/contacts/").replace(b".", b"/", 1)
    if wanted.decode() in BODIES:
        return answer(BODIES[wanted.decode()], kind=wanted)
    if asked.startswith(b"GET /recordings"):
        return answer(UPSTREAMS.encode(), kind=b"audio/wav")
    streamed = STREAMED.get(asked.split(b" ")[1])
    if streamed is not None:
        kind, body = streamed
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind
        return head + chunk(body) + last_chunk()
    listed = asked.startswith(b"GET /contacts?")
    body = json.dumps({"results": [PERSON]} if listed else PERSON).encode()
    if b"Accept-Encoding: gzip" in asked:
        return answer(gzip.compress(body), extra=b"Content-Encoding: gzip\r\n")
    if asked.startswith(b"GET /contacts/created"):
        return answer(body, extra=b"Location: /contacts?email=%b\r\n" % UPSTREAMS.encode())
    return answer(body)


class Fault:
    """Raises or hangs while armed."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.met = 0

    def strike(self) -> None:
        """Where something breaks."""
        if self.error is not None:
            self.met += 1
            raise self.error


Install = Callable[[pytest.MonkeyPatch, Fault], None]


def breaking(owner: Any, *names: str) -> Install:
    """A function of a class or module that breaks before it does anything."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        for name in names:
            original = getattr(owner, name)

            def broken(*args: Any, _original: Any = original, **keywords: Any) -> Any:
                fault.strike()
                return _original(*args, **keywords)

            patch.setattr(owner, name, broken)

    return install


def counting(name: str) -> Install:
    """A registry that counts, one method of the driver's to it broken; nothing is sent while it is."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        acquire = Turn.acquire

        def acquired(*args: Any) -> Any:
            if fault.error is not None:
                raise UpstreamError("upstream_unreachable", "")
            return acquire(*args)

        patch.setattr(Driver, "_reserve", lambda _, command: [None] * len(command.wanted))
        patch.setattr(Driver, "_give_back", lambda *_: None)
        patch.setattr(Turn, "acquire", acquired)
        breaking(Driver, name)(patch, fault)

    return install


def broken_masker(op: str) -> Install:
    """An operator whose masker breaks on a value."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        operator = masking.OPERATORS[op]

        def make(*made_from: Any) -> Any:
            masker = operator.make(*made_from)

            def mask(value: Any) -> Any:
                fault.strike()
                return masker(value)

            return mask

        patch.setattr(masking, "OPERATORS", {**masking.OPERATORS, op: replace(operator, make=make)})

    return install


@dataclass(frozen=True)
class Row:
    """One place. `house` is the error of the house that may come from there and the status it gives;
    `sent` whether the upstream has been asked when it breaks."""

    name: str
    install: Install
    asked: bytes = READ
    sent: bool = False
    house: HushgateError | None = None
    house_status: int = 0
    rules: str = ""
    reveals: bool = False
    """Whether the caller may send tokens back."""

    @property
    def policy(self) -> str:
        """The rule file."""
        return (REVEALING if self.reveals else RULES) + self.rules


def codec_row(name: str, codec: Codec, method: str, asked: bytes, *, sent: bool = False) -> Row:
    """A codec's method, on the request's or the answer's way."""
    error = PayloadError("unparseable_body", "a text of the house", "body")
    status = 502 if sent else 422
    return Row(f"{name}.{method}", breaking(type(codec), method), asked, sent, error, status)


def step(name: str, owner: Any, attribute: str, asked: bytes = READ, *, sent: bool = False) -> Row:
    """A step of the way that raises nothing of its own."""
    return Row(name, breaking(owner, attribute), asked, sent, InternalError("a text of the house"), 500)


def operator_row(op: str) -> Row:
    required = {"partial": "keep_last: 2", "truncate": "keep: 2", "fixed": "text: hidden"}
    params = op if op in PLAIN else f"{{{op}: {{{required.get(op, '')}}}}}"
    rule = f"rules:\n  - {{id: m, mask: user.name, with: {params}}}\n"
    broken = breaking(Tokens, "make") if op == masking.REVERSIBLE else broken_masker(op)
    return Row(f"operator {op}", broken, READ, True, rules=rule)


contacting = gateway.exchange.contacting
asking, answering = gateway.exchange.asking, gateway.exchange.answering
exchange, finding = gateway.exchange.exchange, gateway.exchange.finding

COMMAND_ROWS = {
    "Collect": Row(
        "Collect", breaking(Turn, "collect"), MAIL, False, PayloadError("body_too_large", ""), 413
    ),
    "Lookup": Row(
        "Lookup", breaking(Driver, "_lookup"), MAIL, False, StoreError("registry_unavailable", ""), 503
    ),
    "Reserve": Row(
        "Reserve",
        counting("_reserve"),
        SMS,
        False,
        StoreError("registry_unavailable", ""),
        503,
        rules=OFTEN,
    ),
    "Link": Row("Link", breaking(Driver, "_link"), READ, True),
    # Giving back comes after a refusal: that of an upstream that is away, which stands where only this fails.
    "GiveBack": Row(
        "GiveBack",
        counting("_give_back"),
        SMS,
        False,
        StoreError("registry_unavailable", ""),
        502,
        rules=OFTEN,
    ),
    "Enter": Row(
        "Enter", breaking(Driver, "_enter"), SIGNALLED, False, StoreError("registry_unavailable", ""), 503
    ),
    "Acquire": Row(
        "Acquire", breaking(Turn, "acquire"), READ, False, UpstreamError("upstream_unreachable", ""), 502
    ),
    "Append": Row(
        "Append", breaking(Driver, "_append"), READ, True, StoreError("audit_unavailable", ""), 503
    ),
    "Send": Row("Send", breaking(Turn, "send"), READ, False, UpstreamError("upstream_timeout", ""), 504),
    "CollectAnswer": Row(
        "CollectAnswer",
        breaking(Turn, "collect_answer"),
        READ,
        True,
        UpstreamError("upstream_invalid", ""),
        502,
    ),
    "Release": Row("Release", breaking(Turn, "release"), READ, True),
    "Pipe": Row("Pipe", breaking(Turn, "pipe"), MEDIA, True),
    "Next": Row("Next", breaking(Turn, "next"), CHUNKED, True, UpstreamError("upstream_invalid", ""), 502),
    "Begin": Row("Begin", breaking(Turn, "begin"), EXPORT, True),
    "Write": Row("Write", breaking(Turn, "write"), EXPORT, True),
    "Break": Row("Break", breaking(Turn, "break_off"), BROKEN_EXPORT, True),
    "Switch": Row("Switch", breaking(Turn, "switch"), sent=True),
    "Receive": Row("Receive", breaking(Side, "receive"), sent=True),
    "Pass": Row("Pass", breaking(Side, "send_on"), sent=True),
    "Hangup": Row("Hangup", breaking(Turn, "hangup"), sent=True),
}
CODEC_ROWS = [
    *(codec_row("JSON", CODECS["application/json"], m, MAIL) for m in ("parse", "find", "rewrite", "dump")),
    codec_row("JSON", CODECS["application/json"], "transform", READ, sent=True),
    *(
        codec_row("FORM", CODECS["application/x-www-form-urlencoded"], m, SMS)
        for m in ("parse", "find", "rewrite", "dump")
    ),
    *(codec_row("QUERY", QUERY, m, LIST) for m in ("parse", "find", "rewrite", "dump")),
    replace(codec_row("PATH", PATH, "find", READ), rules=MASKED_PATH),
    codec_row("PATH", PATH, "met", READ),
    replace(codec_row("PATH", PATH, "rewrite", READ), rules=MASKED_PATH),
    *(codec_row("HEADERS", HEADERS, m, LIST) for m in ("find", "rewrite")),
    *(codec_row(kind, CODECS[kind], "transform", asking_for(kind), sent=True) for kind in BODIES),
]
OPERATOR_ROWS = [operator_row(op) for op in masking.OPERATORS]
STEPS = [
    step("identity", Directory, "identify"),
    step("route", Routes, "find"),
    step("operation", OperationIndex, "match"),
    step("plan", gateway.policy.snapshot, "compile_plan"),
    step("situation", gateway.policy.snapshot, "situation"),
    replace(step("condition of a rule", gateway.policy.compile, "obstacle"), rules=ANY_RULE),
    step("view", gateway.policy.compile, "treatment"),
    step("masker", gateway.policy.compile, "build"),
    step("policy and keys", Snapshot, "_ground"),
    step(
        "purpose",
        finding,
        "states_allowed",
        request("GET", "/crm/contacts/7", extra="Hushgate-Purpose: x\r\n"),
    ),
    step("pseudonyms", Snapshot, "pseudonymiser", MAIL),
    step("subjects", Snapshot, "remember"),
    step("people in a request", Snapshot, "remember", MAIL),
    step("normal form", contacting, "normalise", MAIL),
    step("contact", contacting, "judge", MAIL),
    step("residency", ResidencyGate, "__call__"),
    step("content type of a request", asking, "reader_for", MAIL),
    step("encoding of a request", asking, "decode", MAIL),
    step("encoding of a request sent", asking, "encode", MAIL),
    step("request line", exchange, "request_line"),
    step("request fields", exchange, "forward"),
    step("content type of an answer", answering, "reader_for", sent=True),
    step("encoding of an answer", answering, "decode", ZIPPED, sent=True),
    step("encoding of an answer sent", answering, "encode", ZIPPED, sent=True),
    step("answer head", answering, "status_line", sent=True),
    step("answer fields", answering, "forward", sent=True),
    step("links in answer fields", answering, "leads", sent=True),
    step("a link in an answer field", Linker, "lead", CREATED, sent=True),
    step("what a link is masked by", gateway.policy.compile, "every", CREATED, sent=True),
    step("where a link leads", Reach, "upstream", CREATED, sent=True),
    replace(step("what came as a token", Echoes, "text", BY_TOKEN, sent=True), reveals=True),
    replace(
        step("a body with what came as a token", answering, "without", BY_TOKEN, sent=True), reveals=True
    ),
    replace(step("fields with that", answering, "fields_without", BY_TOKEN, sent=True), reveals=True),
    step("programs of an answer", answering, "side_of", sent=True),
    step("answer head of a pass-through", answering, "forward", MEDIA, sent=True),
    step("facts", Facts, "note", LIST),
    step("pool", Pool, "take"),
    Row("dial", breaking(Dialer, "dial"), READ, False, UpstreamError("upstream_untrusted", ""), 502),
    step("connection", UpstreamConnection, "begin"),
    Row("record", breaking(Facts, "record"), READ, True),
    Row("record of an act", breaking(Facts, "record"), DELETE, False),
]


def talk(gate: Gate, asked: bytes) -> bytes:
    return gate.talk(asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))


def problem_of(got: bytes) -> dict[str, Any]:
    """The problem a caller got: well-formed, and of a reason of the house."""
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    problem: dict[str, Any] = json.loads(body)
    assert problem["type"].removeprefix("urn:hushgate:") in REASONS
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    return problem


class Said:
    """Everything the gateway's log says in a test, as its own handlers would write it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def text(self) -> str:
        formats = [logging.Formatter("%(message)s")]
        before, level = logging.root.handlers[:], logging.root.level
        for form in ("json", "text"):
            set_up(LogSettings("info", form))
            formatter = logging.root.handlers[0].formatter
            assert formatter is not None
            formats.append(formatter)
        logging.root.handlers[:] = before
        logging.root.setLevel(level)
        bare = [
            logging.makeLogRecord({**r.__dict__, "exc_info": None, "exc_text": None})
            for r in self._caplog.records
        ]
        return "\n".join(
            [
                *(formats[0].format(r) for r in bare),
                *(f.format(r) for f in formats[1:] for r in self._caplog.records),
            ]
        )


def run(
    gate: Gate, upstream: Upstream, row: Row, fault: Fault, error: Exception, status: int, said: Said
) -> None:
    """Break it, look at everything that came out, mend it, and be served."""
    fault.error = error
    got = talk(gate, row.asked)
    fault.error = None
    assert fault.met, "the fault was not met: the row tests nothing"
    assert bool(upstream.requests) == row.sent, "what the upstream was asked"
    assert UPSTREAMS.encode() not in got and SECRET.encode() not in got
    assert problem_of(got)["status"] == status, got
    served = talk(gate, row.asked)
    assert served.startswith(b"HTTP/1.1 ") and int(served[9:12]) < 500, "the worker serves on"
    assert SECRET not in said.text()
    audit = gate.folder / "audit"
    assert SECRET not in "".join(p.read_text() for p in audit.glob("*.jsonl")) if audit.exists() else True


UNANSWERED = ("Release", "Begin", "Write", "Break", "Switch", "Receive", "Pass", "Hangup")
"""Where these break, there is no problem document to look at: they have tests of their own."""
ROWS = [
    *(row for name, row in COMMAND_ROWS.items() if name not in UNANSWERED),
    *CODEC_ROWS,
    *OPERATOR_ROWS,
    *STEPS,
]
