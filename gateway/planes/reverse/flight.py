"""A request on the fast path (exchange.fastpath): sent on and answered here, unless something is out of the
ordinary. Then a Turn takes over, as if it had had the request from the beginning.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from gateway.errors import HushgateError, InternalError, StoreError, where
from gateway.exchange.commands import Link
from gateway.exchange.environment import Env
from gateway.exchange.exchange import Exchange
from gateway.exchange.fastpath import FastPath, Paths, Went, cut, fast_path
from gateway.exchange.joining import Told
from gateway.http1.head import ResponseHead, next_request
from gateway.planes.reverse.turn import Turn
from gateway.planes.reverse.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller

log = logging.getLogger("hushgate.plane")
MAX_FRONTS = 64
"""ways of requests alike in all that follows their targets"""


class Flight:
    """Owner (planes.reverse.upstream) of one connection; one per caller, for one request after another.

    `up`: whether a request is on its way.
    """

    __slots__ = (
        "_body",
        "_caller",
        "_connection",
        "_env",
        "_head",
        "_number",
        "_path",
        "_paths",
        "_raw",
        "_rest",
        "_went",
        "_worker",
        "up",
    )

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._worker = caller.worker
        self._env: Env | None = None
        self._rest = b""
        """What followed the target of the last request, and (`_paths`) the ways of its like."""
        self._paths: Paths = {}
        self._raw = b""
        self._path: FastPath | None = None
        self._went = Went()
        self._connection: UpstreamConnection | None = None
        self._head: ResponseHead | None = None
        self._body = b""
        self._number = 0
        """of the flight, so that what is said late is not taken for the next one's"""
        self.up = False

    # ---- the caller's side ----------------------------------------

    def begin(self, raw: bytes) -> bool:
        """Send a request on, if this is the way of its like. `raw` is all that came."""
        if self._tried(self._begin, raw):
            return True
        if self._connection is not None:
            self._connection.abandon()
            self._forget()
            self._raw = b""
        return False

    def _begin(self, raw: bytes) -> bool:
        worker, rest = self._worker, self._rest
        self._raw = raw
        if not rest or worker.env is not self._env or not raw.endswith(rest):
            found = cut(raw)
            if found is None:
                return False
            rest = found.rest
            self._look(worker.env, rest)
        end = len(raw) - len(rest)
        at = raw.rfind(b"/", 0, end) + 1
        path = self._paths.get(raw[:at])
        if path is None or path.missed > path.tries:
            return False
        last, now = raw[at:end], worker.now()
        started = worker.tick()
        subjects = path.people(last, now)
        if subjects is None:
            return False
        connection = worker.pool.take(path.upstream, path.gate)
        if connection is None:
            return False
        went = self._went
        self._path, self._connection = path, connection
        went.identifier, went.subjects, went.address = worker.identifier(), subjects, connection.address
        went.now, went.started, went.sent = now, started, worker.tick()
        connection.begin(self, "GET", path.before + last + path.after)
        self.up = True
        self._caller.flies()
        return True

    def ended(self, exchange: Exchange | None) -> None:
        """What `begin` did not know went its way: remember it, if it was straight."""
        raw, self._raw = self._raw, b""
        env = self._worker.env
        if not raw or exchange is None or exchange.went is None or env is not self._env:
            return
        found, head = cut(raw), exchange.facts.head
        if found is None or head is None or b"GET " + head.path != found.front + found.last:
            return
        if found.rest != self._rest or found.front in self._paths or len(self._paths) >= MAX_FRONTS:
            return
        path = fast_path(env.snapshot, exchange.facts, exchange.went, head, env.limits)
        if path is not None:
            env.snapshot.keep_path(self._alike(found.rest), found.front, path)
            self._look(env, found.rest)

    def _look(self, env: Env, rest: bytes) -> None:
        self._env, self._rest = env, rest
        self._paths = cast("Paths", env.snapshot.paths.get(self._alike(rest), {}))

    def _alike(self, rest: bytes) -> tuple[object, ...]:
        # What follows the target holds keys, which are kept by their hashes alone.
        return self._caller.peer, self._caller.scheme, sha256(rest).digest()

    # ---- the upstream's side ----------------------------------------

    def on_whole(self, head: ResponseHead, body: bytes) -> None:
        """An answer that came in one piece."""
        if self._tried(self._land, head, body):
            return
        if self._connection is None:
            self._accepted(self._number, InternalError("the log failed"))
        elif (turn := self._missed()) is not None:
            turn.on_whole(head, body)

    def _land(self, head: ResponseHead, body: bytes) -> bool:
        connection, path, worker, went = self._connection, self._path, self._worker, self._went
        if connection is None or path is None or not path.answer(went, head, body, worker.tick()):
            return False
        self._connection, self._head, self._body = None, head, body
        if connection.release():
            worker.pool.put(connection, worker.lately)
        worker.log.append_text(went.text, partial(self._accepted, self._number))
        return True

    def on_interim(self, head: ResponseHead) -> None:
        """As of Owner."""
        if (turn := self._missed()) is not None:
            turn.on_interim(head)

    def on_answer(self, head: ResponseHead) -> None:
        """As of Owner."""
        if (turn := self._missed()) is not None:
            turn.on_answer(head)

    def on_data(self, data: bytes) -> None:
        """As of Owner: never before `on_answer`."""

    def on_answered(self) -> None:
        """As of Owner: at once after `on_answer`, where a Turn took over."""
        self._caller.turn.on_answered()

    def on_upstream_lost(self, error: HushgateError, silent: bool) -> None:
        """As of Owner."""
        if (turn := self._missed()) is not None:
            turn.on_upstream_lost(error, silent)

    def upstream_writable(self, writable: bool) -> None:
        """As of Owner: a head of this size is no matter of back-pressure."""

    # ---- the end ----------------------------------------

    def on_deadline(self, expected: str) -> None:
        """What was expected did not come in time: the answer, or that the log took its record."""
        written = self._head is not None
        turn = self._missed()
        if turn is None:
            return
        if written:
            turn.driver.fail(StoreError("audit_unavailable", ""))
        else:
            turn.on_deadline(expected)

    def _accepted(self, number: int, error: Exception | None) -> None:
        """The log took the record; or it did not, and the long way comes to that, too."""
        went, head, like, path = self._went, self._head, self._went.like, self._path
        if self._number != number or head is None or like is None or path is None:
            return
        if error is not None:
            body = self._body
            if (turn := self._missed()) is not None:
                turn.settled(head, body)
            return
        self._worker.metrics.observe_like(like, went.added_us, went.total_us)
        self._forget()
        told = went.told
        self._caller.lands(went.head, went.body)
        if told is not None:  # noted when the answer has gone, and before anything else is read
            asyncio.get_running_loop().call_soon(self._tried, self._link, path, told)

    def _link(self, path: FastPath, told: Told) -> None:
        """Have the registry keep who is who. Where it cannot, the next answer says it again."""
        pairs = path.pairs(told)
        if pairs:
            self._caller.turn.driver.link(Link(path.tenant, pairs))
        path.snapshot.keep_joined(told.seen)

    def _missed(self) -> Turn | None:
        """A Turn that stands where this flight does, and goes on with it; None: it ended in a refusal."""
        caller, env, went, path = self._caller, self._env, self._went, self._path
        found = next_request(self._raw, self._worker.head_limits)
        if env is None or found is None or path is None:
            return None
        path.missed += 1
        turn, connection, head = caller.turn, self._connection, found[0]
        turn.reset(head)
        exchange = Exchange(env, went.identifier, head, caller.peer, went.now, caller.scheme)
        exchange.facts.started = went.started
        self._forget()
        if self._tried(turn.take_over, exchange, connection, went.address, went.sent):
            return turn
        if connection is not None:
            connection.abandon()
        turn.driver.start(exchange, exchange.refuse(InternalError("")))
        return None

    def _tried[**P, T](self, step: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | None:
        """What a step gives; None where it raised: what takes over then comes to that, too, and blocks."""
        try:
            return step(*given, **named)
        except HushgateError:
            return None
        except Exception as crash:  # noqa: BLE001 - whatever it is, the request goes the long way
            log.error("a fast path was left: %s", where(crash))
            self._worker.metrics.add("hushgate_exceptions")
            return None

    def _forget(self) -> None:
        self.up = False
        self._number += 1
        self._path = self._connection = self._head = None
        self._raw = self._body = b""
