"""What laws ask for, as rules of a tenant that takes a preset over."""

from datetime import date

import pytest

from gateway.errors import ConfigError
from gateway.model import Policy
from gateway.policy.jurisdictions import PRESETS, revocations
from gateway.policy.rulefile import read_rules
from tests.exchange.batches import HEAD, VIEWS


def policy(rule: str) -> Policy:
    return read_rules((HEAD + VIEWS + f"  - {rule}\n").encode(), "acme.yaml")


def test_a_preset_is_a_rule_for_each_of_its_lines() -> None:
    rules = policy("{id: fr, contact: {preset: fr-opt-in}, on_refusal: drop, roles: caller}").rules
    assert [rule.id for rule in rules] == [f"fr.{line.id}" for line in PRESETS["fr-opt-in"].lines]
    assert {(rule.on_refusal, rule.scope.roles) for rule in rules} == {("drop", ("caller",))}
    consent = rules[0]
    assert (consent.since, consent.scope.channels) == ("2026-08-11", ("call",))
    assert consent.contact is not None and consent.contact.require == "proven_consent_or_customer"


def test_what_narrows_the_rule_narrows_its_lines() -> None:
    calls = policy("{id: fr, contact: {preset: fr-opt-in, channels: [call]}, from: 2026-09-01}").rules
    assert "fr.messages" not in {rule.id for rule in calls}
    assert {rule.since for rule in calls} == {"2026-09-01"}
    own = policy("{id: de, contact: {preset: de-uwg, purposes: [marketing.communications]}}").rules
    assert {rule.scope.purposes for rule in own} == {("marketing.communications",)}


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{id: x, contact: {preset: fr-opt-in, require: consent}}", "'preset' beside other conditions"),
        ("{id: x, contact: {preset: fr}}", "expected one of fr-opt-in, us-tcpa, uk-pecr, de-uwg"),
        ("{id: x, contact: {preset: uk-pecr, channels: [push]}}", "no line of 'uk-pecr' left by 'channels'"),
        ("{id: x, contact: {at_most: 0 in 7 days}}", "a number of contacts in a time"),
        ("{id: x, contact: {at_most: 3 in 7 years}}", "a number of contacts in a time"),
        ("{id: x, contact: {unknown_subject: drop}}", "expected one of refuse, pass"),
        ("{id: x, records: {}, on_refusal: hold}", "'hold' without contact"),
        ("{id: x, contact: {}, on_refusal: hide}", "'hide' without records"),
        ("{id: x, records: {of: people}}", "expected"),
    ],
)
def test_mistakes_have_their_place(rule: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"acme\.yaml:") as caught:
        policy(rule)
    assert problem in str(caught.value)


def test_every_line_has_a_source_and_its_days_make_sense() -> None:
    for preset in PRESETS.values():
        assert len({line.id for line in preset.lines}) == len(preset.lines)
        for line in preset.lines:
            assert line.source and line.contact.countries and line.purposes == ("marketing",)
            assert line.since is not None and date.fromisoformat(line.dated) <= date.fromisoformat(line.since)
            assert line.until is None or line.since < line.until


def test_words_of_revocation() -> None:
    assert set(revocations()) >= {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"}
