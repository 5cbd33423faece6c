"""Leaves records out of a request: those of whom nobody may be reached, or who are to be left alone. Pure."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gateway.codecs.json import JSON
from gateway.codecs.program import Codec, Found, Limits, Program
from gateway.codecs.records import Owner, array_at, owners
from gateway.exchange.alone import Record, enforced, named, remove, withheld
from gateway.exchange.commands import Command
from gateway.exchange.facts import Facts
from gateway.exchange.partial import Leaving, LeftOut, written
from gateway.exchange.refused import Refused
from gateway.model import Partial
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot


@dataclass(slots=True)
class Carried:
    """One carrier of a request that is looked into: its document, and what was found in it.

    `drop` are ordinals of those who are left out, each with its reason; `texts` what is left of fields that
    list several. `came` is a body as it came from the
    caller, without its coding.
    """

    name: str
    codec: Codec
    program: Program
    document: Any
    found: list[Found]
    drop: dict[int, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    came: bytes = b""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The body of several records, and whose each of the people found in it is."""

    carried: Carried
    partial: Partial
    inputs: list[Any]
    size: int
    """How many inputs there were, before any was taken out."""
    owners: list[Owner]

    @classmethod
    def of(cls, plan: Plan, carriers: list[Carried]) -> "_Batch | None":
        """The one body of a request whose provider can tell of records left out."""
        partial = plan.operation.partial
        for carried in carriers:
            inputs = array_at(carried.document, partial.inputs) if partial and carried.codec is JSON else None
            if partial and inputs is not None:
                found = owners(carried.document, carried.program, inputs)
                return cls(carried, partial, inputs, len(inputs), found)
        return None

    def record(self, ordinal: int) -> Owner | None:
        """The input somebody is named in."""
        at = self.owners[ordinal].record
        return None if at is None else Owner(self.inputs, at, at)


def leave_out(
    facts: Facts, snapshot: Snapshot, plan: Plan, carriers: list[Carried], limits: Limits
) -> Generator[Command, Any, None]:
    """Take out the records of people who are left alone, and note those and whoever contact rules dropped.

    Raises Refused when nothing would be left, or one cannot be left out; StoreError.
    """
    batch = _Batch.of(plan, carriers)
    dropped, facts.dropped = facts.dropped, 0  # of what is refused nobody is left out
    gone: list[Record] = []
    if "request" in plan.records:
        found = [
            (carried.program, hit, batch.record(hit.ordinal) if batch and batch.carried is carried else None)
            for carried in carriers
            for hit in carried.found
        ]
        gone = yield from withheld(facts, snapshot, plan, "request", found)
    if batch is not None:
        dropped += _leave(facts, snapshot, plan, batch, gone, limits)
    facts.dropped = dropped


def _leave(
    facts: Facts, snapshot: Snapshot, plan: Plan, batch: _Batch, gone: list[Record], limits: Limits
) -> int:
    """Returns how many went that contact rules had not dropped."""
    left = _dropped(batch)
    alone = [each for each in gone if each.owner is not None and each.owner.at not in left]
    left.update((each.owner.at, each.why) for each in alone if each.owner is not None)
    if left and len(left) == len(batch.inputs):
        raise Refused(min(left.items())[1], droppable=True)
    answers = enforced(plan, "response")
    if not left and not answers:
        return 0
    said = _said(batch, limits) if left else []
    facts.leaving = Leaving(
        left=[LeftOut(at, why, said[at]) for at, why in sorted(left.items())],
        kept=[at for at in range(len(batch.inputs)) if at not in left],
        asked=_asked(snapshot, plan, batch, limits),
    )
    _renumber(batch, left)
    remove(Record(Owner(batch.inputs, at, at)) for at in left)
    return len(alone)


def _dropped(batch: _Batch) -> dict[int, str]:
    """Inputs that go as a whole with a recipient in them, by place; not those that only lose a copy."""
    out: dict[int, str] = {}
    for ordinal, reason in batch.carried.drop.items():
        owner = batch.owners[ordinal]
        if owner.array is batch.inputs:
            out.setdefault(owner.at, reason)
    return out


def _said(batch: _Batch, limits: Limits) -> list[dict[str, Any]]:
    """What the caller wrote of each input: before a token in it became what it stands for."""
    came = written(JSON.parse(batch.carried.came, limits), batch.partial)
    return came if len(came) == batch.size else [{} for _ in range(batch.size)]


def _asked(
    snapshot: Snapshot, plan: Plan, batch: _Batch, limits: Limits
) -> Callable[[], list[tuple[set[str], Mapping[str, Any]]]]:
    pseudonymise = snapshot.pseudonymiser(plan.tenant)

    @cache
    def asked() -> list[tuple[set[str], Mapping[str, Any]]]:
        people: list[set[str]] = [set() for _ in range(batch.size)]
        for found, owner in zip(batch.carried.found, batch.owners, strict=True):
            if owner.record is not None:
                known = named(batch.carried.program.slots[found.slot], found.value, plan, snapshot)
                people[owner.record].update(pseudonymise(each, value) for each, value in known)
        return list(zip(people, _said(batch, limits), strict=True))

    return asked


def _renumber(batch: _Batch, left: dict[int, str]) -> None:
    """Ordinals of those still to be dropped, once the inputs in `left` are gone."""
    carried = batch.carried
    stay = [at for at, owner in enumerate(batch.owners) if owner.record not in left]
    numbers = {old: new for new, old in enumerate(stay)}
    carried.drop = {numbers[old]: why for old, why in carried.drop.items() if old in numbers}
