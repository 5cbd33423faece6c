"""The request side: read what the plan wants read, find people, judge contact, rewrite. Pure."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from gateway.codecs.encodings import decode, encode
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Limits, Program, Tally
from gateway.codecs.steps import remasked, shortened
from gateway.codecs.table import media_type, reader_for
from gateway.codecs.unread import NOTHING, UNREAD
from gateway.contacts.formerly import Names
from gateway.contacts.normalise import normalise
from gateway.contacts.records import known
from gateway.errors import PayloadError
from gateway.exchange.commands import Collect, Command
from gateway.exchange.contacting import reach
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed
from gateway.exchange.leaving import Carried, leave_out
from gateway.exchange.refused import Refused
from gateway.exchange.restoring import restored_body, restored_headers, restored_query, restored_unread
from gateway.exchange.taping import asks
from gateway.exchange.uploading import Upload, upload_of
from gateway.exchange.writing import note
from gateway.http1.fields import Headers
from gateway.http1.head import RequestHead
from gateway.masking.echoes import Echoes
from gateway.masking.guards import Compared
from gateway.policy.plan import Plan, Side
from gateway.policy.snapshot import Snapshot


@dataclass(slots=True)
class Asked:
    """The request as it will be sent: target, and body (None: passed through as it comes)."""

    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes | None = None
    upload: Upload | None = None
    """What the body goes through, of which only a part is here."""


def ask(
    facts: Facts,
    snapshot: Snapshot,
    head: RequestHead,
    addressed: Addressed,
    limits: Limits,
    *,
    uploads: bool = False,
) -> Generator[Command, Any, Asked]:
    """Collect, find, judge and rewrite. `uploads`: whether the plane can send a body on as it is read.

    Raises Refused, PayloadError, StoreError.
    """
    plan, side = addressed.plan, addressed.plan.request
    facts.subjects.update(addressed.subjects)
    facts.seen.update(addressed.seen)
    query = restored_query(facts, plan, head.query, limits)
    if query and plan.unnamed is not None and not plan.unnamed.knows(query):
        # where a token was restored, a grant lets the caller ask by what it stands for
        plan.unnamed.check(QUERY.parse(query, limits), values=query == head.query)
    headers = restored_headers(facts, plan, head.headers)
    carriers = _parameters(side, query, headers, addressed, limits)
    unread = None
    upload = upload_of(facts, snapshot, plan, head, limits) if uploads and limits.uploads else None
    if side.body or (plan.restoring.uses and (head.chunked or head.length)):
        raw = unread = yield Collect(limits.max_body, upload is not None)
        facts.request_bytes = len(raw)
        if upload is not None and len(raw) > limits.max_body:
            upload.begin(raw)
        elif raw and side.body:
            carriers.append(_body(facts, plan, head, decode(raw, _coding(head), limits), limits))
        elif raw:
            unread = _unread(facts, plan, head, raw, limits)
    if plan.channel:
        yield from reach(facts, snapshot, plan, carriers, taped=asks(plan, carriers, query, limits))
    if plan.records or facts.dropped:
        yield from leave_out(facts, snapshot, plan, carriers, limits)
    _remember(facts, snapshot, addressed, carriers)
    asked = Asked(addressed.path, query, headers, b"" if side.body else unread)
    if upload is not None and upload.begun:
        asked = Asked(addressed.path, query, headers, None, upload)
    for carried in carriers:
        _send_on(facts, asked, carried, head)
    return asked


def _coding(head: RequestHead) -> bytes:
    return (head.get(b"content-encoding") or b"").strip().lower()


def _unread(facts: Facts, plan: Plan, head: RequestHead, raw: bytes, limits: Limits) -> bytes:
    """A body that no data map asks to be read, with what tokens in it stand for."""
    body = decode(raw, _coding(head), limits)
    made = restored_unread(facts, plan, body, head.get(b"content-type"), limits)
    return raw if made is body else encode(made, _coding(head))


def _parameters(
    side: Side, query: bytes, headers: Headers, addressed: Addressed, limits: Limits
) -> list[Carried]:
    carriers: list[Carried] = []
    if side.path and (side.path.masks or addressed.plan.channel or addressed.plan.records):
        params = addressed.params
        carriers.append(Carried("path", PATH, side.path, params, PATH.find(params, side.path)))
    if side.query and query:
        document = QUERY.parse(query, limits)
        carriers.append(Carried("query", QUERY, side.query, document, QUERY.find(document, side.query)))
    if side.headers:
        found = HEADERS.find(headers, side.headers)
        carriers.append(Carried("headers", HEADERS, side.headers, headers, found))
    return carriers


def _body(facts: Facts, plan: Plan, head: RequestHead, body: bytes, limits: Limits) -> Carried:
    side = plan.request
    content_type = head.get(b"content-type")
    opaque = side.unread(media_type(content_type)) if side.opaque else None
    if opaque is not None:
        if not opaque.shown:
            raise Refused("access_denied", "this content may not be sent", opaque.rules)
        return Carried("opaque", UNREAD, NOTHING, body, [])
    name, codec = reader = reader_for(content_type)
    program = side.bodies.get(name)
    if program is None:
        kind = media_type(content_type)
        raise PayloadError(
            "unsupported_media_type", f"{kind} is not what this operation takes", "content-type"
        )
    document = codec.parse(restored_body(facts, plan, body, content_type, reader, limits), limits)
    return Carried(name, codec, program, document, codec.find(document, program), came=body)


def _remember(facts: Facts, snapshot: Snapshot, addressed: Addressed, carriers: list[Carried]) -> None:
    plan = addressed.plan
    for carried in carriers:
        if carried.found:
            met = [(found.slot, found.value) for found in carried.found]
            snapshot.remember(facts.subjects, plan.tenant, plan.country, carried.program, met)
    note(facts, plan, carriers)
    if plan.residing.agreed is not None and snapshot.bare:
        facts.former = _former(snapshot, addressed, carriers)


def _former(snapshot: Snapshot, addressed: Addressed, carriers: list[Carried]) -> dict[str, Names]:
    """What the people in a request were known by before, by their pseudonyms."""
    pseudonymise, path = snapshot.pseudonymiser(addressed.plan.tenant), addressed.plan.request.path
    met = [(each.program, found.slot, found.value) for each in carriers for found in each.found]
    if path:
        met += [(path, slot, value) for slot, value in PATH.met(addressed.params, path)[0]]
    made: dict[str, Names] = {}
    for program, number, value in met:
        space = program.slots[number].space
        normal = normalise("record", value, None) if space else None
        if normal is not None:
            own, *former = [pseudonymise("record", way) for way in known(space, normal)]
            made[own] = tuple(former)
    return made


def _trusting(echoes: Echoes, program: Program) -> Program:
    """The program with guards that let pass what came as a token: who holds a token guesses nothing by it."""
    if not any(isinstance(slot.mask, Compared) for slot in program.slots):
        return program
    return remasked(program, lambda mask: mask.trusting(echoes.holds) if isinstance(mask, Compared) else mask)


def _send_on(facts: Facts, asked: Asked, carried: Carried, head: RequestHead) -> None:
    if carried.name == "path" and not carried.program.masks:
        return
    tally = Tally.of(carried.program)
    program = carried.program if facts.echoes is None else _trusting(facts.echoes, carried.program)
    if carried.texts:
        program = shortened(program, carried.texts)
    document = carried.codec.rewrite(carried.document, program, tally, carried.drop)
    facts.note(carried.program, tally)
    match carried.name:
        case "path":
            if any(tally.masked):
                raise PayloadError("access_denied", "a path parameter may not be sent as it is", "path")
        case "query":
            asked.query = carried.codec.dump(document)
        case "headers":
            asked.headers = document
        case _:
            asked.body = encode(carried.codec.dump(document), _coding(head))
