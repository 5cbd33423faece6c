"""Evidence: the strongest source that speaks is asked, what is declared counts beside it."""

from datetime import date
from ipaddress import ip_address

import pytest

from gateway.model import Location, Residency, Upstream
from gateway.residency.addresses import Address
from gateway.residency.evidence import Estimate, Evidence, Known, weighed
from gateway.residency.judge import OPERATOR, REGION, ResidencyCheck, permit
from gateway.residency.locate import AddressTable
from gateway.residency.snapshot import builtin

TODAY = date(2026, 11, 22)
FRENCH = "35.180.1.1"  # AWS, Paris
ANYWHERE = "104.16.1.1"  # Cloudflare


class Says:
    until = date.max

    def __init__(self, evidence: Evidence, country: str = "", operator: str = "") -> None:
        self.evidence = evidence
        self._known = Known(country=country, operator=operator)

    def about(self, address: Address) -> Known:
        return self._known


def upstream(region: str, operator: str) -> Upstream:
    return Upstream(name="u", provider="p", url="https://api.example", region=region, operator=operator)


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ((), None),
        ((Says("database"),), None),
        ((Says("published", "FR", "AWS"), Says("snapshot", "US", "X")), ("FR", "AWS", "published")),
        ((Says("published", "", "AWS"), Says("snapshot", "US", "X")), ("US", "AWS", "snapshot")),
        ((Says("published", "FR"), Says("snapshot", "US", "X")), ("FR", "X", "published")),
        ((Says("database", "", "OVH"),), ("", "OVH", "database")),
    ],
)
def test_country_and_operator_are_those_of_the_strongest_that_says(
    sources: tuple[Says, ...], found: tuple[str, str, str] | None
) -> None:
    known = weighed(sources, ip_address(FRENCH))
    assert (known and (known.country, known.operator, known.evidence)) == found


def test_the_snapshot_is_not_read_before_it_is_asked() -> None:
    def refuse() -> None:
        raise AssertionError

    table = AddressTable([("35.180.0.0/16", "DE", "OVH")], (Estimate(refuse),))  # type: ignore[arg-type]
    assert [at.country for at in table.find(ip_address(FRENCH))] == ["DE"]
    assert table.find(ip_address("10.0.0.1")) == ()
    with pytest.raises(AssertionError):
        table.find(ip_address("35.181.1.1"))


TABLE = AddressTable([], (Estimate(builtin),))
EEA = ResidencyCheck("eea", "enforce", Residency(regions=("EEA",)))
US = ResidencyCheck("us", "enforce", Residency(regions=("US",)))
AWS = ResidencyCheck("aws", "enforce", Residency(operators=("AWS",)))


def test_what_agrees_is_one_place_more_exactly_known() -> None:
    gate = permit((EEA, AWS), TABLE, upstream("EU", "AWS"), TODAY)
    assert gate(FRENCH) == Location(country="FR", operator="AWS", evidence="snapshot")


@pytest.mark.parametrize(("check", "reason"), [(EEA, REGION), (US, REGION), (AWS, "")])
def test_what_disagrees_is_two_places_and_a_finding(check: ResidencyCheck, reason: str) -> None:
    explained = permit((check,), TABLE, upstream("US", "AWS"), TODAY).explain(FRENCH)
    assert explained.reason == reason
    assert explained.location == Location(country="FR", operator="AWS", evidence="snapshot against declared")


def test_another_operator_than_declared_must_be_allowed_too() -> None:
    both = ResidencyCheck("both", "enforce", Residency(operators=("AWS", "Twilio")))
    assert permit((AWS,), TABLE, upstream("FR", "Twilio"), TODAY).explain(FRENCH).reason == OPERATOR
    assert permit((both,), TABLE, upstream("FR", "Twilio"), TODAY).explain(FRENCH).reason == ""


def test_addresses_used_everywhere_stand_where_it_is_declared() -> None:
    gate = permit((EEA,), TABLE, upstream("DE", "Cloudflare"), TODAY)
    assert gate(ANYWHERE) == Location(country="DE", operator="Cloudflare", evidence="snapshot")
