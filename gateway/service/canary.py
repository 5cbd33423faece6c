"""The canary of one worker: plays its own snapshot's plans in the background, counts, and says what leaks.

It has a small share of the worker's time: what is costly is done on a thread, and after each answer it waits
for many times as long as the answer took. A round goes on where the last one stopped.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from gateway import clock
from gateway.canary.play import Played, Target, judged, play
from gateway.canary.rounds import sown, targets
from gateway.errors import HushgateError, where
from gateway.exchange.exchange import Env
from gateway.metrics import Metrics

log = logging.getLogger("hushgate.canary")

SHARE: Final = 20
"""the canary waits this many times as long as it worked"""
MOST: Final = 500
"""targets of one round: a deployment of thousands of tenants is gone through in several"""

Key = tuple[str, str, str, str, str | None]


class Canary:
    """Rounds without end. `leaking` is not empty while any plan lets a hidden value out."""

    def __init__(self, env: Callable[[], Env], metrics: Metrics, salt: Callable[[], str]) -> None:
        self.leaking: set[Key] = set()
        self._env = env
        self._metrics = metrics
        self._salt = salt
        self._left: Iterator[Target] = iter(())
        self._snapshot: object = None

    async def run(self, every: float) -> None:
        """Play round after round, `every` seconds apart, until cancelled. Its own end is told loudly."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(every)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                log.critical("the canary has died: %s", where(error))
                self._metrics.add("hushgate_canary_runs", "failed")
            raise

    async def round(self) -> None:
        """Play at most MOST targets. What leaked of another snapshot is forgotten: its plans are gone."""
        env = self._env()
        if env.snapshot is not self._snapshot:
            self._snapshot, self._left = env.snapshot, targets(env.snapshot)
            self.leaking.clear()
        batch = list(islice(self._left, MOST))
        if not batch:
            self._left = targets(env.snapshot)
            batch = list(islice(self._left, MOST))
        for target in batch:
            if self._env().snapshot is not env.snapshot:
                return
            await self._target(env, target)

    async def _target(self, env: Env, target: Target) -> None:
        now, leaks, began = clock.now(), 0, clock.monotonic()
        try:
            ask, every = await asyncio.to_thread(sown, env.snapshot, target, now, self._salt())
            for answer in every:
                released = play(env, target, ask, answer, now)
                found = await asyncio.to_thread(judged, target, ask, answer, released)
                leaks += self._count(found)
                await asyncio.sleep(SHARE * (clock.monotonic() - began))
                began = clock.monotonic()
        except HushgateError as error:
            log.error("the canary could not play %s: %s", target.name, error)
            self._metrics.add("hushgate_canary_runs", "failed")
            return
        self._note(target, leaks)

    def _count(self, found: Played) -> int:
        leaks = len(found.leaks)
        self._metrics.add("hushgate_canary_runs", found.result)
        if leaks:
            who = found.target.identity
            labels = (who.tenant, who.client.role, found.target.name)
            self._metrics.add("hushgate_canary_leaks", *labels, by=leaks)
        return leaks

    def _note(self, target: Target, leaks: int) -> None:
        key = key_of(target)
        if not leaks:
            self.leaking.discard(key)
            return
        if key not in self.leaking:
            log.error(
                "hidden values of a made-up person came out: tenant %s, client %s, upstream %s, %s",
                *(key[0], key[1], key[2], target.name),
            )
        self.leaking.add(key)


def key_of(target: Target) -> Key:
    """What tells one target from another."""
    identity = target.identity
    return identity.tenant, identity.client.id, target.upstream.name, target.operation.id, target.purpose
