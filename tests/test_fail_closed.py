"""Closed by default: whatever breaks, nothing gets through, nobody hears why, and the worker serves on.

Every row is one place where something can break, run through a real worker on real sockets: once with an
exception nobody foresaw (its text is a secret), once with an error of the house, and for stores with an
answer that never comes. A new store, codec, operator or command without a row fails the last tests.
"""

import asyncio
import gzip
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest

import gateway.exchange.answering
import gateway.exchange.asking
import gateway.exchange.exchange
import gateway.exchange.finding
import gateway.planes.reverse.caller
import gateway.planes.reverse.upstream
import gateway.policy.compile
import gateway.policy.snapshot
import tests.plane
from gateway.audit.record import Log, Record
from gateway.codecs.encodings import CODINGS, Decoder, Encoder
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Codec, Limits, Tally
from gateway.codecs.table import CODECS
from gateway.codecs.unread import NOTHING
from gateway.contacts.model import Registry, Standing
from gateway.deployment import Log as LogSettings
from gateway.errors import REASONS, HushgateError, InternalError, PayloadError, StoreError, UpstreamError
from gateway.exchange.commands import Command
from gateway.exchange.facts import Facts
from gateway.exchange.streaming import Passage
from gateway.http1.encode import chunk, last_chunk
from gateway.masking import table as masking
from gateway.masking.token import Tokens
from gateway.planes.driver import Driver
from gateway.planes.reverse.dial import Dialer
from gateway.planes.reverse.flow import Flow
from gateway.planes.reverse.pool import Pool
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
from tests.plane import TIMEOUTS, Gate, Upstream, answer, request
from tests.world import PACK, RULES

SECRET = "secret-of-ana@example.com"
UPSTREAMS = "Anastasia"
"""a name in every answer of the upstream, which the view shows: the caller gets it unless it is withheld"""

QUERY_MAP = b"request: {query: {email: {is: user.contact.email, subject: email}}"
PACK_WITH_HEADERS = PACK.replace(QUERY_MAP, QUERY_MAP + b", headers: {X-Person: user.contact.email}")
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
DELETE = request("DELETE", "/crm/contacts/7")
MEDIA = request("GET", "/crm/recordings/7", client="admin")
CHUNKED = request("GET", "/crm/contacts/chunked")
EXPORT = request("GET", "/crm/contacts/export")
BROKEN_EXPORT = request("GET", "/crm/contacts/broken")
CREATED = request("GET", "/crm/contacts/created")


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


def broken_property(owner: Any, name: str) -> Install:
    """A property that breaks when it is read."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        original = getattr(owner, name).__get__

        def read(it: Any) -> Any:
            fault.strike()
            return original(it, owner)

        patch.setattr(owner, name, property(read))

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


asking, answering = gateway.exchange.asking, gateway.exchange.answering
exchange, finding = gateway.exchange.exchange, gateway.exchange.finding

COMMAND_ROWS = {
    "Collect": Row(
        "Collect", breaking(Turn, "collect"), MAIL, False, PayloadError("body_too_large", ""), 413
    ),
    "Lookup": Row(
        "Lookup", breaking(Driver, "_lookup"), MAIL, False, StoreError("registry_unavailable", ""), 503
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
    step("normal form", asking, "normalise", MAIL),
    step("contact", asking, "judge", MAIL),
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
    step("programs of an answer", answering, "side_of", sent=True),
    step("answer head of a pass-through", answering, "forward", MEDIA, sent=True),
    step("facts", Facts, "note", LIST),
    step("pool", Pool, "take"),
    Row("dial", breaking(Dialer, "dial"), READ, False, UpstreamError("upstream_untrusted", ""), 502),
    step("connection", UpstreamConnection, "begin"),
    Row("record", breaking(Facts, "record"), READ, True),
    Row("record of an act", breaking(Facts, "record"), DELETE, False),
]


class BrokenRegistry:
    """Answers as the fault wants it: at once, later, or never."""

    def __init__(self, fault: Fault, *, later: bool) -> None:
        self.fault, self.later = fault, later

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing] | Awaitable[list[Standing]]:
        known = [Standing() for _ in pseudonyms]

        async def soon() -> list[Standing]:
            await asyncio.sleep(0)
            self.fault.strike()
            return known

        if self.later:
            return soon()
        self.fault.strike()
        return known

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


class BrokenLog:
    """Raises, or answers with an error; keeps what it accepted."""

    def __init__(self, fault: Fault, *, later: bool) -> None:
        self.fault, self.later = fault, later
        self.records: list[Record] = []

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        if not self.later:
            self.fault.strike()
        elif self.fault.error:
            self.fault.met += 1
            accepted(self.fault.error)
            return
        self.records.append(record)
        accepted(None)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


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


UNANSWERED = ("Release", "Begin", "Write", "Break")
"""Where these break, there is no problem document to look at: they have tests of their own."""
ROWS = [
    *(row for name, row in COMMAND_ROWS.items() if name not in UNANSWERED),
    *CODEC_ROWS,
    *OPERATOR_ROWS,
    *STEPS,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_exception_nobody_foresaw(
    row: Row,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fault = Fault()
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream, rules=RULES + row.rules, pack=PACK_WITH_HEADERS) as gate:
        run(gate, upstream, row, fault, RuntimeError(SECRET), 500, Said(caplog))
        assert gate.metrics.counts["hushgate_exceptions",] >= 1
    assert SECRET not in "".join(capfd.readouterr())


def test_when_no_answer_can_be_given_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row without a problem document: what breaks is the writing of answers itself."""
    fault, row = Fault(), COMMAND_ROWS["Release"]
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            fault.error = RuntimeError(SECRET)
            sock.sendall(row.asked)
            sock.settimeout(1)
            try:
                assert sock.recv(1) == b""
            except TimeoutError:
                assert fault.met
        fault.error = None
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 "), "the worker serves on"


