import json
from pathlib import Path
from typing import Any

import pytest

from gateway import keys
from gateway.cli import exits
from gateway.cli.main import main
from gateway.contacts.sqlite import SqliteRegistry

CONFIG = """\
listeners:
  - {name: apps, plane: reverse, bind: 127.0.0.1:8080}
upstreams:
  - {name: h, provider: hubspot, url: https://api.hubapi.com, region: EU, operator: AWS, route: {prefix: /h}}
rules: rules/
state: sqlite:///state.db
audit: {dir: audit, durability: strict}
keyring: file:keyring
"""
RULES = """\
tenant: acme
instruction: {by: dpo@acme.example, ref: "DPA 1", date: 2026-04-01}
country: FR
clients: [{id: app, key: "sha256:%s", role: support, purposes: [essential.service]}]
views: {support: {show: [user.name], hide_with: redact}}
"""
PHONE = "+33612345678"


def furnished(folder: Path) -> Path:
    """A deployment in a folder; its file."""
    (folder / "rules").mkdir()
    (folder / "audit").mkdir()
    (folder / "rules" / "acme.yaml").write_text(RULES % ("ab" * 32))
    (folder / "keyring").write_bytes(keys.generate())
    (folder / "keyring").chmod(0o600)
    file = folder / "hushgate.yaml"
    file.write_text(CONFIG.replace("sqlite:///state.db", f"sqlite://{folder}/state.db"))
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def contacts(config: Path, *words: str, value: str = PHONE, tenant: str = "acme") -> int:
    return main(["contacts", words[0], value, "-c", str(config), "--tenant", tenant, *words[1:]])


def shown(config: Path, capsys: pytest.CaptureFixture[str], value: str = PHONE) -> dict[str, Any]:
    capsys.readouterr()
    assert contacts(config, "show", "--json", value=value) == exits.OK
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_suppression_comes_and_goes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(config, "suppress", "--sender", "01 00 00 00 00") == exits.OK
    assert contacts(config, "suppress") == exits.OK
    assert "every channel, every purpose" in capsys.readouterr().out
    found = shown(config, capsys, "06 12 34 56 78")["suppressions"]
    assert {"channel": None, "purpose": None, "sender": None, "source": "cli"} in found
    assert len(found) == 2
    assert contacts(config, "lift", "--channel", "sms") == exits.OK
    assert shown(config, capsys)["suppressions"] == found
    assert contacts(config, "lift") == exits.OK
    assert contacts(config, "lift", "--sender", "+33100000000") == exits.OK
    assert shown(config, capsys)["suppressions"] == []


def test_a_consent_with_its_proof_is_recorded(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--channel", "sms", "--purpose", "marketing", "--until", "2099-01-01", "--at", "2026-01-02")
    assert contacts(config, "confirm", *words, "--text", "v3", "--evidence", "ab" * 32) == exits.OK
    assert "confirmed     sms, marketing until 2099-01-01T00:00:00Z, proven" in capsys.readouterr().out
    [consent] = shown(config, capsys)["consents"]
    assert consent == {
        "channel": "sms",
        "purpose": "marketing",
        "state": "confirmed",
        "at": 1767312000.0,
        "until": 4070908800.0,
        "proven": True,
    }


@pytest.mark.parametrize(
    ("verb", "words", "member", "known", "ended"),
    [
        ("object", ("--purpose", "marketing"), "objections", [{"channel": None, "purpose": "marketing"}], []),
        ("restrict", ("--purpose", "essential"), "restricted", ["essential"], None),
        ("customer", ("--until", "2099-01-01"), "customer", {"until": 4070908800.0}, None),
    ],
)
def test_what_begins_can_end(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    words: tuple[str, ...],
    member: str,
    known: object,
    ended: object,
) -> None:
    assert contacts(config, verb, *words) == exits.OK
    assert shown(config, capsys)[member] == known
    ending = [word for word in words if verb == "object"]
    assert contacts(config, verb, *ending, "--end") == exits.OK
    assert shown(config, capsys)[member] == ended


def test_zones_and_erasures_are_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(config, "zone", "Europe/Paris") == exits.OK
    assert contacts(config, "erase") == exits.OK
    assert capsys.readouterr().out.count("lives in      Europe/Paris") == 2
    found = shown(config, capsys)
    assert (found["zone"], found["erased"]) == ("Europe/Paris", True)


def test_linked_identifiers_are_one_person(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["contacts", "link", "hubspot/contact/77", PHONE, "-c", str(config), "--tenant", "acme"])
        == exits.OK
    )
    assert "1 other identifier" in capsys.readouterr().out
    assert contacts(config, "suppress") == exits.OK
    capsys.readouterr()
    assert contacts(config, "show", "--kind", "record", value="hubspot/contact/77") == exits.OK
    assert "suppressed" in capsys.readouterr().out
    assert contacts(config, "history", "--kind", "record", "--linked", value="hubspot/contact/77") == exits.OK
    assert "suppressed" in capsys.readouterr().out


