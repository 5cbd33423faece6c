"""Webhooks that were seen through to their end, in memory. Pure; owned by one worker."""

from typing import Final

MOST: Final = 65_536
"""events remembered; the oldest goes first"""
LONG: Final = 86_400.0
"""seconds an event is remembered: longer than any provider redelivers"""


class Seen:
    """What has been answered with success. A redelivery after a failure is none: it is carried out again."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, float] = {}

    def __contains__(self, event: bytes) -> bool:
        return event in self._known

    def add(self, event: bytes, now: float) -> None:
        """Remember an event at `now` (monotonic seconds)."""
        known = self._known
        known.pop(event, None)
        known[event] = now
        while len(known) > MOST or known[next(iter(known))] < now - LONG:
            del known[next(iter(known))]
