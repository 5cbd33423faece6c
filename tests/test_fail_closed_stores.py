"""A registry or a log that breaks, or never answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

import tests.plane
from gateway.audit.record import Record
from gateway.contacts.model import Standing
from gateway.errors import StoreError
from tests.faults import Fault, Row, Said, problem_of, run, talk
from tests.faulttraffic import DELETE, MAIL, MEDIA, READ, SECRET, SMS, UPSTREAMS, reply
from tests.logs import record_of
from tests.plane import TIMEOUTS, Gate, Upstream


class BrokenRegistry:
    """Answers as the fault wants it: at once, later, or never."""

    def __init__(self, fault: Fault, *, later: bool) -> None:
        self.fault, self.later = fault, later

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing] | Awaitable[list[Standing]]:
        known = [Standing() for _ in pseudonyms]

        async def soon() -> list[Standing]:
            await asyncio.sleep(0)
            self.fault.strike()
            return known

        if self.later:
            return soon()
        self.fault.strike()
        return known

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


class BrokenLog:
    """Raises, or answers with an error; keeps what it accepted."""

    def __init__(self, fault: Fault, *, later: bool) -> None:
        self.fault, self.later = fault, later
        self.records: list[Record] = []

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        if not self.later:
            self.fault.strike()
        elif self.fault.error:
            self.fault.met += 1
            accepted(self.fault.error)
            return
        self.records.append(record)
        accepted(None)

    def append_text(self, text: bytes, accepted: Callable[[Exception | None], None]) -> None:
        self.append(record_of(text), accepted)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class StoreRow:
    """How a store breaks, and the status that gives."""

    name: str
    error: Exception
    later: bool
    status: int


REGISTRY_ROWS = (
    StoreRow("raises", RuntimeError(SECRET), False, 500),
    StoreRow("raises later", RuntimeError(SECRET), True, 503),
    StoreRow("refuses", StoreError("registry_unavailable", "a text of the house"), False, 503),
    StoreRow("refuses later", StoreError("registry_unavailable", "a text of the house"), True, 503),
)
LOG_ROWS = (
    StoreRow("raises", RuntimeError(SECRET), False, 500),
    StoreRow("answers an exception", RuntimeError(SECRET), True, 503),
    StoreRow("refuses", StoreError("audit_unavailable", "a text of the house"), True, 503),
)


@pytest.mark.parametrize("how", REGISTRY_ROWS, ids=lambda how: how.name)
@pytest.mark.parametrize("asked", [MAIL, SMS], ids=["mail", "sms"])
def test_a_registry_that_breaks(how: StoreRow, asked: bytes, caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault()
    with Upstream(reply) as upstream, Gate(upstream, registry=BrokenRegistry(fault, later=how.later)) as gate:
        run(gate, upstream, Row("", lambda *_: None, asked), fault, how.error, how.status, Said(caplog))


@pytest.mark.parametrize("how", LOG_ROWS, ids=lambda how: how.name)
@pytest.mark.parametrize(
    ("asked", "sent"), [(READ, True), (MEDIA, True), (DELETE, False)], ids=["read", "stream", "act"]
)
def test_a_log_that_breaks(how: StoreRow, asked: bytes, sent: bool, caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault()
    with Upstream(reply) as upstream, Gate(upstream, log=BrokenLog(fault, later=how.later)) as gate:
        run(gate, upstream, Row("", lambda *_: None, asked, sent), fault, how.error, how.status, Said(caplog))


IMPATIENT = replace(TIMEOUTS, answer=0.2, progress=0.2, idle=0.2, drain=0.5)


def test_a_registry_that_never_answers() -> None:
    class Silent(BrokenRegistry):
        def standings(self, tenant: str, pseudonyms: Sequence[str]) -> Awaitable[list[Standing]]:
            return asyncio.get_running_loop().create_future()

    with (
        Upstream(reply) as upstream,
        Gate(upstream, registry=Silent(Fault(), later=True), timeouts=IMPATIENT) as gate,
    ):
        problem = problem_of(talk(gate, MAIL))
        assert (problem["status"], problem["type"]) == (503, "urn:hushgate:registry_unavailable")
        assert problem["retry_after"] and not upstream.requests
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 "), "who needs no registry is served"
    assert gate.records()[0].reason == "registry_unavailable"


@pytest.mark.parametrize(
    ("asked", "sent"), [(READ, 1), (MEDIA, 1), (DELETE, 0)], ids=["read", "stream", "act"]
)
def test_a_log_that_never_answers(asked: bytes, sent: int) -> None:
    class Silent(BrokenLog):
        silent = True

        def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
            if not self.silent:
                super().append(record, accepted)

    log = Silent(Fault(), later=False)
    with Upstream(reply) as upstream, Gate(upstream, log=log, timeouts=IMPATIENT) as gate:
        got = talk(gate, asked)
        problem = problem_of(got)
        assert (problem["status"], problem["type"]) == (503, "urn:hushgate:audit_unavailable")
        assert UPSTREAMS.encode() not in got and len(upstream.requests) == sent
        log.silent = False
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_late_goes_to_nobody() -> None:
    """A registry that answers after its request was refused must not set the next one off."""
    asked: list[asyncio.Future[list[Standing]]] = []

    class Late(BrokenRegistry):
        def standings(self, tenant: str, pseudonyms: Sequence[str]) -> Awaitable[list[Standing]]:
            future: asyncio.Future[list[Standing]] = asyncio.get_running_loop().create_future()
            asked.append(future)
            return future

    with (
        Upstream(reply) as upstream,
        Gate(upstream, registry=Late(Fault(), later=True), timeouts=IMPATIENT) as gate,
    ):
        with gate.connect() as sock:
            sock.sendall(MAIL)
            assert tests.plane.read_answer(sock).startswith(b"HTTP/1.1 503 ")
            gate.loop.loop.call_soon_threadsafe(asked[0].set_result, [Standing()])
            sock.sendall(READ)
            assert tests.plane.read_answer(sock).startswith(b"HTTP/1.1 200 ")
        assert [r.split(b" ")[0] for r in upstream.requests] == [b"GET"]
