"""The parts of the service alone: slot, supervisor, admin pages, log lines, registry, metrics."""

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway import clock
from gateway.audit.record import UNJUDGED, Record
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks
from gateway.deployment import Log
from gateway.errors import StoreError
from gateway.metrics import BUCKETS, METRICS, Metrics, total
from gateway.model import AGAINST
from gateway.service import logs
from gateway.service.admin import STALE, Slots
from gateway.service.registry import Reopened
from gateway.service.slot import SIZE, Slot, _half
from tests.service.house import environ, until

# ---- slot ----------------------------------------


def test_slot_gives_back_the_last_write() -> None:
    slot = Slot()
    assert slot.read() == (b"", False, 0.0, 0)
    for number in range(5):
        assert slot.write(b"x" * number, ready=True, now=1.5, pid=number)
        assert slot.read() == (b"x" * number, True, 1.5, number)
    slot.down()
    assert slot.read() == (b"xxxx", False, 1.5, 0)


def test_slot_refuses_what_does_not_fit_and_keeps_the_old() -> None:
    slot = Slot()
    slot.write(b"old", ready=True, now=1.0, pid=1)
    assert not slot.write(bytes(SIZE), ready=True, now=2.0, pid=1)
    assert slot.read() == (b"old", True, 1.0, 1)


def test_slot_survives_a_writer_that_is_killed_half_way() -> None:
    slot = Slot()
    slot.write(b"counted", ready=True, now=1.0, pid=1)

    at = _half(slot._turn() + 1)
    slot._map[at : at + 100] = b"\xff" * 100  # as far as it got
    assert slot.read() == (b"counted", True, 1.0, 1)
    slot.down()
    slot.write(b"goes on", ready=True, now=2.0, pid=2)
    assert slot.read() == (b"goes on", True, 2.0, 2)


def test_slot_is_never_read_torn() -> None:
    slot = Slot()
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            slot.write(bytes([number % 256]) * (number % 5000), ready=True, now=0.0, pid=number % 256)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5000):
            blob, _, _, pid = slot.read()
            assert set(blob) <= {pid}
    finally:
        over.set()
        thread.join()


# ---- supervisor ----------------------------------------


SUPERVISED = """
import logging, pathlib, signal, sys
from gateway.service.signals import unblock
from gateway.service.slot import Slot
from gateway.service.supervisor import Child, Supervisor

starts = pathlib.Path(sys.argv[1])

def stop(*_):
    raise SystemExit(int(sys.argv[2]))

def body():
    with starts.open("a") as file:
        file.write("x")
    if starts.stat().st_size == 1:
        return 3
    signal.signal(signal.SIGTERM, stop)
    unblock()
    while True:
        signal.pause()

logging.disable()
sys.exit(Supervisor([Child("a", body, Slot())], lambda: True, 1.0).run())
"""