def test_the_ledger_of_a_person_is_shown_in_order(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(config, "grant", "--department", "sales", "--at", "2026-01-02", "--id", "a") == exits.OK
    assert contacts(config, "grant", "--department", "sales", "--at", "2026-01-02", "--id", "a") == exits.OK
    assert contacts(config, "withdraw", "--at", "2026-01-03", "--source", "form") == exits.OK
    capsys.readouterr()
    assert contacts(config, "history") == exits.OK
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [
        ["2026-01-02T00:00:00Z", "granted"],
        ["2026-01-03T00:00:00Z", "withdrawn"],
    ]
    assert "department: sales" in lines[0]
    assert contacts(config, "history", "--json") == exits.OK
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [entry["source"] for entry in entries] == ["cli", "form"]


def test_a_worker_that_is_running_sees_it_at_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = SqliteRegistry(config.parent / "state.db")
    pseudonym = str(shown(config, capsys)["subject"])
    assert registry.standings("acme", [pseudonym])[0].suppressions == ()
    assert contacts(config, "suppress") == exits.OK
    assert registry.standings("acme", [pseudonym])[0].suppressions
    registry.close()


def test_the_person_is_nowhere_in_the_files_or_the_output(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert contacts(config, "suppress", value="Jane.Doe@example.com") == exits.OK
    assert contacts(config, "show", value="jane.doe@example.com") == exits.OK
    text = capsys.readouterr().out.lower().encode()
    stored = b"".join(file.read_bytes().lower() for file in config.parent.glob("state.db*"))
    assert b"jane" not in text + stored
    assert stored


def test_a_stranger_is_shown_as_unknown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(config, "show", value="12345", tenant="acme") == exits.USAGE
    assert contacts(config, "show", "--kind", "record", value="salesforce/12345") == exits.OK
    assert "nothing is known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "tenant", "words"),
    [
        ("gibberish", "acme", ()),
        ("a@b@c", "acme", ()),
        (PHONE, "acne", ()),
        (PHONE, "../rules/acme", ()),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], value: str, tenant: str, words: tuple[str, ...]
) -> None:
    assert contacts(config, "suppress", *words, value=value, tenant=tenant) == exits.USAGE
    assert value not in capsys.readouterr().err
    assert not (config.parent / "state.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("suppress", "--channel", "fax"),
        ("suppress", "--purpose", "marketting"),
        ("grant", "--until", "tomorrow"),
        ("consent",),
        ("show", "--channel", "sms"),
    ],
)
def test_words_that_are_not_known_are_a_usage_error(config: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as error:
        contacts(config, *words)
    assert error.value.code == exits.USAGE


def test_a_registry_that_cannot_be_used_is_unavailable(config: Path) -> None:
    (config.parent / "state.db").write_bytes(b"something else entirely" * 100)
    assert contacts(config, "suppress") == exits.UNAVAILABLE


def test_a_missing_configuration_is_a_mistake_in_it(config: Path) -> None:
    assert contacts(config.with_name("absent.yaml"), "show") == exits.CONFIG
