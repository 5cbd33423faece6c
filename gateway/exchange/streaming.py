"""Answers that are masked in pieces and released as they come, in constant memory. Pure.

Which bodies: those of formats made of records (lines, events, rows), when their length is not known or large,
and JSON above the limit of what is read whole. What cannot be read shows in the beginning where it can: that
much is masked before anything is released. After that an error breaks the caller's connection off.
"""

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from gateway.codecs.encodings import Decoder, Encoder
from gateway.codecs.program import Limits, Program, Streaming, Tally
from gateway.codecs.table import reader_for, streaming
from gateway.errors import HushgateError, PayloadError
from gateway.exchange.answering import begun, withheld
from gateway.exchange.commands import Begin, Break, Command, Next, Write
from gateway.exchange.echoing import program_of, streamed
from gateway.exchange.facts import Facts
from gateway.exchange.pointing import side_of
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.http1.head import ResponseHead
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

WHOLE = 1024 * 1024
"""bytes: a body said to be no longer than this is read whole, whatever its format"""
GLANCE = 512 * 1024
"""bytes masked before anything is released, of a body that is large but not endless: more than CODED may
decode to, so that a bomb shows"""
STEP = 64 * 1024
"""bytes of the upstream's body masked at once"""
CODED = 4 * 1024
"""the same, of a body with a content coding"""
MAX_SUBJECTS = 1_000
"""pseudonyms in the record of a stream; what is met after them is counted"""


class Way(NamedTuple):
    """How a body is streamed. `look`: bytes that are read before it begins; `whole`: a body that ends within
    them is not streamed. `glance`: decoded bytes of them that are masked before anything is released."""

    carrier: str
    codec: Streaming
    program: Program
    look: int
    glance: int
    whole: bool = False


def short(length: int | None, limits: Limits) -> bool:
    """Whether a body is read whole for its length alone."""
    return length is not None and length <= WHOLE and length <= limits.max_body


def way_of(
    facts: Facts, plan: Plan, head: ResponseHead, limits: Limits, *, outgrown: bool = False
) -> Way | None:
    """How this body streams; None when it has to be read whole, or is refused by what reads it.

    `outgrown`: it is here and fits, but not when it is decoded.
    """
    if head.status >= 400:
        return None
    try:
        carrier, codec = reader_for(head.get(b"content-type"))
    except PayloadError:
        return None
    streams, program = streaming(codec), side_of(facts, plan).bodies.get(carrier)
    if facts.echoes is not None and not plan.response.body:
        program = program_of(carrier)
    if streams is None or program is None or carrier == "text":  # a text is one record
        return None
    if streams is codec:
        return Way(carrier, streams, program, 0 if head.length is None else GLANCE, GLANCE)
    # JSON whose bulk is no array shows itself when its first record is larger than one may be.
    glance = limits.max_record + GLANCE
    if head.length is None:
        return Way(carrier, streams, program, limits.max_body + 1, glance, whole=True)
    large = outgrown or head.length > limits.max_body
    return Way(carrier, streams, program, glance, glance) if large else None


