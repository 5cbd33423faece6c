"""Records of people who are to be left alone: found in what is asked and in what is answered. Pure.

A request's record is left out where its provider can tell of that (`partial` of a pack), an answer's where it
is an item of an array; anywhere else the exchange is refused.
"""

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.codecs.encodings import decode, encode
from gateway.codecs.json import JSON
from gateway.codecs.program import Found, Limits, Program, Slot
from gateway.codecs.records import Owner, array_at, keys_of, member_at, owners, put_at
from gateway.codecs.table import reader_for
from gateway.contacts.alone import Name, RecordCheck, against, names
from gateway.contacts.model import Standing
from gateway.errors import HushgateError, PayloadError, StoreError
from gateway.exchange.commands import Command, Lookup
from gateway.exchange.facts import Facts
from gateway.exchange.partial import Leaving, LeftOut
from gateway.exchange.refused import Refused
from gateway.http1.head import ResponseHead
from gateway.model import Direction
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

WITHHELD = "record_withheld"
HIDDEN = "record_hidden"

Owned = tuple[Program, Found, Owner | None]
"""Somebody found, by which program, and the record that can be left out for it (None: none can)."""


@dataclass(slots=True)
class Record:
    """People named in one record, by their pseudonyms."""

    owner: Owner | None
    people: set[str] = field(default_factory=set)
    strangers: int = 0
    """Identifiers that cannot be read, but for a sender's: that may be a word."""
    why: str = WITHHELD
    """What is said of it where that is told."""


def enforced(plan: Plan, direction: Direction) -> bool:
    """Whether records can be withheld in a direction, and not only be reported."""
    return any(check.mode == "enforce" for check in plan.records.get(direction, ()))


def withheld(
    facts: Facts, snapshot: Snapshot, plan: Plan, direction: Direction, found: Iterable[Owned]
) -> Generator[Command, Any, list[Record]]:
    """The records that rules withhold and that can be left out. Raises Refused for any other, StoreError."""
    checks = plan.records[direction]
    records = _gathered(snapshot, plan, found)
    known = yield from _standings(plan, {p: None for each in records for p in each.people}, direction)
    gone: list[Record] = []
    for record in records:
        standings = [known[p] for p in record.people if p in known]
        failed = against(checks, standings, plan.purposes, known=bool(record.people or not record.strangers))
        facts.shadow.update({check.rule: None for check in failed if check.mode == "shadow"})
        live = [check for check in failed if check.mode == "enforce"]
        if live:
            facts.subjects.update(dict.fromkeys(record.people))
            _note(facts, record, live)
            gone.append(record)
    return gone


def _note(facts: Facts, record: Record, checks: Sequence[RecordCheck]) -> None:
    rules = tuple(check.rule for check in checks)
    drops = all(check.on_refusal in ("drop", "hide") for check in checks)
    record.why = HIDDEN if all(check.on_refusal == "hide" for check in checks) else WITHHELD
    if record.owner is None or not drops:
        raise Refused(record.why, rules=rules, droppable=drops)
    facts.rules.update(dict.fromkeys(rules))


def _gathered(snapshot: Snapshot, plan: Plan, found: Iterable[Owned]) -> list[Record]:
    pseudonymise = snapshot.pseudonymiser(plan.tenant)
    records: dict[tuple[int, int] | None, Record] = {}
    for program, hit, owner in found:
        key = None if owner is None else (id(owner.array), owner.at)
        record = records.get(key)
        if record is None:
            record = records[key] = Record(owner)
        slot = program.slots[hit.slot]
        made = named(slot, hit.value, plan, snapshot)
        for kind, value in made:
            record.people.add(pseudonymise(kind, value))
        if not made and hit.value.strip() and slot.role != "sender":
            record.strangers += 1
    return list(records.values())


def named(slot: Slot, value: str, plan: Plan, snapshot: Snapshot) -> tuple[Name, ...]:
    """What a value at a slot is known by in the registry."""
    return names(slot.subject or "record", value, plan.country, slot.space, bare=snapshot.bare)


