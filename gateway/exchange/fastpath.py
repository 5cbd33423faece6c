"""The fast path: a request like one that went straight before, but for the last segment of its path. Pure.

A path keeps all of an exchange that depends neither on that segment nor on the answer. It has no say of its
own: of whatever is out of the ordinary, in the request or the answer, it knows nothing, and the exchange then
goes the long way (exchange.py) from its beginning. What it does know comes out the same, to the byte.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.audit.chain import moments
from gateway.audit.record import Record
from gateway.audit.template import Template
from gateway.codecs import kernel
from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Tally
from gateway.codecs.steps import Compiled, compiled
from gateway.codecs.table import reader_for
from gateway.errors import PayloadError
from gateway.exchange.answering import REPLACED, opaque
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed, Family, family_of
from gateway.exchange.joining import Pairs, Told, mark, pairs
from gateway.exchange.pointing import FORWARDED_PROTO, leads, side_of
from gateway.exchange.refused import Refused
from gateway.exchange.straight import sent_as
from gateway.exchange.streaming import WHOLE
from gateway.http1.encode import forward, status_line
from gateway.http1.head import RequestHead, ResponseHead
from gateway.policy.snapshot import Snapshot

MAX_HEAD: Final = 4 * 1024
"""bytes of a request that is remembered"""
MAX_SHAPES: Final = 256
"""answers told apart by what was found in them, per path"""
_END: Final = b" HTTP/1.1\r\n"
_OPENING: Final = b"GET /"
_TRIES: Final = 16
"""times a path may lead nowhere before it is given up, if it hardly ever leads anywhere"""


class Cut(NamedTuple):
    """A request's bytes, cut where those differ that are alike otherwise: `front` ends in a slash."""

    front: bytes
    last: bytes
    rest: bytes


def cut(raw: bytes) -> Cut | None:
    """A whole request's head without a body; None for what no path is kept of."""
    size = len(raw)
    if raw[:5] != _OPENING or size > MAX_HEAD or raw.find(b"\r\n\r\n") != size - 4:
        return None
    end = raw.find(_END)
    at = raw.rfind(b"/", 0, end) + 1 if end > 0 else 0
    return Cut(raw[:at], raw[at:end], raw[end:]) if at else None


class Went:
    """A request on its way: what its exchange is called, whom it names, where it went when, what came of it.
    Filled in anew for one request after another, as making one costs more.

    `now` in epoch seconds, `started` and `sent` monotonic. Of the answer `head` and `body` are released once
    `text` is accepted as its record, which is one `like` this but for its times. `told`: what it said of
    whose identifiers are, unless that is known.
    """

    __slots__ = (
        "added_us",
        "address",
        "body",
        "head",
        "identifier",
        "like",
        "now",
        "sent",
        "started",
        "subjects",
        "text",
        "told",
        "total_us",
    )

    def __init__(self) -> None:
        self.identifier = self.address = ""
        self.subjects: dict[str, None] = {}
        self.now = self.started = self.sent = 0.0
        self.head = self.body = self.text = b""
        self.like: Record | None = None
        self.added_us = self.total_us = 0
        self.told: Told | None = None


class _Shape(NamedTuple):
    """Answers in which the same was found: their records, and what is said of how many values were masked."""

    template: Template
    said: tuple[tuple[bytes, bytes], ...]


