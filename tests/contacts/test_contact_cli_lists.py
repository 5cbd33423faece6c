"""Lists and tables on the command line: taken in, counted, aged, given back, and campaigns previewed."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from gateway import clock, keys
from gateway.cli import exits
from gateway.cli.main import main
from gateway.intake.moments import day
from gateway.model import SubjectKind

Printed = pytest.CaptureFixture[str]

CONFIG = """\
listeners:
  - {name: apps, plane: reverse, bind: 127.0.0.1:8080}
upstreams:
  - {name: t, provider: twilio, url: https://api.twilio.com, region: US, route: {prefix: /t}}
rules: rules/
state: sqlite://state.db
audit: {dir: audit, durability: written}
keyring: file:keyring
"""
RULES = """\
tenant: acme
instruction: {by: dpo@acme.example, ref: "DPA 1", date: 2026-04-01}
country: FR
clients:
  - {id: app, key: "sha256:%s", role: support, purposes: [marketing.communications.sms]}
views: {support: {show: [user.name], hide_with: redact}}
lists: {bloctel: {max_age: 30 days}}
rules:
  - {id: sms-needs-consent, contact: {channels: [sms], require: consent}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES % ("ab" * 32))
    (tmp_path / "keyring").write_bytes(keys.generate())
    (tmp_path / "keyring").chmod(0o600)
    file = tmp_path / "hushgate.yaml"
    file.write_text(CONFIG)
    return file


AGES = [(5, exits.OK, ""), (25, exits.OK, "warning"), (40, exits.FAILED, "refused")]
UNREAD = "cannot be read as one phone number"
BLOCTEL = ("--list", "bloctel", "--dated")
LIST = ("--list", "l", "--dated")
CRM = ("--list", "crm", "--dated")


def contacts(config: Path, *words: str) -> int:
    return main(["contacts", *words, "-c", str(config), "--tenant", "acme"])


def said(config: Path, capsys: Printed, *words: str, code: int = exits.OK) -> dict[str, Any]:
    capsys.readouterr()
    assert contacts(config, *words, "--json") == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def numbers(count: int) -> list[str]:
    return [f"06{n:08d}" for n in range(count)]


def ago(days: int) -> str:
    return day(clock.now() - 86_400 * days)


def listed(config: Path, *lines: str, name: str = "bloctel.csv") -> str:
    path = config.parent / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return str(path)


def test_a_list_is_taken_in_and_noted(config: Path, capsys: Printed) -> None:
    path = listed(config, "Nom;Telephone", *(f"x;{number}" for number in numbers(20)), "x;nobody")
    words = (
        "import",
        path,
        "--map",
        "phone=Telephone",
        "--list",
        "bloctel",
        "--dated",
        ago(1),
        "--channel",
        "call",
    )
    found = said(config, capsys, *words, "--dry-run")
    assert (found["rows"], found["new"], found["rejected"], found["dry_run"]) == (21, 0, 1, True)
    assert not Path(f"{path}.rejects.csv").exists()
    assert said(config, capsys, *words)["new"] == 20
    assert Path(f"{path}.rejects.csv").read_text().splitlines() == [
        "line,reason",
        f"22,{UNREAD}",
    ]
    assert said(config, capsys, *words)["new"] == 0
    shown = said(config, capsys, "show", "+33600000007")
    assert shown["suppressions"] == [
        {"channel": "call", "purpose": None, "sender": None, "source": "list:bloctel"}
    ]
    [row] = said(config, capsys, "lists")["lists"]
    assert (row["name"], row["dated"], row["state"]) == ("bloctel", ago(1), "fresh")
    assert "20 new" in row["detail"]


@pytest.mark.parametrize(("days", "code", "word"), AGES)
def test_an_old_list_is_told_and_then_refused(
    config: Path, capsys: Printed, days: int, code: int, word: str
) -> None:
    path = listed(config, *numbers(3), name="list.txt")
    assert contacts(config, "import", path, *BLOCTEL, ago(days)) == code
    assert word in capsys.readouterr().err
    assert contacts(config, "lists") == (exits.FAILED if code else exits.OK)
    out = capsys.readouterr().out
    assert ("never imported" in out) == (code == exits.FAILED)


def test_a_list_that_grew_old_since_is_told(config: Path, capsys: Printed) -> None:
    path = listed(config, *numbers(3), name="list.txt")
    assert contacts(config, "import", path, *BLOCTEL, ago(20)) == exits.OK
    rules = config.parent / "rules" / "acme.yaml"
    rules.write_text(rules.read_text().replace("30 days", "10 days"))
    assert said(config, capsys, "lists", code=exits.FAILED)["lists"][0]["state"] == "stale"


@pytest.mark.parametrize(
    "words",
    [
        ("--list", "bloctel"),
        ("--dated", "2026-01-01"),
        (*LIST, "2999-01-01"),
        (*LIST, "2026-01-01", "--map", "telephone=a"),
        (*LIST, "2026-01-01", "--word", "oui"),
        (*LIST, "2026-01-01", "--word", "oui=yes"),
    ],
)
def test_what_a_list_needs_is_asked_for(config: Path, capsys: Printed, words: tuple[str, ...]) -> None:
    assert contacts(config, "import", listed(config, "phone", *numbers(1)), *words) == exits.USAGE
    assert numbers(1)[0] not in capsys.readouterr().err


def test_a_column_that_is_not_there_is_told(config: Path, capsys: Printed) -> None:
    path = listed(config, "a,b", "1,2")
    words = ("import", path, *LIST, ago(1), "--map", "phone=c")
    assert contacts(config, *words) not in (exits.OK, exits.USAGE)
    assert "column" in capsys.readouterr().err
    assert contacts(config, "import", path + "x", *LIST, ago(1)) != exits.OK


def test_record_ids_of_nobody_knows_whom_are_rejected(config: Path, capsys: Printed) -> None:
    path = listed(config, "record", "17", "hubspot/contact/18", "hubspot/person/19")
    taken = said(config, capsys, "import", path, *LIST, ago(1))
    assert (taken["new"], taken["rejected"]) == (1, 2)
    [reason] = taken["reasons"]
    assert "hubspot/contact/ID" in reason and "salesforce/ID" in reason
    assert (
        said(config, capsys, "import", path, *CRM, ago(1), "--records", "hubspot/contact/")["rejected"] == 0
    )
    assert contacts(config, "import", path, *LIST, ago(1), "--records", "hubspot/contacts") == exits.USAGE
    assert "one of hubspot/call" in capsys.readouterr().err


def test_the_ledger_goes_out_and_comes_back(config: Path, capsys: Printed) -> None:
    table = ["record,phone,optin,when", "1,0600000001,oui,2026-01-02", "2,0600000002,non,2026-01-02"]
    words = (
        "--records",
        "salesforce",
        "--map",
        "act=optin,at=when",
        "--word",
        "oui=granted",
        "--word",
        "non=withdrawn",
        "--purpose",
        "marketing",
    )
    assert said(config, capsys, "import", listed(config, *table), *CRM, ago(1), *words)["links"] == 2
    out = config.parent / "ledger.jsonl.gz"
    assert said(config, capsys, "export", "-o", str(out))["lines"] == 7
    assert b"0600000001" not in gzip.decompress(out.read_bytes())
    before = said(config, capsys, "show", "salesforce/1", "--kind", "record")
    (config.parent / "state.db").unlink()
    for side in ("-wal", "-shm"):
        (config.parent / f"state.db{side}").unlink(missing_ok=True)
    assert said(config, capsys, "import", str(out))["new"] == 5
    assert said(config, capsys, "show", "salesforce/1", "--kind", "record") == before
    capsys.readouterr()
    assert contacts(config, "export", "--table", "funnels") == exits.OK
    assert list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:] == [
        ["marketing", "any", "granted", "2"],
        ["marketing", "any", "withdrawn", "2"],
    ]


