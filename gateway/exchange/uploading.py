"""Request bodies too large to hold that are sent on as they are read, record by record. Pure.

Only where each record can be judged by itself: no recipients to look up first, no records to leave out, and a
format that streams. As much as may be held is read before anything is on record or sent; a refusal after that
breaks the request off, so that no upstream can take it for complete. What it did with the part that it got is
not known: so this is an option (`limits.uploads`), and the outcome is on record as an error.
"""

from collections.abc import Callable

from gateway.codecs.encodings import Decoder, Encoder
from gateway.codecs.program import Limits, Program, Stream, Streaming, Tally
from gateway.codecs.stream import slices
from gateway.codecs.table import media_type, reader_for, streaming
from gateway.errors import PayloadError
from gateway.exchange.facts import Facts
from gateway.exchange.restoring import noted, restoring, sealed
from gateway.exchange.streaming import remember
from gateway.http1.head import RequestHead
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

OVERLAP = 256
"""bytes of one piece looked at again with the next: more than the sign of a token has"""


class Upload:
    """One body on its way (exchange.commands.Through); what it saw goes into the facts."""

    __slots__ = ("_decoder", "_encoder", "_facts", "_limits", "_ready", "_stages", "begun")

    def __init__(
        self, facts: Facts, coding: bytes, limits: Limits, stages: list["_Restored | _Masked | _Unread"]
    ) -> None:
        """Raises PayloadError for a coding nobody reads."""
        self._facts = facts
        self._limits = limits
        self._stages = stages
        self._decoder = Decoder(coding, limits, stream=True)
        self._encoder = Encoder(coding)
        self._ready = b""
        self.begun = False
        """Whether the body is one that outgrew what may be held."""

    def begin(self, data: bytes) -> None:
        """The first part, before anything is sent. Raises HushgateError."""
        self.begun = True
        self._ready = self._through(data)

    def ready(self) -> bytes:
        """What is to be sent of the first part; given once."""
        ready, self._ready = self._ready, b""
        return ready

    def feed(self, data: bytes) -> bytes:
        """What a further part gives. Raises HushgateError."""
        self._facts.request_bytes += len(data)
        return self._through(data)

    def finish(self) -> bytes:
        """The end of the body. Raises HushgateError."""
        self._decoder.finish()
        rest = b""
        for stage in self._stages:
            rest = stage.feed(rest) + stage.finish() if rest else stage.finish()
        return self._encoder.feed(rest) + self._encoder.finish()

    def settle(self) -> None:
        """Add what was seen to the facts, once."""
        stages, self._stages = self._stages, []
        for stage in stages:
            stage.settle()

    def _through(self, data: bytes) -> bytes:
        out = []
        for part in slices(data, self._limits):
            for piece in self._decoder.pieces(part):
                for stage in self._stages:
                    piece = stage.feed(piece)
                out.append(self._encoder.feed(piece))
        return b"".join(out)


class _Restored:
    """Tokens become what they stand for, masks are not written, and no token is left in place of a name."""

    def __init__(self, facts: Facts, plan: Plan, carrier: str, codec: Streaming, limits: Limits) -> None:
        self._facts, self._plan = facts, plan
        self._program = plan.restoring.program(carrier)
        self._tally = Tally.of(self._program)
        self._stream: Stream = codec.stream(self._program, self._tally, limits)
        self._left = _Unread("a token in place of a name")

    def feed(self, data: bytes) -> bytes:
        return self._run(lambda: self._stream.feed(data))

    def finish(self) -> bytes:
        return self._run(self._stream.finish)

    def settle(self) -> None:
        noted(self._facts, self._program, self._tally)

    def _run(self, work: Callable[[], bytes]) -> bytes:
        out: bytes = restoring(self._facts, self._plan, work)
        self._tally.subjects.clear()
        return self._left.feed(out)


class _Masked:
    """What the operation's own program does: masks, guards, people named."""

    def __init__(
        self,
        facts: Facts,
        snapshot: Snapshot,
        plan: Plan,
        program: Program,
        codec: Streaming,
        limits: Limits,
    ) -> None:
        self._facts, self._snapshot, self._plan, self._program = facts, snapshot, plan, program
        self._tally = Tally.of(program)
        self._stream: Stream = codec.stream(program, self._tally, limits)

    def feed(self, data: bytes) -> bytes:
        out = self._stream.feed(data)
        remember(self._facts, self._snapshot, self._plan, self._program, self._tally)
        return out

    def finish(self) -> bytes:
        out = self._stream.finish()
        remember(self._facts, self._snapshot, self._plan, self._program, self._tally)
        return out

    def settle(self) -> None:
        self._facts.note(self._program, self._tally)


class _Unread:
    """Passes what it is given, unless a token is in it."""

    def __init__(self, detail: str) -> None:
        self._detail = detail
        self._before = b""

    def feed(self, data: bytes) -> bytes:
        seen = self._before + data
        if sealed(seen):
            raise PayloadError("token_not_allowed", self._detail, "body")
        self._before = seen[-OVERLAP:]
        return data

    def finish(self) -> bytes:
        return b""

    def settle(self) -> None:
        """Nothing was counted."""


def upload_of(
    facts: Facts, snapshot: Snapshot, plan: Plan, head: RequestHead, limits: Limits
) -> Upload | None:
    """How this body is sent as it is read, should it outgrow the limit; None where it has to be held."""
    if plan.channel or plan.records or not (head.chunked or (head.length or 0) > limits.max_body):
        return None
    coding = (head.get(b"content-encoding") or b"").strip().lower()
    try:
        stages = _stages(facts, snapshot, plan, head.get(b"content-type"), limits)
        return None if stages is None else Upload(facts, coding, limits, stages)
    except PayloadError:  # who holds the body refuses it, where there is one
        return None


def _stages(
    facts: Facts, snapshot: Snapshot, plan: Plan, kind: bytes | None, limits: Limits
) -> list[_Restored | _Masked | _Unread] | None:
    side = plan.request
    if side.body and side.unread(media_type(kind)) is not None:
        return None
    try:
        carrier, codec = reader_for(kind)
    except PayloadError:
        return None if side.body else [_Unread("a token in a body that cannot be read")]
    streams, program = streaming(codec), side.bodies.get(carrier)
    if streams is None or carrier == "text" or (side.body and program is None):
        return None
    stages: list[_Restored | _Masked | _Unread] = [_Restored(facts, plan, carrier, streams, limits)]
    if side.body and program is not None:
        stages.append(_Masked(facts, snapshot, plan, program, streams, limits))
    return stages