class Passage:
    """One body through its codings and a program; what it saw goes into the facts."""

    __slots__ = (
        "_decoder",
        "_echoes",
        "_encoder",
        "_facts",
        "_plan",
        "_program",
        "_snapshot",
        "_step",
        "_stream",
        "_tally",
        "taken",
    )

    def __init__(
        self, facts: Facts, snapshot: Snapshot, plan: Plan, way: Way, head: ResponseHead, limits: Limits
    ) -> None:
        """Raises PayloadError for a coding nobody reads."""
        coding = (head.get(b"content-encoding") or b"").strip().lower()
        self._facts, self._snapshot, self._plan = facts, snapshot, plan
        self._program = way.program
        self._tally: Tally | None = Tally.of(way.program)
        stream = way.codec.stream(way.program, self._tally, limits)
        self._stream, self._echoes = streamed(facts, way.carrier, way.codec, stream, limits)
        self._decoder = Decoder(coding, limits, stream=True)
        self._encoder = Encoder(coding)
        self._step = CODED if coding else STEP
        self.taken = 0
        """bytes masked so far, without their codings"""

    def through(self, data: bytes) -> Iterator[bytes]:
        """What a part of the body gives, in pieces, some of them empty. Raises HushgateError."""
        self._facts.response_bytes += len(data)
        for at in range(0, len(data), self._step):
            for piece in self._decoder.pieces(data[at : at + self._step]):
                out = self._encoder.feed(self._stream.feed(piece))
                self.taken += len(piece)
                self._remember()
                yield out
        # Whether more will come soon is not known: what is decided leaves now.
        yield self._encoder.flush()

    def finish(self) -> bytes:
        """The end of the body. Raises HushgateError."""
        if not self._facts.response_bytes:
            return b""
        self._decoder.finish()
        out = self._encoder.feed(self._stream.finish())
        self._remember()
        return out + self._encoder.finish()

    def settle(self) -> None:
        """Add the counts to the facts, once."""
        tally, self._tally = self._tally, None
        if tally is not None:
            for program, counts in ((self._program, tally), *((self._echoes,) if self._echoes else ())):
                self._facts.changed += self._facts.note(program, counts)

    def _remember(self) -> None:
        if self._tally is not None:
            remember(self._facts, self._snapshot, self._plan, self._program, self._tally)


def remember(facts: Facts, snapshot: Snapshot, plan: Plan, program: Program, tally: Tally) -> None:
    """Name the people a tally has met, and forget them there: of many the first, the rest are counted."""
    if not tally.subjects:
        return
    met, tally.subjects = tally.subjects, []
    if len(facts.subjects) >= MAX_SUBJECTS:
        facts.more += len(met)
        return
    met = list(dict.fromkeys(met))
    at = 0
    while at < len(met) and (room := MAX_SUBJECTS - len(facts.subjects)) > 0:
        snapshot.remember(facts.subjects, plan.tenant, plan.country, program, met[at : at + room])
        at += room
    facts.more += max(0, len(met) - at)


def stream(
    facts: Facts, passage: Passage, plan: Plan, head: ResponseHead, glance: int, data: bytes, whole: bool
) -> Generator[Command, Any, None]:
    """Release an answer as it comes; the exchange is over after that. `data` is what is here of the body,
    `whole` whether that is all. Raises HushgateError while nothing is released."""
    flow = passage.through(data) if data else iter(())
    held = _beginning(passage, flow, glance)
    made = begun(facts, plan, head)
    yield from recorded(facts.record("stream", head.status))
    facts.intended = True
    try:
        yield Begin(made.head, made.chunked)
        yield from _written(chain(held, flow))
        while not whole:
            data, whole = yield Next()
            yield from _written(passage.through(data))
        rest = passage.finish()
        passage.settle()
        yield from recorded(facts.record("outcome", head.status))
        facts.closed = True
        yield Write(rest, last=True)
    except HushgateError as error:
        passage.settle()
        yield from _broken(facts, head, error)
    finally:
        passage.settle()


def _beginning(passage: Passage, flow: Iterator[bytes], glance: int) -> list[bytes]:
    """The first pieces, masked while a refusal can still be answered."""
    held = []
    try:
        for out in flow:
            held.append(out)
            if passage.taken >= glance:
                break
    except PayloadError as error:
        raise Refused(withheld(error), f"{error.detail} ({error.place})") from error
    return held


def _written(pieces: Iterable[bytes]) -> Generator[Command, Any, None]:
    for out in pieces:
        if out:
            yield Write(out)


def _broken(facts: Facts, head: ResponseHead, error: HushgateError) -> Generator[Command, Any, None]:
    """Something went wrong within the answer: it is on record as what it is, and ends in nothing.

    A log that did not accept the outcome is not asked again: it may have it all the same, and twice is wrong.
    """
    reason = withheld(error) if isinstance(error, PayloadError) else error.reason
    if not facts.closed and reason != "audit_unavailable":
        facts.closed = True
        try:
            yield from recorded(facts.record("outcome", head.status, reason=reason))
        except HushgateError:
            yield Break()
            return
    yield Break()
