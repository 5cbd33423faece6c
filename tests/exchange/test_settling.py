"""Residency beyond yes and no: bases, consents, taking out, another upstream, who asks, allow-lists."""

import json

import msgspec
import pytest

from gateway.contacts.model import Consent
from gateway.exchange.commands import Acquire, Lookup, Send
from gateway.model import Upstream
from tests.world import RULES, World

EUROPE, AMERICA = "127.0.0.1", "203.0.113.5"
NETWORKS = (("127.0.0.0/8", "FR", "OVH"), ("203.0.113.0/24", "US", "AWS"))
PERSON = {
    "id": "7",
    "name": {"first": "Ana", "last": "Silva"},
    "email": "ana@example.com",
    "created": "2026-01-01",
    "surprise": "a text that no map names",
}


def world(*rules: str, address: str = AMERICA, more: str = "", **kwargs: object) -> World:
    text = RULES + more + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)
    region, operator = ("US", "AWS") if address == AMERICA else ("FR", "OVH")
    return World(
        rules=text,
        networks=NETWORKS,
        addresses=(address,),
        region=region,
        operator=operator,
        **kwargs,  # type: ignore[arg-type]
    )


def test_a_refusal_names_rule_region_and_category_and_no_value() -> None:
    it = world("{id: eea, residency: {data: user.contact.email, regions: [EEA]}}")
    played = it.ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert (played.status, played.reason) == (451, "region_not_allowed")
    assert played.json["rules"] == ["eea"]
    assert "user.contact.email to US (AWS)" in played.json["detail"]
    assert "example.com" not in played.body.decode() and played.nothing_sent


@pytest.mark.parametrize(
    ("basis", "status"),
    [
        ("dpf: {recipients: AWS}", 200),
        ("dpf: {recipients: Twilio}", 451),
        ("privacy_shield: {recipients: AWS}", 451),
        ("scc: {recipients: crm, until: 2027-01-01, ref: annex 2}", 200),
        ("scc: {recipients: crm, until: 2026-03-01, ref: annex 2}", 451),
        ("scc: {recipients: crm, until: 2027-01-01, ref: annex 2, data: user.name}", 451),
        ("adequacy: true", 451),
        ("tenant_consent: {name: america}", 200),
        ("tenant_consent: {name: asia}", 451),
    ],
)
def test_bases(basis: str, status: int) -> None:
    rule = f"{{id: eea, residency: {{data: user, regions: [EEA], bases: [{{{basis}}}]}}}}"
    it = world(rule, more="consents: [america]\n")
    played = it.ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == status
    assert played.records[0].bases == ((basis.partition(":")[0],) if status == 200 else ())


def test_the_law_is_that_of_the_tenant() -> None:
    rule = "{id: home, residency: {data: user, regions: [GB], bases: [{dpf: {recipients: AWS}}]}}"
    assert world(rule, more="law: UK\n").ask("GET", "/crm/contacts/7").status == 200
    early = world(rule, more="law: UK\n", now=1_690_000_000.0)  # July 2023: the extension came in October
    assert early.ask("GET", "/crm/contacts/7").status == 451


CONSENT = "{id: eea, residency: {data: user, regions: [EEA], bases: [{explicit_consent: {}}]}}"


@pytest.mark.parametrize(
    ("consents", "status"),
    [
        ((), 451),
        ((Consent(state="granted", purpose="third_party_sharing"),), 200),
        ((Consent(state="granted"),), 451),
        ((Consent(state="granted", purpose="marketing"),), 451),
        ((Consent(state="pending", purpose="third_party_sharing"),), 451),
        (
            (Consent(state="granted", purpose="third_party_sharing"), Consent(state="withdrawn")),
            451,
        ),
    ],
)
def test_the_person_consents_explicitly(consents: tuple[Consent, ...], status: int) -> None:
    it = world(CONSENT)
    if consents:
        it.know("record", "crm/7", *consents)
    played = it.ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == status
    assert played.kinds.count(Lookup) == 1
    assert played.records[0].bases == (("explicit_consent",) if status == 200 else ())


@pytest.mark.parametrize("bare", [True, False])
def test_a_withdrawal_under_an_id_alone_is_one(bare: bool) -> None:
    it = world(CONSENT, bare=bare)
    it.know("record", "crm/7", Consent(state="granted", purpose="third_party_sharing"))
    it.know("record", "7", Consent(state="withdrawn"))
    for method, path, body in (("GET", "/crm/contacts/7", None), ("POST", "/crm/contacts", {"id": "7"})):
        played = it.ask(method, path, client="admin", json_body=body)
        assert played.status == (451 if bare else 200), method


def test_nobody_in_the_request_is_nobody_who_consents() -> None:
    played = world(CONSENT).ask("GET", "/crm/contacts", client="admin")
    assert played.status == 451 and Lookup not in played.kinds


STRIP = "{id: eea, residency: {data: user.contact, regions: [EEA]}, on_refusal: strip}"


def test_what_may_not_leave_is_taken_out() -> None:
    played = world(STRIP).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert played.status == 200
    sent = json.loads(played.sent[1])
    assert sent == {k: v for k, v in PERSON.items() if k not in ("email", "surprise")}
    record = played.records[-1]
    assert record.rules == ("eea",) and record.country == "US"
    assert record.masked == {"user.contact.email": 1} and record.seen["user.contact.email"] == 1