def _standings(
    plan: Plan, people: Collection[str], direction: Direction
) -> Generator[Command, Any, dict[str, Standing]]:
    """Ask the registry. Raises StoreError, unless all would only have been reported."""
    if not people:
        return {}
    asked = list(people)
    try:
        found: list[Standing] = yield Lookup(plan.tenant, asked)
    except HushgateError as error:
        if not enforced(plan, direction):
            return {}
        if isinstance(error, StoreError):
            raise
        raise StoreError("registry_unavailable", "") from error
    return dict(zip(asked, found, strict=True))


def remove(records: Iterable[Record]) -> None:
    """Take records out of their arrays, in place."""
    gone: dict[int, tuple[list[Any], set[int]]] = {}
    for record in records:
        if record.owner is not None and record.owner.array is not None:
            gone.setdefault(id(record.owner.array), (record.owner.array, set()))[1].add(record.owner.at)
    for array, indexes in gone.values():
        array[:] = [item for at, item in enumerate(array) if at not in indexes]


# ---- answers --------------------------------------------------------------------------------------------


def sifted(
    facts: Facts,
    snapshot: Snapshot,
    plan: Plan,
    head: ResponseHead,
    raw: bytes,
    limits: Limits,
    *,
    at: str | None = None,
    spared: Collection[int] = (),
) -> Generator[Command, Any, bytes]:
    """The upstream's body without the records that are withheld; the same bytes where none is.

    `at`: where its records are, unless the operation's `partial` says so; of these the `spared` stay.
    What cannot be read is left to what reads it next. Raises Refused, StoreError.
    """
    if not raw or head.status >= 400 or "response" not in plan.records:
        return raw
    coding = (head.get(b"content-encoding") or b"").strip().lower()
    try:
        carrier, codec = reader_for(head.get(b"content-type"))
        program = plan.response.bodies.get(carrier)
        if program is None:
            return raw
        document = codec.parse(decode(raw, coding, limits), limits)
    except PayloadError:
        return raw
    partial = plan.operation.partial
    results = array_at(document, partial.results if partial else at) if codec is JSON else None
    found = codec.find(document, program)
    own = owners(document, program, results) if codec is JSON else [None] * len(found)
    listed = [
        (program, hit, _removable(owner, results))
        for hit, owner in zip(found, own, strict=True)
        if not spared or _place(owner, results) not in spared
    ]
    gone = yield from withheld(facts, snapshot, plan, "response", listed)
    counted = enforced(plan, "response") and _counted(document, plan, results, gone)
    if not gone and not counted:
        return raw
    _leave(facts, plan, results, gone)
    remove(gone)
    return encode(codec.dump(document), coding)


def _place(owner: Owner | None, results: list[Any] | None) -> int | None:
    """Which of the records somebody is named in; of a body that is one record it is the first."""
    if results is None:
        return 0 if owner is None or owner.array is None else None
    return owner.record if owner else None


def _removable(owner: Owner | None, results: list[Any] | None) -> Owner | None:
    """The whole result somebody is named in, else the item of the nearest array."""
    if owner is None or owner.array is None:
        return None
    return owner if owner.record is None else Owner(results, owner.record, owner.record)


def _counted(document: Any, plan: Plan, results: list[Any] | None, gone: list[Record]) -> bool:
    """Whether the number of all results has to be another one, and was put right.

    Those of this page are taken off. A page that came without any says that there are none: whoever asks
    for what comes after the end would otherwise learn how many are withheld before it.
    """
    partial = plan.operation.partial
    if partial is None or partial.total is None or results is None:
        return False
    total = member_at(document, keys_of(partial.total))
    if type(total) is not int or total <= 0:
        return False
    fewer = sum(1 for record in gone if record.owner and record.owner.array is results)
    left = max(0, total - fewer) if results else 0
    if left == total:
        return False
    put_at(document, keys_of(partial.total), left)
    return True


def _leave(facts: Facts, plan: Plan, results: list[Any] | None, gone: list[Record]) -> None:
    """Note what was left out. Where no provider's shape tells of it, nothing but the access log does."""
    partial = plan.operation.partial
    if partial is None or partial.entry is None:
        facts.withheld += len(gone)
        return
    leaving = facts.leaving = facts.leaving or Leaving()
    for record in gone:
        if record.owner is None or record.owner.array is not results or results is None:
            facts.withheld += 1
            continue
        place = leaving.place_of(record.owner.at, len(results))
        leaving.left.append(LeftOut(place, record.why, leaving.written_of(record.people)))
        facts.dropped += 1
