"""The only place that reads a clock. Everything else takes `now` as a parameter."""

import time
from datetime import UTC, date, datetime
from typing import Final


def now() -> float:
    """Seconds since the epoch, UTC."""
    return time.time()  # noqa: TID251 - this is the one reader


def today() -> date:
    """The day, UTC."""
    return datetime.fromtimestamp(now(), UTC).date()


monotonic: Final = time.monotonic
"""Seconds of a clock that never goes back; for durations only. The builtin itself: it is called often."""
