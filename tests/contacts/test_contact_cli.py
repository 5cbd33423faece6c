import json
from pathlib import Path

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


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "audit").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES % ("ab" * 32))
    (tmp_path / "keyring").write_bytes(keys.generate())
    (tmp_path / "keyring").chmod(0o600)
    file = tmp_path / "hushgate.yaml"
    file.write_text(CONFIG.replace("sqlite:///state.db", f"sqlite://{tmp_path}/state.db"))
    return file


def contacts(config: Path, *words: str, value: str = PHONE, tenant: str = "acme") -> int:
    return main(["contacts", words[0], value, "-c", str(config), "--tenant", tenant, *words[1:]])


def shown(config: Path, capsys: pytest.CaptureFixture[str], value: str = PHONE) -> dict[str, list[object]]:
    capsys.readouterr()
    assert contacts(config, "show", "--json", value=value) == exits.OK
    found: dict[str, list[object]] = json.loads(capsys.readouterr().out)
    return found


def test_a_suppression_comes_and_goes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(config, "suppress") == exits.OK
    assert "every channel, every purpose" in capsys.readouterr().out
    assert shown(config, capsys, "06 12 34 56 78")["suppressions"] == [
        {"channel": None, "purpose": None, "source": "cli"}
    ]
    assert contacts(config, "unsuppress", "--channel", "sms") == exits.OK
    assert shown(config, capsys)["suppressions"]
    assert contacts(config, "unsuppress") == exits.OK
    assert shown(config, capsys)["suppressions"] == []


def test_a_consent_is_recorded(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("consent", "--state", "confirmed", "--channel", "sms", "--purpose", "marketing")
    assert contacts(config, *words) == exits.OK
    assert "confirmed     sms, marketing" in capsys.readouterr().out
    assert shown(config, capsys)["consents"] == [
        {"channel": "sms", "purpose": "marketing", "state": "confirmed"}
    ]


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
    assert contacts(config, "show", "--kind", "record", value="12345") == exits.OK
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
        ("consent",),
        ("consent", "--state", "maybe"),
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
