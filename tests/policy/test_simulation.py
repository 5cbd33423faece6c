"""What would break, where rules have bases of transfers."""

from datetime import date

import pytest

from gateway.model import Upstream
from gateway.policy.packfile import read_pack
from gateway.policy.rulefile import read_rules
from gateway.policy.simulation import World, simulate
from gateway.residency.register import Row
from tests.world import PACK, RULES

TODAY = date(2026, 11, 22)
CLAUSES = "{scc: {recipients: crm, until: 2027-06-01, ref: y}}"
ISRAEL = "{adequacy: {countries: [IL]}}"
FRAMEWORK = "{dpf: {recipients: Acme}}"
SHIELD = "{privacy_shield: {recipients: Acme}}"
CONSENT = "{explicit_consent: {recipients: crm}}"


def world(bases: str, *void: str, on: date = TODAY, rest: str = "") -> World:
    text = f"{RULES}rules:\n  - {{id: home, residency: {{regions: [EEA], bases: [{bases}]}}{rest}}}\n"
    crm = Upstream(name="crm-1", provider="crm", url="https://crm.example", region="IL", operator="Acme")
    return World(
        policies={"acme": read_rules(text.encode(), "acme.yaml")},
        packs={"crm": read_pack(PACK, "crm/pack.yaml")},
        upstreams={"crm-1": crm},
        on=on,
        void=void,
    )


def row(country: str, basis: str = "adequacy") -> Row:
    return Row(
        tenant="acme",
        client="helpdesk",
        purposes=("essential.service.operations.support",),
        provider="crm",
        upstream="crm-1",
        operation="contacts.fetch",
        operator="Acme",
        country=country,
        basis=basis,
        category="user.name",
        first=0.0,
        last=0.0,
        exchanges=3,
    )


@pytest.mark.parametrize(
    ("country", "bases", "void", "broken"),
    [
        ("IL", "{adequacy: true}", "IL", True),
        ("IL", "{adequacy: true}", "NZ", False),
        ("IL", ISRAEL, "IL", True),
        ("IL", f"{ISRAEL}, {CLAUSES}", "IL", False),
        ("IL", f"{CLAUSES}, {{adequacy: true}}", "IL", False),
        ("IL", f"{ISRAEL}, {CLAUSES.replace('crm', 'other')}", "IL", True),
        ("US", FRAMEWORK, "US-DPF", True),
        ("US", FRAMEWORK, "US-DPF-CH", False),
        ("US", f"{FRAMEWORK}, {CLAUSES}", "US-DPF", False),
        ("US-DPF", "{adequacy: true}", "US-DPF", True),
        ("IL", f"{ISRAEL}, {CONSENT}", "IL", True),
        ("FR", ISRAEL, "FR", False),
    ],
)
def test_what_breaks_when_adequacy_falls(country: str, bases: str, void: str, broken: bool) -> None:
    [change] = simulate([row(country)], world(bases), world(bases, void))
    assert (change.before, change.breaks) == ("", broken)
    assert change.rules == (("home",) if broken else ())


def test_a_second_basis_carries_it_only_while_it_lasts() -> None:
    both = f"{ISRAEL}, {CLAUSES}"
    for on, broken in ((date(2027, 5, 31), False), (date(2027, 6, 1), True)):
        assert simulate([row("IL")], world(both), world(both, "IL", on=on))[0].breaks is broken
    assert not simulate([row("IL")], world(both), world(both, on=date(2028, 1, 1)))[0].breaks


def test_what_went_on_consent_still_does() -> None:
    both = f"{ISRAEL}, {CONSENT}"
    [change] = simulate([row("IL", "adequacy+explicit_consent")], world(both), world(both, "IL"))
    assert not change.breaks
    [change] = simulate([row("US", "explicit_consent")], world(CONSENT), world(CLAUSES.replace("crm", "x")))
    assert change.breaks


def test_a_confirmation_does_not_carry_what_falls() -> None:
    said = ", confirmed: {by: dpo, reason: litigation, date: 2026-01-01}"
    [change] = simulate([row("US")], world(SHIELD, rest=said), world(SHIELD, "US-PRIVACY-SHIELD", rest=said))
    assert change.breaks
    [change] = simulate([row("US")], world(SHIELD, rest=said), world(SHIELD))
    assert (change.breaks, change.after) == (True, "region_not_allowed")


def test_other_bases_are_other_rules() -> None:
    [change] = simulate([row("IL")], world(CLAUSES), world("{adequacy: true}"))
    assert (change.before, change.after) == ("", "")
    [change] = simulate([row("US")], world("{adequacy: true}"), world(CLAUSES))
    assert (change.before, change.breaks, change.after) == ("region_not_allowed", False, "")
