"""A request on the fast path (exchange.fastpath): sent on and answered here, unless something is out of the
ordinary. Then a Turn takes over, as if it had had the request from the beginning.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from gateway.contacts.model import Standing
from gateway.errors import HushgateError, InternalError, StoreError, UpstreamError, where
from gateway.exchange.commands import Acquire, Append, Collect, Command, Link, Lookup, Send
from gateway.exchange.contactpath import OPENING, ContactPath, Outline, contact_path, outline
from gateway.exchange.environment import Env
from gateway.exchange.exchange import Exchange
from gateway.exchange.facts import Facts
from gateway.exchange.fastpath import FastPath, Went
from gateway.exchange.finding import Addressed
from gateway.exchange.joining import Told
from gateway.exchange.readpath import Paths, cut, read_path
from gateway.http1.head import RequestHead, ResponseHead, next_request
from gateway.planes.reverse.turn import Turn
from gateway.planes.reverse.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.planes.reverse.caller import Caller

log = logging.getLogger("hushgate.plane")
MAX_LATE = 64 * 1024
"""bytes of a request whose body comes after its head"""
MAX_FRONTS = 64
"""ways of requests alike in all that follows their targets"""


class Flight:
    """Owner (planes.reverse.upstream) of one connection; one per caller, for one request after another.

    `up`: whether a request is on its way.
    """

    __slots__ = (
        "_body",
        "_brief",
        "_caller",
        "_connection",
        "_env",
        "_head",
        "_number",
        "_outline",
        "_path",
        "_paths",
        "_raw",
        "_rest",
        "_waits",
        "_went",
        "_worker",
        "up",
    )

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._worker = caller.worker
        self._env: Env | None = None
        self._rest = b""
        """What followed the target of the last read, and (`_paths`) the ways of its like."""
        self._paths: Paths = {}
        self._outline: Outline | None = None
        """Of the last request that reached somebody, and (`_brief`) the way of its like."""
        self._brief: ContactPath | None = None
        self._raw = b""
        self._path: FastPath | None = None
        self._went = Went()
        self._connection: UpstreamConnection | None = None
        self._waits: type[Command] = Send
        """For the answer to what, where the long way would be"""
        self._head: ResponseHead | None = None
        self._body = b""
        self._number = 0
        """of the flight, so that what is said late is not taken for the next one's"""
        self.up = False

    @property
    def waiting(self) -> bool:
        """Whether the upstream has not answered yet."""
        return self._connection is not None and self._waits is Send

    # ---- the caller's side ----------------------------------------

    def begin(self, raw: bytes) -> bool:
        """Send a request on, if this is the way of its like. `raw` is all that came."""
        if self._worker.env is not self._env:
            self._env, self._rest, self._outline = self._worker.env, b"", None
        self._raw = raw
        if self._tried(self._contact if raw.startswith(OPENING) else self._read, raw):
            return True
        if self.up:  # it broke on its way
            self._fail(InternalError(""))
            return True
        if self._connection is not None:
            self._connection.abandon()
            self._forget()
            self._raw = b""
        return False

    def late(self, parts: list[bytes]) -> bool:
        """The same of one whose body came after its head: its exchange has done nothing but wait for it."""
        caller = self._caller
        size = len(caller.head) + sum(map(len, parts))
        if size == len(self._raw) or size > MAX_LATE or not caller.flyable:
            return False
        if not self.begin(b"".join((caller.head, *parts))):
            return False
        if self.up:
            caller.turn.driver.stop()
        return True

    def _read(self, raw: bytes) -> bool:
        worker, rest = self._worker, self._rest
        if not rest or not raw.endswith(rest):
            found = cut(raw)
            if found is None:
                return False
            rest = self._rest = found.rest
            self._paths = cast("Paths", self._known(rest))
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
        self._path, self._connection, self._waits = path, connection, Send
        went.identifier, went.subjects, went.address = worker.identifier(), subjects, connection.address
        went.sends = went.asked = b""
        went.now, went.started, went.sent = now, started, worker.tick()
        connection.begin(self, "GET", path.before + last + path.after)
        self.up = True
        self._caller.flies()
        worker.vigil.keep(self, path.takes, went.sent)
        return True

    def _contact(self, raw: bytes) -> bool:
        worker, went, known = self._worker, self._went, self._outline
        body = None if known is None else known.body(raw)
        if body is None:
            found = outline(raw)
            body = None if found is None else found.body(raw)
            if found is None or body is None:
                return False
            self._outline = found
            self._brief = cast("ContactPath | None", self._known(b"\0".join(found)).get(b""))
        path = self._brief
        if path is None or path.missed > path.tries:
            return False
        went.now, went.started = worker.now(), worker.tick()
        if not path.reaches(went, body):
            return False
        went.identifier, self._path = worker.identifier(), path
        told = worker.services.registry.standings(path.tenant, went.reached)
        if isinstance(told, list):
            return self._goes(path, told)
        self._wait(Lookup)
        worker.spawn(told, partial(self._judged, self._number), partial(self._unjudged, self._number))
        return True

    def ended(self, exchange: Exchange | None) -> None:
        """What `begin` did not know went its way: remember it, if there is one for its like."""
        raw, self._raw = self._raw, b""
        env = self._worker.env
        if not raw or exchange is None or exchange.went is None or env is not self._env:
            return
        head = exchange.facts.head
        if head is not None:
            keep = self._keep_contact if raw.startswith(OPENING) else self._keep_read
            keep(env, raw, exchange.facts, exchange.went, head)

    def _keep_read(self, env: Env, raw: bytes, facts: Facts, went: Addressed, head: RequestHead) -> None:
        found = cut(raw)
        if found is None or b"GET " + head.path != found.front + found.last:
            return
        if found.rest != self._rest or found.front in self._paths or len(self._paths) >= MAX_FRONTS:
            return
        path = read_path(env.snapshot, facts, went, head, env.limits)
        if path is not None:
            env.snapshot.keep_path(self._alike(found.rest), found.front, path)
            self._paths = cast("Paths", self._known(found.rest))

    def _keep_contact(self, env: Env, raw: bytes, facts: Facts, went: Addressed, head: RequestHead) -> None:
        found = self._outline
        if found is None or self._brief is not None or found.body(raw) is None:
            return
        path = contact_path(env.snapshot, facts, went, head, env.limits)
        if path is not None:
            env.snapshot.keep_path(self._alike(b"\0".join(found)), b"", path)
            self._brief = path

    def _known(self, rest: bytes) -> Mapping[bytes, object]:
        return self._worker.env.snapshot.paths.get(self._alike(rest), {})

    def _alike(self, rest: bytes) -> tuple[object, ...]:
        # What requests have in common holds keys, which are kept by their hashes alone.
        return self._caller.peer, self._caller.scheme, sha256(rest).digest()

    def _wait(self, command: type[Command]) -> None:
        self._waits = command
        if not self.up:
            self.up = True
            self._caller.flies()

    def _judged(self, number: int, standings: Sequence[Standing]) -> None:
        """The registry told, if not at once."""
        path = self._brief
        if self._number != number or path is None or self._tried(self._goes, path, standings):
            return
        if self._waits is not Lookup:
            self._fail(InternalError(""))
        elif (turn := self._missed()) is not None:
            turn.driver.resume(standings)

    def _unjudged(self, number: int, error: HushgateError) -> None:
        if self._number == number:
            self._fail(error)

    def _goes(self, path: ContactPath, standings: Sequence[Standing]) -> bool:
        """Have it on record, if nothing speaks against it."""
        worker, went = self._worker, self._went
        if not path.allows(went, standings):
            return False
        connection = self._connection = worker.pool.take(path.upstream, path.gate)
        if connection is None:
            return False
        went.address = connection.address
        text = path.intent(went)
        self._wait(Append)
        worker.log.append_text(text, partial(self._intended, self._number))
        return True

    def _intended(self, number: int, error: Exception | None) -> None:
        """It is on record, or cannot be."""
        if self._number != number or self._waits is not Append:
            return
        if error is not None:
            self._fail(error if isinstance(error, HushgateError) else InternalError("the log failed"))
        elif not self._tried(self._send):
            self._fail(InternalError(""))

    def _send(self) -> bool:
        connection, path, went = self._connection, self._brief, self._went
        if connection is None or path is None:
            return False
        self._waits, went.sent = Send, self._worker.tick()
        if not connection.alive:
            self.on_upstream_lost(UpstreamError("upstream_invalid", "the pooled connection closed"), True)
            return True
        connection.begin(self, "POST", path.sent(went))
        self._caller.expect("answer")
        self._worker.vigil.keep(self, path.takes, went.sent)
        return True

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

    def _fail(self, error: HushgateError) -> None:
        """What is waited for failed: as on the long way."""
        turn = self._missed()
        if turn is not None:
            turn.driver.fail(error)

    def _missed(self) -> Turn | None:
        """A Turn that stands where this flight does, and goes on with it; None: it ended in a refusal."""
        caller, env, went, path = self._caller, self._env, self._went, self._path
        found = next_request(self._raw, self._worker.head_limits)
        if env is None or found is None or path is None:
            return None
        path.missed += 1
        turn, connection, head = caller.turn, self._connection, found[0]
        until, raw = self._waits, self._raw
        turn.reset(head)
        exchange = Exchange(env, went.identifier, head, caller.peer, went.now, caller.scheme)
        exchange.facts.started = went.started
        known: dict[type[Command], object] = {Acquire: went.address}
        if went.sends:
            known |= {Collect: raw[found[1] :], Lookup: went.standings, Append: None}
        self._forget()
        if self._tried(turn.take_over, exchange, connection, known, until):
            if until is Send:
                turn.sent_at(went.sent)
            return turn
        if connection is not None:
            connection.abandon()
        turn.driver.start(exchange, exchange.refuse(InternalError("")))
        return None

    def _tried[*Given, T](self, step: Callable[[*Given], T], *given: *Given) -> T | None:
        """What a step gives; None where it raised: what takes over then comes to that, too, and blocks."""
        try:
            return step(*given)
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
