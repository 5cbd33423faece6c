from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.cli import exits
from gateway.cli.main import main
from gateway.model import Policy
from gateway.policy.infringing import closed, infringing
from gateway.policy.rulefile import read_rules
from gateway.policy.sensitive import SPECIAL
from gateway.policy.steps import standings
from gateway.policy.taxonomy import CATEGORIES
from gateway.transfers import Confirmation
from tests.world import PACK, RULES, World, json_answer

TODAY = date(2026, 11, 22)
HEAD = """\
tenant: acme
instruction: {by: dpo, ref: DPA, date: 2026-01-01}
clients:
  - {id: dialer, network: 10.0.0.0/8, role: caller, purposes: [marketing.communications, essential]}
  - {id: office, network: 10.0.0.0/9, role: admin, purposes: [essential.service]}
"""
BELIEF = "user.demographic.religious_belief"


def policy(view: str, rules: str = "", *said: Confirmation) -> Policy:
    text = f"{HEAD}views: {{caller: {{{view}}}, admin: {{show: [user]}}}}\nrules: [{rules}]\n"
    return replace(read_rules(text.encode(), "acme.yaml"), confirmations=said)


def test_the_taxonomy_has_them() -> None:
    assert set(SPECIAL) <= CATEGORIES.keys()


@pytest.mark.parametrize(
    ("view", "rules", "wrong"),
    [
        ("show: [user]", "", SPECIAL),
        ("show: [user.name]", "", ()),
        ("show: [user.name], hide_with: {truncate: {keep: 4}}", "", ()),
        ("show: [user.demographic]", "", tuple(c for c in SPECIAL if "demographic" in c)),
        ("show: [user.biometric.voice]", "", ("user.biometric.voice",)),
        (f"mask: {{{BELIEF}: initials}}", "", (BELIEF,)),
        (f"mask: {{{BELIEF}: hash}}", "", ()),
        ("show: [user]", "{id: m, mask: user}", ()),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, purposes: [marketing]}}", ()),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, purposes: [marketing.communications]}}", ()),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, purposes: [marketing.advertising]}}", (BELIEF,)),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, roles: [admin]}}", (BELIEF,)),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, mode: shadow}}", (BELIEF,)),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, providers: [twilio]}}", (BELIEF,)),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, until: 2026-01-01}}", (BELIEF,)),
        (f"show: [{BELIEF}]", f"{{id: m, mask: {BELIEF}, with: initials}}", (BELIEF,)),
        ("show: [user], confirmed: {by: a, reason: Art. 9(2)(a), date: 2026-01-01}", "", ()),
    ],
)
def test_what_is_shown_to_who_acts_for_marketing(view: str, rules: str, wrong: tuple[str, ...]) -> None:
    it = policy(view, rules)
    told = [each.found for each in infringing(it, TODAY)]
    assert told == (
        [f"special categories are shown for marketing: {', '.join(wrong)} to the client dialer"]
        if wrong
        else []
    )
    dialer, office = it.clients
    assert closed(it, dialer, dialer.purposes, TODAY) == wrong
    assert closed(it, dialer, ("essential",), TODAY) == ()
    assert closed(it, office, office.purposes, TODAY) == ()


@pytest.mark.parametrize(("client", "seen"), [("caller", "[redacted]"), ("support", "1990-12-10")])
def test_it_is_hidden_until_it_is_confirmed(client: str, seen: str) -> None:
    pack = PACK.replace(b"user.demographic.date_of_birth", BELIEF.encode())
    rules = RULES.replace("show: [user.name,", f"show: [{BELIEF}, user.name,")
    rules = rules.replace(", user.demographic.date_of_birth: year", "")

    def answered(rules: str) -> object:
        played = World(pack=pack, rules=rules).ask(
            "GET", "/crm/contacts/7", client=client, answer=json_answer({"id": "7", "born": "1990-12-10"})
        )
        return played.json["born"]

    assert answered(rules) == seen
    said = "confirmed: {by: dpo, reason: consent, date: 2026-01-01}"
    assert answered(rules.replace("mask: {user.contact.email: hash}", said)) == "1990-12-10"


def test_a_view_is_confirmed_as_it_is() -> None:
    it = policy(f"show: [{BELIEF}]")
    [standing] = [each for each in standings(it, TODAY) if each.state == "suspended"]
    said = Confirmation(
        tenant="acme",
        rule="view:caller",
        word="confirm",
        by="dpo",
        date="2026-11-22",
        reason="consent, Art. 9(2)(a)",
        text=standing.text,
        basis=standing.basis,
    )
    assert standing.name == "view:caller" and infringing(it, TODAY)
    assert not infringing(policy(f"show: [{BELIEF}]", "", said), TODAY)
    assert infringing(policy(f"show: [{BELIEF}, user.name]", "", said), TODAY)
    assert infringing(policy(f"show: [{BELIEF}]", "", said, replace(said, word="withdraw")), TODAY)


def test_check_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "acme.yaml").write_text(f"{HEAD}views:\n  admin: {{}}\n  caller: {{show: [{BELIEF}]}}\n")
    assert main(["check", str(tmp_path)]) == exits.CONFIG
    assert "acme.yaml:8:1: found 'view:caller': special categories" in capsys.readouterr().out
