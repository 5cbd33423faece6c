"""What one exchange has established so far; the record is made from it. Pure."""

from collections.abc import Callable, Mapping
from copy import copy
from types import MappingProxyType

from gateway.audit.record import Phase, Record
from gateway.codecs.program import Program, Tally
from gateway.contacts.formerly import Names
from gateway.exchange.partial import Leaving
from gateway.http1.head import RequestHead
from gateway.masking.echoes import Echoes
from gateway.model import Location, Pack
from gateway.policy.identity import Identity, Peer
from gateway.policy.plan import Plan

Tick = Callable[[], float]
"""A monotonic clock, in seconds."""
_NEVER: Mapping[str, Names] = MappingProxyType({})
_BLANK = Record(phase="read", id="", at=0.0)


class Facts:
    """Mutable, owned by one exchange. Times in seconds; `waited` is time spent on the upstream.

    `subjects` are pseudonyms in the order they were met. `changed` counts values masked in the answer.
    `more` counts identifiers met when `subjects` was full. `intended`: an intent or stream record was
    accepted, so that what follows is an outcome; `closed`: that was accepted too, or may have been. `pack` is
    the provider's, which says what its SDK reads in a refusal. `scheme`: by which the caller reaches the
    gateway, so that links lead back to it; None where it names the upstream's own host. `target`: the path
    asked of it. `parts` are the operations an envelope holds. `dropped` counts who was left out and is told
    of, `withheld` records that are missing without a word. `echoes`: what came as tokens, and must
    not come back in clear. `sent`, `received`, `close`: of a WebSocket, as in its records. `reserved`: ids
    under which contacts were counted, shared with parts; `forwarded`: the request is on its way, they count.
    `reached`: pseudonyms of the recipients that were judged; `said`: the note of its records.
    `fields`: names of what a write sets (see `writing`).
    `former`: what people of the request were known by before, where their consents are asked for.
    `joined`: what an answer said of whose identifiers are (see `joining`).
    """

    # Written out rather than generated: one of these is made for every request.
    __slots__ = (
        "address",
        "bases",
        "changed",
        "close",
        "closed",
        "dropped",
        "echoes",
        "fields",
        "former",
        "forwarded",
        "head",
        "id",
        "identity",
        "intended",
        "joined",
        "leaving",
        "location",
        "masked",
        "more",
        "now",
        "pack",
        "parts",
        "paths",
        "peer",
        "plan",
        "reached",
        "received",
        "request_bytes",
        "reserved",
        "response_bytes",
        "restored",
        "rules",
        "said",
        "scheme",
        "seen",
        "sent",
        "shadow",
        "started",
        "subjects",
        "target",
        "tick",
        "unmapped",
        "waited",
        "withheld",
    )

    def __init__(
        self,
        identifier: str,
        head: RequestHead | None,
        peer: Peer,
        now: float,
        tick: Tick,
        scheme: str | None = None,
    ) -> None:
        self.id = identifier
        self.head = head
        self.peer = peer
        self.now, self.tick, self.started = now, tick, tick()
        self.scheme, self.target = scheme, b"/"
        self.echoes: Echoes | None = None
        self.identity: Identity | None = None
        self.plan: Plan | None = None
        self.subjects: dict[str, None] = {}
        self.seen: dict[str, int] = {}
        self.masked: dict[str, int] = {}
        self.paths: dict[str, int] = {}
        self.restored: dict[str, int] = {}
        self.rules: dict[str, None] = {}
        self.shadow: dict[str, None] = {}
        self.unmapped = self.changed = self.more = self.request_bytes = self.response_bytes = 0
        self.dropped = self.withheld = self.sent = self.received = self.close = 0
        self.leaving: Leaving | None = None
        self.address = self.said = ""
        self.location: Location | None = None
        self.bases: tuple[str, ...] = ()
        self.waited = 0.0
        self.intended = self.closed = self.forwarded = False
        self.reserved: list[str] = []
        self.joined: tuple[tuple[int, tuple[tuple[str, str], ...]], ...] = ()
        self.pack: Pack | None = None
        self.parts: tuple[str, ...] = ()
        self.reached: tuple[str, ...] = ()
        self.former: Mapping[str, Names] = _NEVER
        self.fields: dict[str, None] = {}

    def note(self, program: Program, tally: Tally) -> int:
        """Add what a run saw and did; returns how many values were masked."""
        summary = program.summary(tally.pattern)
        self.unmapped += tally.unmapped
        _add(self.seen, summary.seen)
        _add(self.masked, summary.masked)
        _add(self.paths, summary.paths)
        self.rules.update(summary.rules)
        self.shadow.update(summary.shadow)
        return tally.unmapped + summary.total

    def note_taken(self, program: Program, tally: Tally) -> None:
        """Add what was taken out of a request whose values were counted before."""
        summary = program.summary(tally.pattern)
        self.unmapped += tally.unmapped
        _add(self.masked, summary.masked)
        _add(self.paths, summary.paths)

    def note_restored(self, counts: Mapping[str, int]) -> None:
        """Add tokens of the request that became what they stand for, by category."""
        if counts:
            _add(self.restored, counts)

    def routed(self, rules: tuple[str, ...], came: str) -> None:
        """Another upstream is asked than the one that was meant."""
        self.rules.update(dict.fromkeys(rules))
        self.said = f"routed from {came}"

    def part(self) -> "Facts":
        """Those of one of the calls in an envelope; for `absorb`."""
        made = Facts(self.id, self.head, self.peer, self.now, self.tick, self.scheme)
        made.identity, made.pack, made.echoes = self.identity, self.pack, self.echoes
        made.reserved = self.reserved
        return made

    def absorb(self, part: "Facts") -> None:
        """Add what was seen and done in a part, which begins anew after that."""
        self.echoes = self.echoes if part.echoes is None else part.echoes
        self.subjects.update(part.subjects)
        self.joined, part.joined = (*self.joined, *part.joined), ()
        self.rules.update(part.rules)
        self.shadow.update(part.shadow)
        self.fields.update(part.fields)
        for name in ("seen", "masked", "paths", "restored"):
            _add(getattr(self, name), getattr(part, name))
            getattr(part, name).clear()
        for name in ("unmapped", "changed", "dropped", "withheld"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
            setattr(part, name, 0)

    def record(self, phase: Phase, status: int, *, reason: str = "", rules: tuple[str, ...] = ()) -> Record:
        """The audit record as things stand."""
        total = self.tick() - self.started
        record = self._stamped()
        record.phase, record.id, record.at, record.status = phase, self.id, self.now, status
        if reason:
            record.effect, record.reason = "error" if self.intended else "refuse", reason
        if self.rules or rules:
            record.rules = (*self.rules, *(r for r in rules if r not in self.rules))
        if self.shadow:
            record.shadow = tuple(self.shadow)
        if self.fields:
            record.fields = tuple(self.fields)
        if self.dropped or self.withheld:
            record.dropped = self.dropped + self.withheld
        record.subjects, record.subjects_more, record.parts = tuple(self.subjects), self.more, self.parts
        record.seen, record.masked, record.paths = self.seen, self.masked, self.paths
        record.restored, record.unmapped, record.address = self.restored, self.unmapped, self.address
        record.request_bytes, record.response_bytes = self.request_bytes, self.response_bytes
        record.sent, record.received, record.close = self.sent, self.received, self.close
        record.added_us, record.total_us = int((total - self.waited) * 1e6), int(total * 1e6)
        record.note = self.said
        if phase in ("intent", "stream", "message"):
            # the exchange goes on counting; a record that was handed over must not
            record.seen, record.masked, record.paths = dict(self.seen), dict(self.masked), dict(self.paths)
            record.restored = dict(self.restored)
        return record

    def entry(self, number: int, subject: str, said: str) -> Record:
        """The record of an entry in the contact registry, the `number`th of this exchange."""
        record = self._stamped()
        record.phase, record.id, record.at = "entry", f"{self.id}.{number}", self.now
        record.subjects, record.note = (subject,), said
        return record

    def _stamped(self) -> Record:
        """A record that says who, and what was asked of whom."""
        record: Record = copy(_BLANK if self.plan is None else self.plan.stamp)
        if self.head:
            record.method = self.head.method
        at, identity = self.location, self.identity
        if at:
            record.country, record.operator, record.evidence = at.country, at.operator, at.evidence
            record.bases = self.bases
        if identity:
            record.tenant, record.client = identity.tenant, identity.client.id
            record.role = identity.client.role
        return record


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    if not counts:
        counts.update(more)
        return
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number
