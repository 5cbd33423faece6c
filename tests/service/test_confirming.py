"""Suspended, confirmed, withdrawn, changed: on a running gateway with two workers, and on record."""

import os
import signal
from pathlib import Path

import pytest

from gateway import clock
from gateway.audit.segment import Segments
from gateway.audit.walk import chains, verify_directory
from gateway.cli import exits
from gateway.cli.main import main
from gateway.config import load_config
from gateway.errors import StoreError
from gateway.service import boot
from gateway.service.accounting import AGAIN, DAY, FILE, Accounts
from gateway.service.deciding import CONFIRMATIONS, RECIPIENTS
from tests.plane import Upstream, answer
from tests.service.house import House, running, until
from tests.world import RULES

RULE = "{id: home, residency: {regions: [DE], bases: [{scc: {recipients: crm, until: 2026-01-01, ref: y}}]}}"
LIST = "subprocessors: [{operator: OVH, dpa: D-1, announced: 2020-01-01}]\n"
SUSPENDED = f"{RULES}{LIST}rules:\n  - {RULE}\n"
B = """\
tenant: b
instruction: {by: dpo, ref: DPA, date: 2026-01-01}
clients: [{id: app, network: 10.0.0.0/8, role: r, purposes: [essential.service]}]
views: {r: {}}
"""
WHO = ("--by", "dpo", "--reason", "litigation")


def said(house: House) -> list[tuple[str, str]]:
    """(word, about) of every step on record, in order of time."""
    found = sorted((r for r in house.records() if r["phase"] == "step"), key=lambda each: each["time"])
    return [(each["reason"], each.get("operator") or each["rules"][0]) for each in found]


def statuses(house: House) -> set[int]:
    """Of connections that both workers take."""
    return {house.ask("GET", "/crm/contacts/7")[0] for _ in range(12)}


def decided(house: House, *words: str, code: int = exits.OK) -> None:
    assert main([*words, "-c", str(house.config)]) == code


def test_from_suspended_to_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upstream = Upstream(lambda _: answer(b'{"id": "7"}'))
    with upstream, running(House(tmp_path, upstream.port, workers=2, rules=SUSPENDED)) as house:
        expected = [("suspended", "home"), ("opened", "OVH")]

        def becomes(status: int, *steps: tuple[str, str]) -> None:
            """In both workers, and on record."""
            expected.extend(steps)
            until(lambda: said(house) == expected, lambda: f"{said(house)} is not {expected}")
            until(lambda: statuses(house) == {status}, lambda: house.log)

        becomes(451)
        assert main(["check", str(house.config)]) == exits.CONFIG
        told = capsys.readouterr().out
        assert "acme.yaml:" in told and "the basis scc" in told and "confirmation with a reason" in told
        decided(house, "rules", code=exits.FAILED)
        assert "home: suspended" in capsys.readouterr().out
        decided(house, "rules", "confirm", "home", *WHO)
        becomes(200, ("confirmed", "home"), ("resumed", "home"))
        decided(house, "rules")
        assert "1 confirmed" in capsys.readouterr().out
        assert main(["check", str(house.config)]) == exits.OK
        decided(house, "register", "object", "--tenant", "acme", "--operator", "OVH", *WHO)
        becomes(451, ("objected", "OVH"), ("closed", "OVH"))
        decided(house, "register", "approve", "--tenant", "acme", "--operator", "OVH", *WHO)
        becomes(200, ("approved", "OVH"), ("opened", "OVH"))
        decided(house, "rules", "confirm", "home", "--withdraw", "--by", "dpo")
        becomes(451, ("withdrawn", "home"), ("suspended", "home"))
        house.write_rules(SUSPENDED.replace("until: 2026-01-01", "until: 2099-01-01"))
        os.kill(house.process.pid, signal.SIGHUP)  # type: ignore[union-attr]  # it runs
        becomes(200, ("resolved", "home"))
        assert main(["check", str(house.config)]) == exits.OK
        assert house.stop() == 0
        assert house.verify()["verified"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "audit").mkdir()
    return House(tmp_path, 9, rules=SUSPENDED)


def taken(house: House, accounts: Accounts) -> int:
    return accounts.take(boot.load(load_config(house.config, None)))


def accounts(house: House) -> Accounts:
    return Accounts(load_config(house.config, None))


def test_each_step_is_on_record_once_whoever_starts(house: House) -> None:
    assert (taken(house, accounts(house)), taken(house, accounts(house))) == (2, 0)
    house.write_rules(SUSPENDED.replace("regions: [DE]", "regions: [AT]"))
    assert (taken(house, accounts(house)), taken(house, accounts(house))) == (1, 0)
    house.write_rules(RULES)
    assert taken(house, accounts(house)) == 2
    assert [word for word, _ in said(house)] == ["suspended", "opened", "suspended", "resolved", "unlisted"]
    report = verify_directory(house.folder / "audit")
    assert report.verified and list(report.heads) == ["worker-98"]


def test_when_the_day_comes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write_rules(SUSPENDED.replace("until: 2026-01-01", "until: 2030-01-01"))
    last = 1_893_455_999.0  # 2029-12-31T23:59:59Z
    monkeypatch.setattr(clock, "now", lambda: last)
    kept = accounts(house)
    assert taken(house, kept) == 1 and kept.due == last + 1
    monkeypatch.setattr(clock, "now", lambda: kept.due)
    assert taken(house, kept) == 1 and kept.due == last + 1 + DAY
    assert said(house)[-1] == ("suspended", "home")


def test_a_step_that_is_not_on_record_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = accounts(house)
    with monkeypatch.context() as broken:
        broken.setattr(Segments, "append", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(StoreError):
            taken(house, kept)
    assert kept.due <= clock.now() + AGAIN and not (house.folder / FILE).exists()
    assert taken(house, kept) == 2
    (house.folder / FILE).write_text("{")
    assert taken(house, kept) == 2, "rather on record twice than not at all"


def test_what_cannot_be_confirmed(house: House) -> None:
    def refused(*words: str, code: int) -> None:
        decided(house, "rules", "confirm", *words, code=code)

    refused("home", "--by", "dpo", code=exits.USAGE)
    refused("other", *WHO, code=exits.FAILED)
    refused("home", "--withdraw", *WHO, code=exits.FAILED)
    written = ", confirmed: {by: dpo, reason: x, date: 2026-01-01}}"
    house.write_rules(f"{RULES}rules:\n  - {RULE[:-1]}{written}\n")
    refused("home", "--withdraw", *WHO, code=exits.FAILED)
    house.write_rules(SUSPENDED)
    (house.folder / "rules" / "b.yaml").write_text(f"{B}rules:\n  - {RULE}\n")
    refused("home", *WHO, code=exits.USAGE)
    assert main(["rules", "--tenant", "b", "-c", str(house.config)]) == exits.FAILED
    assert not chains(house.folder / "audit")
    assert not {CONFIRMATIONS, RECIPIENTS} & {path.name for path in house.folder.iterdir()}
