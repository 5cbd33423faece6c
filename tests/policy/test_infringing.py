from datetime import date
from pathlib import Path

import pytest

from gateway import clock
from gateway.cli import exits
from gateway.cli.main import main
from gateway.policy.infringing import infringing
from gateway.policy.rulefile import read_rules
from tests.world import RULES

TODAY = date(2026, 11, 22)


def found(residency: str, on: date = TODAY, within: int = 0, rest: str = "") -> list[tuple[str, bool]]:
    text = f"{RULES}rules:\n  - {{id: r, residency: {{regions: [EEA], {residency}}}{rest}}}\n"
    policy = read_rules(text.encode(), "acme.yaml")
    return [(each.found, each.ending) for each in infringing(policy, on, within)]


@pytest.mark.parametrize(
    ("bases", "on", "wrong"),
    [
        ("privacy_shield: {recipients: x}", date(2020, 7, 15), False),
        ("privacy_shield: {recipients: x}", date(2020, 7, 16), True),
        ("privacy_shield: {recipients: x, until: 2020-07-16}", TODAY, False),
        ("dpf: {recipients: x}", date(2023, 7, 9), True),
        ("dpf: {recipients: x}", TODAY, False),
        ("adequacy: {countries: US}", TODAY, True),
        ("adequacy: {countries: IL}", TODAY, False),
        ("scc: {recipients: x, until: 2026-11-22, ref: y}", TODAY, True),
        ("scc: {recipients: x, until: 2026-11-23, ref: y}", TODAY, False),
        ("tenant_consent: {name: nobody-gave}", TODAY, True),
    ],
)
def test_a_basis_that_is_void(bases: str, on: date, wrong: bool) -> None:
    assert bool(found(f"bases: [{{{bases}}}]", on)) is wrong


def test_what_is_said_and_until_when_there_is_time() -> None:
    shield = "bases: [{privacy_shield: {recipients: x}}]"
    [(text, ending)] = found(shield)
    assert "privacy_shield" in text and "2020-07-16" in text and not ending
    clauses = "bases: [{scc: {recipients: x, until: 2026-12-01, ref: y}}]"
    assert found(clauses, within=9) == [("the basis scc ends on 2026-12-01", True)]
    assert not found(clauses, within=8)


def test_confirmed_is_carried_out() -> None:
    shield = "bases: [{privacy_shield: {recipients: x}}]"
    said = ", confirmed: {by: dpo, reason: litigation, date: 2026-01-01}"
    assert not found(shield, rest=said) and not found(shield, rest=", until: 2026-01-01")


def test_a_framework_as_a_region() -> None:
    text = f"{RULES}rules: [{{id: r, residency: {{regions: [US-PRIVACY-SHIELD]}}}}]\n"
    [wrong] = infringing(read_rules(text.encode(), "acme.yaml"), TODAY)
    assert wrong.rule == "r" and "fell on 2020-07-16" in wrong.found


def test_check_names_the_line_and_tells_what_ends_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_795_305_600.0)  # 2026-11-22
    file = tmp_path / "acme.yaml"
    rule = "{id: r, residency: {regions: [EEA], bases: [BASIS]}}"
    for basis, code in (
        ("privacy_shield: {recipients: x}", exits.CONFIG),
        ("scc: {recipients: x, until: 2026-12-01, ref: y}", exits.OK),
        ("dpf: {recipients: x}", exits.OK),
    ):
        file.write_text(f"{RULES}rules:\n  - {rule.replace('BASIS', '{' + basis + '}')}\n")
        assert main(["check", str(tmp_path)]) == code
        out, err = capsys.readouterr()
        assert ("privacy_shield" in out and f"{file}:" in out) is (code == exits.CONFIG)
        assert ("the basis scc ends on 2026-12-01" in err) is basis.startswith("scc")
