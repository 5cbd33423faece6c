"""The fast path: requests like one that went before, but for whom they are about. Pure.

A path keeps all of an exchange that depends neither on that nor on the answer. It has no say of its own: of
whatever is out of the ordinary, in the request or the answer, it knows nothing, and the exchange then goes
the long way (exchange.py) from its beginning. What it does know comes out the same, to the byte. Here are
answers, which are read alike on all paths; readpath and contactpath have the requests.
"""

from collections.abc import Sequence
from math import inf
from typing import ClassVar, Final, NamedTuple

from msgspec.structs import replace

from gateway.audit.chain import moments
from gateway.audit.record import Phase, Record
from gateway.audit.template import ANSWERED, Template
from gateway.codecs import kernel
from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Pattern, Tally
from gateway.codecs.steps import Compiled, compiled
from gateway.codecs.table import reader_for
from gateway.contacts.model import Standing
from gateway.errors import PayloadError
from gateway.exchange.answering import REPLACED, opaque
from gateway.exchange.facts import Facts
from gateway.exchange.finding import Addressed
from gateway.exchange.joining import Pairs, Told, mark, pairs
from gateway.exchange.pointing import FORWARDED_PROTO, leads, side_of
from gateway.exchange.refused import Refused
from gateway.exchange.streaming import WHOLE
from gateway.http1.encode import answer_head
from gateway.http1.head import ResponseHead
from gateway.model import SubjectKind
from gateway.policy.snapshot import Snapshot

MAX_HEAD: Final = 4 * 1024
"""bytes of a request's head that is remembered"""
MAX_SHAPES: Final = 256
"""answers told apart by what was found in them, per path"""
LOOKS: Final = 1.0
"""seconds between two answers that are offered to `snapshot.drift`, which looks at far fewer"""
_TRIES: Final = 16
"""times a path may lead nowhere before it is given up, if it hardly ever leads anywhere"""


