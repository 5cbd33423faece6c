"""One worker process's event loop: listeners, connections, timers, reload and drain."""

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway import clock
from gateway.audit.record import TextLog
from gateway.contacts.model import Registry
from gateway.deployment import Config
from gateway.errors import HushgateError, InternalError, PayloadError
from gateway.exchange.commands import Acquire, NotPermitted
from gateway.exchange.exchange import Env
from gateway.metrics import Metrics
from gateway.planes.driver import Services
from gateway.planes.reverse.caller import Caller
from gateway.planes.reverse.dial import Dialer
from gateway.planes.reverse.pool import Pool
from gateway.planes.reverse.upstream import UpstreamConnection
from gateway.planes.reverse.vigil import Vigil
from gateway.policy.snapshot import Snapshot

TICK = 0.25
"""seconds between looks at deadlines"""
LINGER = 2.0
"""seconds an answered connection is still read, so that the answer is not lost to a reset (RFC 9112 9.6)"""
CLOSING = 10.0
"""seconds one side of a WebSocket has to answer the other one's Close"""
WAITS = ("head", "body", "idle", "answer", "progress", "websocket")
SETTLE = 0.5
"""seconds after a stop in which connections between two requests stay open: a request that is on its way is
answered (with `Connection: close`) instead of meeting a reset"""


class Worker:
    """Owns the connections of one process. Only its event loop touches it."""

    def __init__(
        self, config: Config, snapshot: Snapshot, log: TextLog, registry: Registry, metrics: Metrics
    ) -> None:
        self.services = Services(log, registry, metrics, self.spawn)
        self.log = log
        self.metrics = metrics
        self.pool = Pool(metrics)
        self.head_limits = config.head_limits
        self.timeouts: Mapping[str, float] = {"linger": LINGER, "closing": CLOSING} | {
            name: getattr(config.timeouts, name) for name in WAITS
        }
        self.env = Env(snapshot, config.limits, clock.monotonic, uploads=True, switches=True)
        self.draining = False
        self.tick = clock.monotonic
        self.lately = self.tick() + TICK
        """Now, at most one TICK late or early: deadlines are looked at no more often than that."""
        self._due = self.lately
        """When deadlines should be looked at next."""
        self.now = clock.now
        self.vigil = Vigil(self.tick)
        self._config = config
        self._dialer = Dialer(config.head_limits, config.timeouts.connect)
        self._callers: set[Caller] = set()
        self._refused: set[Caller] = set()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._prefix = secrets.token_hex(6) + "-"
        self._count = 0
        self._emptied = asyncio.Event()

    # ---- what connections use ----------------------------------------

    def identifier(self) -> str:
        """A new decision id: unique across workers and restarts."""
        self._count += 1
        return self._prefix + hex(self._count)[2:]  # in half the time of formatting

    def admit(self, caller: Caller) -> bool:
        """Take a new connection in; False above the limit."""
        if len(self._callers) >= self._config.max_connections:
            self.metrics.add("hushgate_connections_refused")
            self._refused.add(caller)  # not served, but its deadline is watched
            return False
        self._callers.add(caller)
        return True

    def forget(self, caller: Caller) -> None:
        """A connection has closed, and what was asked on it has come to its end."""
        self._callers.discard(caller)
        self._refused.discard(caller)
        if self.draining and not self._callers:
            self._emptied.set()

    def dial(
        self,
        command: Acquire,
        done: Callable[[UpstreamConnection | NotPermitted], None],
        fail: Callable[[HushgateError], None],
    ) -> None:
        """Open a connection; `done` gets it."""
        self.metrics.add("hushgate_pool_opened", command.upstream.name)
        self.spawn(self._dialer.dial(command.upstream, command.permit), done, fail)

    def spawn(
        self, work: Awaitable[Any], done: Callable[[Any], None], fail: Callable[[HushgateError], None]
    ) -> None:
        """Run an awaitable and hand on its result, or its error as one of the house."""

        async def run() -> None:
            try:
                result = await work
            except HushgateError as error:
                fail(error)
            else:
                done(result)

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(lambda t: self._done(t, fail))

    def _done(self, task: "asyncio.Task[Any]", fail: Callable[[HushgateError], None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.metrics.add("hushgate_exceptions")
            fail(InternalError("a task failed"))

    # ---- life ----------------------------------------

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Listen on SO_REUSEPORT; returns the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Caller(self), host, port, ssl=context, reuse_port=True, backlog=1024
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def run(self, stop: asyncio.Event) -> None:
        """Watch deadlines until `stop`, then drain."""
        while not stop.is_set():
            self._look()
            try:
                async with asyncio.timeout(TICK):
                    await stop.wait()
            except TimeoutError:
                continue
        await self._drain()

    def replace(self, snapshot: Snapshot) -> None:
        """Put another snapshot in force; exchanges under way keep theirs, but WebSockets end."""
        self.env = replace(self.env, snapshot=snapshot)
        for caller in list(self._callers):
            if caller.turn.talk is not None:
                caller.turn.talk.stop(PayloadError("rules_replaced", ""))

    def _look(self) -> None:
        now = self.tick()
        stalled = max(0.0, now - self._due - TICK)
        self.lately = self._due = now + TICK
        for caller in [*self._callers, *self._refused]:
            caller.since += stalled  # what came while this process did not run is not read yet
            caller.check(now)
        self.pool.expire(now - self._config.timeouts.pool)
        self.metrics.set("hushgate_connections", value=len(self._callers))
        self.metrics.set("hushgate_plans", value=self.env.snapshot.plans)

    async def _drain(self) -> None:
        """No new connections; idle ones close; exchanges under way finish within the drain time."""
        self.draining = True
        for server in self._servers:
            server.close()
        if self._callers:
            await asyncio.sleep(min(SETTLE, self._config.timeouts.drain))
        for caller in list(self._callers):
            caller.drain()
        if not self._callers:
            self._emptied.set()
        try:
            async with asyncio.timeout(self._config.timeouts.drain):
                while not self._emptied.is_set():
                    self._look()
                    try:
                        async with asyncio.timeout(TICK):
                            await self._emptied.wait()
                    except TimeoutError:
                        continue
        except TimeoutError:
            for caller in list(self._callers):
                caller.abort()
        # What still waits for a store or an address waits for nobody: its callers are gone.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.pool.close()
