"""The API as a process of the gateway's: what it is told is in force in workers, on the very next request."""

import base64
import http.client
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.errors import ConfigError
from tests.plane import Upstream, answer
from tests.service.house import PATIENCE, House, environ, hushgate, running, until
from tests.world import KEYS, RULES

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MORE = (
    'api: {{bind: "127.0.0.1:0", webhooks: [{{name: crm, tenant: acme, url: "{url}", secret: env:HOOK}}]}}\n'
)
PHONE = "+33612345678"
MESSAGE = b"To=%2B33612345678&Body=hello"
FORM = {"Content_Type": "application/x-www-form-urlencoded", "key": "caller"}
SUBJECT = {"subject": {"value": PHONE}}


def upstream() -> Upstream:
    return Upstream(lambda _: answer(b'{"id": "1"}'))


RIGHTS = RULES.replace("id: helpdesk", "id: helpdesk, contacts: write", 1)


HEARD: list[dict[str, Any]] = []


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        HEARD.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def hook() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        HEARD.clear()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def told(house: House, call: str, body: object, key: str = "") -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(*house.api, timeout=PATIENCE)
    headers = {"Hushgate-Key": KEYS["support"].decode(), "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    try:
        connection.request("POST", f"/v1/{call}", json.dumps(body), headers)
        found = connection.getresponse()
        return found.status, json.loads(found.read())
    finally:
        connection.close()


def send(house: House) -> int:
    return house.ask("POST", "/crm/messages", MESSAGE, **FORM)[0]


@contextmanager
def gateway(folder: Path, port: int, hook_port: int) -> Iterator[House]:
    more = MORE.format(url=f"http://127.0.0.1:{hook_port}/changes")
    made = House(folder, port, rules=RIGHTS, more=more, environ={"HOOK": SECRET})
    with running(made) as house:
        yield house


def test_what_the_api_is_told_is_in_force_at_once_and_told_on(tmp_path: Path) -> None:
    with upstream() as crm, hook() as heard, gateway(tmp_path, crm.port, heard.server_port) as house:
        until(lambda: (tmp_path / "api.db").exists() and send(house) == 200, lambda: house.log)
        until(lambda: told(house, "zones", {**SUBJECT, "zone": "Europe/Paris"}) and HEARD)
        for _ in range(3):
            assert told(house, "suppressions", {**SUBJECT, "channel": "sms"})[0] == 200
            assert send(house) == 403
            assert told(house, "suppressions", {**SUBJECT, "channel": "sms", "act": "lifted"})[0] == 200
            assert send(house) == 200
        until(lambda: sum(e["act"] == "lifted" for m in HEARD for e in m["data"]["entries"]) == 3)
        assert PHONE not in json.dumps(HEARD)
        assert house.metrics()['hushgate_api_requests_total{call="suppressions",status="200"}'] == 6
        assert house.stop() == 0
        assert house.verify()["verified"]
        operations = [record.get("operation") for record in house.records()]
        assert operations.count("contacts.suppressions") == 12
        assert PHONE not in json.dumps(house.records())


def test_a_killed_api_comes_back_and_nothing_it_said_is_lost(tmp_path: Path) -> None:
    with upstream() as crm, hook() as heard, gateway(tmp_path, crm.port, heard.server_port) as house:
        known: list[str] = []
        for number in range(2):
            body = {"subject": {"value": f"+3361234560{number}"}}
            status, entered = told(house, "suppressions", body, f"k{number}")
            assert status == 200
            known.append(entered["entries"][0]["id"])
            pid = house.pids()[-1]
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: house.pids()[-1] not in (0, pid) and house.ready(), lambda: house.log)  # type: ignore[misc]
            assert told(house, "suppressions", body, f"k{number}")[1] == entered
        for number, name in enumerate(known):
            found = told(house, "history", {"subject": {"value": f"+3361234560{number}"}})[1]
            assert [entry["id"] for entry in found["entries"]] == [name]


def test_the_api_runs_alone(tmp_path: Path) -> None:
    house = House(
        tmp_path, 1, rules=RIGHTS, more=MORE.format(url="http://127.0.0.1:1/x"), environ={"HOOK": SECRET}
    )
    command = hushgate("api", "--json", "-c", str(house.config))
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, env=environ() | house.environ, cwd=tmp_path
        )
        try:
            assert process.stdout is not None
            house.api = tuple(json.loads(process.stdout.readline())["api"])
            assert told(house, "suppressions", SUBJECT)[1]["new"] == 1
            assert told(house, "lookups", {"subjects": [SUBJECT["subject"]]})[1]["standings"][0][
                "suppressions"
            ]
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, house.log
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("api: {{bind: 10.0.0.1:80}}\n", "without TLS"),
        (MORE.format(url="http://crm.example/x"), "without TLS"),
        (MORE.format(url="https://crm.example/x").replace("acme", "acne"), "unknown tenant"),
    ],
)
def test_what_is_not_safe_is_no_configuration(tmp_path: Path, more: str, problem: str) -> None:
    house = House(tmp_path, 1, more=more.replace("{{", "{").replace("}}", "}"))
    with pytest.raises(ConfigError, match=problem):
        load_config(house.config, {"HOOK": SECRET})


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_AAAA", SECRET[6:], "whsec_" + SECRET[6:] * 3, "whsec_???"]
)
def test_a_secret_that_signs_nothing_is_told_and_not_shown(tmp_path: Path, secret: str) -> None:
    house = House(tmp_path, 1, more=MORE.format(url="https://crm.example/x"))
    with pytest.raises(ConfigError, match="Standard Webhooks") as error:
        load_config(house.config, {"HOOK": secret})
    assert secret[6:] not in str(error.value) or not secret[6:]
