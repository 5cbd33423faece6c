import io
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client.core import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gateway.cli import exits
from gateway.cli.drift import METRIC, as_lines, read
from gateway.cli.main import main
from gateway.masking.drift import Strange
from gateway.metrics import METRICS, Metrics
from gateway.service.admin import Slots
from gateway.service.slot import Slot

MOBILE = Strange("hubspot", "contacts.list", "results[].properties.mobile", "user.contact.phone_number")
NOTE = Strange("hubspot", "contacts.list", "results[].note", "user.contact.email")
CARD = Strange("twilio", "calls.get", "*.memo", "user.financial.credit_card")


def page(*workers: dict[Strange, int]) -> str:
    """What the admin process would serve for workers with these counts."""
    slots = []
    for counts in workers:
        metrics = Metrics()
        metrics.add("hushgate_requests", "hubspot", "contacts.list", "200")
        for strange, number in counts.items():
            metrics.add(METRIC, *strange, by=number)
        slot = Slot()
        slot.write(metrics.pack(), ready=True, now=0.0, pid=1)
        slots.append(slot)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Slots(slots))
    return generate_latest(registry).decode()


def test_the_metric_is_a_strange_place() -> None:
    assert METRICS[METRIC].labels == Strange._fields


def test_workers_are_added_up() -> None:
    assert read(page({MOBILE: 130, CARD: 1}, {MOBILE: 2, NOTE: 7})) == {MOBILE: 132, CARD: 1, NOTE: 7}


def test_lines_for_data_maps() -> None:
    assert list(as_lines({CARD: 1, NOTE: 7, MOBILE: 132})) == [
        "hubspot.contacts.list, response:",
        "  results[].properties.mobile: user.contact.phone_number   # 132 values",
        "  results[].note: user.contact.email   # 7 values",
        "twilio.calls.get, response:",
        "  *.memo: user.financial.credit_card   # 1 value",
    ]


def test_of_a_saved_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metrics"
    file.write_text(page({NOTE: 7}))
    assert main(["drift", "--metrics", str(file), "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == [{**NOTE._asdict(), "values": 7}]


def test_nothing_is_said_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(page({})))
    assert main(["drift", "--metrics", "-"]) == exits.OK
    assert capsys.readouterr().out == "nothing was seen that the data maps do not name\n"


class _Admin(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = page({MOBILE: 3}).encode() if self.path == "/metrics" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        del format, args


def test_of_a_running_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--tenant", "acme"]) == exits.OK
    capsys.readouterr()
    config = tmp_path / "hushgate.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("admin:")]
    config.write_text("\n".join(lines) + "\n")
    assert main(["drift", "-c", str(config)]) == exits.FAILED
    assert "no `admin` address" in capsys.readouterr().err
    with HTTPServer(("127.0.0.1", 0), _Admin) as server:
        config.write_text("\n".join([*lines, f"admin: {{bind: 127.0.0.1:{server.server_port}}}"]) + "\n")
        thread = Thread(target=server.handle_request)
        thread.start()
        assert main(["drift", "-c", str(config)]) == exits.OK
        thread.join()
    assert "results[].properties.mobile: user.contact.phone_number   # 3 values" in capsys.readouterr().out
    assert main(["drift", "-c", str(config)]) == exits.UNAVAILABLE
