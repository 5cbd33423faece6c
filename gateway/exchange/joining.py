"""Identifiers seen in one record of an answer, noted for the registry: it knows whose they are then. Pure.

Answers alone are believed, never requests: what a caller writes must not lend one's consents to another.
"""

from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Program, Tally
from gateway.codecs.together import Pair, grouped, together
from gateway.contacts.naming import Named
from gateway.contacts.normalise import normalise
from gateway.contacts.records import canonical
from gateway.errors import HushgateError
from gateway.exchange.commands import Command, Link
from gateway.exchange.facts import Facts
from gateway.model import kind_of
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

MOST = 2_000
"""pairs noted of one answer"""


Pairs = tuple[tuple[str, str], ...]
"""(record, identifier), by their pseudonyms."""


class Told(NamedTuple):
    """What an answer says of whose identifiers are, before it is looked at.

    `seen`: a number that stands for the people it names in its places. `met` and `owners` are those of a
    tally, `named` their pseudonyms.
    """

    seen: int
    program: Program
    met: list[tuple[int, str]]
    owners: bytes
    named: Named
    body: bytes


def note(
    facts: Facts,
    snapshot: Snapshot,
    plan: Plan,
    program: Program,
    tally: Tally,
    named: Named,
    body: bytes,
    limits: Limits,
) -> None:
    """Note the pairs of a JSON answer, unless the same people were met in the same places before."""
    seen = mark(plan, tally.subjects)
    if not snapshot.joined(seen):
        told = Told(seen, program, tally.subjects, tally.owners, named, body)
        facts.joined = (*facts.joined, (seen, pairs(snapshot, plan, told, limits)))


def mark(plan: Plan, met: Sequence[tuple[int, str]]) -> int:
    """A number that stands for people met in these places: it differs between processes, and says nothing."""
    return hash((plan.tenant, plan.name, *met))


def pairs(snapshot: Snapshot, plan: Plan, told: Told, limits: Limits) -> Pairs:
    """(record, identifier), by their pseudonyms. Raises PayloadError."""
    apart = grouped(told.program, told.met, told.owners)
    if apart is None:
        return _named(snapshot, plan, together(JSON.parse(told.body, limits), told.program)[:MOST])
    return _of_those_met(told.program, told.met, told.named, apart[:MOST])


# What cannot be read identifies nobody: two with `unknown` for a number are not one.


def _of_those_met(
    program: Program, met: list[tuple[int, str]], named: Named, found: Sequence[tuple[int, int]]
) -> tuple[tuple[str, str], ...]:
    names, strange = named
    if strange:
        kinds = program.kinds
        nobody = {at for at, (slot, value) in enumerate(met) if (kinds[slot], value) in strange}
        found = [pair for pair in found if nobody.isdisjoint(pair)]
    return tuple([(names[record], names[other]) for record, other in found])


def _named(snapshot: Snapshot, plan: Plan, pairs: list[Pair]) -> tuple[tuple[str, str], ...]:
    pseudonymise = snapshot.pseudonymiser(plan.tenant)
    made: dict[tuple[str, str], None] = {}
    for record, kind, value, space in pairs:
        key, other = canonical(kind_of("record", space), record, None), normalise(kind, value, plan.country)
        if key is not None and other is not None:
            made[pseudonymise("record", key), pseudonymise(kind, other)] = None
    return tuple(made)


def link(facts: Facts, snapshot: Snapshot, plan: Plan) -> Generator[Command, Any, None]:
    """Have the registry keep what was noted. Where it cannot, the next answer says it again."""
    for seen, pairs in facts.joined:
        with suppress(HushgateError):
            if pairs:
                yield Link(plan.tenant, pairs)
            snapshot.keep_joined(seen)
