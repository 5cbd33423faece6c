from datetime import date

import pytest

from gateway.model import Residency, Upstream
from gateway.recipients import Decision, Said, Subprocessor
from gateway.residency.judge import Explanation, Gate, ResidencyCheck
from gateway.residency.locate import AddressTable
from gateway.residency.recipients import State, decided, state, usable

ANNOUNCED = Subprocessor(operator="OVH", dpa="D", announced="2026-03-01")
SAID = Said(by="dpo", date="2026-03-10")


def line(approved: Said | None = None, objected: Said | None = None) -> Subprocessor:
    return Subprocessor(operator="OVH", dpa="D", announced="2026-03-01", approved=approved, objected=objected)


@pytest.mark.parametrize(
    ("made", "on", "expected"),
    [
        (line(), "2026-03-30", "waiting"),
        (line(), "2026-03-31", "open"),
        (line(approved=SAID), "2026-03-09", "waiting"),
        (line(approved=SAID), "2026-03-10", "open"),
        (line(objected=SAID), "2030-01-01", "objected"),
        (line(approved=SAID, objected=SAID), "2030-01-01", "objected"),
    ],
)
def test_it_opens_when_its_time_has_passed(made: Subprocessor, on: str, expected: State) -> None:
    assert state(made, date.fromisoformat(on)) == expected


def test_an_objection_on_one_line_closes_all() -> None:
    assert usable([ANNOUNCED, line(objected=SAID)], (), date(2026, 6, 1)) == frozenset()


@pytest.mark.parametrize(
    ("purposes", "fits"),
    [
        (("essential.service.authentication",), True),
        (("essential.service",), True),
        (("essential.service", "marketing"), False),
        ((), False),
    ],
)
def test_purposes_must_all_be_covered(purposes: tuple[str, ...], fits: bool) -> None:
    only = Subprocessor(operator="OVH", dpa="D", announced="2026-01-01", purposes=("essential.service",))
    assert bool(usable([only], purposes, date(2026, 6, 1))) is fits


def test_no_list_restricts_nothing_and_an_empty_one_everything() -> None:
    assert usable(None, (), date(2026, 6, 1)) is None
    assert usable((), (), date(2026, 6, 1)) == frozenset()


def test_decisions_outside_the_file_cannot_lift_its_objection() -> None:
    approve = Decision(tenant="acme", operator="ovh", word="approve", by="x", date="2026-03-05")
    object_ = Decision(tenant="acme", operator="OVH", word="object", by="x", date="2026-03-06")
    day = date(2026, 3, 10)

    def after(*decisions: Decision, of: Subprocessor = ANNOUNCED) -> frozenset[str] | None:
        return usable(decided((of,), "acme", decisions), (), day)

    assert after() == frozenset()
    assert after(approve) == frozenset({"OVH"})
    assert after(approve, object_) == frozenset()
    assert after(object_, approve) == frozenset({"OVH"})
    assert after(approve, of=line(objected=SAID)) == frozenset()
    assert usable(decided((ANNOUNCED,), "other", [approve]), (), day) == frozenset()
    assert decided(None, "acme", [approve]) is None


def gate(recipients: frozenset[str] | None, *rules: ResidencyCheck) -> Gate:
    table = AddressTable([("51.0.0.0/8", "FR", "OVH")])
    upstream = Upstream(name="u", provider="p", url="https://x.example", region="FR", operator="AWS")
    return Gate(rules, table, upstream, date(2026, 6, 1), recipients)


def judged(explanation: Explanation) -> tuple[str, tuple[str, ...]]:
    return explanation.reason, explanation.rules


def test_a_gate_knows_who_may_be_used() -> None:
    quarantined = ("recipient_quarantined", ("subprocessors",))
    assert judged(gate(None).declared("FR", "Contabo")) == ("", ())
    assert judged(gate(frozenset({"OVH"})).declared("FR", "ovh")) == ("", ())
    assert judged(gate(frozenset({"OVH"})).declared("FR", "Contabo")) == quarantined
    assert judged(gate(frozenset()).declared("FR", "OVH")) == quarantined
    # the address is OVH's, the upstream says AWS: both must be usable
    assert judged(gate(frozenset({"OVH"})).explain("51.0.0.1")) == quarantined


def test_an_address_that_is_no_upstreams_is_what_is_known_of_it_alone() -> None:
    rule = ResidencyCheck("r", "enforce", Residency(regions=("FR",)))
    made = gate(None, rule)
    assert judged(made.literal("51.0.0.1")) == ("", ())
    for text in ("8.8.8.8", "10.0.0.1", "127.0.0.1", "0x33000001", "855638017", "051.0.0.1", ""):
        assert judged(made.literal(text)) == ("location_unknown", ("r",))


def test_adequacy_that_falls() -> None:
    rule = ResidencyCheck("r", "enforce", Residency(regions=("FR",), adequacy=True))
    named = ResidencyCheck("n", "enforce", Residency(regions=("FR", "IL"), adequacy=True))
    upstream = Upstream(name="u", provider="p", url="https://x.example", region="FR", operator="AWS")

    def under(check: ResidencyCheck, *void: str) -> str:
        made = Gate((check,), AddressTable(()), upstream, date(2026, 6, 1), None, frozenset(void))
        return made.declared("IL", "x").reason

    assert under(rule) == ""
    assert under(rule, "IL") == "region_not_allowed"
    assert under(rule, "JP") == ""
    assert under(named, "IL") == "", "a country that is named is allowed whatever its adequacy"


def test_a_credential_takes_data_to_its_account() -> None:
    rule = ResidencyCheck("r", "enforce", Residency(regions=("EEA",)))
    table = AddressTable([("51.0.0.0/8", "FR", "OVH")])

    def at(account: str | None) -> str:
        upstream = Upstream(
            name="u",
            provider="p",
            url="https://x.example",
            region="FR",
            operator="OVH",
            account_region=account,
        )
        return Gate((rule,), table, upstream, date(2026, 6, 1)).explain("51.0.0.1").reason

    assert (at(None), at("IE"), at("us")) == ("", "", "region_not_allowed")
