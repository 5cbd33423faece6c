"""How much is looked into in one text before it is taken to be personal as a whole. Pure.

A check costs some microseconds, and a text can be made of nothing but what needs one. Patterns alone, which
rule out what cannot be anything, are linear and quick; what they leave is counted here.
"""

from typing import Final

MOST_CHECKS: Final = 2_000
"""in one text, by all detectors together; a page of honest text needs a few dozen"""


class Crowded(Exception):  # noqa: N818 - an outcome of reading, not an error of the house
    """A text that holds more candidates than are looked into: it is hidden whole."""


class Budget:
    """The checks that are left for one text."""

    __slots__ = ("left",)

    def __init__(self, checks: int = MOST_CHECKS) -> None:
        self.left = checks

    def spend(self, checks: int = 1) -> None:
        """Account for checks before they are made. Raises Crowded once more were made than there were."""
        self.left -= checks
        if self.left < 0:
            raise Crowded
