"""Calls what others wrote, and lets nothing of it pass but an answer in time.

Whatever a plugin raises, a stop of the process included, becomes a PluginError, which refuses the exchange.
Its text stays here: it may quote traffic. The log gets its type and place.
"""

import logging
from collections.abc import Callable
from types import TracebackType

from gateway.errors import HushgateError, PluginError, where

log = logging.getLogger("hushgate.plugin")

Monotonic = Callable[[], float]
Failures = dict[str, int]
"""By plugin: how many calls failed in this process since somebody last looked."""


class _Boundary:
    """A `with` block around one call into a plugin. Not an `except`: nothing is handled here, all of it is
    turned into one error of ours on its way out."""

    __slots__ = ("_guard",)

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        raise self._guard.failed(f"it raised {where(error)}") from None


class Guard:
    """Watches one plugin. `limit` is what one call may take, in seconds of `monotonic`."""

    __slots__ = ("_boundary", "_failures", "_limit", "_monotonic", "name")

    def __init__(self, name: str, limit: float, monotonic: Monotonic, failures: Failures) -> None:
        self.name = name
        self._limit = limit
        self._monotonic = monotonic
        self._failures = failures
        self._boundary = _Boundary(self)

    def call[A, R](self, function: Callable[[A], R], argument: A) -> R:
        """What the plugin answers. Raises PluginError when it raised, or took too long.

        The time is looked at when the call is over: nothing in a process can end a call that never ends.
        """
        began = self._monotonic()
        with self._boundary:
            answer = function(argument)
        if self._monotonic() - began > self._limit:
            raise self.failed("it took longer than its time")
        return answer

    def failed(self, why: str) -> HushgateError:
        """The error to raise for a call that went wrong. `why` is for the log and must not quote traffic."""
        log.error("plugin %s failed: %s", self.name, why)
        self._failures[self.name] = self._failures.get(self.name, 0) + 1
        return PluginError("the plugin failed", self.name)
