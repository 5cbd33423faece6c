"""Answers that hold answers: each is masked as its own operation's, the rest as the envelope's. Pure.

The calls that were left out are answered here, as the provider would say that one of several failed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Tally
from gateway.codecs.table import Reader, reader_for
from gateway.errors import REASONS, InternalError, PayloadError
from gateway.exchange.alone import sifted
from gateway.exchange.answering import Answer, Withheld, masked, masked_headers, program_of, read, rewritten
from gateway.exchange.commands import Command
from gateway.exchange.echoing import without
from gateway.exchange.facts import Facts
from gateway.exchange.outcome import refusal_body
from gateway.exchange.parts import Part
from gateway.exchange.pointing import side_of
from gateway.exchange.refused import Refused
from gateway.http1.head import ResponseHead
from gateway.model import Composite
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Reading:
    """What all answers of one envelope are read with."""

    facts: Facts
    snapshot: Snapshot
    shape: Composite
    limits: Limits


def read_parts(
    facts: Facts,
    snapshot: Snapshot,
    plan: Plan,
    parts: Sequence[Part],
    head: ResponseHead,
    raw: bytes,
    limits: Limits,
) -> Generator[Command, Any, Answer]:
    """The envelope's answer with every answer in it masked. Raises Refused, Withheld, StoreError."""
    shape = plan.operation.composite
    if shape is None or head.status == 206:
        raise Refused("unparseable_response", "a part of a body cannot be masked")
    facts.response_bytes = len(raw)
    coding = (head.get(b"content-encoding") or b"").strip().lower()
    try:
        document = _document(head, decode(raw, coding, limits), limits)
        answers = document.get(shape.answers) if document.__class__ is dict else None
        if answers.__class__ is not list:
            if head.status < 400:
                raise PayloadError("unparseable_body", "an envelope without answers", shape.answers)
            return read(facts, snapshot, plan, head, raw, limits)
        yield from _fill(Reading(facts, snapshot, shape, limits), plan, parts, head, document)
        body = without(facts, Reader("json", JSON), JSON.dump(document), limits)
        return rewritten(facts, plan, head, encode(body, coding))
    except PayloadError as error:
        if head.status >= 400:
            raise Withheld from error
        raise Refused("unparseable_response", f"{error.detail} ({error.place})") from error


def _document(head: ResponseHead, body: bytes, limits: Limits) -> Any:
    if reader_for(head.get(b"content-type")).codec is not JSON:
        raise PayloadError("unsupported_media_type", "the envelope's answer is not JSON", "content-type")
    return JSON.parse(body, limits)


def _fill(
    it: Reading, plan: Plan, parts: Sequence[Part], head: ResponseHead, document: dict[str, Any]
) -> Generator[Command, Any, None]:
    """Mask what is in an envelope: each answer apart, then all around them. Raises PayloadError, Refused."""
    shape, facts = it.shape, it.facts
    sent = [part for part in parts if part.refused is None]
    answers: list[Any] = document[shape.answers]
    pairs = _paired(shape, sent, answers)
    inside = []
    for part, answer in pairs:
        inside.append((yield from _answer(it, part, answer)))
    if plan.response.body:
        program = program_of(side_of(facts, plan), head, "json")
        tally = Tally.of(program)
        JSON.rewrite(document, program, tally)
        facts.changed += facts.note(program, tally)
    for (part, answer), (body, headers) in zip(pairs, inside, strict=True):
        if shape.answer in answer:
            answer[shape.answer] = body
        if headers is not None and shape.headers:
            answer[shape.headers] = headers
        if part.name is not None and shape.name:
            answer[shape.name] = part.name
        if part.refused is not None:
            answer.update(_left_out(it, part, part.refused))
    asked = {part.at for part in sent}
    for part in parts:
        if part.refused is not None and part.at not in asked:
            answers.insert(min(part.at, len(answers)), _left_out(it, part, part.refused))
    if shape.failed is not None and any(part.refused for part in parts):
        document[shape.failed] = True


