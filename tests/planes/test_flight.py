"""Requests on the fast path: what comes of them is what comes of any other."""

import time
from collections.abc import Generator
from typing import Any, cast

import pytest

from gateway.exchange import connecting, straight
from gateway.exchange.commands import Command, NotPermitted
from gateway.exchange.facts import Facts
from gateway.native import load
from gateway.policy.plan import Plan
from gateway.residency import judge
from tests.faulttraffic import READ
from tests.plane import Gate, Upstream, read_answer, request
from tests.planes.flights import (
    ANSWERS,
    LAST,
    Flights,
    ask,
    grounded,
    person,
    plain,
    played,
    said,
)

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")


@pytest.mark.parametrize("name", ANSWERS)
def test_both_ways_are_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    flown = played(ANSWERS[name])
    assert flights.begun == 4 - (name in LAST), "all but the first, and the first on a new connection"
    assert flights.landed >= flights.begun - 1
    grounded(monkeypatch)
    assert flown == played(ANSWERS[name])


@pytest.mark.parametrize(
    "name", ["a person", "with validators", "zipped", "with a reason", "with what no map names"]
)
def test_the_usual_lands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    played(ANSWERS[name])
    assert flights.landed == 4


def test_no_time_is_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    acquired = connecting.acquired

    def slowly(facts: Facts, plan: Plan, gate: judge.Gate) -> Generator[Command, Any, NotPermitted | None]:
        command = acquired(facts, plan, gate)
        connected = yield next(command)
        time.sleep(0.03)
        with pytest.raises(StopIteration) as ended:
            command.send(connected)
        return cast("NotPermitted | None", ended.value.value)

    monkeypatch.setattr(straight, "acquired", slowly)
    flights = Flights(monkeypatch)
    played(ANSWERS["in two pieces"])
    assert (flights.begun, flights.landed) == (4, 3), "one was taken over, and none took less than no time"


REQUESTS = {
    "another person": request("GET", "/crm/contacts/8"),
    "a token": request("GET", "/crm/contacts/123456789012345"),
    "an escape": request("GET", "/crm/contacts/a%20b"),
    "a query": request("GET", "/crm/contacts/7?a=b"),
    "another's": request("GET", "/crm/contacts/7", client="admin"),
    "nobody's": request("GET", "/crm/contacts/7").replace(b"key-support", b"key-nobody"),
    "without a key": request("GET", "/crm/contacts/7", client=""),
    "one more field": request("GET", "/crm/contacts/7", extra="X-Trace: 1\r\n"),
    "for the last time": request("GET", "/crm/contacts/7", extra="Connection: close\r\n"),
    "with a body": request("GET", "/crm/contacts/7", b"{}"),
    "another way": request("GET", "/crm/recordings/7"),
    "no way": request("GET", "/crm/contacts/7/more"),
    "a list": request("GET", "/crm/contacts"),
    "no name": request("GET", "/crm/contacts/"),
    "a method": request("DELETE", "/crm/contacts/7"),
    "with what is no HTTP": READ.replace(b"Host", b"Ho st"),
    "in old HTTP": READ.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two at once": READ + READ,
    "with an empty line before": b"\r\n" + READ,
    "two in one": READ.replace(b"/7 ", b"/7 HTTP/1.1\r\nA: b\r\n\r\nGET /crm/contacts/7 ", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_other_requests_are_not_taken_for_their_like(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> tuple[object, ...]:
        with Upstream(person) as upstream, Gate(upstream) as gate:
            with gate.connect() as sock:
                got = [ask(sock), ask(sock), ask(sock, REQUESTS[name])]
                if name == "two at once" and got[2].count(b"HTTP/1.1 200 ") < 2:
                    got[2] += read_answer(sock)
            gate.talk(READ)
            return (
                [plain(each) for each in got],
                list(map(plain, upstream.requests[:4])),
                said(gate.records())[:5],
            )

    flown = seen()
    grounded(monkeypatch)
    assert flown == seen()


def test_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(person) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        whole = plain(ask(sock))
        for cut in (1, 20, len(READ) - 1):
            sock.sendall(READ[:cut])
            time.sleep(0.02)
            assert plain(ask(sock, READ[cut:])) == whole
        sock.sendall(READ * 3)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 3 or not got.endswith(b"}"):
            got += sock.recv(65536)
        assert plain(got) == whole * 3
        assert flights.begun == 0
