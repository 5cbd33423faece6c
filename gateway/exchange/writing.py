"""Which fields a write sets, by name: what a history of edits is made of. Pure; never a value.

A name is on record as far as the pack's data maps know it. Any other is `*`: a caller can write what it likes
in the place of a name.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from gateway.codecs.json import JSON
from gateway.codecs.params import FORM
from gateway.exchange.facts import Facts
from gateway.exchange.leaving import Carried
from gateway.policy.plan import Plan

MOST: Final = 200
"""names noted of one request; one of more is noted with these and `*`"""
OTHER: Final = "*"


def note(facts: Facts, plan: Plan, carriers: Sequence[Carried]) -> None:
    """Note the fields that the body of a request sets. A message to somebody is no edit: it sets none."""
    if plan.written is None:
        return
    for carried in carriers:
        for name in _names(carried, plan.written.known):
            if len(facts.fields) >= MOST:
                facts.fields[OTHER] = None
                return
            facts.fields[name] = None


def _names(carried: Carried, known: frozenset[str]) -> Iterator[str]:
    if carried.codec is JSON:
        yield from _members(carried.document, "", known)
    elif carried.codec is FORM:
        yield from (name if name in known else OTHER for name, _, _ in carried.document if name is not None)


def _members(value: Any, path: str, known: frozenset[str]) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            step = name if name in known else OTHER
            yield from _members(below, f"{path}.{step}" if path else step, known)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _members(item, f"{path}[]", known)
    elif path:
        yield path
