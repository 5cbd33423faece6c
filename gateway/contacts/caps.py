"""How often a person may be contacted: a sliding window over the contacts already counted. Pure."""

from collections.abc import Sequence
from math import inf

from gateway.contacts.model import Cap


def opens(counted: Sequence[float], cap: Cap, now: float) -> float | None:
    """None when one more contact at `now` is within the cap, else when (epoch seconds) it would be.

    `counted` are the times of contacts already made. One leaves the window when its length has passed.
    """
    inside = sorted(at for at in counted if at + cap.window > now)
    if len(inside) < cap.limit:
        return None
    return inside[len(inside) - cap.limit] + cap.window if cap.limit > 0 else inf
