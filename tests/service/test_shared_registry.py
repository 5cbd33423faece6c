"""Two running gateways that share a registry on Redis: what one is told is in force on both; what both do
while the server is away, and when it is back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plane import Upstream, answer
from tests.redisserver import Server
from tests.service.house import House, run, running, until

FORM = {"Content_Type": "application/x-www-form-urlencoded", "key": "caller"}
STATE = "{{url: redis://127.0.0.1:{port}, staleness: 1s, timeout: 500ms}}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "redis").mkdir()
    made = Server(tmp_path / "redis")
    yield made
    made.stop()


def house(folder: Path, crm: Upstream, server: Server, workers: int) -> House:
    folder.mkdir()
    made = House(folder, crm.port, workers=workers)
    text = made.config.read_text().replace("sqlite://state.db", STATE.format(port=server.port))
    made.config.write_text(text)
    return made


def send(to: House, body: bytes = b"To=%2B33612345678&Body=hello") -> tuple[int, str]:
    status, found = to.ask("POST", "/crm/messages", body, **FORM)
    document: dict[str, Any] = json.loads(found)
    return status, str(document.get("type", "")).removeprefix("urn:hushgate:")


def test_two_gateways_and_one_registry(tmp_path: Path, server: Server) -> None:
    with (
        Upstream(lambda _: answer(b'{"id": "1"}')) as crm,
        running(house(tmp_path / "a", crm, server, 2)) as one,
        running(house(tmp_path / "b", crm, server, 1)) as other,
    ):
        assert {send(to)[0] for _ in range(4) for to in (one, other)} == {200}  # remembered by all workers
        done = run(
            *("contacts", "suppress", "+33612345678", "--tenant", "acme"),
            *("-c", str(one.config), "--channel", "sms"),
        )
        assert done.returncode == 0, done.stderr
        refused = (403, "contact_suppressed")
        for to in (one, other):
            until(lambda to=to: {send(to) for _ in range(4)} == {refused})  # type: ignore[misc]
        assert not (tmp_path / "a" / "state.db").exists()

        server.kill()
        for to in (one, other):
            until(lambda to=to: not to.ready())  # type: ignore[misc]
            until(lambda to=to: send(to) == (503, "registry_unavailable"))  # type: ignore[misc]
            assert to.ask("GET", "/crm/contacts/7")[0] == 200, "a read needs no registry"
        sent = len(crm.requests)
        assert server.start()
        for to in (one, other):
            until(to.ready, lambda to=to: to.log)  # type: ignore[misc]
            assert send(to) == refused
        assert len(crm.requests) == sent


def test_a_server_that_would_forget_keeps_a_gateway_from_starting(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    server = Server(tmp_path / "redis", "--appendonly", "no", "--save", "")
    try:
        with Upstream(lambda _: answer(b"{}")) as crm:
            it = house(tmp_path / "a", crm, server, 1)
            done = run("run", "-c", str(it.config))
        assert done.returncode != 0
        assert "appendonly is off" in done.stderr
    finally:
        server.stop()
