"""Steps an exchange: carries out what any plane does alike, hands the rest to the plane's own hands.

The one `except Exception` of every plane is here, and it blocks.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.audit.record import Log
from gateway.contacts.model import Registry
from gateway.errors import HushgateError, InternalError, where
from gateway.exchange.commands import (
    Acquire,
    Append,
    Begin,
    Break,
    Collect,
    CollectAnswer,
    Command,
    Lookup,
    Next,
    NotPermitted,
    Pipe,
    Release,
    Send,
    Write,
)
from gateway.exchange.exchange import Exchange
from gateway.exchange.outcome import problem
from gateway.metrics import Metrics

log = logging.getLogger("hushgate.plane")


class _Pending:
    __slots__ = ()


PENDING: Final = _Pending()
"""What a hand returns when the answer comes later, through Driver.resume or Driver.fail."""


class Hands(Protocol):
    """What a plane does itself. Each returns the command's answer or PENDING, or raises HushgateError."""

    def collect(self, command: Collect) -> bytes | _Pending:
        """Read the request body."""

    def acquire(self, command: Acquire) -> str | NotPermitted | _Pending:
        """Get a connection to a permitted address."""

    def send(self, command: Send) -> Any:
        """Send the request; the answer is a ResponseHead."""

    def collect_answer(self, command: CollectAnswer) -> bytes | _Pending:
        """Read the response body."""

    def release(self, command: Release) -> None:
        """Answer the caller."""

    def pipe(self, command: Pipe) -> Any:
        """Answer the caller with the upstream's own body."""

    def next(self, command: Next) -> tuple[bytes, bool] | _Pending:
        """Read on in the response body."""

    def begin(self, command: Begin) -> None:
        """Answer the caller; the body comes in pieces."""

    def write(self, command: Write) -> _Pending | None:
        """Send a piece of it."""

    def break_off(self, command: Break) -> None:
        """End the caller's connection within the answer."""

    def over(self) -> None:
        """The exchange has ended."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the exchanges of one worker use. `spawn` runs an awaitable and hands its result or error on."""

    log: Log
    registry: Registry
    metrics: Metrics
    spawn: Callable[[Awaitable[Any], Callable[[Any], None], Callable[[HushgateError], None]], None]


class Driver:
    """Drives one exchange after another for one connection (or flow)."""

    __slots__ = ("_do", "_epoch", "_hands", "_run", "_services", "exchange")

    def __init__(self, hands: Hands, services: Services) -> None:
        self._hands = hands
        self._services = services
        self._run: Generator[Command, Any, None] | None = None
        self.exchange: Exchange | None = None
        self._epoch = 0
        self._do: dict[type, Callable[[Any], Any]] = {
            Collect: hands.collect,
            Lookup: self._lookup,
            Acquire: hands.acquire,
            Append: self._append,
            Send: hands.send,
            CollectAnswer: hands.collect_answer,
            Release: hands.release,
            Pipe: hands.pipe,
            Next: hands.next,
            Begin: hands.begin,
            Write: hands.write,
            Break: hands.break_off,
        }

    def start(self, exchange: Exchange, run: Generator[Command, Any, None] | None = None) -> None:
        """Begin an exchange (`run`: another flow of it, such as a refusal) and go on until it has to wait."""
        self.exchange = exchange
        self._run = exchange.run() if run is None else run
        self.resume(None)

    def resume(self, answer: Any) -> None:
        """Give the exchange the answer it waits for."""
        self._step(answer, None)

    def fail(self, error: HushgateError) -> None:
        """Tell the exchange that its last command failed."""
        self._step(None, error)

    def _step(self, answer: Any, error: HushgateError | None) -> None:
        run = self._run
        if run is None:
            return
        self._epoch += 1
        try:
            while True:
                command = run.send(answer) if error is None else run.throw(error)
                error = None
                try:
                    answer = self._do[type(command)](command)
                except HushgateError as failed:
                    error = failed
                if answer is PENDING and error is None:
                    return
        except StopIteration:
            self._end()
        except Exception as crash:  # noqa: BLE001 - the plane's one place where anything unforeseen is blocked
            self._block(crash)

    def _end(self) -> None:
        self._run = None
        self._hands.over()

    def _block(self, crash: Exception) -> None:
        """Anything unforeseen: nothing of the upstream's is released. The log gets types and places only."""
        log.error("an exchange was refused: %s", where(crash))
        self._services.metrics.add("hushgate_exceptions")
        exchange = self.exchange
        failed, self._run = self._run, None
        if failed is not None:
            failed.close()
        if exchange is None or exchange.failed:
            try:
                self._hands.release(Release(*problem("internal_error", "-"), abandon=True))
            finally:
                self._hands.over()
            return
        exchange.failed = True
        self.start(exchange, exchange.refuse(InternalError("")))

    def _lookup(self, command: Lookup) -> Any:
        found = self._services.registry.standings(command.tenant, command.pseudonyms)
        if isinstance(found, list):
            return found
        self._services.spawn(found, *self.continuations())
        return PENDING

    def _append(self, command: Append) -> Any:
        if command.record.phase not in ("intent", "stream"):
            self._services.metrics.observe(command.record)
        epoch = self._epoch

        def accepted(error: Exception | None) -> None:
            if epoch != self._epoch:
                return
            if error is None or isinstance(error, HushgateError):
                self._step(None, error)
            else:
                self._step(None, InternalError("the log failed"))

        self._services.log.append(command.record, accepted)
        return PENDING

    def continuations(self) -> tuple[Callable[[Any], None], Callable[[HushgateError], None]]:
        """resume and fail for the command now waited on; void once the exchange has moved on or ended."""
        epoch = self._epoch

        def resume(answer: Any) -> None:
            if epoch == self._epoch:
                self._step(answer, None)

        def fail(error: HushgateError) -> None:
            if epoch == self._epoch:
                self._step(None, error)

        return resume, fail