class FastPath:
    """Requests of one caller that are alike, under one plan of one snapshot.

    `before` and `after` are what the upstream is sent around the segment. `flown` and `missed` count requests
    it answered, and those it could not.
    """

    __slots__ = (
        "_drifts",
        "_facts",
        "_family",
        "_limits",
        "_moment",
        "_most",
        "_name",
        "_plan",
        "_programs",
        "_shapes",
        "_tick",
        "after",
        "before",
        "flown",
        "gate",
        "missed",
        "snapshot",
        "upstream",
    )

    def __init__(
        self, snapshot: Snapshot, family: Family, facts: Facts, ends: tuple[bytes, bytes], limits: Limits
    ) -> None:
        """`facts`: of who asks, and how. `ends`: `before` and `after`."""
        plan = self._plan = family.plan
        self.snapshot, self._family, self._facts, self._limits = snapshot, family, facts, limits
        self._most, self._tick = min(WHOLE, limits.max_body), facts.tick
        self._name = snapshot.namer(plan.tenant, plan.country)
        self._drifts = plan.upstream.provider, plan.operation.id, plan.country
        self.before, self.after = ends
        self.gate, self.upstream = plan.residing.permission, plan.upstream
        self._moment = moments()
        self._programs: dict[bytes | None, Compiled | None] = {}
        self._shapes: dict[tuple[bytes, int, str], _Shape] = {}
        self.flown = self.missed = 0

    @property
    def tenant(self) -> str:
        """Whose requests they are."""
        return self._plan.tenant

    @property
    def tries(self) -> int:
        """How often it may have missed to be worth trying."""
        return _TRIES + self.flown // 8

    def people(self, last: bytes, now: float) -> dict[str, None] | None:
        """Pseudonyms of whom a request names that ends in this; None: that takes a closer look."""
        return None if self._plan.expires <= now else self._family.people(last, self._name)

    def answer(self, went: Went, head: ResponseHead, raw: bytes, ended: float) -> bool:
        """Fill in what is released of an answer; False: that takes a closer look. `ended`: when it was there.

        Raises PayloadError, and whatever a masker raises: the same.
        """
        index = head.index
        if head.status != 200 or not 0 < len(raw) <= self._most or leads(head):
            return False
        kind, coding = index.get(b"content-type"), index.get(b"content-encoding")
        program = self._programs.get(kind) or self._program(head, kind)
        if program is None:
            return False
        body = raw if coding is None else decode(raw, coding.strip().lower(), self._limits)
        passed = kernel.passed(body, program, self._limits.max_depth)
        if passed is None:
            return False
        out, pattern, met, unmapped, owners = passed
        key = pattern, unmapped, went.address
        shape = self._shapes.get(key) or self._shape(program, key)
        subjects, went.told = went.subjects, None
        if met:
            named = self._name(subjects, program.kinds, met)
            if program.joins and not self.snapshot.joined(seen := mark(self._plan, met)):
                went.told = Told(seen, program, met, owners, named, body)
        if not subjects:
            return False
        self.snapshot.drift.look(ended, *self._drifts, body, program)
        made = went.body = out if coding is None else encode(out, coding.strip().lower())
        name = went.identifier.encode()
        own = [(b"Content-Length", b"%d" % len(made)), (b"Hushgate-Decision", name), *shape.said]
        went.head = forward(status_line(200, head.reason), head.headers, REPLACED, own)
        total = self._tick() - went.started
        added, whole = int((total - (ended - went.sent)) * 1e6), int(total * 1e6)
        if added <= 0:
            return False
        went.added_us, went.total_us, went.like = added, whole, shape.template.record
        went.text = shape.template.text(name, went.now, subjects, len(raw), added, whole)
        self.flown += 1
        return True

    def pairs(self, told: Told) -> Pairs:
        """What an answer said of whose identifiers are. Raises PayloadError."""
        return pairs(self.snapshot, self._plan, told, self._limits)

    def _program(self, head: ResponseHead, kind: bytes | None) -> Compiled | None:
        """What masks JSON of this media type; None for what is no JSON, or not read."""
        plan = self._plan
        side = side_of(self._facts, plan)
        found = None
        try:
            if side.body and side.headers is None and not opaque(plan, head):
                carrier, codec = reader_for(kind)
                found = side.bodies.get(carrier) if codec is JSON else None
        except (PayloadError, Refused):
            found = None
        if len(self._programs) >= MAX_SHAPES:
            self._programs.clear()
        program = self._programs[kind] = None if found is None else compiled(found)
        return program

    def _shape(self, program: Compiled, key: tuple[bytes, int, str]) -> _Shape:
        """By way of the facts of an exchange that found this."""
        kept, family = self._facts, self._family
        pattern, unmapped, address = key
        facts = Facts("", kept.head, kept.peer, kept.now, kept.tick, kept.scheme)
        facts.identity, facts.pack, facts.plan = family.identity, kept.pack, family.plan
        facts.seen.update(family.seen)
        facts.address = address
        judged = self.gate.explain(address)
        facts.location, facts.bases = judged.location, judged.bases
        facts.shadow.update(dict.fromkeys(judged.shadow))
        tally = Tally.of(program)
        tally.take(pattern, [], unmapped)
        masked = facts.note(program, tally)
        said = ((b"Hushgate-Masked", b"%d" % masked),) if masked else ()
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        made = self._shapes[key] = _Shape(Template(facts.record("read", 200), self._moment), said)
        return made


def fast_path(
    snapshot: Snapshot, facts: Facts, addressed: Addressed, head: RequestHead, limits: Limits
) -> FastPath | None:
    """The path of an exchange that went straight; None where there is none."""
    if facts.peer.intercepted:  # each request of a session is checked against it
        return None
    family = family_of(snapshot, head, addressed)
    if family is None or head.query or head.method != "GET" or not head.keep_alive:
        return None
    front = head.path[: head.path.rfind(b"/") + 1]
    if snapshot.inbox is not None and snapshot.inbox.divides(front):
        return None
    before = b"GET %b%b" % (addressed.plan.base_path, family.front)
    whole = sent_as(addressed.plan, head, addressed.path)
    after = whole[len(before) + len(head.path) - len(front) :]
    kept = Facts("", _bare(head), facts.peer, facts.now, facts.tick, facts.scheme)
    kept.identity, kept.pack, kept.plan = facts.identity, facts.pack, facts.plan
    return FastPath(snapshot, family, kept, (before, after), limits)


def _bare(head: RequestHead) -> RequestHead:
    """What answers depend on; neither keys nor people are kept."""
    index = {name: value for name, value in head.index.items() if name == FORWARDED_PROTO}
    return replace(head, target=b"/", path=b"/", headers=[], index=index)


Paths = Mapping[bytes, FastPath]
"""By their fronts: those of requests alike in all that follows their targets."""