def test_at_home_nothing_is_taken_out() -> None:
    played = world(STRIP, address=EUROPE).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert json.loads(played.sent[1]) == PERSON and played.records[-1].rules == ()


def test_a_query_is_taken_out_and_a_path_cannot_be() -> None:
    played = world(STRIP).ask("GET", "/crm/contacts?email=ana%40example.com&limit=1", client="admin")
    assert b"ana" not in played.sent[0]
    rule = "{id: eea, residency: {data: user, regions: [EEA]}, on_refusal: strip}"
    assert world(rule).ask("GET", "/crm/contacts/7", client="admin").status == 451


def test_only_content_counts_in_a_rule_about_requests() -> None:
    rule = "{id: eea, residency: {data: user.contact, regions: [EEA]}, direction: request}"
    full = world(rule).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert (full.status, full.json["rules"]) == (451, ["eea"])
    lean = {"name": {"first": "Ana"}, "created": "2026-01-01"}
    played = world(rule).ask("POST", "/crm/contacts", client="admin", json_body=lean)
    assert played.status == 200 and json.loads(played.sent[1]) == lean
    untold = world(rule).ask("POST", "/crm/contacts", client="admin", json_body={**lean, "x": "y"})
    assert untold.status == 451


def test_another_rule_is_not_lifted_by_taking_out() -> None:
    other = "{id: all, residency: {data: user.name, regions: [EEA]}}"
    assert world(STRIP, other).ask("POST", "/crm/contacts", client="admin", json_body=PERSON).status == 451
    unsafe = "{id: hosts, residency: {operators: [OVH]}}"
    assert world(STRIP, unsafe).ask("POST", "/crm/contacts", client="admin", json_body=PERSON).status == 451


HOME = Upstream(
    name="crm-home",
    provider="crm",
    url="https://eu.crm.example",
    region="FR",
    operator="OVH",
    prefix="/home",
    credential="home-secret",
)
ROUTE = "{id: eea, residency: {data: user, regions: [EEA], route: true}}"


def test_another_upstream_is_asked_with_its_own_credential() -> None:
    it = world(ROUTE, others=(HOME,), credential="away-secret")
    it.addresses = (EUROPE,)
    played = it.ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == 200
    assert b"Host: eu.crm.example" in played.sent[0] and b"home-secret" in played.sent[0]
    assert b"away-secret" not in played.sent[0]
    record = played.records[-1]
    assert (record.upstream, record.rules, record.note) == ("crm-home", ("eea",), "routed from crm-1")


def test_the_other_upstream_is_judged_by_its_address_too() -> None:
    played = world(ROUTE, others=(HOME,)).ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == 451 and played.nothing_sent


def test_an_upstream_of_another_tenant_is_not_asked() -> None:
    other = msgspec.structs.replace(HOME, tenants=("somebody",))
    played = world(ROUTE, others=(other,)).ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == 451 and Send not in played.kinds


@pytest.mark.parametrize(("regions", "status"), [("[FR]", 200), ("[EEA, IL]", 200), ("[IL]", 451)])
def test_where_the_caller_stands(regions: str, status: int) -> None:
    rule = f"{{id: office, residency: {{data: user, callers: {regions}}}}}"
    played = world(rule, address=EUROPE).ask("GET", "/crm/contacts/7", client="admin")
    assert played.status == status
    if status == 451:
        assert played.reason == "caller_region_not_allowed" and Acquire not in played.kinds
        assert played.json["rules"] == ["office"] and "a call from FR" in played.json["detail"]


def test_a_caller_that_nobody_knows_is_outside() -> None:
    it = world("{id: office, residency: {callers: [EEA, US, GB]}}")
    it.networks = (("203.0.113.0/24", "US", "AWS"),)
    assert it.ask("GET", "/crm/status", client="admin").reason == "caller_region_not_allowed"


ONLY = "{id: carrier, only: [user.name, user.unique_id], recipients: AWS}"


def test_a_recipient_gets_what_it_may_have_and_nothing_else() -> None:
    played = world(ONLY).ask("POST", "/crm/contacts?ref=Ana", client="admin", json_body=PERSON)
    assert json.loads(played.sent[1]) == {"id": "7", "name": PERSON["name"], "created": "2026-01-01"}
    assert b"ref=Ana" not in played.sent[0]
    assert "carrier" in played.records[-1].rules
    elsewhere = world(ONLY, address=EUROPE).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert json.loads(elsewhere.sent[1]) == PERSON


def test_two_allow_lists_leave_what_both_allow() -> None:
    other = "{id: more, only: [user.name.first, user.contact]}"
    played = world(ONLY, other).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert json.loads(played.sent[1]) == {"name": {"first": "Ana"}, "created": "2026-01-01"}


def test_a_rule_is_not_for_the_recipients_it_spares() -> None:
    rule = "{id: names, mask: user.name, with: remove, direction: request, unless: {recipients: [ovh]}}"
    away = world(rule).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert json.loads(away.sent[1])["name"] == {}
    home = world(rule, address=EUROPE).ask("POST", "/crm/contacts", client="admin", json_body=PERSON)
    assert json.loads(home.sent[1])["name"] == PERSON["name"]
