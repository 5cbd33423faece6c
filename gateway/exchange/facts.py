"""What one exchange has established so far; the record is made from it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import compress

from gateway.audit.record import Phase, Record
from gateway.codecs.program import Program, Tally
from gateway.http1.head import RequestHead
from gateway.model import Location
from gateway.policy.identity import Identity, Peer
from gateway.policy.matchers import personal
from gateway.policy.plan import Plan

Tick = Callable[[], float]
"""A monotonic clock, in seconds."""


@dataclass(slots=True)
class Facts:
    """Mutable, owned by one exchange. Times in seconds; `waited` is time spent on the upstream."""

    id: str
    head: RequestHead | None
    peer: Peer
    now: float
    tick: Tick
    started: float
    identity: Identity | None = None
    plan: Plan | None = None
    subjects: dict[str, None] = field(default_factory=dict)
    """pseudonyms, in the order they were met"""
    seen: dict[str, int] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)
    shadow: dict[str, None] = field(default_factory=dict)
    unmapped: int = 0
    changed: int = 0
    """values masked in the answer"""
    dropped: int = 0
    address: str = ""
    location: Location | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    waited: float = 0.0
    intended: bool = False
    """an intent record was accepted: what follows is an outcome"""

    def note(self, program: Program, tally: Tally) -> int:
        """Add what a run saw and did; returns how many values were masked."""
        total = tally.unmapped
        self.unmapped += tally.unmapped
        slots = program.slots
        for index in compress(range(len(slots)), tally.seen):
            slot, masked = slots[index], tally.masked[index]
            if not personal(slot.category):
                continue
            self.seen[slot.category] = self.seen.get(slot.category, 0) + tally.seen[index]
            for rule in slot.shadow:
                self.shadow[rule] = None
            if masked:
                total += masked
                self.masked[slot.category] = self.masked.get(slot.category, 0) + masked
                self.paths[slot.path] = self.paths.get(slot.path, 0) + masked
                for rule in slot.rules:
                    self.rules[rule] = None
        return total

    def record(self, phase: Phase, status: int, *, reason: str = "", rules: tuple[str, ...] = ()) -> Record:
        """The audit record as things stand."""
        total = self.tick() - self.started
        record = Record(
            phase=phase,
            id=self.id,
            at=self.now,
            effect="allow" if not reason else ("error" if self.intended else "refuse"),
            reason=reason,
            status=status,
            method=self.head.method if self.head else "-",
            rules=(*self.rules, *(r for r in rules if r not in self.rules)),
            shadow=tuple(self.shadow),
            subjects=tuple(self.subjects),
            seen=self.seen,
            masked=self.masked,
            paths=self.paths,
            unmapped=self.unmapped,
            dropped=self.dropped,
            address=self.address,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            added_us=int((total - self.waited) * 1e6),
            total_us=int(total * 1e6),
        )
        self._say_who(record)
        return record

    def _say_who(self, record: Record) -> None:
        if self.location:
            record.country = self.location.country
            record.operator = self.location.operator
        if self.identity:
            record.tenant = self.identity.tenant
            record.client = self.identity.client.id
            record.role = self.identity.client.role
        plan = self.plan
        if plan:
            record.purposes = plan.purposes
            record.provider = plan.upstream.provider
            record.upstream = plan.upstream.name
            record.operation = plan.operation.id
            record.policy = plan.version
