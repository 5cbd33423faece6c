"""The only place that reads a clock. Everything else takes `now` as a parameter."""

import time
from typing import Final


def now() -> float:
    """Seconds since the epoch, UTC."""
    return time.time()  # noqa: TID251 - this is the one reader


monotonic: Final = time.monotonic
"""Seconds of a clock that never goes back; for durations only. The builtin itself: it is called often."""
