"""Stores that fail under a running gateway: refused with 503, not ready, and healed without a restart."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.plane import Upstream, answer
from tests.service.house import House, run, running, until

MESSAGE = b"To=%2B33612345678&Body=hello"
FORM = {"Content_Type": "application/x-www-form-urlencoded", "key": "caller"}


def upstream() -> Upstream:
    return Upstream(lambda _: answer(b'{"id": "1"}'))


def send(house: House, to: bytes = MESSAGE) -> tuple[int, str]:
    """Status, and the reason of a refusal."""
    status, body = house.ask("POST", "/crm/messages", to, **FORM)
    document: dict[str, Any] = json.loads(body)
    return status, str(document.get("type", "")).removeprefix("urn:hushgate:")


UNAVAILABLE = (503, "registry_unavailable")


def test_a_writer_that_holds_the_registry_does_not_stop_its_readers(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert send(house)[0] == 200 and house.ready()
        other.close()


LOCKER = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(descriptor, fcntl.LOCK_EX, 8, 120)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds every lock of the write-ahead index, as one that recovers it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOCKER, f"{path}-shm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    with process:
        assert process.stdout.readline() == b"held\n"
        yield
        process.stdin.close()


def test_a_locked_registry_refuses_contact_and_heals(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        assert send(house)[0] == 200
        with locked(tmp_path / "state.db"):
            assert send(house, b"To=%2B33611111111&Body=x") == UNAVAILABLE
            until(lambda: not house.ready())
            assert house.ask("GET", "/crm/contacts/7")[0] == 200, "a read needs no registry"
        until(house.ready)
        assert send(house, b"To=%2B33611111111&Body=x")[0] == 200
        assert len(crm.requests) == 3


def test_a_removed_registry_refuses_what_is_remembered_too_and_heals(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        suppress(house, "+33612345678")
        assert send(house)[0] == 403
        assert send(house, b"To=%2B33611111111&Body=x")[0] == 200
        backup = tmp_path / "backup.db"
        copy = sqlite3.connect(backup)
        source = sqlite3.connect(tmp_path / "state.db")
        source.backup(copy)
        copy.close()
        source.close()
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        until(lambda: not house.ready())
        assert send(house) == send(house, b"To=%2B33611111111&Body=x") == UNAVAILABLE
        assert not (tmp_path / "state.db").exists(), "an empty one would forget every suppression"

        (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
        until(lambda: send(house) == UNAVAILABLE)
        assert not house.ready()

        shutil.move(backup, tmp_path / "fresh.db")
        (tmp_path / "fresh.db").replace(tmp_path / "state.db")
        until(house.ready, lambda: house.log)
        assert send(house)[1] == "contact_suppressed"
        assert send(house, b"To=%2B33611111111&Body=x")[0] == 200
        assert house.stop() == 0
        assert house.verify()["verified"]


def test_a_registry_damaged_in_place_refuses_contact(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        with (tmp_path / "state.db").open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(0)
            file.write(b"\xff" * size)
        assert send(house)[0] in (200, 503), "an answer from its cache of pages, or none"
        assert house.ask("GET", "/crm/contacts/7")[0] == 200


def suppress(house: House, value: str) -> None:
    done = run("contacts", "suppress", value, "--tenant", "acme", "-c", str(house.config), "--channel", "sms")
    assert done.returncode == 0, done.stderr


def test_a_suppression_is_in_force_on_the_very_next_request(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port, workers=2)) as house:
        for _ in range(8):
            assert send(house)[0] == 200  # remembered by both workers
        suppress(house, "06 12 34 56 78")
        assert {send(house) for _ in range(8)} == {(403, "contact_suppressed")}
        lifted = run(
            *("contacts", "lift", "+33612345678", "--tenant", "acme"),
            *("-c", str(house.config), "--channel", "sms"),
        )
        assert lifted.returncode == 0, lifted.stderr
        assert {send(house)[0] for _ in range(8)} == {200}
        assert len(crm.requests) == 16


FULL = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = ["hushgate", *sys.argv[5:]]
runpy.run_module("gateway.cli.main", run_name="__main__")
"""


def test_a_full_disk_refuses_traffic_and_heals(tmp_path: Path) -> None:
    size = 64 * 1024
    house = House(tmp_path, 0, wrapper=(sys.executable, "-c", FULL, str(size)))
    with upstream() as crm:
        house = House(tmp_path, crm.port, wrapper=(sys.executable, "-c", FULL, str(size)))
        with running(house):
            answered = 0
            while (status := house.ask("GET", "/crm/contacts/7")[0]) == 200:
                answered += 1
                assert answered < 1000
            assert status == 503
            before = len(crm.requests)
            assert house.ask("DELETE", "/crm/contacts/7")[0] == 503
            assert len(crm.requests) == before, "an act is not sent before it is on record"
            until(lambda: not house.ready())
            assert house.verify()["verified"], "nothing half-written"
            [worker] = house.pids()
            subprocess.run(["prlimit", f"--pid={worker}", "--fsize=unlimited"], check=True)
            until(house.ready, lambda: house.log)
            assert house.ask("GET", "/crm/contacts/7")[0] == 200
            assert house.stop() == 0
        phases = [r["phase"] for r in house.records()]
        assert phases.count("read") == answered + 1 and phases.count("recovered") == 1
        assert house.verify()["verified"]


def test_a_moved_log_refuses_traffic(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        assert house.ask("GET", "/crm/contacts/7")[0] == 200
        (tmp_path / "audit").rename(tmp_path / "elsewhere")
        status, body = house.ask("GET", "/crm/contacts/7")
        assert (status, json.loads(body)["type"]) == (503, "urn:hushgate:audit_unavailable")
        until(lambda: not house.ready())
        (tmp_path / "elsewhere").rename(tmp_path / "audit")
        until(house.ready)
        assert house.ask("GET", "/crm/contacts/7")[0] == 200


# ---- explain ----------------------------------------


def test_explain_says_what_the_gateway_does(tmp_path: Path) -> None:
    with upstream() as crm, running(House(tmp_path, crm.port)) as house:
        suppress(house, "+33612345678")
        file = tmp_path / "request.http"
        file.write_bytes(
            b"POST /crm/messages HTTP/1.1\nHost: gw.test\nHushgate-Key: key-caller\n"
            b"Content-Type: application/x-www-form-urlencoded\n\n" + MESSAGE
        )
        config = ("-c", str(house.config), "--json")
        from_file = run("explain", *config, "--request", str(file))
        curl = "curl -X POST -H 'Hushgate-Key: key-caller' -d To=%2B33612345678 -d Body=hello"
        from_curl = run("explain", *config, "--", f"{curl} http://gw.test/crm/messages")
        for done in (from_file, from_curl):
            assert done.returncode == 1, done.stderr
            assert "contact_suppressed" in done.stdout and "612345678" not in done.stdout
        assert not crm.requests and not [r for r in house.records() if r["phase"] != "start"]

        assert send(house) == (403, "contact_suppressed")
        [record] = [r for r in house.records() if r["phase"] == "refusal"]
        by_id = run("explain", *config, "--id", record["id"])
        assert by_id.returncode == 0, by_id.stderr
        assert json.loads(by_id.stdout)[0]["reason"] == "contact_suppressed"
        assert run("explain", *config, "--id", "nothing-1").returncode == 1
