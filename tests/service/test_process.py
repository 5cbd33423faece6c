"""`hushgate run` as real processes: pages, workers, signals, reload, stop."""

import http.client
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from gateway.metrics import METRICS
from tests.plane import Upstream, answer
from tests.service.house import House, asked, run, running, until
from tests.world import RULES

CONTACT = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
SHOWN = RULES.replace("show: [user.name, user.unique_id]", "show: [user]")


def contact() -> Upstream:
    return Upstream(lambda _: answer(CONTACT))


def test_pages(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port)) as house:
        assert house.page("/healthz") == (200, '{"status":"ok"}')
        assert house.page("/nothing")[0] == 404
        for _ in range(5):
            assert house.ask("GET", "/crm/contacts/77712345")[0] == 200
        assert house.ask("GET", "/crm/nothing/here")[0] == 403
        until(
            lambda: (
                house.metrics().get(
                    'hushgate_requests_total{operation="contacts.fetch",provider="crm",status="200"}'
                )
                == 5
            )
        )
        text = house.page("/metrics")[1]
        assert [name for name in METRICS if f"# TYPE {name}" not in text] == []
        numbers = house.metrics()
        assert numbers['hushgate_decisions_total{effect="refuse",reason="unknown_operation"}'] == 1
        assert numbers['hushgate_masked_values_total{category="user.contact.email"}'] == 5
        assert numbers["hushgate_added_seconds_count"] == 6
        assert (numbers["hushgate_workers"], numbers["hushgate_ready"]) == (1, 1)
        assert not any(secret in text for secret in ("77712345", "ana@", "127.0.0.1", "key-support", "Ana"))


def test_two_workers_share_the_port_and_reload(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port, workers=2)) as house:
        first, second = house.pids()
        assert first and second and first != second
        held = [http.client.HTTPConnection(*house.apps, timeout=30) for _ in range(40)]
        assert all(b"[redacted]" in asked(c, "GET", "/crm/contacts/7")[1] for c in held)
        served = {r["id"].partition("-")[0] for r in house.records() if r["phase"] == "read"}
        assert len(served) == 2, "one worker took every connection"

        house.write_rules(SHOWN)
        os.kill(house.process.pid, signal.SIGHUP)  # type: ignore[union-attr]  # it runs
        until(lambda: reloads(house, "ok") == 2)
        assert all(b"ana@example.com" in asked(c, "GET", "/crm/contacts/7")[1] for c in held)

        house.write_rules(RULES.replace("views:", "vews:"))
        os.kill(house.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
        until(lambda: reloads(house, "partial") == 2)
        assert all(b"ana@example.com" in asked(c, "GET", "/crm/contacts/7")[1] for c in held)
        said = [line["message"] for line in log_lines(house) if "stay in force" in line["message"]]
        line = 1 + RULES[: RULES.index("views:")].count("\n")
        assert any(f"acme.yaml:{line}:1: found" in text and "'views'" in text for text in said), said
        for connection in held:
            connection.close()
        assert house.stop() == 0
        assert house.verify()["verified"]


def reloads(house: House, result: str) -> float:
    return house.metrics().get(f'hushgate_reloads_total{{result="{result}"}}', 0)


def log_lines(house: House) -> list[dict[str, str]]:
    return [json.loads(line) for line in house.log.splitlines()]


def test_a_broken_rule_file_stops_the_start(tmp_path: Path) -> None:
    house = House(tmp_path, 9, rules=RULES.replace("views:", "vews:").replace("country: FR", "country: XX"))
    done = run("run", "-c", str(house.config))
    assert done.returncode == 3
    assert "acme.yaml" in done.stderr and "vews" in done.stderr and "XX" in done.stderr
    assert not list(tmp_path.glob("audit/*.jsonl"))


def test_a_keyring_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    house = House(tmp_path, 9)
    (tmp_path / "keyring").chmod(0o640)
    done = run("run", "-c", str(house.config))
    assert done.returncode == 3 and "mode 0640" in done.stderr and "hushgate.yaml:10:10" in done.stderr


def test_certificates_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    house = House(tmp_path, 9, listener=", tls: {cert: cert.pem, key: key.pem}")
    done = run("run", "-c", str(house.config))
    assert done.returncode == 3 and "TLS files of 'apps'" in done.stderr


class Load:
    """Callers on keep-alive connections that go on asking until told to stop. `lost`: sent, no answer."""

    def __init__(self, house: House, callers: int = 6) -> None:
        self.house = house
        self.answered = 0
        self.lost: list[str] = []
        self.statuses: set[int] = set()
        self.refused = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(*self.house.apps, timeout=30)
        while not self._over.is_set():
            fresh = connection.sock is None
            try:
                status, _ = asked(connection, "GET", "/crm/contacts/7")
                self.answered += 1
                self.statuses.add(status)
            except (http.client.HTTPException, OSError) as error:
                if fresh:  # the connection itself was refused or not taken up
                    self.refused += 1
                    self._over.wait(0.02)
                else:
                    self.lost.append(repr(error))
                connection.close()
        connection.close()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(15)


def test_stop_under_load_loses_nothing(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port, workers=2)) as house:
        load = Load(house)
        until(lambda: load.answered > 200)
        code = house.stop()
        load.stop()
        assert code == 0, house.log
        assert load.lost == [] and load.statuses == {200}
        phases = [r["phase"] for r in house.records()]
        assert phases.count("start") == phases.count("stop") == 2
        assert phases.count("read") == load.answered
        verified = house.verify()
        assert verified["verified"] and not verified["findings"]


def test_a_killed_worker_is_replaced_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port, workers=2)) as house:
        load = Load(house)
        until(lambda: load.answered > 200)
        before = house.pids()
        counted = answered(house)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: not house.ready())
        until(house.ready, lambda: house.log)
        after = house.pids()
        assert after[1] == before[1] and after[0] not in (0, before[0])
        load.stop()
        assert load.statuses == {200}
        until(lambda: answered(house) > counted)
        numbers = house.metrics()
        assert numbers["hushgate_worker_restarts_total"] == 1
        assert any("worker 0 ended" in line["message"] for line in log_lines(house))
        assert house.stop() == 0
        starts = [r["chain"] if "chain" in r else r["id"] for r in house.records() if r["phase"] == "start"]
        assert len(starts) == 3
        assert house.verify()["verified"]


def answered(house: House) -> float:
    return sum(v for name, v in house.metrics().items() if name.startswith("hushgate_requests_total"))


def test_counters_outlive_a_worker(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port)) as house:
        for _ in range(7):
            house.ask("GET", "/crm/contacts/7")
        until(lambda: answered(house) == 7)
        os.kill(house.pids()[0], signal.SIGKILL)
        until(lambda: not house.ready())
        assert answered(house) == 7, "while it is down"
        until(house.ready, lambda: house.log)
        house.ask("GET", "/crm/contacts/7")
        until(lambda: answered(house) == 8)


def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port)) as house:
        [worker] = house.pids()
        house.stop(signal.SIGKILL)
        until(lambda: not alive(worker))
        assert [r["phase"] for r in house.records()] == ["start", "stop"]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] != b"Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_while_idle(tmp_path: Path, number: int) -> None:
    with contact() as upstream, running(House(tmp_path, upstream.port)) as house:
        began = time.monotonic()
        assert house.stop(number) == 0
        assert time.monotonic() - began < 5
