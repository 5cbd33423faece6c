"""The messages of a WebSocket, one direction at a time: checked, decided, recorded, then sent on. Pure.

A message is decided as a request of its own, or an answer of its own, under the plan of its kind. Where
nothing looks into a direction its frames pass as they came. The messages that came together and show, mask,
restore or name anything are on one record before any of them is sent on: while it is being accepted nothing
more is read.
"""

from codecs import getincrementaldecoder
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits
from gateway.codecs.records import member_at
from gateway.errors import HushgateError, PayloadError, UpstreamError
from gateway.exchange.alone import sifted
from gateway.exchange.answering import masked, opaque
from gateway.exchange.asking import ask
from gateway.exchange.commands import Command, Pass, Receive
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed
from gateway.exchange.lookups import Lookups
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.exchange.unwrapping import handing
from gateway.http1.head import RequestHead, ResponseHead
from gateway.policy.identity import Identity
from gateway.policy.plan import Direct, Plan, Spoken
from gateway.policy.snapshot import Snapshot
from gateway.websocket.deflate import Deflater, Inflater, Packing
from gateway.websocket.frames import BINARY, CLOSE, TEXT, FrameReader, Piece, close_code, frame

_THEIRS: Final[Mapping[str, str]] = {
    "body_too_large": "response_too_large",
    "websocket_invalid": "upstream_invalid",
    "unparseable_body": "unparseable_response",
}
"""What a fault in a message is called where it is the provider's."""

_decoder = getincrementaldecoder("utf-8")

Steps = Generator[Command, Any, bytes | None]
"""Deciding on one message: what is sent on, None: it is left out. Raises HushgateError."""


@dataclass(frozen=True, slots=True)
class Talking:
    """What both directions of one WebSocket share. `until`: when its rules end, in monotonic seconds."""

    facts: Facts
    snapshot: Snapshot
    lookups: Lookups
    limits: Limits
    identity: Identity
    by: tuple[str, ...]
    until: float


class Gathered:
    """A message whose frames are being gathered, within the limit."""

    __slots__ = ("_first", "_limit", "_parts", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: Piece | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, piece: Piece) -> tuple[Piece, bytes] | None:
        """The first piece and the whole payload, when this was the last. Raises PayloadError."""
        self._first = first = self._first or piece
        self._size += len(piece.payload)
        if self._size > self._limit:
            raise PayloadError("body_too_large", f"more than {self._limit} bytes", "message")
        if piece.payload:
            self._parts.append(piece.payload)
        if not piece.last:
            return None
        parts, self._parts, self._size, self._first = self._parts, [], 0, None
        return first, parts[0] if len(parts) == 1 else b"".join(parts)