def _paired(shape: Composite, sent: Sequence[Part], answers: list[Any]) -> list[tuple[Part, dict[str, Any]]]:
    """Which answer is whose: by name where calls have one, else by place."""
    if len(answers) != len(sent) or not all(answer.__class__ is dict for answer in answers):
        raise PayloadError("unparseable_body", "not as many answers as calls", shape.answers)
    if shape.name is None:
        return list(zip(sent, answers, strict=True))
    named = {part.name: part for part in sent}
    names = [answer.get(shape.name) for answer in answers]
    if not all(name.__class__ is str for name in names) or set(names) != named.keys():
        raise PayloadError("unparseable_body", "an answer to another call", shape.answers)
    return [(named[name], answer) for name, answer in zip(names, answers, strict=True)]


def _answer(
    it: Reading, part: Part, answer: dict[str, Any]
) -> Generator[Command, Any, tuple[Any, dict[str, str] | None]]:
    """(body, headers) of one answer, masked; nothing of them is left in it."""
    shape, facts = it.shape, part.facts
    status = answer.get(shape.status)
    if status.__class__ is not int or not 200 <= status < 600 or facts is None:
        raise PayloadError("unparseable_body", "an answer without a status", shape.status)
    body = _taken(answer, shape.answer)
    headers = _headers(_taken(answer, shape.headers))
    try:
        body, fields = yield from _masked(it, part, facts, _head(status, headers or {}), body)
    except Refused as no:
        if not (no.droppable and part.apart):
            raise
        part.refused = no
        it.facts.dropped += 1
        return None, None
    finally:
        it.facts.absorb(facts)
    if facts.leaving is not None and facts.leaving.status:
        answer[shape.status] = facts.leaving.status
    return body, None if headers is None else fields


def _masked(
    it: Reading, part: Part, facts: Facts, head: ResponseHead, body: Any
) -> Generator[Command, Any, tuple[Any, dict[str, str]]]:
    """What is shown of one answer's body and header fields. Raises PayloadError, Refused, StoreError."""
    plan = part.plan
    if plan is None:
        raise InternalError("a call that was sent without a plan")
    if body is not None and (plan.response.body or plan.records):
        raw = yield from sifted(facts, it.snapshot, plan, head, JSON.dump(body), it.limits)
        try:
            raw = masked(facts, it.snapshot, plan, head, raw, it.limits) if plan.response.body else raw
        except Withheld as error:
            detail = "an answer that cannot be read"
            raise PayloadError("unparseable_body", detail, it.shape.answers) from error
        body = Raw(raw)
    shown = masked_headers(facts, plan, head, enclosed=True)
    return body, {name.decode(): value.decode("latin-1") for name, value in shown}


def _taken(answer: dict[str, Any], member: str | None) -> Any:
    """What a member held; null holds its place."""
    if member is None or member not in answer:
        return None
    value, answer[member] = answer[member], None
    return value


def _headers(written: Any) -> dict[str, str] | None:
    if written is None:
        return None
    if written.__class__ is not dict or not all(
        value.__class__ is str and value.isascii() and name.isascii() for name, value in written.items()
    ):
        raise PayloadError("unparseable_body", "header fields that cannot be read", "")
    return dict(written)


def _head(status: int, headers: dict[str, str]) -> ResponseHead:
    return ResponseHead(
        status=status,
        reason=b"",
        version_minor=1,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        index={
            **{name.lower().encode(): value.encode() for name, value in headers.items()},
            b"content-type": b"application/json",
        },
        length=None,
        chunked=False,
        close_delimited=False,
        keep_alive=True,
    )


def _left_out(it: Reading, part: Part, no: Refused) -> dict[str, Any]:
    """What the provider would answer to a call that failed while others did not."""
    shape, facts = it.shape, it.facts
    status = REASONS[no.reason].status
    made: dict[str, Any] = {
        shape.answer: Raw(
            refusal_body(no.reason, facts.id, no.detail, no.rules, no.retry_after, status, facts.pack)
        )
    }
    if shape.headers:
        made[shape.headers] = {}
    made[shape.status] = status
    if shape.name:
        made[shape.name] = part.name
    return made
