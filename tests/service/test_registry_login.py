"""A gateway whose login the shared registry refuses: not ready, says why, and is ready once it is let in."""

import json
from pathlib import Path

import redis

from tests.redisserver import KEEPING, Server
from tests.service.house import House, until


def page(house: House) -> tuple[int, str]:
    """What `/readyz` says; 0 before anybody listens."""
    try:
        return house.page("/readyz")
    except OSError:
        return 0, ""


def test_a_refused_login_is_told_and_heals(tmp_path: Path) -> None:
    server = Server(None, *KEEPING)
    with server.client() as client:
        client.config_set("requirepass", "another")
    house = House(tmp_path, 9, environ={"REGISTRY": "given"})
    state = f"state: {{url: 'redis://127.0.0.1:{server.port}/0', password: env:REGISTRY, folder: kept}}"
    house.config.write_text(house.config.read_text().replace("state: sqlite://state.db", state))
    try:
        house.launch()
        assert house.process is not None and house.process.stdout is not None
        line = house.process.stdout.readline()
        assert line, house.log
        house.admin = tuple(json.loads(line)["admin"])
        until(lambda: "the server refuses the user or its password" in house.log, lambda: house.log)
        until(lambda: page(house)[0])
        status, body = page(house)
        assert status == 503 and json.loads(body)["ready"] is False
        assert "given" not in house.log
        with redis.Redis(port=server.port, password="another") as client:
            client.config_set("requirepass", "given")
        until(house.ready, lambda: house.log)
        assert house.stop() == 0
    finally:
        if house.process is not None and house.process.poll() is None:
            house.stop()
        server.stop()
