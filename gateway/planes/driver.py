"""Steps an exchange: carries out what any plane does alike, hands the rest to the plane's own hands.

The one `except Exception` of every plane is here, and it blocks.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, Protocol

from gateway.audit.record import Log
from gateway.contacts.model import Registry
from gateway.errors import HushgateError, InternalError, StoreError, where
from gateway.exchange.commands import (
    Acquire,
    Append,
    Begin,
    Break,
    Collect,
    CollectAnswer,
    Command,
    Enter,
    GiveBack,
    Hangup,
    Link,
    Lookup,
    Next,
    NotPermitted,
    Pass,
    Pipe,
    Receive,
    Release,
    Reserve,
    Reserved,
    Send,
    Switch,
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

    def switch(self, command: Switch) -> _Pending:
        """Answer, and carry a WebSocket."""

    def hangup(self, command: Hangup) -> None:
        """End a WebSocket."""

    def over(self) -> None:
        """The exchange has ended."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the exchanges of one worker use. `spawn` runs an awaitable and hands its result or error on."""

    log: Log
    registry: Registry
    metrics: Metrics
    spawn: Callable[[Awaitable[Any], Callable[[Any], None], Callable[[HushgateError], None]], None]


class Stepper:
    """Steps a generator of commands, and carries out those that any plane does alike."""

    __slots__ = ("_do", "_epoch", "_run", "services")

    def __init__(self, services: Services, do: dict[type, Callable[[Any], Any]]) -> None:
        self.services = services
        self._run: Generator[Command, Any, Any] | None = None
        self._epoch = 0
        own = (
            (Lookup, self._lookup),
            (Reserve, self._reserve),
            (Reserved, self._reserved),
            (GiveBack, self._give_back),
            (Link, self.link),
            (Enter, self._enter),
            (Append, self._append),
        )
        self._do = do | dict(own)

    def ended(self, made: Any) -> None:
        """The generator has returned this."""

    def block(self, crash: Exception) -> None:
        """It raised what nobody foresaw."""

    def stop(self) -> None:
        """Step no further, whatever is still waited for."""
        run, self._run = self._run, None
        self._epoch += 1
        if run is not None:
            run.close()

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
                if (answer is PENDING and error is None) or self._run is not run:
                    return
        except StopIteration as end:
            self._run = None
            self.ended(end.value)
        except Exception as crash:  # noqa: BLE001 - the plane's one place where anything unforeseen is blocked
            # The log gets types and places only.
            log.error("an exchange was refused: %s", where(crash))
            self.services.metrics.add("hushgate_exceptions")
            self._run = None
            run.close()
            self.block(crash)

    def _lookup(self, command: Lookup) -> Any:
        found = self.services.registry.standings(command.tenant, command.pseudonyms)
        if isinstance(found, list):
            return found
        self.services.spawn(found, *self.continuations())
        return PENDING

    def _reserve(self, command: Reserve) -> Any:
        return self._ledger("reserve", command.tenant, command.wanted, command.now)

    def _reserved(self, command: Reserved) -> Any:
        return self._ledger("reserved", command.tenant, command.ids, command.now)

    def _give_back(self, command: GiveBack) -> Any:
        return self._ledger("release", command.tenant, command.ids)

    def _enter(self, command: Enter) -> Any:
        for entry in command.entries:
            self.services.metrics.add("hushgate_entries", command.tenant, entry.act)
        return self._ledger("enter", command.tenant, command.entries)

    def _ledger(self, name: str, *given: object) -> Any:
        """Ask the registry for what only one that is written to can do. Raises StoreError where it cannot."""
        do = getattr(self.services.registry, name, None)
        if do is None:
            raise StoreError("registry_unavailable", "this registry is not written to")
        found = do(*given)
        if not isawaitable(found):
            return found
        self.services.spawn(found, *self.continuations())
        return PENDING

    def link(self, command: Link) -> None:
        """A registry that keeps no links is none the worse for it."""
        link = getattr(self.services.registry, "link", None)
        if link is not None:
            link(command.tenant, command.pairs)

    def _append(self, command: Append) -> Any:
        if command.record.phase not in ("intent", "stream", "message", "entry"):
            self.services.metrics.observe(command.record)
        epoch = self._epoch

        def accepted(error: Exception | None) -> None:
            if epoch != self._epoch:
                return
            if error is None or isinstance(error, HushgateError):
                self._step(None, error)
            else:
                self._step(None, InternalError("the log failed"))

        self.services.log.append(command.record, accepted)
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


class Driver(Stepper):
    """Drives one exchange after another for one connection (or flow)."""

    __slots__ = ("_hands", "exchange")

    def __init__(self, hands: Hands, services: Services) -> None:
        self._hands = hands
        self.exchange: Exchange | None = None
        do: dict[type, Callable[[Any], Any]] = {
            Collect: hands.collect,
            Acquire: hands.acquire,
            Send: hands.send,
            CollectAnswer: hands.collect_answer,
            Release: hands.release,
            Pipe: hands.pipe,
            Next: hands.next,
            Begin: hands.begin,
            Write: hands.write,
            Break: hands.break_off,
            Switch: hands.switch,
            Hangup: hands.hangup,
        }
        super().__init__(services, do)

    def start(self, exchange: Exchange, run: Generator[Command, Any, None] | None = None) -> None:
        """Begin an exchange (`run`: another flow of it, such as a refusal) and go on until it has to wait."""
        self.exchange = exchange
        self._run = exchange.run() if run is None else run
        self.resume(None)

    def adopt(self, exchange: Exchange, run: Generator[Command, Any, None]) -> None:
        """Go on with one that waits for the answer to a command, which comes through resume or fail."""
        self._epoch += 1
        self.exchange, self._run = exchange, run

    def ended(self, made: Any) -> None:
        """The exchange is over."""
        del made
        self._hands.over()

    def block(self, crash: Exception) -> None:
        """Nothing of the upstream's is released."""
        del crash
        exchange = self.exchange
        if exchange is None or exchange.failed:
            try:
                self._hands.release(Release(*problem("internal_error", "-"), abandon=True))
            finally:
                self._hands.over()
            return
        exchange.failed = True
        self.start(exchange, exchange.refuse(InternalError("")))


class LaneHands(Protocol):
    """What a plane does for one direction of a WebSocket. Like Hands."""

    def receive(self, command: Receive) -> bytes | _Pending:
        """What has come."""

    def send_on(self, command: Pass) -> _Pending | None:
        """To the other side."""

    def ended(self, error: HushgateError | None) -> None:
        """The lane has ended, with the reason why nothing more goes."""


class LaneDriver(Stepper):
    """Drives one direction of a WebSocket."""

    __slots__ = ("_hands",)

    def __init__(self, hands: LaneHands, services: Services) -> None:
        self._hands = hands
        super().__init__(services, {Receive: hands.receive, Pass: hands.send_on})

    def start(self, run: Generator[Command, Any, HushgateError | None]) -> None:
        """Begin, and go on until it has to wait."""
        self._run = run
        self.resume(None)

    def ended(self, made: HushgateError | None) -> None:
        """To its end."""
        self._hands.ended(made)

    def block(self, crash: Exception) -> None:
        """Nothing more is passed."""
        del crash
        self._hands.ended(InternalError(""))
