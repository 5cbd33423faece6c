"""What came as a token in a request does not come back in clear: not in a body, a field, or a reason. Pure.

A body goes through its codec a second time, after all masking, with a program that selects nothing and meets
every value. Only where something was restored, and in JSON only where the bytes may hold it.
"""

from dataclasses import replace

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Program, Stream, Streaming, Tally
from gateway.codecs.steps import compiled
from gateway.codecs.table import Reader, reader_for
from gateway.errors import PayloadError
from gateway.exchange.facts import Facts
from gateway.http1.fields import Headers
from gateway.masking.echoes import Echoes
from gateway.policy.carriers import BODIES
from gateway.policy.plan import Plan

_KEPT = frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"connection", b"date")
)
"""Fields about the message itself."""
_PARTS = (("*", True),)


def program_of(carrier: str, echoes: Echoes | None = None) -> Program:
    """A program that selects nothing; with `echoes` it meets every value."""
    made = compiled(BODIES[carrier]([], echoes.mask if echoes else None))
    return replace(made, unread=_PARTS) if carrier == "multipart" else made


def looks(facts: Facts, plan: Plan) -> bool:
    """Whether the answer's body has to be read."""
    return plan.response.body or facts.echoes is not None


def readable(content_type: bytes | None) -> bool:
    """Whether any codec reads a body; one that none reads passes where nothing else would be done with it."""
    try:
        reader_for(content_type)
    except PayloadError:
        return False
    return True


def without(facts: Facts, reader: Reader, body: bytes, limits: Limits) -> bytes:
    """A body (content decoded) with tokens in place of what came as tokens. Raises PayloadError."""
    echoes = facts.echoes
    if echoes is None or not body:
        return body
    carrier, codec = reader
    if codec is JSON and not echoes.suspects(body.decode("utf-8", "replace")):
        return body
    program = program_of(carrier, echoes)
    tally = Tally.of(program)
    made = codec.transform(body, program, tally, limits)
    facts.changed += facts.note(program, tally)
    if echoes.left(made.decode("utf-8", "replace")):
        raise PayloadError("unparseable_body", "what came as a token stands in place of a name", "body")
    return made


def fields_without(facts: Facts, headers: Headers) -> Headers:
    """The same of the answer's fields."""
    if facts.echoes is None:
        return headers
    text = facts.echoes.text
    return [
        (name, value)
        if name.lower() in _KEPT
        else (name, text(value.decode("latin-1")).encode("latin-1", "replace"))
        for name, value in headers
    ]


class Twice:
    """A stream whose output goes through another one."""

    def __init__(self, first: Stream, second: Stream) -> None:
        self._first = first
        self._second = second

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the body."""
        return self._second.feed(self._first.feed(data))

    def finish(self) -> bytes:
        """The rest."""
        return self._second.feed(self._first.finish()) + self._second.finish()


def streamed(
    facts: Facts, carrier: str, codec: Streaming, stream: Stream, limits: Limits
) -> tuple[Stream, tuple[Program, Tally] | None]:
    """The stream, and after it one without echoes, with what that one counts."""
    if facts.echoes is None:
        return stream, None
    program = program_of(carrier, facts.echoes)
    tally = Tally.of(program)
    return Twice(stream, codec.stream(program, tally, limits)), (program, tally)
