"""Faults put into one point after another of an exchange, and what came of each."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.deployment import Log as LogSettings
from gateway.errors import REASONS, HushgateError, UpstreamError
from gateway.masking import table as masking
from gateway.planes.driver import Driver
from gateway.planes.reverse.turn import Turn
from gateway.service.logs import set_up
from tests.faulttraffic import READ, REVEALING, SECRET, UPSTREAMS
from tests.plane import Gate, Upstream
from tests.world import RULES


class Fault:
    """Raises or hangs while armed."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.met = 0

    def strike(self) -> None:
        """Where something breaks."""
        if self.error is not None:
            self.met += 1
            raise self.error


Install = Callable[[pytest.MonkeyPatch, Fault], None]


def breaking(owner: Any, *names: str) -> Install:
    """A function of a class or module that breaks before it does anything."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        for name in names:
            original = getattr(owner, name)

            def broken(*args: Any, _original: Any = original, **keywords: Any) -> Any:
                fault.strike()
                return _original(*args, **keywords)

            patch.setattr(owner, name, broken)

    return install


def counting(name: str) -> Install:
    """A registry that counts, one method of the driver's to it broken; nothing is sent while it is."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        acquire = Turn.acquire

        def acquired(*args: Any) -> Any:
            if fault.error is not None:
                raise UpstreamError("upstream_unreachable", "")
            return acquire(*args)

        patch.setattr(Driver, "_reserve", lambda _, command: [None] * len(command.wanted))
        patch.setattr(Driver, "_give_back", lambda *_: None)
        patch.setattr(Turn, "acquire", acquired)
        breaking(Driver, name)(patch, fault)

    return install


def broken_masker(op: str) -> Install:
    """An operator whose masker breaks on a value."""

    def install(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        operator = masking.OPERATORS[op]

        def make(*made_from: Any) -> Any:
            masker = operator.make(*made_from)

            def mask(value: Any) -> Any:
                fault.strike()
                return masker(value)

            return mask

        patch.setattr(masking, "OPERATORS", {**masking.OPERATORS, op: replace(operator, make=make)})

    return install


@dataclass(frozen=True)
class Row:
    """One place. `house` is the error of the house that may come from there and the status it gives;
    `sent` whether the upstream has been asked when it breaks."""

    name: str
    install: Install
    asked: bytes = READ
    sent: bool = False
    house: HushgateError | None = None
    house_status: int = 0
    rules: str = ""
    reveals: bool = False
    """Whether the caller may send tokens back."""

    @property
    def policy(self) -> str:
        """The rule file."""
        return (REVEALING if self.reveals else RULES) + self.rules


def talk(gate: Gate, asked: bytes) -> bytes:
    return gate.talk(asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))


def problem_of(got: bytes) -> dict[str, Any]:
    """The problem a caller got: well-formed, and of a reason of the house."""
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    problem: dict[str, Any] = json.loads(body)
    assert problem["type"].removeprefix("urn:hushgate:") in REASONS
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    return problem


class Said:
    """Everything the gateway's log says in a test, as its own handlers would write it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def text(self) -> str:
        formats = [logging.Formatter("%(message)s")]
        before, level = logging.root.handlers[:], logging.root.level
        for form in ("json", "text"):
            set_up(LogSettings("info", form))
            formatter = logging.root.handlers[0].formatter
            assert formatter is not None
            formats.append(formatter)
        logging.root.handlers[:] = before
        logging.root.setLevel(level)
        bare = [
            logging.makeLogRecord({**r.__dict__, "exc_info": None, "exc_text": None})
            for r in self._caplog.records
        ]
        return "\n".join(
            [
                *(formats[0].format(r) for r in bare),
                *(f.format(r) for f in formats[1:] for r in self._caplog.records),
            ]
        )


def run(
    gate: Gate, upstream: Upstream, row: Row, fault: Fault, error: Exception, status: int, said: Said
) -> None:
    """Break it, look at everything that came out, mend it, and be served."""
    fault.error = error
    got = talk(gate, row.asked)
    fault.error = None
    assert fault.met, "the fault was not met: the row tests nothing"
    assert bool(upstream.requests) == row.sent, "what the upstream was asked"
    assert UPSTREAMS.encode() not in got and SECRET.encode() not in got
    assert problem_of(got)["status"] == status, got
    served = talk(gate, row.asked)
    assert served.startswith(b"HTTP/1.1 ") and int(served[9:12]) < 500, "the worker serves on"
    assert SECRET not in said.text()
    audit = gate.folder / "audit"
    assert SECRET not in "".join(p.read_text() for p in audit.glob("*.jsonl")) if audit.exists() else True