class OneWay:
    """One direction (exchange.commands.Lane). Counts what it lets through."""

    counter = "sent"
    size = "request_bytes"

    def __init__(self, it: Talking, direct: Direct, packing: Packing | None, *, masked: bool) -> None:
        self._it = it
        self._direct = direct
        self._frames = FrameReader(masked=masked, packs=packing is not None)
        self._gathered = Gathered(it.limits.max_body)
        self._inflater = Inflater(packing, it.limits) if packing else None
        self._deflater = Deflater(packing) if packing and direct.looks else None
        self._text = _decoder()
        self.between = True
        self.closed = False
        self.code = 0
        """Of the Close frame that was passed."""
        self.messages = self.bytes = 0
        """What was passed: whole messages, and their payload as it came."""
        self.spent = 0.0
        """Seconds of the gateway's own."""
        self._left_out = 0
        self._told: dict[str, int] = {}

    def run(self) -> Generator[Command, Any, HushgateError | None]:
        """Until its end."""
        try:
            while not self.closed:
                data: bytes = yield Receive()
                if not data:
                    break
                yield from self._through(data)
        except HushgateError as error:
            self._tell("refuse" if isinstance(error, Refused) else "error", 1)
            return self.called(error)
        return None

    def told(self) -> Mapping[str, int]:
        """What became of messages (allow, drop, refuse, error) since this was last asked."""
        told, self._told = self._told, {}
        return told

    def _tell(self, effect: str, count: int) -> None:
        if count:
            self._told[effect] = self._told.get(effect, 0) + count

    def called(self, error: HushgateError) -> HushgateError:
        """The error as it is recorded."""
        return error

    def _through(self, data: bytes) -> Generator[Command, Any, None]:
        """Send on what these bytes complete. What is before a fault goes on before it is told."""
        facts = self._it.facts
        began = facts.tick()
        if began >= self._it.until:
            raise Refused("rules_replaced")
        out: list[bytes] = []
        batch, code, failed = self._batch(), 0, None
        try:
            for piece in self._frames.feed(data):
                if piece.kind == CLOSE:
                    out.append(piece.raw)
                    code = close_code(piece.payload)
                    break
                made = yield from self._piece(batch, piece)
                if made:
                    out.append(made)
        except HushgateError as error:
            failed = error
        yield from self._on_record(batch)
        self.closed, self.code = bool(code), code
        self.spent += facts.tick() - began
        if out:
            yield Pass(b"".join(out))
        if failed is not None:
            raise failed

    def _piece(self, batch: Facts, piece: Piece) -> Generator[Command, Any, bytes | None]:
        """What of a part of a frame is sent on now. Raises HushgateError."""
        if piece.kind > BINARY:
            return piece.raw
        if not self._direct.looks:
            self._check(piece)
            self.between = piece.whole
            self._count(batch, len(piece.payload), piece.last)
            return piece.raw
        whole = self._gathered.take(piece)
        return None if whole is None else (yield from self._message(batch, *whole))

    def _check(self, piece: Piece) -> None:
        """The text of a message that passes unread is UTF-8 (RFC 6455 section 8.1)."""
        if piece.kind == TEXT and not piece.packed:
            try:
                self._text.decode(piece.payload, piece.last)
            except UnicodeDecodeError:
                raise _no_text() from None

    def _message(self, batch: Facts, first: Piece, payload: bytes) -> Generator[Command, Any, bytes | None]:
        """A whole message, decided on and written anew in one frame."""
        plain = self._inflater.message(payload) if first.packed and self._inflater else payload
        spoken, plain = self._spoken(first.kind, plain)
        batch.plan = spoken.plan
        made = yield from self.decide(batch, spoken, first.kind, plain)
        written = None if made is None else self._written(first, made)
        self._left_out += made is None
        self._count(batch, len(payload), True)
        return written

    def _written(self, first: Piece, made: bytes) -> bytes:
        packed = False
        if first.packed and self._deflater:
            made, packed = self._deflater.message(made)
        return frame(first.kind, made, first.mask, packed=packed)

    def _spoken(self, kind: int, plain: bytes) -> tuple[Spoken, bytes]:
        """How a message is read, and what is read. Raises PayloadError, Refused.

        Where its kind decides, only the reading that this was found in goes on.
        """
        direct = self._direct
        if kind == BINARY:
            if direct.binary is None:
                raise PayloadError("unsupported_media_type", "a binary message", "message")
            return direct.binary, plain
        try:
            plain.decode()
        except UnicodeDecodeError:
            raise _no_text() from None
        spoken = direct.any
        if direct.kinds:
            document = JSON.parse(plain, self._it.limits)
            name = member_at(document, self._it.by)
            spoken = (direct.kinds.get(name) if name.__class__ is str else None) or spoken
            plain = JSON.dump(document)
        if spoken is None:
            raise Refused("unknown_operation", "a kind of message that the provider pack does not name")
        return spoken, plain

    def decide(self, batch: Facts, spoken: Spoken, kind: int, plain: bytes) -> Steps:
        """What goes on of a message."""
        raise NotImplementedError

    # ---- on record ----------------------------------------

    def _batch(self) -> Facts:
        facts = self._it.facts
        batch = facts.part()
        batch.plan, batch.address, batch.location = facts.plan, facts.address, facts.location
        batch.bases = facts.bases
        batch.now = facts.now + batch.started - facts.started
        return batch

    def _count(self, batch: Facts, size: int, last: bool) -> None:
        setattr(batch, self.size, getattr(batch, self.size) + size)
        if last:
            setattr(batch, self.counter, getattr(batch, self.counter) + 1)

    def _on_record(self, batch: Facts) -> Generator[Command, Any, None]:
        """Have a record of what these messages tell accepted, then add it to what the connection comes to."""
        facts = self._it.facts
        told = batch.seen or batch.masked or batch.restored or batch.subjects or batch.rules or batch.shadow
        if told or batch.unmapped or batch.withheld:
            yield from recorded(batch.record("message", 101))
        count, left_out, self._left_out = getattr(batch, self.counter), self._left_out, 0
        self._tell("allow", count - left_out)
        self._tell("drop", left_out)
        self.messages += count
        self.bytes += getattr(batch, self.size)
        facts.more += len(batch.subjects)
        batch.subjects.clear()
        facts.absorb(batch)


