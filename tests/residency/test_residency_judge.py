from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import REASONS
from gateway.exchange.commands import Permit
from gateway.model import Location, Mode, Residency, Upstream
from gateway.residency.judge import Explanation, Gate, ResidencyCheck, permit
from gateway.residency.locate import AddressTable

TODAY = date(2026, 11, 21)
TABLE = AddressTable(
    [("52.0.0.0/8", "US", "AWS"), ("52.16.0.0/16", "IE", "AWS"), ("51.0.0.0/8", "FR", "OVH")]
)
IRELAND, AMERICA, FRANCE, ELSEWHERE, INSIDE = "52.16.0.1", "52.1.0.1", "51.1.1.1", "8.8.8.8", "10.0.0.1"


def check(
    rule: str = "r",
    regions: tuple[str, ...] = (),
    adequacy: bool = False,
    operators: tuple[str, ...] = (),
    mode: Mode = "enforce",
) -> ResidencyCheck:
    return ResidencyCheck(rule, mode, Residency(regions=regions, adequacy=adequacy, operators=operators))


def gate(*checks: ResidencyCheck, region: str = "EU", operator: str = "AWS", on: date = TODAY) -> Gate:
    upstream = Upstream(name="u", provider="p", url="https://x.example", region=region, operator=operator)
    return permit(checks, TABLE, upstream, on)


def test_it_is_a_permit() -> None:
    as_permit: Permit = gate(check(regions=("EEA",)))
    assert as_permit(IRELAND) == Location(country="IE", operator="AWS", evidence="network")
    assert as_permit(AMERICA) is None


@pytest.mark.parametrize(
    ("checks", "address", "reason"),
    [
        ((check(regions=("EEA",)),), IRELAND, ""),
        ((check(regions=("EEA",)),), AMERICA, "region_not_allowed"),
        ((check(regions=("EEA", "US")),), AMERICA, ""),
        ((check(regions=("FR",)),), IRELAND, "region_not_allowed"),
        ((check(regions=("FR",)),), ELSEWHERE, "region_not_allowed"),
        ((check(regions=("EU",)),), ELSEWHERE, ""),
        ((check(adequacy=True),), AMERICA, "region_not_allowed"),
        ((check(operators=("aws",)),), IRELAND, ""),
        ((check(operators=("OVH", "Scaleway")),), IRELAND, "operator_not_allowed"),
        ((check(operators=("OVH",)),), FRANCE, "operator_not_allowed"),
        ((check(operators=("OVH", "AWS")),), FRANCE, ""),
        ((check(regions=("FR",), operators=("OVH",)),), IRELAND, "region_not_allowed"),
        ((check("a", operators=("OVH",)), check("b", regions=("FR",))), IRELAND, "region_not_allowed"),
        ((check(regions=("EEA",)),), INSIDE, "location_unknown"),
        ((check(regions=("nowhere",)),), IRELAND, "region_not_allowed"),
        ((), IRELAND, ""),
        ((), AMERICA, ""),
        ((), ELSEWHERE, ""),
        ((), INSIDE, "location_unknown"),
        ((), "169.254.169.254", "location_unknown"),
        ((), "x.example", "location_unknown"),
    ],
)
def test_permitted_or_why_not(checks: tuple[ResidencyCheck, ...], address: str, reason: str) -> None:
    judged = gate(*checks)
    assert judged.explain(address).reason == reason
    assert (judged(address) is not None) is (reason == "")


def test_both_sides_of_a_contradiction_must_be_allowed() -> None:
    assert gate(check(regions=("US",)))(AMERICA) is None
    assert gate(check(regions=("US", "EU")))(AMERICA)
    assert gate(check(operators=("AWS",)), operator="OVH")(IRELAND) is None


def test_adequacy_is_that_of_the_day() -> None:
    rule = check(regions=("EEA",), adequacy=True)
    assert gate(rule, region="KR", on=date(2021, 12, 16))(ELSEWHERE) is None
    assert gate(rule, region="KR", on=date(2021, 12, 17))(ELSEWHERE)
    assert gate(rule, region="US-DPF")(AMERICA)
    assert gate(rule, region="US")(AMERICA) is None


def test_shadow_rules_only_report() -> None:
    judged = gate(check("trial", regions=("FR",), mode="shadow"), check("real", regions=("EEA",)))
    assert judged.explain(IRELAND).shadow == ("trial",)
    assert judged(IRELAND)
    found = judged.explain(INSIDE)
    assert (found.rules, found.shadow, found.location) == (("real",), ("trial",), None)


def test_every_failed_rule_is_named() -> None:
    judged = gate(check("a", operators=("OVH",)), check("b", regions=("EEA",)), check("c", regions=("FR",)))
    location = Location(country="IE", operator="AWS", evidence="network")
    assert judged.explain(IRELAND) == Explanation("region_not_allowed", ("a", "c"), (), location)


def test_an_address_is_judged_once() -> None:
    judged = gate(check(regions=("EEA",)))
    assert judged.explain(IRELAND) is judged.explain(IRELAND)


checks = st.builds(
    check,
    rule=st.text("abc", min_size=1, max_size=3),
    regions=st.lists(st.sampled_from(("EEA", "EU", "FR", "US", "US-DPF", "nowhere")), max_size=2).map(tuple),
    adequacy=st.booleans(),
    operators=st.lists(st.sampled_from(("AWS", "OVH", "aws")), max_size=2).map(tuple),
    mode=st.sampled_from(("enforce", "shadow")),
)
addresses = st.sampled_from((IRELAND, AMERICA, FRANCE, ELSEWHERE, INSIDE, "nonsense"))


@given(st.lists(checks, max_size=3), checks, addresses, st.sampled_from(("EU", "US", "US-DPF", "FR", "x")))
def test_adding_a_rule_never_permits(
    held: list[ResidencyCheck], added: ResidencyCheck, address: str, region: str
) -> None:
    before = gate(*held, region=region).explain(address)
    after = gate(*held, added, region=region).explain(address)
    assert not before.reason or after.reason
    assert set(before.rules) <= set(after.rules)
    assert not after.reason or after.reason in REASONS
