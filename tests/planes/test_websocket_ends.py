"""A WebSocket's life: records before messages, who is left out, and what ends it; on both planes."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.audit.record import Record
from gateway.contacts.model import UNKNOWN, Standing, Suppression
from gateway.errors import StoreError
from tests.logs import record_of
from tests.plane import TIMEOUTS
from tests.planes.talking import ANA, MASKED, PLANES, House, ended, heard
from tests.world import RULES
from tests.wspeers import said, told

TOKENS = RULES.replace(
    "user.demographic.date_of_birth: year}}", "user.contact.email: token}, reveal: user.contact}"
)
MESSAGES = "hushgate_websocket_messages"
WITHHELD = "rules:\n  - {id: alone, records: {}, on_refusal: drop}\n"


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_tokens_are_restored_and_do_not_come_back_in_clear(plane: str) -> None:
    with House(plane, rules=TOKENS) as house:
        app, provider = house.open("/live")
        provider.send(told(json.dumps(ANA)))
        token = heard(app)["email"]
        assert token != ANA["email"] and "ana" not in token
        app.send(said(json.dumps({"event": "find", "email": token})))
        assert heard(provider)["email"] == "ana@example.com"
        provider.send(told(json.dumps({"event": "plain", "text": "for ana@example.com"})))
        assert heard(app)["text"] == f"for {token}"
        other = token[:8] + ("a" if token[8] != "a" else "b") + token[9:]
        app.send(said(json.dumps({"event": "find", "email": other})))
        ended(app, provider, 1008)
        assert house.last(app).reason == "token_invalid"
        restored = next(record for record in house.records(app) if record.restored)
        assert (restored.phase, restored.restored) == ("message", {"user.contact.email": 1})


class Held:
    """A log that accepts when it is told to."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.hold = False
        self.fail = False
        self.waiting: list[Callable[[], None]] = []

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        """Take a record now, or later, or not."""
        if self.fail and record.phase == "message":
            accepted(StoreError("audit_unavailable", ""))
        elif self.hold and record.phase == "message":
            self.waiting.append(lambda: self.inner.append(record, accepted))
        else:
            self.inner.append(record, accepted)

    def append_text(self, text: bytes, accepted: Callable[[Exception | None], None]) -> None:
        """The same of a text."""
        self.append(record_of(text), accepted)

    def ready(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """The log behind it."""
        self.inner.close()


@pytest.mark.parametrize("by", ["application", "provider"])
def test_no_record_no_release(plane: str, by: str) -> None:
    """A message waits for its record, and so does what comes after it; the other direction does not."""
    with House(plane) as house:
        app, provider = house.open("/live")
        log = Held(house.gate.log)
        house.gate.worker.services = replace(house.gate.worker.services, log=log)
        app, provider = house.open("/live")
        log.hold = True
        here, there = (app, provider) if by == "application" else (provider, app)
        say, answer = (said, told) if by == "application" else (told, said)
        here.send(say('{"event": "find", "email": "ana@example.com"}'), say("p", 0x89))
        there.send(answer("q", 0x89))
        assert here.frame().payload == b"q"
        _until(lambda: bool(log.waiting))
        there.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            there.sock.recv(1)
        there.sock.settimeout(30)
        house.gate.loop.loop.call_soon_threadsafe(log.waiting.pop())
        assert b"find" in there.frame().payload
        log.hold, log.fail = False, True
        here.send(say('{"event": "find", "email": "ana@example.com"}'))
        while (frame := there.frame()).first != 0x88:
            assert frame.first == 0x89
        assert frame.code == 1013
        assert house.last(app).reason == "audit_unavailable"


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_nothing_moves_for_too_long(plane: str) -> None:
    with House(plane, timeouts=replace(TIMEOUTS, websocket=0.5)) as house:
        app, provider = house.open("/live")
        ended(app, provider, 1001)
        assert house.last(app).reason == "request_timeout"


def test_a_gateway_that_stops_says_so(plane: str) -> None:
    with House(plane) as house:
        app, provider = house.open("/live")
        house.gate.drain()
        ended(app, provider, 1001)
        assert house.last(app).reason == "draining"


def test_other_rules_end_it(plane: str) -> None:
    with House(plane) as house:
        app, provider = house.open("/raw")
        house.gate.replace(RULES)
        ended(app, provider, 1012)
        assert house.last(app).reason == "rules_replaced"


def test_residency_is_judged_on_the_address(plane: str) -> None:
    elsewhere = "rules:\n  - {id: stay, residency: {data: user, regions: [DE]}}\n"
    with House(plane, rules=RULES + elsewhere) as house:
        app = house.ask(house.asking("/live"))
        assert app.head.startswith(b"HTTP/1.1 451 ") and house.provider.heads == []
        assert house.last(app).rules == ("stay",)


def test_a_close_that_is_not_answered_is_the_end(plane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with House(plane) as house:
        house.gate.worker.timeouts = {**house.gate.worker.timeouts, "closing": 0.3}
        app, provider = house.open("/raw")
        app.send(said(b"\x03\xe8", 0x88))
        assert provider.frame().code == 1000
        assert provider.rest() == b"" and app.rest() == b""
        assert house.last(app).close == 1000


def test_a_quiet_one_lives_as_long_as_it_may(plane: str) -> None:
    """Longer than anything else waits, which has deadlines of its own."""
    waits = replace(TIMEOUTS, idle=0.5, answer=0.5, progress=0.5, body=0.5, websocket=60)
    with House(plane, timeouts=waits) as house:
        app, provider = house.open("/raw")
        time.sleep(2.5)
        provider.send(told("still here"))
        assert app.frame().payload == b"still here"
        house.tidy()
        provider.sock.close()


def test_rules_end_at_midnight(plane: str) -> None:
    with House(plane) as house:
        house.gate.worker.now = lambda: 86_400 * 20_000 - 0.2
        app, provider = house.open("/raw")
        time.sleep(0.3)
        provider.send(told("late"))
        ended(app, provider, 1012)
        assert house.last(app).reason == "rules_replaced"


class Alone:
    """A registry in which some are to be left alone."""

    def __init__(self) -> None:
        self.people: set[str] = set()

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """Of everybody."""
        del tenant
        return [Standing(suppressions=(Suppression(),)) if p in self.people else UNKNOWN for p in pseudonyms]

    def ready(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Nothing to close."""


def test_who_is_to_be_left_alone_is_left_out(plane: str) -> None:
    registry = Alone()
    with House(plane, rules=RULES + WITHHELD, registry=registry) as house:
        registry.people.add(house.gate.snapshot.pseudonymiser("acme")("email", "ana@example.com"))
        app, provider = house.open("/live")
        others = {**ANA, "email": "bo@example.com"}
        provider.send(told(json.dumps(ANA)), told(json.dumps(others)), told(json.dumps(ANA)))
        assert heard(app) == MASKED
        app.send(said('{"event": "find", "email": "ana@example.com"}'))
        ended(app, provider, 1008)
        last = house.last(app)
        assert (last.reason, last.dropped, last.received, last.sent) == ("record_withheld", 2, 3, 0)
        counted = {key[1:]: n for key, n in house.gate.metrics.counts.items() if key[0] == MESSAGES}
        assert counted == {("received", "allow"): 1, ("received", "drop"): 2, ("sent", "refuse"): 1}
        assert last.rules and "alone" in last.rules
