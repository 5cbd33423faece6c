"""`hushgate ca`, run as a command: a life of an authority, with the root at hand and with the root away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import clock
from gateway.ca import authority, keystore
from gateway.ca import root as roots
from gateway.cli import ca, exits
from gateway.cli.main import main
from tests.ca.made import openssl
from tests.test_config import CONFIG, PACK, RULES

Run = Callable[..., tuple[int, str, str]]
DAY = 86_400.0
HOSTS = ("--host", "*.crm.test", "--host", "api.calls.test")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        code = main(["ca", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def made(run: Run) -> Run:
    assert run("init", *HOSTS, "--root-out", "safe")[0] == exits.OK
    return run


def at(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    later = clock.now() + days * DAY
    monkeypatch.setattr(clock, "now", lambda: later)


def shown(run: Run, *words: str) -> Any:
    code, out, _ = run("show", "--json", *words)
    assert code == exits.OK
    return json.loads(out)


def test_an_authority_is_made_with_its_root_elsewhere(made: Run, tmp_path: Path) -> None:
    assert not list(Path("certs/ca").rglob("root.key"))
    assert Path("safe/root.key").stat().st_mode & 0o777 == 0o600
    found = shown(made)
    [one] = found["intermediates"]
    assert (one["state"], one["hosts"]) == ("current", ["api.calls.test", "crm.test"])
    assert found["crl"]["revoked"] == 0 and found["revoked"] == []
    code, out, _ = made("check", "--json")
    assert code == exits.OK
    told = json.loads(out)
    assert told["ok"] and told["problems"] == [] and told["warnings"] == [] and told["minted_ms"] > 0
    assert "current" in made("show")[1] and "minted and verified" in made("check")[1]


def test_a_second_init_changes_nothing(made: Run) -> None:
    before = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    for out in ("safe", "safe2"):
        code, _, err = made("init", *HOSTS, "--root-out", out)
        assert code == exits.CONFIG and "a key is never replaced" in err
    assert {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()} == before


def test_no_hosts_no_authority(run: Run) -> None:
    code, _, err = run("init")
    assert code == exits.CONFIG and "the hosts to intercept" in err
    assert not Path("certs").exists()
    assert run("init", "--host", "com")[0] == exits.FAILED
    assert not Path("certs").exists()


def test_a_root_that_stays_is_warned_of(run: Run) -> None:
    assert run("init", *HOSTS)[0] == exits.OK
    code, out, _ = run("check")
    assert code == exits.OK and "the root's key is on this machine" in out


def test_rotation_when_it_is_due(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shown(made)["intermediates"][0]["name"]
    code, out, _ = made("rotate", "--root", "safe")
    assert code == exits.OK and "not due until" in out
    assert made("check")[0] == exits.OK
    at(monkeypatch, 21)
    code, out, _ = made("check")
    assert code == exits.FAILED and "the next one is due" in out
    code, out, _ = made("rotate", "--root", "safe", "--json")
    assert code == exits.OK and json.loads(out)["rotated"]
    states = {row["name"]: row["state"] for row in shown(made)["intermediates"]}
    assert len(states) == 2 and states.pop(first) == "overlapping" and set(states.values()) == {"current"}
    assert made("check")[0] == exits.OK
    at(monkeypatch, 15)
    assert json.loads(made("rotate", "--root", "safe", "--json")[1])["removed"] == [first]
    assert not Path(f"certs/ca/{first}.key").exists()


def test_rotation_after_everything_has_ended(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 40)
    assert "no intermediate is valid now" in made("check")[1]
    assert made("rotate", "--root", "safe")[0] == exits.OK
    assert made("check")[0] == exits.OK


def test_rotation_for_more_hosts(made: Run) -> None:
    assert made("check", "--host", "new.test.example")[0] == exits.FAILED
    assert made("rotate", "--root", "safe", "--host", "new.test.example")[0] == exits.OK
    assert shown(made)["intermediates"][0]["hosts"] == ["api.calls.test", "crm.test", "new.test.example"]
    assert made("check", "--host", "new.test.example")[0] == exits.OK


def test_a_constrained_root_takes_no_more_hosts(run: Run) -> None:
    run("init", *HOSTS, "--root-out", "safe", "--constrain-root")
    code, _, err = run("rotate", "--root", "safe", "--host", "new.test.example")
    assert code == exits.FAILED and "constrained to other names" in err
    assert len(list(Path("certs/ca").glob("*.key"))) == 1


def test_a_compromise(made: Run, tmp_path: Path) -> None:
    """Revoke with the root at hand, then give the gateway another intermediate."""
    [one] = shown(made)["intermediates"]
    code, out, _ = made("revoke", one["name"], "--root", "safe")
    assert code == exits.OK and "1 revoked" in out
    assert shown(made)["revoked"] == [one["name"]]
    assert made("check")[0] == exits.FAILED
    assert made("rotate", "--root", "safe")[0] == exits.OK
    assert made("check")[0] == exits.OK
    folder = tmp_path / "certs/ca"
    crl = folder / "as.pem"
    der = openssl("crl", "-inform", "DER", "-in", folder / "hushgate.crl", "-out", crl)
    assert der.returncode == 0
    checked = ("-crl_check", "-CAfile", folder / "root.pem", "-CRLfile", crl)
    assert "certificate revoked" in openssl("verify", *checked, folder / f"{one['name']}.pem").stderr
    [new] = shown(made)["intermediates"]
    assert openssl("verify", *checked, folder / f"{new['name']}.pem").returncode == 0


def test_the_list_is_renewed(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shown(made)["crl"]["until"]
    at(monkeypatch, 5)
    assert made("revoke", "--root", "safe")[0] == exits.OK
    assert shown(made)["crl"] == {"revoked": 0, "until": pytest.approx(before + 5 * DAY, abs=60)}


def test_a_list_that_ends_is_told(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made("rotate", "--root", "safe", "--force", "--days", "300")
    at(monkeypatch, 80)
    code, out, _ = made("check")
    assert code == exits.OK and "warning: the CRL ends" in out
    at(monkeypatch, 15)
    code, out, _ = made("check")
    assert code == exits.FAILED and "problem: the CRL ended" in out


def test_a_root_that_is_on_another_machine(run: Run, tmp_path: Path) -> None:
    """Only files travel: a request there, an answer back."""
    vault = ("--dir", "vault/gateway", "--root", "vault/root")
    assert run("init", *HOSTS, "--dir", "vault/gateway", "--root-out", "vault/root")[0] == exits.OK
    assert run("request", *HOSTS, "--out", "request.pem")[0] == exits.OK
    assert run("issue", "request.pem", *vault, "--out", "answer.pem")[0] == exits.OK
    code, out, _ = run("install", "answer.pem")
    assert code == exits.OK and shown(run)["root"]["sha256"] in out
    assert run("check")[0] == exits.OK
    [one] = shown(run)["intermediates"]
    assert run("revoke", one["name"], *vault, "--out", "crl.pem")[0] == exits.OK
    assert run("install", "crl.pem")[0] == exits.OK
    assert shown(run)["revoked"] == [one["name"]]


def test_the_root_does_not_issue_what_it_does_not_vouch_for(made: Run) -> None:
    assert made("request", "--host", "evil.test.example", "--out", "request.pem")[0] == exits.OK
    code, _, err = made("issue", "request.pem", "--root", "safe", "--out", "answer.pem")
    assert code == exits.FAILED and "outside the root's" in err
    assert not Path("answer.pem").exists()
    wider = ("--host", "evil.test.example")
    assert made("issue", "request.pem", "--root", "safe", *wider, "--out", "answer.pem")[0] == exits.OK


@pytest.mark.parametrize("text", [b"", b"hello", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_or_answer(made: Run, text: bytes) -> None:
    Path("odd.pem").write_bytes(text)
    assert made("issue", "odd.pem", "--root", "safe", "--out", "answer.pem")[0] == exits.CONFIG
    assert made("install", "odd.pem")[0] == exits.CONFIG


# ---- passphrases ----------------------------------------


def test_keys_are_encrypted_when_a_passphrase_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENS", "a long passphrase")
    Path("root.phrase").write_text("another long passphrase\n")
    opens = ("--passphrase", "env:OPENS")
    root = ("--root-passphrase", "file:root.phrase")
    assert run("init", *HOSTS, "--root-out", "safe", *opens, *root)[0] == exits.OK
    for file in Path().rglob("*.key"):
        assert b"ENCRYPTED" in file.read_bytes()
    assert run("check", *opens)[0] == exits.OK
    assert run("rotate", "--root", "safe", "--force", *opens, *root)[0] == exits.OK
    assert run("check")[0] == exits.CONFIG
    code, _, err = run("rotate", "--root", "safe", "--force", *opens)
    assert code == exits.CONFIG and "passphrase" in err and "long" not in err


@pytest.mark.parametrize("reference", ["a long passphrase", "env:NOT_SET", "file:missing"])
def test_a_passphrase_that_is_not_there(run: Run, reference: str) -> None:
    code, _, err = run("init", *HOSTS, "--passphrase", reference)
    assert code == exits.CONFIG and "a long passphrase" not in err
    assert not Path("certs").exists()


# ---- with a deployment file ----------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("hubspot", "twilio"):
        (tmp_path / "plugins" / name).mkdir(parents=True)
        (tmp_path / "plugins" / name / "pack.yaml").write_text(PACK.format(name=name))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    section = "certificates: {dir: keys, passphrase: env:OPENS}\n"
    (tmp_path / "hushgate.yaml").write_text(CONFIG + section)
    return tmp_path


def test_hosts_folder_and_passphrase_come_from_the_deployment_file(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ("-c", "hushgate.yaml")
    code, _, err = run("init", *config, "--root-out", "safe")
    assert code == exits.CONFIG and "OPENS" in err, "keys are not written in clear instead"
    monkeypatch.setenv("OPENS", "a long passphrase")
    assert run("init", *config, "--root-out", "safe")[0] == exits.OK
    [one] = shown(run, *config)["intermediates"]
    wanted = ["api.dublin.ie1.twilio.com", "api.example.com", "api.hubapi.com", "twilio.internal"]
    assert one["hosts"] == wanted, "of URLs, of packs, of routes: what is intercepted"
    assert b"ENCRYPTED" in next((home / "keys").glob("*.key")).read_bytes()
    assert run("check", *config)[0] == exits.OK
    text = (home / "hushgate.yaml").read_text()
    (home / "hushgate.yaml").write_text(text.replace("api.hubapi.com", "api.elsewhere.example"))
    code, out, _ = run("check", *config)
    assert code == exits.OK and "warning: api.elsewhere.example is outside the constraints" in out


# ---- trust ----------------------------------------


def test_trust_for_all(made: Run) -> None:
    code, out, _ = made("trust", "--for", "all", "--out", "trust")
    assert code == exits.OK and shown(made)["root"]["sha256"] in out
    assert sorted(file.name for file in Path("trust").iterdir()) == [
        "hushgate-bundle.pem",
        "hushgate-root.cer",
        "hushgate-root.crt",
        "hushgate-truststore.p12",
    ]
    assert "export NODE_EXTRA_CA_CERTS=" in out and "undo" in out


def test_trust_as_json(made: Run) -> None:
    code, out, _ = made("trust", "--for", "node", "--out", "trust", "--json")
    assert code == exits.OK
    found = json.loads(out)["node"]
    assert found["env"] == {"NODE_EXTRA_CA_CERTS": str(Path("trust/hushgate-root.crt").resolve())}
    assert Path(found["files"][0]).read_bytes() == Path("certs/ca/root.pem").read_bytes()


def test_trust_on_standard_output(made: Run) -> None:
    code, out, err = made("trust", "--for", "node")
    assert code == exits.OK and out.encode() == Path("certs/ca/root.pem").read_bytes()
    assert "NODE_EXTRA_CA_CERTS" in err


@pytest.mark.parametrize("words", [("java",), ("all",), ("windows",), ("node", "--json")])
def test_trust_that_needs_a_folder(made: Run, words: tuple[str, ...]) -> None:
    code, out, err = made("trust", "--for", *words)
    assert (code, out) == (exits.CONFIG, "") and "--out" in err


def test_trust_needs_the_bundle_of_the_system(made: Run) -> None:
    Path("none.pem").write_text("")
    code, _, err = made("trust", "--for", "python", "--system", "none.pem")
    assert code == exits.UNAVAILABLE and "--system" in err


# ---- signers ----------------------------------------


@pytest.mark.parametrize("named", ["acme", "acme:", ":key", "a b:c"])
def test_a_signer_is_named_by_plugin_and_key(run: Run, named: str) -> None:
    code, _, err = run("init", *HOSTS, "--signer", named, "--root-out", "safe")
    assert code == exits.CONFIG and "NAME:KEY" in err


def test_a_signer_nobody_installed(run: Run) -> None:
    code, _, err = run("init", *HOSTS, "--root-signer", "acme:key", "--root-out", "safe")
    assert code == exits.FAILED and "hushgate.signers" in err


def test_every_action_has_its_function() -> None:
    for name in ca.OPTIONS:
        assert callable(ca._action(name))


def test_what_travels_is_public(made: Run) -> None:
    """Nothing that `request`, `issue` and `revoke` write for the way holds a key."""
    made("request", "--host", "eu.crm.test", "--out", "request.pem")
    made("issue", "request.pem", "--root", "safe", "--out", "answer.pem")
    made("revoke", "--root", "safe", "--out", "crl.pem")
    for file in ("request.pem", "answer.pem", "crl.pem"):
        assert b"PRIVATE" not in Path(file).read_bytes()
    assert keystore.certificate(Path("answer.pem")) == authority.root_of(Path("certs/ca"))
    assert roots.open_root(Path("safe")).ledger.crl > 1
