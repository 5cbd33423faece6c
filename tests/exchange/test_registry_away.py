"""While the registry does not answer: refused, unless the tenant's rule file lets contacts pass unjudged."""

import pytest

from gateway.audit.record import UNJUDGED
from gateway.errors import HushgateError, PayloadError, StoreError
from gateway.exchange.commands import Lookup, Reserve
from gateway.metrics import Metrics
from tests.exchange.batches import HEAD, VIEWS
from tests.world import Played, World

NUMBER = "+33639980001"
PLAIN = "  - {id: plain, contact: {}}\n"
CONSENT = "  - {id: asked, contact: {channels: [sms], require: consent}}\n"
OFTEN = "  - {id: often, contact: {channels: [sms], at_most: ['2 in 7 days']}}\n"
AWAY = StoreError("registry_unavailable", "")
LATE = PayloadError("request_timeout", "")


def text(rules: str, away: str, failures: dict[type, HushgateError] | None = None) -> Played:
    made = World(rules=f"{HEAD}{away}{VIEWS}{rules}")
    return made.ask("POST", "/crm/messages", form=[("To", NUMBER), ("Body", "x")], failures=failures or {})


@pytest.mark.parametrize("error", [AWAY, LATE])
@pytest.mark.parametrize("away", ["", "registry_away: refuse\n"])
def test_contacts_are_refused(away: str, error: HushgateError) -> None:
    played = text(PLAIN, away, {Lookup: error})
    assert (played.status, played.reason, played.nothing_sent) == (503, "registry_unavailable", True)


@pytest.mark.parametrize("error", [AWAY, LATE])
@pytest.mark.parametrize(("rules", "command"), [(PLAIN, Lookup), (OFTEN, Lookup), (OFTEN, Reserve)])
def test_they_pass_where_the_tenant_says_so_and_are_told_apart(
    rules: str, command: type, error: HushgateError
) -> None:
    played = text(rules, "registry_away: pass\n", {command: error})
    assert played.status == 200 and not played.nothing_sent
    assert {record.note for record in played.records} == {UNJUDGED}
    metrics = Metrics()
    for record in played.records[-1:]:
        metrics.observe(record)
    metrics.settle()
    assert metrics.counts["hushgate_registry_unjudged", played.records[-1].tenant] == 1


def test_what_needs_a_consent_is_refused_all_the_same() -> None:
    played = text(CONSENT, "registry_away: pass\n", {Lookup: AWAY})
    assert (played.status, played.reason) == (403, "contact_without_consent")


def test_nothing_is_said_while_the_registry_answers() -> None:
    played = text(PLAIN + OFTEN, "registry_away: pass\n")
    assert played.status == 200 and {record.note for record in played.records} == {""}
