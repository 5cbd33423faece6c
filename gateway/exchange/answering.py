"""The response side: read, mask, and say how the answer is released. Pure."""

from typing import NamedTuple

from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.params import HEADERS
from gateway.codecs.program import Limits, Program, Tally
from gateway.codecs.table import Reader, media_type, reader_for
from gateway.contacts.naming import Named
from gateway.errors import PayloadError
from gateway.exchange.echoing import fields_without, looks, readable, without
from gateway.exchange.facts import Facts
from gateway.exchange.joining import note
from gateway.exchange.partial import tell
from gateway.exchange.pointing import leads, pointed, side_of
from gateway.exchange.refused import Refused
from gateway.http1.encode import forward, status_line
from gateway.http1.fields import Headers
from gateway.http1.head import ResponseHead
from gateway.policy.plan import Plan, Side
from gateway.policy.snapshot import Snapshot

VALIDATORS = frozenset(
    (
        b"etag",
        b"last-modified",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"accept-ranges",
    )
)
"""Fields that describe the upstream's bytes; untrue of a body that was re-serialised (RFC 9110 8.8, 14.3)."""
OURS = frozenset((b"hushgate-decision", b"hushgate-masked", b"hushgate-dropped"))
LENGTH = frozenset((b"content-length",))
REPLACED = VALIDATORS | OURS | LENGTH
"""Fields that an answer with another body than the upstream's has anew, or not at all."""


PHRASES = {200: b"OK", 207: b"Multi-Status"}
"""Of a status that a provider answers with when somebody was left out."""


class Answer(NamedTuple):
    """What to release: `body` None pumps the upstream's body through unread."""

    head: bytes
    body: bytes | None
    chunked: bool = False


class Outgrown(Refused):
    """A body that fits as it came and not as it is decoded; refused where it cannot be streamed."""


class Withheld(Exception):  # noqa: N818 - an outcome of reading, not an error of the house
    """An error answer of the upstream whose body cannot be read: the status goes on, the body does not."""


def unread(facts: Facts, plan: Plan, head: ResponseHead) -> Answer | None:
    """The answer that needs no body read; None when its body has to be. Raises Refused."""
    reads = plan.response.reads(head.status)
    looked = reads or looks(facts, plan)
    if empty(head):
        gone = REPLACED if looked else OURS
        # An empty body has to say so: without a length it would end with the connection (RFC 9112 6.3).
        nothing = head.length == 0
        drop = gone | (LENGTH if nothing else _length_of(head, looked))
        said = [(b"Content-Length", b"0")] if nothing else []
        return Answer(_finish(facts, plan, head, drop, said), b"")
    if not looked or opaque(plan, head) or not (plan.response.body or readable(head.get(b"content-type"))):
        return _through(facts, plan, head)
    if head.status == 206:
        raise Refused("unparseable_response", "a part of a body cannot be masked")
    return None


def empty(head: ResponseHead) -> bool:
    """Whether no body follows an answer's head."""
    return not (head.length or head.chunked or head.close_delimited)


def read(
    facts: Facts, snapshot: Snapshot, plan: Plan, head: ResponseHead, raw: bytes, limits: Limits
) -> Answer:
    """The answer with its body masked. Raises Refused, Withheld."""
    return rewritten(facts, plan, head, masked(facts, snapshot, plan, head, raw, limits) if raw else raw)


def rewritten(facts: Facts, plan: Plan, head: ResponseHead, body: bytes) -> Answer:
    """The answer with another body than the upstream's."""
    return Answer(_finish(facts, plan, head, REPLACED, [(b"Content-Length", b"%d" % len(body))]), body)


def begun(facts: Facts, plan: Plan, head: ResponseHead) -> Answer:
    """The head of an answer that is masked as it comes. Of how many values, only its record can say."""
    chunked, coding = _endless(facts)
    return Answer(_finish(facts, plan, head, REPLACED, coding, counted=False), None, chunked)


def switched(facts: Facts, plan: Plan, head: ResponseHead) -> bytes:
    """The head of an answer that switches to a WebSocket."""
    upgrade = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
    return _finish(facts, plan, head, OURS | LENGTH, upgrade, counted=False)


def _through(facts: Facts, plan: Plan, head: ResponseHead) -> Answer:
    """The upstream's own body: with its length, else chunked, else (HTTP/1.0) to the connection's end."""
    chunked, coding = _endless(facts) if head.length is None else (False, [])
    return Answer(_finish(facts, plan, head, OURS, coding), None, chunked)


def _endless(facts: Facts) -> tuple[bool, Headers]:
    """How a body of no known length is framed: in chunks for who knows them (RFC 9112 section 7)."""
    chunked = facts.head is not None and facts.head.version_minor == 1
    return chunked, [(b"Transfer-Encoding", b"chunked")] if chunked else []


def _length_of(head: ResponseHead, looked: bool) -> frozenset[bytes]:
    """HEAD agrees with GET: no length of a body that would have been rewritten. 204 and 304 have none."""
    return LENGTH if looked or head.status == 204 else frozenset()