def test_a_campaign_is_previewed(config: Path, capsys: Printed) -> None:
    people = numbers(30)
    grant = listed(config, "phone,act", *(f"{number},granted" for number in people[:20]), name="grant.csv")
    assert contacts(config, "import", grant, *CRM, ago(1)) == exits.OK
    stop = listed(config, *people[:4], name="stop.txt")
    assert contacts(config, "import", stop, "--list", "stop", "--dated", ago(1)) == exits.OK
    path = listed(config, "name,phone", *(f"n,{number}" for number in people), "n,nobody", f"n,{people[0]}")
    words = (
        "preview",
        path,
        "--channel",
        "sms",
        "--client",
        "app",
        "--skipped",
        str(config.parent / "skipped.csv"),
    )
    found = said(config, capsys, *words)
    assert (found["recipients"], found["reached"], found["skipped"]) == (32, 16, 16)
    assert found["reasons"] == {
        "contact_without_consent": 10,
        "contact_suppressed": 4,
        "contact_unknown_recipient": 1,
        "named before": 1,
    }
    assert found["rules"] == {"sms-needs-consent": 10, "registry": 4}
    assert len((config.parent / "skipped.csv").read_text().splitlines()) == 17
    assert contacts(config, *words) == exits.OK
    out = capsys.readouterr().out
    assert "of 32: 16 would be skipped, 16 reached" in out
    assert people[0] not in out


@pytest.mark.parametrize(
    "words",
    [
        ("--client", "nobody"),
        ("--client", "app", "--purpose", "essential"),
        ("--client", "app", "--operation", "twilio.x"),
    ],
)
def test_a_campaign_nobody_could_send_is_a_usage_error(config: Path, words: tuple[str, ...]) -> None:
    assert (
        contacts(config, "preview", listed(config, "phone", *numbers(1)), "--channel", "sms", *words)
        == exits.USAGE
    )


@pytest.mark.parametrize("kind", ["phone", "email", "record"])
def test_kinds_can_be_declared(config: Path, capsys: Printed, kind: SubjectKind) -> None:
    value = {"phone": "0600000001", "email": "A@B.fr", "record": "hubspot/contact/17"}[kind]
    path = listed(config, value, name="one.txt")
    assert said(config, capsys, "import", path, *LIST, ago(1), "--kind", kind)["new"] == 1
    assert said(config, capsys, "show", value, "--kind", kind)["suppressions"]
