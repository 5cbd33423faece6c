"""Closed by default: whatever breaks, nothing gets through, nobody hears why, and the worker serves on.

Every row of tests.faults is one place where something can break, run through a real worker on real sockets:
here with an exception nobody foresaw (its text is a secret). Errors of the house, streams and stores have
files of their own; a new store, codec, operator or command without a row fails test_fail_closed_table.
"""

from typing import Any

import pytest

from tests.faultrows import COMMAND_ROWS, ROWS
from tests.faults import Fault, Install, Row, Said, run, talk
from tests.faulttraffic import PACK_WITH_HEADERS, READ, SECRET, reply
from tests.plane import Gate, Upstream


def broken_property(owner: Any, name: str) -> Install:
    """A property that breaks when it is read."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        original = getattr(owner, name).__get__

        def read(it: Any) -> Any:
            fault.strike()
            return original(it, owner)

        patch.setattr(owner, name, property(read))

    return install


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_exception_nobody_foresaw(
    row: Row,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fault = Fault()
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream, rules=row.policy, pack=PACK_WITH_HEADERS) as gate:
        run(gate, upstream, row, fault, RuntimeError(SECRET), 500, Said(caplog))
        assert gate.metrics.counts["hushgate_exceptions",] >= 1
    assert SECRET not in "".join(capfd.readouterr())


def test_when_no_answer_can_be_given_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row without a problem document: what breaks is the writing of answers itself."""
    fault, row = Fault(), COMMAND_ROWS["Release"]
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            fault.error = RuntimeError(SECRET)
            sock.sendall(row.asked)
            sock.settimeout(1)
            try:
                assert sock.recv(1) == b""
            except TimeoutError:
                assert fault.met
        fault.error = None
        assert talk(gate, READ).startswith(b"HTTP/1.1 200 "), "the worker serves on"
