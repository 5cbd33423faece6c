"""The connections to every master there is, and what is said over them. Owns the tasks that keep them up.

Two lines to each master: `reads`, which also hears of changes, and `writes`, which may wait for disks and
replicas. Answers and changes come over `reads` in the order the server made them, so that a remembered answer
is never older than the last change that was heard. Every beat asks each master for its role over that line:
once it answers, all that was acknowledged before the question was asked has been heard.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Lost

from gateway import clock
from gateway.contacts.redis import layout
from gateway.contacts.redis.line import Converted, Line, connection
from gateway.contacts.redis.servers import Keeping, Topology, discover, keeping, must_be_master, slots_of
from gateway.contacts.redis.trouble import words
from gateway.contacts.redisaddress import Node, Shared
from gateway.errors import StoreError

log = logging.getLogger("hushgate.registry")

SHA: Final = {text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in layout.SCRIPTS}
_MOVED: Final = (AskError, MovedError, TryAgainError, ClusterDownError, MasterDownError, ReadOnlyError)
"""What a server says that is not, or not yet, the one to ask."""
_FIRST_WAIT: Final = 0.02
_LONGEST_WAIT: Final = 0.5
_SENTINELS: Final = 2.0
"""seconds between two questions to Sentinel whether the master is still the same"""

Heard = Callable[[str, list[str]], None]
"""(tenant, the subjects that changed)"""


@dataclass(slots=True)
class Server:
    """One master, reached."""

    node: Node
    reads: Line
    writes: Line
    keeps: Keeping
    given: list[tuple[tuple[str | bytes | float, ...], "asyncio.Future[Any]"]] = field(default_factory=list)
    committing: "asyncio.Task[None] | None" = None


class Fleet:
    """Calls scripts where their tenant is. `heard` is told of changes, `began` when any may have been missed.

    Runs in the event loop that it is first used in. Raises StoreError when no server answers in time, or when
    it would not keep what it is given.
    """

    def __init__(self, shared: Shared, heard: Heard, began: Callable[[], None]) -> None:
        self.shared = shared
        self._heard = heard
        self._began = began
        self._topology: Topology | None = None
        self._servers: dict[Node, Server] = {}
        self._up = asyncio.Event()
        self._moved = asyncio.Event()
        self._since = clock.monotonic()
        self._keeper = asyncio.ensure_future(self._keep())
        self._loop = asyncio.get_running_loop()
        self.verified = float("-inf")
        self.trouble = "no server was reached yet"
        self.mark = secrets.token_hex(8)

    @property
    def up(self) -> bool:
        """Whether every master is reached."""
        return self._up.is_set()

    @property
    def here(self) -> bool:
        """Whether it lives in the running event loop."""
        return self._loop is asyncio.get_running_loop() and not self._keeper.done()

    async def call(
        self, tenant: str, script: str, *args: str | bytes | float, convert: Converted | None = None
    ) -> Any:
        """Run a script that asks, or that need not wait for disks."""
        key = layout.prefix(tenant)
        command = ("EVALSHA", SHA[script], 1, key, *args)
        return await self._tried(key, lambda server: server.reads.call(*command, convert=convert))

    async def write(self, tenant: str, script: str, *args: str | bytes | float, patience: float) -> Any:
        """Run a script that adds; answered when what it added is kept, and heard of here."""
        key = layout.prefix(tenant)
        command = ("EVALSHA", SHA[script], 1, key, *args)
        return await self._tried(key, lambda server: self._committed(server, command), patience)

    async def ask(self, tenant: str, *command: str | bytes | float) -> Any:
        """Run a command on a key of the tenant."""
        return await self._tried(layout.prefix(tenant), lambda server: server.reads.call(*command))

    async def reached(self) -> None:
        """Raises StoreError unless every master is reached in time."""
        await self._reached(clock.monotonic() + self.shared.timeout)

    async def tenants(self) -> list[str]:
        """Every tenant that has an entry or a link."""
        await self.reached()
        found: set[str] = set()
        for server in self._servers.values():
            for name in ("meta", "edges"):
                found |= await _names(server.reads, name)
        return sorted(found)

    async def keeps(self) -> None:
        """Raises StoreError unless every master is reached and keeps what it is given."""
        await self.reached()
        for server in self._servers.values():
            _must_keep(server)

    def end(self) -> None:
        """Hang up, from whatever thread; the loop does it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._keeper.cancel)

    # ---- calling ----------------------------------------

    async def _tried[X](
        self, key: str, work: Callable[[Server], Awaitable[X]], patience: float | None = None
    ) -> X:
        """Work is only given that may be done twice: what was asked of a server that is lost may be done."""
        deadline = clock.monotonic() + (self.shared.timeout if patience is None else patience)
        while True:
            server = await self._server(key, deadline)
            try:
                async with asyncio.timeout(deadline - clock.monotonic()):
                    return await work(server)
            except TimeoutError:
                raise _away("no answer came in time") from None
            except NoScriptError:
                await self._load(server)
            except ResponseError as error:
                if not _misplaced(error):
                    raise _away(words(error, self.shared)) from None
                self._moved.set()
                await asyncio.sleep(_FIRST_WAIT)
            except (RedisError, OSError):
                await asyncio.sleep(0)

    async def _server(self, key: str, deadline: float) -> Server:
        while True:
            await self._reached(deadline)
            node = self._topology.master(key) if self._topology else None
            server = self._servers.get(node) if node else None
            if server is not None:
                return server
            self._moved.set()
            await asyncio.sleep(_FIRST_WAIT)

    async def _reached(self, deadline: float) -> None:
        """Wait for the servers; not at all when they have been away for as long as one waits."""
        if self._up.is_set() and clock.monotonic() < deadline:
            return
        now = clock.monotonic()
        until = min(deadline, max(self._since + self.shared.timeout, now))
        with suppress(TimeoutError):
            async with asyncio.timeout(until - now):
                await self._up.wait()
                return
        raise _away(self.trouble)

    async def _load(self, server: Server) -> None:
        with suppress(RedisError, OSError):
            await _load(server.reads)

    async def _committed(self, server: Server, command: tuple[str | bytes | float, ...]) -> Any:
        _must_keep(server)
        answer: asyncio.Future[Any] = self._loop.create_future()
        server.given.append((command, answer))
        if server.committing is None or server.committing.done():
            server.committing = asyncio.ensure_future(self._commit(server))
        try:
            return await answer
        finally:
            answer.cancel()

    async def _commit(self, server: Server) -> None:
        """What was given meanwhile goes together: one wait for all of it."""
        while server.given:
            given, server.given = server.given, []
            found = await asyncio.gather(
                *(server.writes.call(*command) for command, _ in given), return_exceptions=True
            )
            failed = None
            if not all(isinstance(one, BaseException) for one in found):
                failed = await self._kept(server)
            for (_, answer), one in zip(given, found, strict=True):
                if answer.done():
                    continue
                if isinstance(one, BaseException):
                    answer.set_exception(one)
                elif failed is not None:
                    answer.set_exception(failed)
                else:
                    answer.set_result(one)

    async def _kept(self, server: Server) -> Exception | None:
        """None when disks and replicas have it and its change was heard here, else what is wrong."""
        copies, patience = self.shared.copies, int(max(self.shared.timeout, 1.0) * 2000)
        try:
            if server.keeps.wait_for_disk:
                local, _ = await server.writes.call("WAITAOF", 1, 0, patience)
                if local < 1:
                    return _away("the server did not say in time that an entry is on disk")
            if copies and await server.writes.call("WAIT", copies, patience) < copies:
                return _away("too few replicas have an entry")
            await server.reads.call("PING")
        except (RedisError, OSError) as error:
            return error
        return None

    # ---- staying connected ----------------------------------------

    async def _keep(self) -> None:
        wait = _FIRST_WAIT
        try:
            while True:
                try:
                    await self._reach()
                    wait = _FIRST_WAIT
                    await self._watch()
                except (RedisError, OSError, TimeoutError) as error:
                    self._down(words(error, self.shared))
                await self._hang_up()
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        finally:
            self._up.clear()
            self.trouble = "it is closed"
            await self._hang_up()

    async def _reach(self) -> None:
        known = self._topology.masters if self._topology else ()
        topology = await discover(self.shared, known)
        for node in topology.masters:
            async with asyncio.timeout(max(self.shared.timeout, 1.0) * 2):
                await self._connect(node)
        asked = clock.monotonic()
        for server in self._servers.values():
            async with asyncio.timeout(max(self.shared.timeout, 1.0)):
                await must_be_master(server.reads)
        self._topology = topology
        self._began()
        self._moved.clear()
        self.verified = asked
        self._up.set()
        log.info("the shared registry is reached, %d masters", len(topology.masters))

    async def _connect(self, node: Node) -> None:
        shared, database = self.shared, self.shared.address.database
        reads = await Line(connection(shared, node, shared.login, database), self._pushed).open()
        server = self._servers[node] = Server(node, reads, reads, Keeping())
        server.writes = await Line(connection(shared, node, shared.login, database)).open()
        await reads.subscribe(layout.CHANGES)
        await _load(reads)
        server.keeps = await keeping(reads, shared)
        if server.keeps.refusal:
            log.error("entries are refused: %s", server.keeps.refusal)

    async def _watch(self) -> None:
        """Ask every master for its role, again and again; ends with whatever is wrong."""
        beat = min(self.shared.staleness / 4, 1.0)
        readers = [line.reader for s in self._servers.values() for line in (s.reads, s.writes) if line.reader]
        asked_sentinel = clock.monotonic()
        while True:
            moved = asyncio.ensure_future(self._moved.wait())
            try:
                await asyncio.wait([*readers, moved], timeout=beat, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            if any(reader.done() for reader in readers):
                raise Lost("a connection ended")
            asked = clock.monotonic()
            async with asyncio.timeout(self.shared.staleness):
                await asyncio.gather(*(self._verify(server) for server in self._servers.values()))
            self.verified = asked
            if self._moved.is_set() or asked - asked_sentinel > _SENTINELS:
                asked_sentinel = asked
                await self._look_again()

    async def _verify(self, server: Server) -> None:
        await must_be_master(server.reads)
        if self.shared.address.kind == "cluster":
            found = slots_of(await server.reads.call("CLUSTER", "SLOTS"), server.node)
            if found != self._topology:
                raise Lost("the Cluster has changed")

    async def _look_again(self) -> None:
        """Whether Sentinel, or a server that sent us away, means another master than ours."""
        self._moved.clear()
        known = self._topology.masters if self._topology else ()
        try:
            found = await discover(self.shared, known)
        except (RedisError, OSError, TimeoutError):
            return  # our masters say that they are masters; nobody says otherwise
        if found != self._topology:
            raise Lost("another server is master now")

    def _pushed(self, message: list[Any]) -> None:
        if message[0] != b"message":
            return
        try:
            tenant, *subjects = layout.changed(message[2])
        except (msgspec.DecodeError, ValueError):
            self._began()
            return
        if subjects:
            self._heard(tenant, subjects)
        else:
            self._began()

    def _down(self, trouble: str) -> None:
        if self._up.is_set():
            self._since = clock.monotonic()
        elif trouble == self.trouble:
            return
        log.error("the shared registry is away: %s", trouble)
        self._up.clear()
        self.trouble = trouble

    async def _hang_up(self) -> None:
        while self._servers:  # one by one: who is cancelled meanwhile comes back for the rest
            node, server = next(iter(self._servers.items()))
            await server.writes.close()
            await server.reads.close()
            if server.committing is not None:
                await asyncio.wait((server.committing,))
            self._servers.pop(node, None)


async def _load(line: Line) -> None:
    await asyncio.gather(*(line.call("SCRIPT", "LOAD", text) for text in layout.SCRIPTS))


async def _names(line: Line, kind: str) -> set[str]:
    cursor, found = b"0", set()
    while True:
        cursor, keys = await line.call("SCAN", cursor, "MATCH", f"hushgate:{{*}}:{kind}", "COUNT", 1000)
        found |= {key.decode()[len("hushgate:{") : -len(f"}}:{kind}")] for key in keys}
        if cursor == b"0":
            return found


def _must_keep(server: Server) -> None:
    if server.keeps.refusal:
        raise _away(server.keeps.refusal)


def _misplaced(error: ResponseError) -> bool:
    """Whether somebody else has, or soon has, what was asked for. A slot that moves is not half read."""
    text = str(error)
    return isinstance(error, _MOVED) or text.startswith("UNBLOCKED") or "non local key" in text


def _away(why: str) -> StoreError:
    return StoreError("registry_unavailable", f"the shared registry cannot be used: {why}")
