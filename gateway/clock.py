"""The only place that reads a clock. Everything else takes `now` as a parameter."""

import time
from datetime import UTC, date, datetime
from typing import Final

now: Final = time.time  # noqa: TID251 - this is the one reader
"""Seconds since the epoch, UTC. The builtin itself, as below: both are called often."""


def today() -> date:
    """The day, UTC."""
    return datetime.fromtimestamp(now(), UTC).date()


monotonic: Final = time.monotonic
"""Seconds of a clock that never goes back; for durations only."""
