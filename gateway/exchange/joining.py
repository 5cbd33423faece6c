"""Identifiers seen in one record of an answer, noted for the registry: it knows whose they are then. Pure.

Answers alone are believed, never requests: what a caller writes must not lend one's consents to another.
"""

from collections.abc import Generator
from contextlib import suppress
from typing import Any

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Program, Tally
from gateway.codecs.together import Pair, grouped, together
from gateway.contacts.normalise import normalise
from gateway.errors import HushgateError
from gateway.exchange.commands import Command, Link
from gateway.exchange.facts import Facts
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

MOST = 2_000
"""pairs noted of one answer"""


def note(
    facts: Facts, snapshot: Snapshot, plan: Plan, program: Program, tally: Tally, body: bytes, limits: Limits
) -> None:
    """Note the pairs of a JSON answer, unless the same people were met in the same places before."""
    met = tally.subjects
    # Hashes of texts differ from process to process, and say nothing of them.
    seen = hash((plan.tenant, plan.name, *met))
    if not snapshot.joined(seen):
        found = grouped(program, tally)
        pairs = together(JSON.parse(body, limits), program) if found is None else found
        facts.joined = (*facts.joined, (seen, _named(snapshot, plan, pairs[:MOST])))


def _named(snapshot: Snapshot, plan: Plan, pairs: list[Pair]) -> tuple[tuple[str, str], ...]:
    """By pseudonyms. What cannot be read identifies nobody: two with `unknown` for a number are not one."""
    pseudonymise = snapshot.pseudonymiser(plan.tenant)
    made: dict[tuple[str, str], None] = {}
    for record, kind, value in pairs:
        key, other = normalise("record", record, None), normalise(kind, value, plan.country)
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