class Went:
    """A request on its way: what its exchange is called, whom it names, where it went when, what came of it.
    Filled in anew for one request after another, as making one costs more.

    `now` in epoch seconds, `started` and `sent` monotonic. Of one with a body: `sends` it, in which `asked`
    was found; `recipients` and `senders` are (kind, value) in it, `reached` the recipients' pseudonyms, whose
    `standings` the registry told. Of the answer `head` and
    `body` are released once `text` is accepted as its record, which is one `like` this but for its times.
    `told`: what it said of whose identifiers are, unless that is known.
    """

    __slots__ = (
        "added_us",
        "address",
        "asked",
        "body",
        "head",
        "identifier",
        "like",
        "now",
        "reached",
        "recipients",
        "senders",
        "sends",
        "sent",
        "standings",
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
        self.sends: bytes = b""
        self.asked: Pattern = b""
        self.reached: list[str] = []
        self.recipients: list[tuple[SubjectKind, str]] = []
        self.senders: list[tuple[SubjectKind, str]] = []
        self.standings: Sequence[Standing] = ()
        self.head = self.body = self.text = b""
        self.like: Record | None = None
        self.added_us = self.total_us = 0
        self.told: Told | None = None


class _Shape(NamedTuple):
    """Answers in which the same was found: their records, and how many values were masked."""

    template: Template
    masked: int


_Key = tuple[Pattern, int, str, int, Pattern]
"""What was found in an answer, values no map names, address, status, and what was found in the request."""


class FastPath:
    """Requests of one caller that are alike, under one plan of one snapshot.

    `phase` and `statuses` of answers that it reads, `numbers` that differ between their records. `flown` and
    `missed` count requests it answered, and those it could not; `takes` is how long its upstream lately took
    to answer (seconds, a moving mean).
    """

    phase: ClassVar[Phase] = "read"
    statuses: ClassVar[frozenset[int]] = frozenset((200,))
    numbers: ClassVar[tuple[str, ...]] = ANSWERED

    __slots__ = (
        "_drifts",
        "_facts",
        "_joined",
        "_limits",
        "_looks",
        "_moment",
        "_most",
        "_name",
        "_plan",
        "_programs",
        "_shapes",
        "_tick",
        "flown",
        "gate",
        "missed",
        "snapshot",
        "takes",
        "upstream",
    )

    def __init__(self, snapshot: Snapshot, addressed: Addressed, facts: Facts, limits: Limits) -> None:
        """`facts`: of an exchange that went this way."""
        plan = self._plan = addressed.plan
        self.snapshot, self._facts, self._limits = snapshot, _bare(facts), limits
        self._most, self._tick = min(WHOLE, limits.max_body), facts.tick
        self._name = snapshot.namer(plan.tenant, plan.country)
        self._drifts = plan.upstream.provider, plan.operation.id, plan.country
        self.gate, self.upstream = plan.residing.permission, plan.upstream
        self._joined = snapshot.joined_before
        self._moment = moments()
        self._programs: dict[bytes | None, Compiled | None] = {}
        self._shapes: dict[_Key, _Shape] = {}
        self.flown = self.missed = 0
        self.takes = inf
        self._looks = 0.0

    @property
    def tenant(self) -> str:
        """Whose requests they are."""
        return self._plan.tenant

    @property
    def tries(self) -> int:
        """How often it may have missed to be worth trying."""
        return _TRIES + self.flown // 8

    def answer(self, went: Went, head: ResponseHead, raw: bytes, ended: float) -> bool:
        """Fill in what is released of an answer; False: that takes a closer look. `ended`: when it was there.

        Raises PayloadError, and whatever a masker raises: the same.
        """
        if head.status not in self.statuses or not 0 < len(raw) <= self._most or leads(head):
            return False
        kind, coding = head.index.get(b"content-type"), head.index.get(b"content-encoding")
        program = self._programs.get(kind) or self._program(head, kind)
        if program is None:
            return False
        body = raw if coding is None else decode(raw, coding.strip().lower(), self._limits)
        passed = kernel.passed(body, program, self._limits.max_depth)
        if passed is None:
            return False
        out, pattern, met, unmapped, owners = passed
        key = pattern, unmapped, went.address, head.status, went.asked
        shape = self._shapes.get(key) or self._shape(program, key)
        subjects, went.told = went.subjects, None
        if met:
            named = self._name(subjects, program.kinds, met)
            if program.joins and (seen := mark(self._plan, met)) not in self._joined:
                went.told = Told(seen, program, met, owners, named, body)
        if not subjects:
            return False
        if ended >= self._looks:
            self._looks = ended + LOOKS
            self.snapshot.drift.look(ended, *self._drifts, body, program)
        went.body = out if coding is None else encode(out, coding.strip().lower())
        return self._tell(went, head, len(raw), ended, shape)

    def _tell(self, went: Went, head: ResponseHead, size: int, ended: float, shape: _Shape) -> bool:
        """Fill in the head and the record of an answer of `size` bytes whose body is there."""
        name, took, total = went.identifier.encode(), ended - went.sent, self._tick() - went.started
        added, whole = int((total - took) * 1e6), int(total * 1e6)
        if added <= 0:
            return False
        fields, length = head.headers, len(went.body)
        went.head = answer_head(head.status, head.reason, fields, REPLACED, length, name, shape.masked)
        went.added_us, went.total_us, went.like = added, whole, shape.template.record
        text, asked = shape.template.text, len(went.sends)
        if asked:
            went.text = text(name, went.now, went.subjects, asked, size, added, whole)
        else:
            went.text = text(name, went.now, went.subjects, size, added, whole)
        self.flown += 1
        self.takes = took if self.takes == inf else self.takes + (took - self.takes) / 8
        return True

    def pairs(self, told: Told) -> Pairs:
        """What an answer said of whose identifiers are. Raises PayloadError."""
        return pairs(self.snapshot, self._plan, told, self._limits)

    def asks(self, facts: Facts, asked: Pattern) -> None:
        """Add what a request says, in which this was found."""
        raise NotImplementedError

    def stands(self, asked: Pattern, address: str) -> Facts:
        """Those of an exchange that sent that there."""
        kept = self._facts
        facts = Facts("", kept.head, kept.peer, kept.now, kept.tick, kept.scheme)
        facts.identity, facts.pack, facts.plan = kept.identity, kept.pack, kept.plan
        self.asks(facts, asked)
        facts.address = address
        judged = self.gate.explain(address)
        facts.location, facts.bases = judged.location, judged.bases
        facts.shadow.update(dict.fromkeys(judged.shadow))
        return facts

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

    def _shape(self, program: Compiled, key: _Key) -> _Shape:
        """By way of the facts of an exchange that found this."""
        pattern, unmapped, address, status, asked = key
        facts = self.stands(asked, address)
        tally = Tally.of(program)
        tally.take(pattern, [], unmapped)
        masked = facts.note(program, tally)
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        template = Template(facts.record(self.phase, status), self._moment, self.numbers)
        made = self._shapes[key] = _Shape(template, masked)
        return made


def _bare(facts: Facts) -> Facts:
    """What answers and records depend on; neither keys nor people are kept."""
    kept = Facts("", None, facts.peer, facts.now, facts.tick, facts.scheme)
    kept.identity, kept.pack, kept.plan = facts.identity, facts.pack, facts.plan
    if facts.head is not None:
        index = {name: value for name, value in facts.head.index.items() if name == FORWARDED_PROTO}
        kept.head = replace(facts.head, target=b"/", path=b"/", headers=[], index=index)
    return kept
