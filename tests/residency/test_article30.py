from datetime import date

import pytest
from msgspec.structs import replace

from gateway.policy.rulefile import read_rules
from gateway.residency.article30 import as_markdown
from gateway.residency.processing import differences
from gateway.residency.register import Row
from tests.world import RULES

TODAY = date(2026, 11, 22)
SAID = """\
processing:
  controller: Acme SAS, Paris
  contact: dpo@acme.example
  subjects: [customers, prospects]
  retention: {user.contact: 3 years, user.contact.email: 1 year}
"""
BASES = """\
rules:
  - id: home
    residency:
      regions: [EEA]
      bases:
        - scc: {recipients: [crm], until: 2027-01-01, ref: annex 2}
        - scc: {recipients: [other], until: 2026-01-01, ref: annex 3}
        - privacy_shield: {recipients: AWS}
"""
ROW = Row(
    tenant="acme",
    client="helpdesk",
    purposes=("essential.service.operations.support",),
    provider="crm",
    upstream="crm-1",
    operation="contacts.fetch",
    operator="AWS",
    country="US",
    basis="scc",
    category="user.contact.email",
    first=1_790_000_000.0,
    last=1_790_090_000.0,
    exchanges=3,
)


def page(*rows: Row, text: str = RULES + SAID + BASES) -> str:
    return as_markdown(rows, {"acme": read_rules(text.encode(), "acme.yaml")}, TODAY)


def test_what_the_tenant_says_and_what_was_seen() -> None:
    told = page(ROW, replace(ROW, category="user.name"), replace(ROW, country="FR", basis="EEA"))
    for line in (
        "- Controller: Acme SAS, Paris",
        "- Categories of data subjects: customers, prospects",
        "- Security measures: not declared",
        "user.name | AWS (crm) | US | scc | yes | annex 2 | 2026-09-21 | 2026-09-22 | 3 |",
        "| FR | EEA | no |  |",
        "| home | scc | crm | annex 2 | 2027-01-01 | in force |",
        "| home | scc | other | annex 3 | 2026-01-01 | has ended on 2026-01-01 |",
        "| home | privacy_shield | AWS |  |  | is void: US-PRIVACY-SHIELD fell on 2020-07-16 |",
        "| user.contact | 3 years |",
        "| user.contact.email | 1 year |",
        "| user.name | not declared |",
        "- user.name was seen and has no retention",
    ):
        assert line in told, line


def test_a_tenant_that_says_nothing() -> None:
    told = page(ROW, replace(ROW, country=""), text=RULES)
    assert "- Controller: not declared" in told and "| unknown | scc | unknown |" in told
    assert not any(title in told for title in ("### Safeguards", "### Retention", "### Sub-processors"))
    assert "acme2" in as_markdown([replace(ROW, tenant="acme2")], {}, TODAY)


@pytest.mark.parametrize(
    ("category", "lacks"),
    [("user.contact.phone_number", False), ("user.name", True), ("-", False)],
)
def test_retention_that_is_missing(category: str, lacks: bool) -> None:
    policy = read_rules((RULES + SAID).encode(), "acme.yaml")
    found = differences([replace(ROW, category=category)], policy, (), TODAY)
    assert (f"{category} was seen and has no retention" in found) is lacks
    silent = read_rules(RULES.encode(), "acme.yaml")
    assert not any("retention" in each for each in differences([ROW], silent, (), TODAY))