def opaque(plan: Plan, head: ResponseHead) -> bool:
    """Whether a body of this type goes on unread. Raises Refused: it may not be seen."""
    if not plan.response.opaque:
        return False
    try:
        unread = plan.response.unread(media_type(head.get(b"content-type")))
    except PayloadError:
        return False
    if unread is None:
        return False
    if not unread.shown:
        raise Refused("access_denied", "this role may not see this content", unread.rules)
    return True


def masked(
    facts: Facts, snapshot: Snapshot, plan: Plan, head: ResponseHead, raw: bytes, limits: Limits
) -> bytes:
    """A whole body, masked. Raises Refused, Withheld."""
    try:
        coding = head.get(b"content-encoding")
        body = raw if coding is None else decode(raw, coding.strip().lower(), limits)
        reader = reader_for(head.get(b"content-type"))
        made = (
            _mapped(facts, snapshot, plan, head, reader, body, limits)
            if plan.response.reads(head.status)
            else body
        )
        if facts.echoes is not None:
            made = without(facts, reader, made, limits)
        return made if coding is None else encode(made, coding.strip().lower())
    except PayloadError as error:
        if head.status >= 400:
            raise Withheld from error
        kind = Outgrown if error.reason == "body_too_large" else Refused
        raise kind(withheld(error), f"{error.detail} ({error.place})") from error


def withheld(error: PayloadError) -> str:
    """The reason why an answer that a codec does not read is withheld."""
    return "response_too_large" if error.reason == "body_too_large" else "unparseable_response"


def _told(facts: Facts, plan: Plan, masked: bytes, limits: Limits) -> bytes:
    """A masked body in which its provider's own words tell of the records that were left out."""
    leaving, partial = facts.leaving, plan.operation.partial
    if leaving is None or partial is None or not leaving.left:
        return masked
    document = JSON.parse(masked, limits)
    return JSON.dump(document) if tell(document, partial, leaving, facts.id) else masked


def _mapped(
    facts: Facts,
    snapshot: Snapshot,
    plan: Plan,
    head: ResponseHead,
    reader: Reader,
    body: bytes,
    limits: Limits,
) -> bytes:
    carrier, codec = reader
    program = program_of(side_of(facts, plan), head, carrier)
    tally = Tally.of(program)
    masked = codec.transform(body, program, tally, limits)
    if facts.leaving is not None and codec is JSON and head.status < 400:
        masked = _told(facts, plan, masked, limits)
    named = _count(facts, snapshot, plan, program, tally)
    if codec is JSON and head.status < 400:
        name = plan.upstream.provider, plan.operation.id
        snapshot.drift.look(facts.tick(), *name, plan.country, body, program)
        if program.joins and named is not None:
            note(facts, snapshot, plan, program, tally, named, body, limits)
    return masked


def program_of(side: Side, head: ResponseHead, carrier: str) -> Program:
    """What masks a body of this kind. Raises PayloadError where there is nothing that does."""
    program = (side.errors if head.status >= 400 else side.bodies).get(carrier)
    if program is None:
        raise PayloadError("unsupported_media_type", "the data map has nothing of this type", "content-type")
    return program


def _count(facts: Facts, snapshot: Snapshot, plan: Plan, program: Program, tally: Tally) -> Named | None:
    facts.changed += facts.note(program, tally)
    if not tally.subjects:
        return None
    return snapshot.remember(facts.subjects, plan.tenant, plan.country, program, tally.subjects)


def masked_headers(facts: Facts, plan: Plan, head: ResponseHead, *, enclosed: bool = False) -> Headers:
    """An answer's header fields, masked, with links that lead back here. `enclosed`: written in a body."""
    headers = head.headers
    if leads(head):
        headers = pointed(facts, plan, head, headers, enclosed=enclosed)
    program = side_of(facts, plan).headers
    if program:
        tally = Tally.of(program)
        headers = HEADERS.rewrite(headers, program, tally)
        facts.changed += facts.note(program, tally)
    return headers if facts.echoes is None else fields_without(facts, headers)


def _finish(
    facts: Facts,
    plan: Plan,
    head: ResponseHead,
    drop: frozenset[bytes],
    extra: Headers,
    *,
    counted: bool = True,
) -> bytes:
    """The answer's head: what may go on of the upstream's, then `extra` and what this gateway says."""
    headers, reason = masked_headers(facts, plan, head), head.reason
    if facts.echoes is not None:
        reason = facts.echoes.text(reason.decode("latin-1")).encode("latin-1", "replace")
    extra.append((b"Hushgate-Decision", facts.id.encode()))
    if facts.changed and counted:
        extra.append((b"Hushgate-Masked", b"%d" % facts.changed))
    if facts.dropped:
        extra.append((b"Hushgate-Dropped", b"%d" % facts.dropped))
    told = facts.leaving.status if facts.leaving is not None else 0
    line = status_line(told, PHRASES.get(told, b"")) if told else status_line(head.status, reason)
    return forward(line, headers, drop, extra)