class Sends(OneWay):
    """What the application says."""

    def decide(self, batch: Facts, spoken: Spoken, kind: int, plain: bytes) -> Steps:
        """As the body of a request."""
        del kind
        it, plan = self._it, spoken.plan
        if plan.lookups is not None:
            it.lookups.take(plan.tenant, plan.client.id, plan.lookups, batch.started)
        addressed = Addressed(it.identity, plan, b"/", {}, {}, {})
        size = batch.request_bytes
        run = ask(batch, it.snapshot, _request(spoken.media_type, len(plain)), addressed, it.limits)
        asked = yield from handing(run, plain)
        batch.request_bytes = size
        if batch.echoes is not None and batch.echoes.full:
            raise Refused("token_not_allowed", "more tokens than one connection may hold")
        return plain if asked.body is None else asked.body


class Receives(OneWay):
    """What the provider says."""

    counter = "received"
    size = "response_bytes"

    def called(self, error: HushgateError) -> HushgateError:
        """A fault in a message is the provider's."""
        if isinstance(error, PayloadError):
            return UpstreamError(_THEIRS.get(error.reason, error.reason), error.detail, error.place)
        return error

    def decide(self, batch: Facts, spoken: Spoken, kind: int, plain: bytes) -> Steps:
        """As the body of an answer; one about people who are to be left alone is left out."""
        it, plan = self._it, spoken.plan
        head = _answer(spoken.media_type, len(plain))
        if kind == BINARY and (opaque(plan, head) or not plan.response.body):
            return plain
        try:
            plain = yield from _sifted(batch, it, plan, head, plain)
        except Refused as no:
            if not no.droppable:
                raise
            batch.withheld += 1
            batch.rules.update(dict.fromkeys(no.rules))
            return None
        return masked(batch, it.snapshot, plan, head, plain, it.limits) if plain else plain


def _sifted(
    batch: Facts, it: Talking, plan: Plan, head: ResponseHead, plain: bytes
) -> Generator[Command, Any, bytes]:
    if not plan.records:
        return plain
    return (yield from sifted(batch, it.snapshot, plan, head, plain, it.limits))


def _request(kind: bytes, size: int) -> RequestHead:
    fields = [(b"Content-Type", kind)]
    return RequestHead(
        method="GET",
        target=b"/",
        path=b"/",
        query=b"",
        version_minor=1,
        headers=fields,
        index={b"content-type": kind},
        host=b"",
        length=size,
        chunked=False,
        keep_alive=True,
        expects_continue=False,
        upgrade=False,
    )


def _answer(kind: bytes, size: int) -> ResponseHead:
    fields = [(b"Content-Type", kind)]
    return ResponseHead(200, b"OK", 1, fields, {b"content-type": kind}, size, False, False, True)


def _no_text() -> PayloadError:
    return PayloadError("unparseable_body", "a text that is not UTF-8", "message")
