"""How fast a client may look people up: a token bucket per client, in memory. Pure; owned by one worker.

Whoever may ask "is this number known?" without limit has the list in the end, whatever is masked.
"""

from math import ceil

from gateway.exchange.refused import Refused

MAX_CLIENTS = 10_000
"""buckets kept; the one that was used least lately goes, and is full again when it comes back"""


class Lookups:
    """The buckets of a worker. Each holds a minute's worth of lookups and fills up evenly."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, tenant: str, client: str, per_minute: int, now: float) -> None:
        """One lookup at `now` (monotonic seconds). Raises Refused `too_many_lookups` and how long to wait."""
        key = (tenant, client)
        left, at = self._buckets.pop(key, (float(per_minute), now))
        rate = per_minute / 60
        left = min(float(per_minute), left + max(0.0, now - at) * rate)
        if len(self._buckets) >= MAX_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        if left < 1:
            self._buckets[key] = (left, now)
            wait = ceil((1 - left) / rate) if rate else None
            raise Refused("too_many_lookups", f"more than {per_minute} a minute", retry_after=wait)
        self._buckets[key] = (left - 1, now)
