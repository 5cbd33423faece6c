"""Server-sent events (WHATWG HTML, section 9.2), always in UTF-8. Pure.

The data lines of an event are joined to one payload. JSON is masked by the program, an event being a document
of its own; what is no JSON goes to the unmapped masker as text, and so do comments and unknown fields, which
no client reads. What opens like a JSON object or array and is none is refused: some reader may take it for
one. Names, ids and retry times stay. An event that was not touched keeps its bytes.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gateway.codecs.json import JSON
from gateway.codecs.program import REMOVED, Found, Limits, Masker, Program, Stream, Tally
from gateway.codecs.scalars import text_of
from gateway.codecs.stream import BLANKS, json_record, placed, rewritten, slices, through, too_large
from gateway.errors import InternalError, PayloadError

MARK = "\ufeff".encode()

_line = re.compile(rb"([^\r\n]*+)(\r\n|\n|\r)").match
_NAMED = rb"(?:(?:event|id):[^\r\n\0\x80-\xff]*+\r?\n)*+"
_before = re.compile(_NAMED + rb"data: ?").match
_after = re.compile(rb"\r?\n" + _NAMED + rb"\r?\n").match
_data = re.compile(rb"(data(?:: ?|\Z))(.*)", re.DOTALL).fullmatch
_plain = re.compile(rb"(?:event|id)(?::.*)?|retry: ?[0-9]*", re.DOTALL).fullmatch
_meant = re.compile(rb"[ \t\r\n]*+(?:\{|\[[ \t\r\n]*+[\[{\"])").match
_breaks = re.compile(rb"\r\n|\n|\r").split

Line = tuple[bytes, bytes]
"""A line and its end, which only the last may lack."""


@dataclass(slots=True)
class Event:
    """Lines up to a blank one; `at` are the positions of its data lines, `payload` what they say together."""

    lines: list[Line]
    at: list[int] = field(default_factory=list)
    payload: bytes = b""
    document: Any = None
    json: bool = False

    @property
    def raw(self) -> bytes:
        """All its lines."""
        return b"".join([part for line in self.lines for part in line])


Usual = tuple[bytes, bytes, bytes]
"""An event with one data line: what is before, in and after its payload."""

Cut = Event | Usual

Document = tuple[bytes, list[Event]]
"""Byte order mark and events."""


class EventsCodec:
    """The Codec of `text/event-stream`. A document is its events, owned by us."""

    def parse(self, body: bytes, limits: Limits) -> Document:
        """Read all events. Raises PayloadError with the number of the event."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        source = Events(limits)
        events = map(_event, [*source.feed(body), *source.finish()])
        return source.mark, [_parsed(event, n, limits) for n, event in enumerate(events, 1)]

    def find(self, document: Document, program: Program) -> list[Found]:
        """Subjects in order; all are droppable, at least with their event."""
        hits: list[Found] = []
        for event in document[1]:
            found = JSON.find(event.document, program) if event.json else []
            hits += [Found(hit.slot, hit.value, at, True) for at, hit in enumerate(found, len(hits))]
        return hits

    def rewrite(
        self, document: Document, program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> Document:
        """Run the program over every event. Raises InternalError for an ordinal nobody has."""
        mark, events = document
        out: list[Event] = []
        first = 0
        for event in events:
            found = JSON.find(event.document, program) if drop and event.json else []
            gone = {hit.ordinal: hit.droppable for hit in found if first + hit.ordinal in drop}
            first += len(found)
            if all(gone.values()):
                _rewrite(event, program, tally, gone)
                out.append(event)
        if drop and not all(0 <= ordinal < first for ordinal in drop):
            raise InternalError("there is no such subject to drop", "body")
        return mark, out

    def dump(self, document: Document) -> bytes:
        """All events."""
        return document[0] + b"".join([event.raw for event in document[1]])

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """A whole body through a stream."""
        return through(self.stream(program, tally, limits), body, limits)

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream that lets an event go once the blank line after it has come."""
        return _EventStream(program, tally, limits)


class Events:
    """Cuts a body into events."""

    def __init__(self, limits: Limits) -> None:
        self.mark = b""
        self.count = 0
        """events handed out"""
        self._limits = limits
        self._quick = min(limits.max_record, limits.max_fields)
        """bytes of an event that needs no counting"""
        self._started = False
        self._held = bytearray()
        self._lines: list[Line] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[Cut]:
        """The events that are complete now. Raises PayloadError."""
        return [event for part in slices(data, self._limits) for event in self._part(part)]

    def finish(self) -> list[Cut]:
        """What no blank line came after. Raises PayloadError."""
        events = self._part(b"", final=True)
        if self._held:
            self._lines.append((bytes(self._held), b""))
        return [*events, *self._event()] if self._lines else events

    def _part(self, part: bytes, final: bool = False) -> list[Cut]:
        if not self._started:
            self._held += part
            if len(self._held) < len(MARK) and not final:
                return []
            self._started = True
            part, self._held = bytes(self._held), bytearray()
            if part.startswith(MARK):
                self.mark, part = MARK, part[len(MARK) :]
        if self._after_cr and part[:1] == b"\n":
            return [*self._late(), *self._cut(part[1:])]
        return self._cut(part)

    def _late(self) -> list[Cut]:
        """LF came after its CR did. Its event may be gone already: then it goes alone."""
        self._after_cr = False
        if not self._lines:
            return [Event([(b"", b"\n")])]
        self._lines[-1] = self._lines[-1][0], b"\r\n"
        return []

    def _cut(self, part: bytes) -> list[Cut]:
        events: list[Cut] = []
        at = 0
        while True:
            end = -1 if self._lines or self._held else self._usual(part, at, events)
            if end >= 0:
                at = end
                continue
            match = _line(part, at)
            if match is None:
                break
            at = match.end()
            self._after_cr = match[2] == b"\r" and at == len(part)
            events += self._add(match[1], match[2])
        if at < len(part):
            self._after_cr = False
            self._held += part[at:]
            self._check()
        return events

    def _usual(self, part: bytes, at: int, events: list[Cut]) -> int:
        """Where the event at a place ends if it is as nearly all are; -1 leaves it to its lines."""
        before = _before(part, at)
        # Searching for a byte is many times faster than a pattern for what is none.
        end = part.find(b"\n", before.end()) if before else -1
        if before is None or end < 0:
            return -1
        start = before.end()
        stop = end - 1 if end > start and part[end - 1] == 13 else end
        after = _after(part, stop) if part.find(b"\r", start, stop) < 0 else None
        if after is None or after.end() - at > self._quick:
            return -1
        events.append((before[0], part[start:stop], after[0]))
        self.count += 1
        self._after_cr = False
        return after.end()

    def _add(self, line: bytes, end: bytes) -> list[Cut]:
        if self._held:
            line = bytes(self._held) + line
            self._held.clear()
        self._size += len(line)
        self._lines.append((line, end))
        self._check()
        return [] if line else self._event()

    def _check(self) -> None:
        limits = self._limits
        if self._size + len(self._held) > limits.max_record or len(self._lines) > limits.max_fields:
            raise too_large(f"event {self.count + 1}")

    def _event(self) -> list[Cut]:
        event = Event(self._lines)
        self._lines, self._size = [], 0
        self.count += 1
        return [event]


class _EventStream:
    def __init__(self, program: Program, tally: Tally, limits: Limits) -> None:
        self._run = program, tally, limits
        self._source = Events(limits)
        self._done = 0

    def feed(self, data: bytes) -> bytes:
        return self._out(self._source.feed(data))

    def finish(self) -> bytes:
        return self._out(self._source.finish())

    def _out(self, events: list[Cut]) -> bytes:
        out = [self._source.mark]
        self._source.mark = b""
        for event in events:
            self._done += 1
            quick = None if isinstance(event, Event) else self._quick(event)
            out.append(self._one(_event(event)) if quick is None else quick)
        return b"".join(out)

    def _quick(self, event: Usual) -> bytes | None:
        """The usual event with JSON that stays in one line; None leaves it to `_one`."""
        before, payload, after = event
        try:
            out = json_record(payload, *self._run)
        except PayloadError:
            return None
        return before + out + after

    def _one(self, event: Event) -> bytes:
        program, tally, limits = self._run
        try:
            _read(event)
            _write(event, _masked(event.payload, program, tally, limits), program, tally)
        except PayloadError as error:
            raise placed(error, f"event {self._done}") from error
        return event.raw


def _event(cut: Cut) -> Event:
    """An event by its lines."""
    if isinstance(cut, Event):
        return cut
    lines: list[Line] = []
    raw, at = b"".join(cut), 0
    while match := _line(raw, at):
        lines.append((match[1], match[2]))
        at = match.end()
    return Event(lines)


def _read(event: Event) -> None:
    """Find the payload. Raises PayloadError for what is no UTF-8 text."""
    try:
        text = event.raw.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("unparseable_body", "the event is not UTF-8") from error
    if "\0" in text:
        raise PayloadError("unparseable_body", "a NUL")
    values = [(at, match[2]) for at, (line, _) in enumerate(event.lines) if (match := _data(line))]
    event.at = [at for at, _ in values]
    event.payload = b"\n".join([value for _, value in values])


def _parsed(event: Event, number: int, limits: Limits) -> Event:
    try:
        _read(event)
        if event.payload.strip(BLANKS):
            event.document = _json(event.payload, limits)
            event.json = event.document is not NOT_JSON
    except PayloadError as error:
        raise placed(error, f"event {number}") from error
    return event


def _json(payload: bytes, limits: Limits) -> Any:
    """What a payload says, or NOT_JSON. Raises PayloadError."""
    try:
        return JSON.parse(payload, limits)
    except PayloadError:
        if _meant(payload):
            raise
        return NOT_JSON


def _masked(payload: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
    """What stands in place of a payload. Raises PayloadError."""
    if not payload.strip(BLANKS):
        return payload
    try:
        return json_record(payload, program, tally, limits)
    except PayloadError:
        if _meant(payload):
            raise
        return _unmapped(payload, program, tally)


def _rewrite(event: Event, program: Program, tally: Tally, drop: Collection[int]) -> None:
    """One event of a document that was read whole."""
    payload = event.payload
    if event.json:
        payload = rewritten(payload, event.document, program, tally, drop)
    elif payload.strip(BLANKS):
        payload = _unmapped(payload, program, tally)
    _write(event, payload, program, tally)


def _write(event: Event, payload: bytes, program: Program, tally: Tally) -> None:
    """Put a payload in place of the one there is, line by line, and treat what no client reads."""
    values = [] if payload == event.payload else _breaks(payload)
    event.payload = payload
    out: list[Line] = []
    last = event.at[-1] if event.at else -1
    places = iter(values)
    for at, (line, end) in enumerate(event.lines):
        prefix = match[1] if (match := _data(line)) else b""
        if not prefix:
            out.append((_aside(line, program, tally), end))
        elif not values:
            out.append((line, end))
        else:
            wanted = list(places) if at == last else list(islice(places, 1))
            out += [(_prefixed(prefix, value), end or b"\n") for value in wanted[:-1]]
            out += [(_prefixed(prefix, value), end) for value in wanted[-1:]]
    event.lines = _apart(out) if values else out


def _apart(lines: list[Line]) -> list[Line]:
    """Lines of which some were taken out: a CR that came to stand before an LF would be one end with it."""
    after = [*lines[1:], (b".", b"")]
    return [
        (line, b"\r\n" if end == b"\r" and (next_, next_end) == (b"", b"\n") else end)
        for (line, end), (next_, next_end) in zip(lines, after, strict=True)
    ]


def _prefixed(prefix: bytes, value: bytes) -> bytes:
    return (prefix if prefix.endswith((b":", b" ")) else prefix + b":") + value


def _aside(line: bytes, program: Program, tally: Tally) -> bytes:
    """A comment or a field nobody knows, without what is personal; any other line as it is."""
    if not line or _plain(line):
        return line
    start = 1 if line[:1] == b":" else 0
    return line[:start] + b" ".join(_breaks(_unmapped(line[start:], program, tally)))


def _unmapped(raw: bytes, program: Program, tally: Tally) -> bytes:
    mask: Masker | None = program.unmapped
    if mask is None or not raw:
        return raw
    text = raw.decode()
    new = mask(text)
    if new is text:
        return raw
    tally.unmapped += 1
    return b"" if new is None or new is REMOVED else text_of(new).encode()


NOT_JSON = object()

SSE = EventsCodec()
