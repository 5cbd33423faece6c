"""The parent process: forks workers and the admin process, replaces dead ones, passes signals on.

Runs no event loop and no thread, so that a fork at any time is safe. SIGTERM and SIGINT stop everything (the
workers drain), SIGHUP reloads.
"""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from gateway import clock
from gateway.service.signals import WATCHED, block
from gateway.service.slot import Slot

log = logging.getLogger("hushgate.supervisor")

QUICK_DEATH = 1.0
"""seconds: a child that lived shorter is started again only after this long"""


@dataclass(slots=True)
class Child:
    """A process to keep alive: `body` runs in it, with signals.WATCHED blocked until it unblocks them, and
    returns its exit code."""

    name: str
    body: Callable[[], int]
    slot: Slot | None = None
    pid: int = 0
    code: int = 0
    started: float = 0.0
    restarts: int = 0


class Supervisor:
    """Keeps children alive until told to stop. `reload` runs in the parent first; False stops it there.
    `watch` runs in the parent about every second."""

    def __init__(
        self,
        children: list[Child],
        reload: Callable[[], bool],
        drain: float,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = children
        self._reload = reload
        self._watch = watch
        self._drain = drain
        self._stopping = False

    def run(self) -> int:
        """Fork, watch, stop. Returns 0 when every child ended well after a stop, else 1."""
        block()
        for child in self._children:
            self._start(child)
        while not self._stopping:
            got = signal.sigtimedwait(WATCHED, 1.0)
            number = got.si_signo if got else signal.SIGCHLD
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stopping = True
            elif number == signal.SIGHUP:
                self._pass_on_reload()
            else:
                self._replace_dead()
                self._watch()
        return self._stop()

    def _start(self, child: Child) -> None:
        child.started = clock.monotonic()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = child.body()
            except KeyboardInterrupt:
                code = 130
            except SystemExit as stop:
                code = int(stop.code or 0)
            finally:
                logging.shutdown()
                os._exit(code)
        child.pid = pid

    def _replace_dead(self) -> None:
        for child in self._children:
            if child.pid and self._ended(child):
                child.restarts += 1
                log.error("%s ended, starting it again", child.name)
        for child in self._children:
            if not child.pid and clock.monotonic() - child.started >= QUICK_DEATH:
                self._start(child)

    def _ended(self, child: Child) -> bool:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return False
        child.pid, child.code = 0, os.waitstatus_to_exitcode(status)
        if child.slot:
            child.slot.down()
        return True

    def _pass_on_reload(self) -> None:
        if self._reload():
            self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        for child in self._children:
            if child.pid:
                os.kill(child.pid, number)

    def _stop(self) -> int:
        self._signal(signal.SIGTERM)
        deadline = clock.monotonic() + self._drain + 5
        while any(child.pid for child in self._children):
            signal.sigtimedwait((signal.SIGCHLD,), 0.2)
            for child in self._children:
                if child.pid:
                    self._ended(child)
            if clock.monotonic() > deadline:
                log.error("children did not stop in time and are killed")
                self._signal(signal.SIGKILL)
                deadline = float("inf")
        return 1 if any(child.code for child in self._children) else 0
