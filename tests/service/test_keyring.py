"""Key epochs of a running gateway: rotated, reloaded and taken out without a restart."""

import http.client
import json
import os
import signal
from base64 import b32decode
from pathlib import Path

from gateway import keys
from gateway.cli.main import main
from tests.plane import Upstream, answer
from tests.service.house import House, asked, running, until
from tests.world import RULES

CONTACT = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
REVEALED = RULES.replace(
    "support: {show: [user.name, user.unique_id], mask: {",
    "support: {show: [user.name, user.unique_id], reveal: user.contact, mask: {user.contact.email: token, ",
)


def reloaded(house: House, result: str) -> None:
    """Wait until each worker has read the keyring once more."""
    name = f'hushgate_reloads_total{{result="{result}"}}'
    before = house.metrics().get(name, 0)
    assert house.process is not None
    os.kill(house.process.pid, signal.SIGHUP)
    until(lambda: house.metrics().get(name, 0) == before + house.workers, lambda: house.log)


def shown(connection: http.client.HTTPConnection) -> str:
    """The token by which an application knows the address."""
    return str(json.loads(asked(connection, "GET", "/crm/contacts/7")[1])["email"])


def epoch(token: str) -> int:
    local = token.partition("@")[0].upper()
    return b32decode(local[1:] + "=" * (-len(local[1:]) % 8))[0]


def sent_back(connection: http.client.HTTPConnection, token: str) -> int:
    body = json.dumps({"email": token}).encode()
    return asked(connection, "POST", "/crm/contacts", body, Content_Type="application/json")[0]


def test_epochs_come_and_go_while_it_runs(tmp_path: Path) -> None:
    with (
        Upstream(lambda _: answer(CONTACT)) as upstream,
        running(House(tmp_path, upstream.port, workers=2, rules=REVEALED)) as house,
    ):
        ring = tmp_path / "keyring"
        held = [http.client.HTTPConnection(*house.apps, timeout=30) for _ in range(20)]
        (old,) = {shown(each) for each in held}
        pids = house.pids()

        assert main(["key", "rotate", "--keyring", str(ring)]) == 0
        assert {shown(each) for each in held} == {old}, "in force before anybody said so"
        reloaded(house, "ok")
        (new,) = {shown(each) for each in held}
        assert (epoch(old), epoch(new)) == (1, 2) and house.pids() == pids
        assert {sent_back(each, token) for each in held for token in (old, new)} == {200}
        bodies = [raw.partition(b"\r\n\r\n")[2] for raw in upstream.requests if raw.startswith(b"POST")]
        assert len(bodies) == 40 and {json.loads(body)["email"] for body in bodies} == {"ana@example.com"}

        ring.write_bytes(ring.read_bytes().splitlines()[0] + b"\n")
        reloaded(house, "ok")
        assert {(sent_back(each, old), sent_back(each, new)) for each in held} == {(200, 422)}
        for each in held:
            each.close()


def test_a_keyring_that_may_not_be_used_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    with (
        Upstream(lambda _: answer(CONTACT)) as upstream,
        running(House(tmp_path, upstream.port, rules=REVEALED)) as house,
    ):
        ring = tmp_path / "keyring"
        good = ring.read_bytes()
        connection = http.client.HTTPConnection(*house.apps, timeout=30)
        token = shown(connection)
        for text, mode, said in (
            (keys.generate(), 0o600, "another first key"),
            (good, 0o640, "mode 0640"),
            (b"hushgate-key-v1:short\n", 0o600, "keyring:1:"),
        ):
            ring.write_bytes(text)
            ring.chmod(mode)
            reloaded(house, "partial")
            assert said in house.log and text.decode().strip() not in house.log
            assert shown(connection) == token and sent_back(connection, token) == 200
        connection.close()
