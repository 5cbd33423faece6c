"""`hushgate canary`: silent where masking holds; loud, and 1, where it does not or nothing is proved."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gateway.cli import canary, exits
from gateway.cli.main import main
from gateway.codecs.json import JsonCodec
from tests.service.house import House
from tests.world import RULES


def folder(tmp_path: Path, rules: str = RULES, more: str = "") -> str:
    return str(House(tmp_path, 1, rules=rules, more=more).config)


def test_where_masking_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "-c", folder(tmp_path)]) == exits.OK
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out if line[:1] != " "][:3] == [
        f"ok    acme / {r}" for r in ("admin", "caller", "support")
    ]
    assert [line.strip() for line in out if line[:1] == " "] == ["1 refused: access_denied"] * 2, "recordings"
    assert out[-1].endswith("hidden values, 0 came out")


def test_where_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonCodec, "transform", lambda _, body, *rest: body)
    assert main(["canary", "-c", folder(tmp_path), "--role", "support"]) == exits.FAILED
    out = capsys.readouterr().out
    assert out.startswith("LEAK  acme / support: ")
    assert "crm.contacts.fetch of crm-1 for helpdesk: email (user.contact.email) in the body, plain" in out
    assert "canary_note (unmapped) in the body" in out
    assert "@hushgate.invalid" not in out


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = folder(tmp_path)
    assert main(["canary", "-c", config, "--json", "--tenant", "acme"]) == exits.OK
    good = json.loads(capsys.readouterr().out)
    assert (good["leaks"], [role["role"] for role in good["roles"]]) == (0, ["admin", "caller", "support"])
    assert [role["results"].get("refused", 0) for role in good["roles"]] == [0, 1, 1]
    assert all(role["results"]["held"] >= role["answers"] - 1 for role in good["roles"])
    monkeypatch.setattr(JsonCodec, "transform", lambda _, body, *rest: body)
    assert main(["canary", "-c", config, "--json"]) == exits.FAILED
    bad = json.loads(capsys.readouterr().out)
    assert bad["leaks"] == sum(len(role["leaks"]) for role in bad["roles"]) > 0
    assert bad["hidden"] == good["hidden"]


@pytest.mark.parametrize("words", [("--tenant", "nobody"), ("--role", "nobody")])
def test_where_nothing_is_looked_for_nothing_is_proved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    assert main(["canary", "-c", folder(tmp_path), *words]) == exits.FAILED
    assert "nothing is proved" in capsys.readouterr().err


def test_a_crash_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonCodec, "transform", lambda *_: 1 / 0)
    assert main(["canary", "-c", folder(tmp_path), "--role", "support"]) == exits.FAILED
    out = capsys.readouterr().out
    assert "FAIL  acme / support" in out
    assert "answers could not be judged" in out


def test_refusals_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = RULES + "rules: [{id: no, access: {operations: crm.contacts.list}, roles: support}]\n"
    assert main(["canary", "-c", folder(tmp_path, rules), "--role", "support"]) == exits.OK
    assert "refused: access_denied" in capsys.readouterr().out


def test_nothing_is_written(tmp_path: Path) -> None:
    config = folder(tmp_path)
    assert main(["canary", "-c", config]) == exits.OK
    assert list((tmp_path / "audit").glob("*.jsonl")) == []
    assert not (tmp_path / "state.db").exists()


def test_mistakes_in_the_deployment_are_told_as_everywhere(tmp_path: Path) -> None:
    assert main(["canary", "-c", folder(tmp_path, RULES + "nonsense: 1\n")]) == exits.CONFIG


# ---- the running gateway --------------------------------------------------------------------------------

HELD = 'hushgate_canary_runs_total{result="held"} 12.0\nhushgate_canary_leaking 0.0\n'
LEAKING = 'hushgate_canary_runs_total{result="leaked"} 1.0\nhushgate_canary_leaking 2.0\nhushgate_ready 0.0\n'


@contextmanager
def admin(text: str) -> Iterator[int]:
    """An admin port that serves this as its metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HELD, exits.OK),
        (LEAKING, exits.FAILED),
        ("hushgate_canary_leaking 0.0\n", exits.FAILED),
        ("", exits.FAILED),
    ],
)
def test_what_the_running_gateway_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    config = Path(folder(tmp_path, more="canary: {every: 60s}\n"))
    with admin(text) as port:
        config.write_text(
            config.read_text().replace('admin: {bind: "127.0.0.1:0"}', f"admin: {{bind: 127.0.0.1:{port}}}")
        )
        assert main(["canary", "--live", "--json", "-c", str(config)]) == code
    assert json.loads(capsys.readouterr().out) == canary.canary_series(text)


def test_nobody_at_the_admin_port(tmp_path: Path) -> None:
    assert (
        main(["canary", "--live", "-c", folder(tmp_path, more="canary: {every: 60s}\n")]) == exits.UNAVAILABLE
    )


def test_live_needs_to_know_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "--live", "-c", folder(tmp_path)]) == exits.USAGE
    assert "`canary`" in capsys.readouterr().err
