"""What the benchmark of residency asks is what it says: blocks that load, data that goes and that stays."""

from itertools import islice

from benchmarks.residency import LIMITS, addresses, gate, judging, limit, rows
from gateway.residency.evidence import Estimate
from gateway.residency.locate import AddressTable
from gateway.residency.snapshot import builtin


def test_its_blocks_are_of_both_versions_and_load() -> None:
    listed = rows(400)
    assert len({cidr for cidr, *_ in listed}) == 400
    assert 10 < sum(":" in cidr for cidr, *_ in listed) < 100
    AddressTable(listed)


def test_its_addresses_stand_at_many_places_and_are_judged_both_ways() -> None:
    judged = [gate(AddressTable((), (Estimate(builtin),))).explain(text) for text in islice(addresses(), 300)]
    assert len({each.location for each in judged}) > 10
    assert {each.reason for each in judged} == {"", "region_not_allowed"}
    assert max(len(each.categories) for each in judged) > 1


def test_every_decision_has_a_limit() -> None:
    figures = judging(AddressTable(rows(50)), addresses())
    assert {limit(f"{name}_networks") for name in figures} <= set(LIMITS.values())
