"""Progress on stderr, for what takes over a second. stdout stays clean for results."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from gateway import clock

QUIET: Final = 1.0
"""seconds before anything is shown"""
REDRAW: Final = 0.1
"""seconds between two states of a line on a terminal"""
REPEAT: Final = 5.0
"""seconds between two lines where stderr is a file or pipe"""


class Progress:
    """One counted task: `with Progress("verifying", total=9) as progress: progress.advance()`.

    Shows nothing in its first second. On a terminal one line is redrawn, and wiped at the end; elsewhere a
    line is written every five seconds. `total` None counts without a percentage.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        stream: TextIO | None = None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._what = what
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._monotonic = monotonic
        self._terminal = self._stream.isatty()
        self._started = monotonic()
        self._due = self._started + QUIET
        self._shown = False
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def advance(self, steps: int = 1) -> None:
        """So many more are done."""
        self._done += steps
        now = self._monotonic()
        if now >= self._due:
            self._show(now)

    def update(self, done: int, total: int) -> None:
        """So many of so many are done in all."""
        self._total = total
        self.advance(done - self._done)

    def _show(self, now: float) -> None:
        line = f"{self._what}: {self._state()}, {now - self._started:.0f} s"
        self._stream.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        self._stream.flush()
        self._shown = True
        self._due = now + (REDRAW if self._terminal else REPEAT)

    def _state(self) -> str:
        if not self._total:
            return f"{self._done:,}"
        return f"{self._done:,} of {self._total:,} ({100 * self._done // self._total}%)"
