"""Keeps a worker awake for an answer that is about to come: the loop polls for it instead of sleeping.

To be woken costs more than most of a small request: the core has to come out of its sleep, and finds its
caches cold. So while one request alone is out, to an upstream that usually answers within AWAKE, the loop
looks again at once, as HAProxy does with `busy-polling` and Linux with `net.core.busy_poll`. Upstreams
further away, and answers while there is more to do, are not waited for like this: it would gain nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

AWAKE: Final = 250e-6
"""seconds"""


class Waiting(Protocol):
    """Who waits for an answer."""

    @property
    def waiting(self) -> bool:
        """Whether it has not come yet."""


class Vigil:
    """Of one worker; only its event loop touches it."""

    __slots__ = ("_kept", "_tick", "_until", "_watched")

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._watched: Waiting | None = None
        self._until = 0.0
        self._kept = False

    def keep(self, who: Waiting, takes: float, now: float) -> None:
        """Stay awake for an answer that usually takes so long (seconds), if no other soon comes."""
        if takes >= AWAKE:
            return
        alone = self._watched is None or not self._watched.waiting
        self._watched = who
        self._until = now + AWAKE if alone else 0.0
        if self._until and not self._kept:
            self._kept = True
            self._stay()

    def _stay(self) -> None:
        watched = self._watched
        if watched is not None and watched.waiting and self._tick() < self._until:
            asyncio.get_running_loop().call_soon(self._stay)
        else:
            self._kept = False
