"""The transfer register under other rules or another law: what would then be refused. Pure."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

from gateway.model import Operation, Pack, Policy, Struct, Upstream
from gateway.policy.matchers import Situation
from gateway.policy.residing import permission
from gateway.residency.law import expand
from gateway.residency.locate import AddressTable
from gateway.residency.register import Row

GONE: Final = "gone"
"""Instead of a reason: its tenant, client, operation or upstream is there no more."""
_NOWHERE: Final = AddressTable(())


class Change(Struct):
    """One kind of transfer and how it is judged: reasons `before` and `after`, "" where it is let through."""

    row: Row
    before: str
    after: str
    rules: tuple[str, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether it would be refused, and was not."""
        return not self.before and bool(self.after)


class World(Struct):
    """What rows are judged by: policies by tenant, packs and upstreams by name, the day, and places (`void`)
    that have lost their adequacy."""

    policies: dict[str, Policy]
    packs: dict[str, Pack]
    upstreams: dict[str, Upstream]
    on: date
    void: tuple[str, ...] = ()


def simulate(rows: Iterable[Row], before: World, after: World) -> tuple[Change, ...]:
    """Every kind of transfer that was let through, by both worlds."""
    made = []
    for row in rows:
        if row.exchanges:
            (was, _), (would, rules) = judged(row, before), judged(row, after)
            made.append(Change(row=row, before=was, after=would, rules=rules))
    return tuple(made)


def judged(row: Row, world: World) -> tuple[str, tuple[str, ...]]:
    """(reason or "", rules) of a transfer to where it went, under a world's rules. What went on the explicit
    consent of people would have it again."""
    it = _situation(row, world)
    if it is None:
        return GONE, ()
    agreed = "explicit_consent" in row.basis.split("+")
    gate = permission(world.policies[row.tenant], _NOWHERE, it, frozenset(world.void), agreed=agreed)
    found = gate.declared(row.country, row.operator)
    return found.reason, found.rules


def _situation(row: Row, world: World) -> Situation | None:
    policy, pack = world.policies.get(row.tenant), world.packs.get(row.provider)
    upstream = world.upstreams.get(row.upstream)
    client = next((c for c in policy.clients if c.id == row.client), None) if policy else None
    operation = _operation(pack, row.operation)
    if client is None or operation is None or upstream is None:
        return None
    countries = expand((upstream.region,), adequacy=False, on=world.on)
    return Situation(client, row.purposes, row.provider, operation, upstream, countries, world.on)


def _operation(pack: Pack | None, name: str) -> Operation | None:
    return next((each for each in pack.operations if each.id == name), None) if pack else None


def voided(words: Iterable[str], places: Collection[str]) -> tuple[str, ...]:
    """Places of `adequacy:IL` or `adequacy:US-DPF`. Raises ValueError for another word."""
    found = []
    for word in words:
        kind, _, place = word.partition(":")
        if kind != "adequacy" or place.upper() not in places:
            raise ValueError(word)
        found.append(place.upper())
    return tuple(found)
