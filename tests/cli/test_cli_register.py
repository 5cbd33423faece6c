"""`hushgate register` and `hushgate residency simulate`, on an access log as workers write it."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.log import FileLog
from gateway.audit.record import Record
from gateway.audit.walk import verify_directory
from gateway.cli import exits
from gateway.cli.main import main
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.residency.recipients import state
from gateway.service import boot
from gateway.service.deciding import RECIPIENTS as FILE

CONFIG = """\
listeners: [{name: apps, plane: reverse, bind: "127.0.0.1:0"}]
upstreams:
  - name: hs
    provider: hubspot
    url: https://api.hubapi.com
    region: IL
    operator: HubSpot
    route: {prefix: /h}
rules: rules
state: sqlite://state.db
audit: {dir: audit}
keyring: file:keyring
"""
RULES = """\
tenant: acme
instruction: {by: dpo, ref: DPA-1, date: 2026-01-01}
clients: [{id: app, network: 10.0.0.0/8, role: r, purposes: [essential.service]}]
views: {r: {}}
subprocessors:
  - {operator: HubSpot, dpa: D-1, announced: 2020-01-01}
  - {operator: OVH, dpa: D-2, announced: 2020-01-01}
rules:
  - {id: home, residency: {data: user, regions: [EEA], adequacy: true}}