STREAM_ROWS = [
    *(COMMAND_ROWS[name] for name in ("Begin", "Write", "Break")),
    *(
        Row(name, breaking(owner, attribute), EXPORT, True)
        for name, owner, attribute in (
            ("a stream's next part", Flow, "next"),
            ("a stream's codings", Decoder, "pieces"),
            ("a stream's codec", type(NDJSON.stream(NOTHING, Tally.of(NOTHING), Limits())), "feed"),
            ("a stream's codings, put on", Encoder, "feed"),
            ("a stream's end", Encoder, "finish"),
            ("a stream's people", Passage, "_remember"),
            ("a stream's counts", Facts, "note"),
        )
    ),
]
HOUSE_ERROR = PayloadError("unparseable_body", "a text of the house", "body")


@pytest.mark.parametrize("error", [RuntimeError(SECRET), HOUSE_ERROR], ids=["unforeseen", "house"])
@pytest.mark.parametrize("row", STREAM_ROWS, ids=lambda row: row.name)
def test_a_stream_that_breaks_has_no_clean_end(
    row: Row, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once an answer has begun there is no problem document: the connection ends without a last chunk."""
    fault = Fault()
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream, pack=PACK_WITH_HEADERS) as gate:
        fault.error = error
        got = talk(gate, row.asked)
        fault.error = None
        assert fault.met, "the fault was not met: the row tests nothing"
        head, _, body = got.partition(b"\r\n\r\n")
        assert not body.endswith(b"0\r\n\r\n") and b"@example.com" not in body
        if b"200 OK" not in head and got:
            problem_of(got)
        last = gate.records()[-1]
        assert (last.phase, last.effect) == ("outcome", "error") and last.reason
        served = talk(gate, EXPORT)
        assert served.endswith(b"0\r\n\r\n"), "the worker serves on"
    assert SECRET not in Said(caplog).text()


@pytest.mark.parametrize("row", [r for r in ROWS if r.house], ids=lambda row: row.name)
def test_an_error_of_the_house(
    row: Row, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault()
    row.install(monkeypatch, fault)
    assert row.house is not None
    with Upstream(reply) as upstream, Gate(upstream, rules=RULES + row.rules, pack=PACK_WITH_HEADERS) as gate:
        run(gate, upstream, row, fault, row.house, row.house_status, Said(caplog))


@dataclass(frozen=True)
class StoreRow:
    """How a store breaks, and the status that gives."""

    name: str
    error: Exception
    later: bool
    status: int


REGISTRY_ROWS = (
    StoreRow("raises", RuntimeError(SECRET), False, 500),
    StoreRow("raises later", RuntimeError(SECRET), True, 503),
    StoreRow("refuses", StoreError("registry_unavailable", "a text of the house"), False, 503),
    StoreRow("refuses later", StoreError("registry_unavailable", "a text of the house"), True, 503),
)
LOG_ROWS = (
    StoreRow("raises", RuntimeError(SECRET), False, 500),
    StoreRow("answers an exception", RuntimeError(SECRET), True, 503),
    StoreRow("refuses", StoreError("audit_unavailable", "a text of the house"), True, 503),
)


@pytest.mark.parametrize("how", REGISTRY_ROWS, ids=lambda how: how.name)
@pytest.mark.parametrize("asked", [MAIL, SMS], ids=["mail", "sms"])
def test_a_registry_that_breaks(how: StoreRow, asked: bytes, caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault()
    with Upstream(reply) as upstream, Gate(upstream, registry=BrokenRegistry(fault, later=how.later)) as gate:
        run(gate, upstream, Row("", lambda *_: None, asked), fault, how.error, how.status, Said(caplog))


@pytest.mark.parametrize("how", LOG_ROWS, ids=lambda how: how.name)
@pytest.mark.parametrize(
    ("asked", "sent"), [(READ, True), (MEDIA, True), (DELETE, False)], ids=["read", "stream", "act"]
)
def test_a_log_that_breaks(how: StoreRow, asked: bytes, sent: bool, caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault()
    with Upstream(reply) as upstream, Gate(upstream, log=BrokenLog(fault, later=how.later)) as gate:
        run(gate, upstream, Row("", lambda *_: None, asked, sent), fault, how.error, how.status, Said(caplog))


IMPATIENT = replace(TIMEOUTS, answer=0.2, progress=0.2, idle=0.2, drain=0.5)


def test_a_registry_that_never_answers() -> None:
    class Silent(BrokenRegistry):
        def standings(self, tenant: str, pseudonyms: Sequence[str]) -> Awaitable[list[Standing]]:
            return asyncio.get_running_loop().create_future()

    with (
        Upstream(reply) as upstream,
        Gate(upstream, registry=Silent(Fault(), later=True), timeouts=IMPATIENT) as gate,
    ):
        problem = problem_of(talk(gate, MAIL))
        assert (problem["status"], problem["type"]) == (503, "urn:hushgate:registry_unavailable")
        assert problem["retry_after"] and not upstream.requests
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 "), "who needs no registry is served"
    assert gate.records()[0].reason == "registry_unavailable"


@pytest.mark.parametrize(
    ("asked", "sent"), [(READ, 1), (MEDIA, 1), (DELETE, 0)], ids=["read", "stream", "act"]
)
def test_a_log_that_never_answers(asked: bytes, sent: int) -> None:
    class Silent(BrokenLog):
        silent = True

        def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
            if not self.silent:
                super().append(record, accepted)

    log = Silent(Fault(), later=False)
    with Upstream(reply) as upstream, Gate(upstream, log=log, timeouts=IMPATIENT) as gate:
        got = talk(gate, asked)
        problem = problem_of(got)
        assert (problem["status"], problem["type"]) == (503, "urn:hushgate:audit_unavailable")
        assert UPSTREAMS.encode() not in got and len(upstream.requests) == sent
        log.silent = False
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_late_goes_to_nobody() -> None:
    """A registry that answers after its request was refused must not set the next one off."""
    asked: list[asyncio.Future[list[Standing]]] = []

    class Late(BrokenRegistry):
        def standings(self, tenant: str, pseudonyms: Sequence[str]) -> Awaitable[list[Standing]]:
            future: asyncio.Future[list[Standing]] = asyncio.get_running_loop().create_future()
            asked.append(future)
            return future

    with (
        Upstream(reply) as upstream,
        Gate(upstream, registry=Late(Fault(), later=True), timeouts=IMPATIENT) as gate,
    ):
        with gate.connect() as sock:
            sock.sendall(MAIL)
            assert tests.plane.read_answer(sock).startswith(b"HTTP/1.1 503 ")
            gate.loop.loop.call_soon_threadsafe(asked[0].set_result, [Standing()])
            sock.sendall(READ)
            assert tests.plane.read_answer(sock).startswith(b"HTTP/1.1 200 ")
        assert [r.split(b" ")[0] for r in upstream.requests] == [b"GET"]


# ---- the table is complete --------------------------------------------------------------------------------


def test_every_command_has_a_row() -> None:
    assert {command.__name__ for command in get_args(Command)} == set(COMMAND_ROWS)


def test_every_codec_has_its_rows() -> None:
    names = {row.name for row in CODEC_ROWS}
    methods = {name for name, what in vars(Codec).items() if callable(what) and not name.startswith("_")}
    shown = ("application/json", *BODIES)
    assert {id(codec) for codec in CODECS.values()} == {id(CODECS[kind]) for kind in shown}, (
        "a codec without rows"
    )
    assert {f"{kind}.transform" for kind in BODIES} <= names
    assert {f"JSON.{method}" for method in methods} <= names
    # only answers are transformed
    assert {f"{name}.{method}" for name in ("FORM", "QUERY") for method in methods - {"transform"}} <= names


def test_every_operator_has_a_row() -> None:
    assert {f"operator {op}" for op in masking.OPERATORS} == {row.name for row in OPERATOR_ROWS}


def test_every_method_of_the_stores_is_broken_somewhere() -> None:
    """`ready` and `close` are no part of an exchange; health and shutdown have their own tests."""
    for protocol, used in ((Registry, {"standings"}), (Log, {"append"})):
        methods = {
            name for name, what in vars(protocol).items() if callable(what) and not name.startswith("_")
        }
        assert methods == used | {"ready", "close"}


def test_every_coding_is_one_the_answer_side_asks_for() -> None:
    assert {b"gzip", b"deflate"} <= set(CODINGS)
