"""Every place where something can break, one row each."""

from dataclasses import replace
from typing import Any

import gateway.exchange.answering
import gateway.exchange.asking
import gateway.exchange.contacting
import gateway.exchange.exchange
import gateway.exchange.finding
import gateway.exchange.outgoing
import gateway.exchange.straight
import gateway.planes.reverse.caller
import gateway.planes.reverse.upstream
import gateway.policy.compile
import gateway.policy.snapshot
from gateway.codecs import scanning
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Codec
from gateway.codecs.table import CODECS
from gateway.errors import InternalError, PayloadError, StoreError, UpstreamError
from gateway.exchange.facts import Facts
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
from tests.faults import Row, breaking, broken_masker, counting
from tests.faulttraffic import (
    ANY_RULE,
    BODIES,
    BROKEN_EXPORT,
    BY_TOKEN,
    CHUNKED,
    CREATED,
    DELETE,
    EXPORT,
    LIST,
    MAIL,
    MASKED_PATH,
    MEDIA,
    OFTEN,
    READ,
    SIGNALLED,
    SMS,
    TAPE,
    TAPED,
    ZIPPED,
    asking_for,
)
from tests.plane import request


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
outgoing, finding = gateway.exchange.outgoing, gateway.exchange.finding
plain = outgoing if scanning.clear is None else gateway.exchange.straight
"""What sends a plain read."""

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
    "Reserved": Row(
        "Reserved",
        breaking(Driver, "_reserved"),
        TAPE,
        False,
        StoreError("registry_unavailable", ""),
        503,
        rules=TAPED,
    ),
    "Link": Row("Link", breaking(Driver, "link"), READ, True),
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
    step("request line", plain, "request_line"),
    step("request fields", plain, "forward"),
    step("request line of an act", outgoing, "request_line", MAIL),
    step("request fields of an act", outgoing, "forward", MAIL),
    step("which way", gateway.exchange.exchange, "straight"),
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

UNANSWERED = ("Release", "Begin", "Write", "Break", "Switch", "Receive", "Pass", "Hangup")
"""Where these break, there is no problem document to look at: they have tests of their own."""
ROWS = [
    *(row for name, row in COMMAND_ROWS.items() if name not in UNANSWERED),
    *CODEC_ROWS,
    *OPERATOR_ROWS,
    *STEPS,
]