"""
AT = 1_790_000_000.0


def record(phase: Any = "read", **members: Any) -> Record:
    told: dict[str, Any] = {
        "id": "x",
        "at": AT,
        "tenant": "acme",
        "client": "app",
        "purposes": ("essential.service",),
        "provider": "hubspot",
        "upstream": "hs",
        "operation": "contacts.fetch",
        "address": "198.51.100.1",
        "country": "IL",
        "operator": "HubSpot",
        "seen": {"user.name": 2, "user.contact.email": 1},
        "subjects": ("pseudonym-of-somebody",),
    }
    return Record(phase=phase, **(told | members))


def write(folder: Path, *records: Record, worker: int = 0) -> None:
    log = FileLog(
        str(folder / "audit"), worker, "written", call_soon=lambda w: w(), run_blocking=lambda _w, _d: None
    )
    for each in records:
        log.append(each, lambda error: pytest.fail(str(error)) if error else None)
    log.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("rules", "audit"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    (tmp_path / "keyring").write_text("not read")
    file = tmp_path / "hushgate.yaml"
    file.write_text(CONFIG)
    return file


def ran(capsys: pytest.CaptureFixture[str], *words: str, code: int = exits.OK) -> str:
    assert main(list(words)) == code
    return capsys.readouterr().out


def transfers(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> dict[str, dict[str, Any]]:
    out = json.loads(ran(capsys, "register", *words, "-c", str(config), "--json"))
    return {row["category"]: row for row in out["transfers"]}


def test_it_counts_each_record_once_whenever_it_is_asked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = config.parent
    write(folder, record(), record("intent", seen={}), record("refusal", address=""))
    for _ in range(2):
        rows = transfers(capsys, config)
        assert {name: (row["exchanges"], row["values"], row["refused"]) for name, row in rows.items()} == {
            "user.name": (1, 2, 0),
            "user.contact.email": (1, 1, 0),
        }
    write(folder, record("outcome", at=AT + 60, seen={"user.name": 5}))
    rows = transfers(capsys, config)
    assert (rows["user.name"]["exchanges"], rows["user.name"]["values"]) == (2, 7)
    assert (rows["user.name"]["first"], rows["user.name"]["last"]) == (
        "2026-09-21T14:13:20Z",
        "2026-09-21T14:14:20Z",
    )
    assert rows["user.name"]["basis"] == "adequacy"
    assert "pseudonym" not in (folder / "transfers.json").read_text()


def test_it_outlives_the_log_and_is_rebuilt_from_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(config.parent, record())
    transfers(capsys, config)
    for segment in (config.parent / "audit").glob("*.jsonl"):
        segment.unlink()
    assert transfers(capsys, config)["user.name"]["exchanges"] == 1
    assert transfers(capsys, config, "rebuild") == {}
    (config.parent / "transfers.json").write_text("{")
    ran(capsys, "register", "-c", str(config), code=exits.UNAVAILABLE)


def test_exports(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(config.parent, record(operator="=cmd()"))
    rows = list(csv.DictReader(io.StringIO(ran(capsys, "register", "-c", str(config), "--csv"))))
    assert [row["category"] for row in rows] == ["user.contact.email", "user.name"]
    assert {row["operator"] for row in rows} == {"'=cmd()"}
    page = ran(capsys, "register", "-c", str(config), "--markdown")
    assert "Instruction: DPA-1, by dpo, 2026-01-01" in page
    assert "| essential.service | user.contact.email, user.name | =cmd() (hubspot) | IL | adequacy |" in page
    assert "| OVH | D-2 | 2020-01-01 | 2020-01-31 | open |" in page


def test_differences(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(config.parent, record(operator="Contabo", country="US"))
    told = ran(capsys, "register", "differences", "-c", str(config), code=exits.FAILED).splitlines()
    assert told == [
        "acme: Contabo was given data and is no sub-processor",
        "acme: HubSpot is a sub-processor and was given nothing",
        "acme: OVH is a sub-processor and was given nothing",
        "acme: Contabo in US: no basis in law by itself",
        "acme: upstream hs is declared in IL and was seen in US",
    ]


def test_quarantine(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = record("refusal", operator="Contabo", rules=("subprocessors",), seen={})
    write(config.parent, refused, record())
    words = ("register", "-c", str(config), "--quarantine", "--json")
    (found,) = json.loads(ran(capsys, *words))["quarantine"]
    assert (found["operator"], found["state"], found["refused"]) == ("Contabo", "not announced", 1)


def decide(capsys: pytest.CaptureFixture[str], config: Path, word: str, code: int = exits.OK) -> None:
    who = ("--tenant", "acme", "--operator", "ovh", "--by", "dpo", "--reason", "no audit report")
    ran(capsys, "register", word, "-c", str(config), *who, code=code)


def test_decisions_are_on_record_and_in_force(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def states() -> list[str]:
        loaded = boot.load(load_config(config, None))
        listed = loaded.policies()["acme"].subprocessors or ()
        return [state(line, date(2030, 1, 1)) for line in listed]

    assert states() == ["open", "open"]
    decide(capsys, config, "object")
    assert states() == ["open", "objected"]
    decide(capsys, config, "approve")
    assert states() == ["open", "open"]
    report = verify_directory(config.parent / "audit")
    assert (report.verified, [name for name, _ in report.heads.items()]) == (True, ["worker-99"])
    told = ran(capsys, "audit", "tail", str(config.parent / "audit"), "--json")
    said = [json.loads(line) for line in told.splitlines()]
    assert [(each["reason"], each["operator"], each["note"]) for each in said if each["phase"] == "step"] == [
        ("objected", "ovh", "by dpo: no audit report"),
        ("approved", "ovh", "by dpo: no audit report"),
    ]
    (config.parent / FILE).write_text("{}\n")
    with pytest.raises(ConfigError):
        boot.load(load_config(config, None))


def test_nobody_decides_on_who_is_not_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("register", "approve", "-c", str(config), "--tenant", "acme")
    ran(capsys, *words, code=exits.USAGE)
    ran(capsys, *words, "--operator", "Contabo", "--by", "x", code=exits.FAILED)
    assert not (config.parent / FILE).exists()


def simulated(
    capsys: pytest.CaptureFixture[str], config: Path, *words: str, code: int = exits.OK
) -> list[tuple[str, list[str]]]:
    out = json.loads(ran(capsys, "residency", "simulate", "-c", str(config), "--json", *words, code=code))
    return [(change["after"], change["rules"]) for change in out["changes"]]


def test_what_breaks_if_adequacy_falls(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(config.parent, record(seen={"user.name": 1}))
    broken = [("region_not_allowed", ["home"])]
    assert simulated(capsys, config) == []
    assert simulated(capsys, config, "--without", "adequacy:JP", "--on", "2027-01-01") == []
    assert simulated(capsys, config, "--without", "adequacy:IL", code=exits.FAILED) == broken
    assert simulated(capsys, config, "--on", "2005-01-01", code=exits.FAILED) == [
        ("region_not_allowed", ["home", "subprocessors"])
    ]
    text = ran(capsys, "residency", "simulate", "-c", str(config), "--without", "adequacy:IL", code=1)
    assert text.splitlines()[-1] == "1 of 1 kinds of transfers would be refused, 0 no longer"


def test_other_rules(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(config.parent, record(seen={"user.name": 1}))
    other = tmp_path / "other"
    other.mkdir()
    (other / "acme.yaml").write_text(RULES.replace("regions: [EEA], adequacy: true", "regions: [FR]"))
    broken = [("region_not_allowed", ["home"])]
    assert simulated(capsys, config, "--rules", str(other), code=exits.FAILED) == broken
    (other / "acme.yaml").write_text(RULES.replace("id: app", "id: other"))
    assert simulated(capsys, config, "--rules", str(other), code=exits.FAILED) == [("gone", [])]
    (other / "acme.yaml").write_text("tenant: acme\n")
    ran(capsys, "residency", "simulate", "-c", str(config), "--rules", str(other), code=exits.CONFIG)


def test_a_word_that_is_no_decision(config: Path) -> None:
    with pytest.raises(SystemExit):
        main(["residency", "simulate", "-c", str(config), "--without", "adequacy:XX"])
