"""The benchmark's own arithmetic: what it reports has to be right before anybody believes it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report, work
from benchmarks.cells import CELLS, write_requests
from benchmarks.figures import Cell, Latency, Results, targets
from benchmarks.load.openloop import complete, wire
from benchmarks.load.wrk import Burst
from benchmarks.soak import slope


def cell(*rps: float, busy: float = 1.0) -> Cell:
    bursts = [Burst(rps=r, requests=int(r), failed=0, p50_us=1, p99_us=2, bytes=3) for r in rps]
    return Cell(bursts=bursts, cpu=[busy] * len(bursts), seconds=1)


def results() -> Results:
    machine = {"date": "2026-01-01", "cpu": "x & y", "cores": "2", "kernel": "Linux", "load_before": "0.1"}
    run = Results(machine, {"nginx": "1"}, {"rate": 500})
    run.cells["contact"] = {
        "direct": cell(50_000),
        "lua": cell(900, 1000, 5000),
        "hushgate": cell(700, 600, 10),
        "mitmproxy": cell(20, 20, 20, busy=0.5),
    }
    for name, shift in (("direct", 0), ("hushgate", 200)):
        run.latency[name] = Latency()
        for _ in range(3):
            run.latency[name].add([100 + shift] * 98 + [400 + shift] * 2, 0)
    return run


def test_ratios_are_of_medians() -> None:
    run = results()
    assert run.ratio("contact", "hushgate") == 0.6
    assert run.ratio("contact", "hushgate", "mitmproxy") == 30
    assert run.ratio("contact", "asgi") is None
    assert run.ratio("list100", "hushgate") is None


def test_added_latency_is_over_the_direct_path() -> None:
    run = results()
    assert (run.added("hushgate", "p50"), run.added("hushgate", "p99")) == (200, 200)
    assert run.latency["direct"].p99 == [400, 400, 400]
    assert run.added("lua", "p50") is None


def test_targets_that_were_not_measured_are_not_met() -> None:
    met = {one.what: one.met for one in targets(results())}
    assert met["0.5 KB: times nginx + Lua"] is True
    assert met["0.5 KB: times mitmproxy"] is True
    assert met["50 KB: times nginx + Lua"] is None


def test_reports_are_well_formed(tmp_path: Path) -> None:
    run = results()
    run.missing["asgi"] = "it was not there"
    report.write(run, tmp_path)
    picture = ElementTree.fromstring((tmp_path / "results.svg").read_text())
    assert len(picture.findall("{http://www.w3.org/2000/svg}rect")) == 4
    assert json.loads((tmp_path / "results.json").read_text())["table"][2]["ratio_to_lua"] == 0.6
    text = (tmp_path / "results.md").read_text()
    assert "| one contact, 0.5 KB | Hushgate | 600 | 0.60 | 30.0 |" in text
    assert "20 >=" in text
    assert "it was not there" in text


def test_slope_is_per_minute() -> None:
    mib = 1024 * 1024
    assert slope([n * mib for n in range(10)]) == pytest.approx(60)
    assert slope([5 * mib] * 10) == 0


@pytest.mark.parametrize(
    ("buffer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n", False),
    ],
)
def test_the_end_of_an_answer_is_seen(buffer: bytes, whole: bool) -> None:
    assert complete(buffer) is whole


def test_requests_name_their_provider_and_length(tmp_path: Path) -> None:
    file = write_requests(tmp_path)["message"]
    request = wire(file.read_text().splitlines(keepends=True)[0])
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"Host: twilio.bench.internal" in head
    assert b"Content-Length: %d" % len(body) in head


def test_every_person_is_another_one() -> None:
    people = max(work.SINGLES, work.RECIPIENTS, *(size * n for size, n in work.PAGES.items()))
    assert len({work.phone(n) for n in (*range(people), *work.SUPPRESSED, work.SENDER)}) == people + 3001
    sent = sum(1 for _ in CELLS["list100"].lines())
    assert sent == work.PAGES[100]


def test_bodies_have_the_sizes_they_are_called_by() -> None:
    def size(body: work.Json) -> float:
        return len(json.dumps(body, separators=(",", ":"))) / 1024

    assert 0.4 < size(work.contact(7)) < 0.6
    assert 4 < size(work.page(3, 10)) < 6
    assert 40 < size(work.page(3, 100)) < 60


def test_the_work_masks_three_fields_and_names_three_subjects() -> None:
    one = work.contact(7)
    subjects = work.mask_contact(one)
    fields = one["properties"]
    assert fields["lastname"] == "[redacted]"
    assert fields["phone"] == "********0007"
    assert fields["email"].startswith("h_")
    assert fields["firstname"] == "Hugo"
    assert len(set(subjects)) == 3
