"""Lists that rules rely on: what an old one says of a person still counts, what it does not say does not."""

from collections.abc import Mapping

import pytest

from gateway.audit.record import AGEING
from gateway.contacts.model import Consent, Standing, Suppression
from gateway.contacts.relied import subject
from gateway.errors import ConfigError, StoreError
from gateway.exchange.casefile import load_case
from gateway.exchange.commands import Lookup
from gateway.exchange.replay import run_case
from gateway.model import Policy
from gateway.policy.rulefile import read_rules
from tests.exchange.batches import HEAD, VIEWS
from tests.plays import PACKS
from tests.world import Played, World

DAY = 86_400.0
FRANCE = "+33639980001"
OWN = "  - {id: own, contact: {channels: [sms], lists: [mine]}%s}\nlists: {mine: {max_age: 10 days}}\n"
LAW = "  - {id: uk, contact: {preset: uk-pecr}%s}\n"


def world(rules: str, ages: Mapping[str, float]) -> World:
    """A world in which lists were made so many days ago."""
    made = World(rules=HEAD + VIEWS + rules)
    for name, days in ages.items():
        made.standings[subject(name)] = Standing(dated=made.now - days * DAY)
    return made


def text(made: World, to: str = FRANCE, **more: object) -> Played:
    return made.ask("POST", "/crm/messages", form=[("To", to), ("Body", "x")], **more)  # type: ignore[arg-type]


def why(played: Played) -> str:
    return played.records[-1].reason


@pytest.mark.parametrize(
    ("ages", "reason", "note"),
    [
        ({"mine": 1}, "", ""),
        ({"mine": 7.6}, "", AGEING),
        ({"mine": 10}, "", AGEING),
        ({"mine": 10.1}, "contact_list_stale", AGEING),
        ({"theirs": 1}, "contact_list_stale", AGEING),
    ],
)
def test_a_list_is_told_of_and_then_not_relied_on(ages: dict[str, float], reason: str, note: str) -> None:
    played = text(world(OWN % "", ages))
    assert (why(played), played.records[-1].note) == (reason, note)
    assert played.nothing_sent == bool(reason)
    assert not reason or (played.status, played.records[-1].rules) == (403, ("own",))


def test_whom_an_old_list_names_stays_suppressed_and_who_consented_is_reached() -> None:
    made = world(OWN % "", {"mine": 40})
    made.know("phone", FRANCE, Suppression(source="list:mine"))
    assert why(text(made)) == "contact_suppressed"
    made.know("phone", FRANCE, Consent(state="granted"))
    assert why(text(made)) == ""


def test_a_shadow_rule_reports_and_a_drop_rule_leaves_out() -> None:
    played = text(world(OWN % ", mode: shadow", {}))
    assert (why(played), played.records[-1].shadow) == ("", ("own",))
    assert why(text(world(OWN % ", on_refusal: hold", {}))) == "contact_list_stale"


def test_lists_are_asked_about_with_the_recipients() -> None:
    played = text(world(OWN % "", {"mine": 1}))
    [lookup] = [command for command in played.script.commands if isinstance(command, Lookup)]
    assert lookup.pseudonyms[1:] == [subject("mine")]
    assert subject("mine") not in played.records[-1].subjects


def test_while_the_registry_is_away_lists_are_as_unknown_as_people() -> None:
    away = {Lookup: StoreError("registry_unavailable", "")}
    assert why(text(world(OWN % "", {"mine": 1}), failures=away)) == "registry_unavailable"
    passing = world((OWN % "") + "registry_away: pass\n", {})
    assert why(text(passing, failures=away)) == ""


CALL = """
name: a call
client: app
upstream: twilio
lists: %s
registry: [{subject: {phone: "+447700900206"}, consent: {state: granted, purpose: marketing}}]
request: {method: POST, path: /2010-04-01/Accounts/AC1/Calls.json, form: {To: "%s", From: "+441632960000"}}
response: {status: 201, json: {sid: CA1}}
expect: {effect: allow}
"""
TENANT = """
tenant: acme
instruction: {by: dpo@acme.example, ref: a test, date: 2026-01-01}
clients: [{id: app, role: all, purposes: [marketing], key: "sha256:%s"}]
views: {all: {show: [user]}}
rules: [{id: uk, contact: {preset: uk-pecr}}]
""" % ("a" * 64)
YOUNG = "{tps: 2026-03-20T00:00:00Z, ctps: 2026-03-20T00:00:00Z}"


@pytest.mark.parametrize(
    ("lists", "to", "reason"),
    [
        (YOUNG, "+447700900205", ""),
        ("{}", "+447700900205", "contact_list_stale"),
        (YOUNG.replace("03-20", "03-03", 1), "+447700900205", "contact_list_stale"),
        ("{}", "+447700900206", ""),
        ("{}", "+33639980001", ""),
    ],
    ids=["young", "never imported", "too old", "of who consented", "of another country"],
)
def test_calls_to_the_united_kingdom_rely_on_its_lists(lists: str, to: str, reason: str) -> None:
    it = load_case((CALL % (lists, to)).encode(), "one.yaml")
    out = run_case(it, read_rules(TENANT.encode(), "acme.yaml"), PACKS)
    assert out.reason == reason
    assert not reason or out.rules == ("uk.live-calls",)


def policy(rules: str) -> Policy:
    return read_rules((HEAD + VIEWS + rules).encode(), "acme.yaml")


def test_a_preset_brings_the_limits_of_its_lists() -> None:
    lists = policy(LAW % "").lists
    assert {name: limit.max_age / DAY for name, limit in lists.items()} == {"tps": 28, "ctps": 28}
    looser = policy((LAW % "") + "lists: {tps: {max_age: 90 days}, ctps: {max_age: 7 days}}\n").lists
    assert {name: limit.max_age / DAY for name, limit in looser.items()} == {"tps": 28, "ctps": 7}
    assert (
        policy("  - {id: x, contact: {channels: [sms]}}\nlists: {tps: {max_age: 90 days}}\n")
        .lists["tps"]
        .max_age
        == 90 * DAY
    )


def test_a_list_nobody_limits_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        policy("  - {id: x, contact: {channels: [sms], lists: [mein]}}\nlists: {mine: {max_age: 9 days}}\n")
    assert "unknown list 'mein'" in str(caught.value) and "did you mean 'mine'" in str(caught.value)