@pytest.mark.parametrize("code", [0, 4])
def test_supervisor_replaces_and_stops(tmp_path: Path, code: int) -> None:
    """Its own exit code says whether every child ended well."""
    starts = tmp_path / "starts"
    command = [sys.executable, "-c", SUPERVISED, str(starts), str(code)]
    with subprocess.Popen(command, env=environ()) as process:
        until(lambda: starts.exists() and starts.stat().st_size == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == (1 if code else 0)
    assert starts.read_text() == "xx"


# ---- admin ----------------------------------------


def published(*, beat: float, ready: bool = True, pid: int = 7) -> Slot:
    slot, metrics = Slot(), Metrics()
    metrics.add("hushgate_reloads", "ok")
    slot.write(metrics.pack(), ready=ready, now=beat, pid=pid)
    return slot


def test_ready_means_every_worker_and_lately() -> None:
    now = clock.now()
    assert Slots([published(beat=now), published(beat=now)]).ready()[0]
    for slow in (
        published(beat=now - STALE - 1),
        published(beat=now, ready=False),
        published(beat=now, pid=0),
    ):
        ready, rows = Slots([published(beat=now), slow]).ready()
        assert not ready and [row["ready"] for row in rows] == [True, False]


def test_every_metric_is_collected_and_summed() -> None:
    families = {family.name: family for family in Slots([published(beat=0), published(beat=0)]).collect()}
    assert families.keys() == METRICS.keys()
    [sample] = families["hushgate_reloads"].samples
    assert (sample.labels, sample.value) == ({"result": "ok"}, 2)


# ---- metrics ----------------------------------------


def test_a_successor_goes_on_counting_but_not_measuring() -> None:
    first = Metrics()
    first.add("hushgate_reloads", "ok", by=3)
    first.set("hushgate_connections", value=9)
    second = Metrics()
    second.unpack(first.pack())
    second.add("hushgate_reloads", "ok")
    assert total([second.pack()]).counts == {("hushgate_reloads", "ok"): 4}


def test_folding_keeps_the_sum() -> None:
    metrics = Metrics()
    for tenant in ("a", "b"):
        metrics.add("hushgate_rule_hits", tenant, "r", "enforce", by=2)
    metrics.fold("hushgate_rule_hits", 0)
    assert metrics.counts == {("hushgate_rule_hits", "*", "r", "enforce"): 4}


def test_times_are_counted_below_the_bounds_they_do_not_pass() -> None:
    metrics = Metrics()
    times = [0, 1, 49, 50, 51, 100, 101, 2_500_000, 10_000_000, 10_000_001, 7]
    for each in times:
        metrics.observe_like(Record(phase="read", id="a", at=0.0), each, 3 * each)
    for name, factor in (("hushgate_added_seconds", 1), ("hushgate_total_seconds", 3)):
        metrics.settle()
        *row, whole = metrics.histograms[name]
        for at, bound in enumerate(BUCKETS):
            assert sum(row[: at + 1]) == sum(factor * each / 1e6 <= bound for each in times)
        assert sum(row) == len(times)
        assert whole == pytest.approx(factor * sum(times) / 1e6)


def test_exchanges_are_counted_however_many_share_a_record() -> None:
    one = Record(
        phase="read", id="a", at=0.0, tenant="t", provider="p", operation="o", status=200, rules=("r",),
        shadow=("s",), masked={"user": 3}, unmapped=2, dropped=4, note=UNJUDGED, evidence=f"x{AGAINST}",
    )  # fmt: skip
    alike, apart = Metrics(), Metrics()
    for _ in range(1200):
        alike.observe_like(one, 1, 2)
        apart.observe(replace(one, added_us=1, total_us=2))
    alike.settle()
    apart.settle()
    assert alike.counts == apart.counts and alike.histograms == apart.histograms
    assert alike.counts["hushgate_masked_values", "user"] == 3600
    assert alike.counts["hushgate_unmapped_values",] == 2400
    assert alike.counts["hushgate_dropped_recipients",] == 4800
    assert alike.counts["hushgate_rule_hits", "t", "s", "shadow"] == 1200


# ---- log lines ----------------------------------------


def raised() -> Exception:
    try:
        raise ValueError("ana@example.com")
    except ValueError as error:
        return error


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged_by_type_and_place_only(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.set_up(Log("info", "json" if form == "json" else "text"))
        logging.getLogger("hushgate.test").error("it failed\nbadly", exc_info=raised())
        logging.getLogger("hushgate.test").debug("not shown")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    out = capsys.readouterr().err
    assert "ana@" not in out and "ValueError at " in out and "test_parts.py:" in out
    if form == "json":
        line = json.loads(out)
        assert (line["level"], line["message"]) == ("error", "it failed\nbadly")


# ---- registry ----------------------------------------


def test_registry_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Reopened(tmp_path / "state.db")
    assert not (tmp_path / "state.db").exists()


def test_registry_is_refused_while_its_file_is_gone_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    made = SqliteBooks(path)
    made.enter("acme", [Entry(id="e", subject="p", act="suppressed", at=1.0)])
    made.close()
    registry = Reopened(path)
    assert registry.ready() and registry.standings("acme", ["p"])[0].suppressions
    path.rename(tmp_path / "away")
    assert not registry.ready()
    with pytest.raises(StoreError):
        registry.standings("acme", ["p"])
    (tmp_path / "away").rename(path)
    assert registry.ready() and registry.standings("acme", ["p"])[0].suppressions
    other = SqliteBooks(tmp_path / "other")
    other.close()
    (tmp_path / "other").replace(path)
    assert registry.ready() and not registry.standings("acme", ["p"])[0].suppressions
    registry.close()
