"""The only place that reads a clock. Everything else takes `now` as a parameter."""

import time


def now() -> float:
    """Seconds since the epoch, UTC."""
    return time.time()  # noqa: TID251 - this is the one reader


def monotonic() -> float:
    """Seconds of a clock that never goes back; for durations only."""
    return time.monotonic()
