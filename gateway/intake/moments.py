"""Moments as people write them -> seconds since the epoch. Pure."""

import re
from datetime import UTC, datetime
from typing import Final

EXPECTED: Final = "a date or time such as 2026-11-01 or 2026-11-01T09:30:00Z (UTC unless it says otherwise)"

_SECONDS: Final = re.compile(r"[0-9]{9,11}(\.[0-9]{1,6})?").fullmatch


def moment(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 date or time, or of such seconds themselves; else None."""
    text = text.strip()
    if _SECONDS(text):
        return float(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return at if at >= 0 else None


def spelt(at: float) -> str:
    """The moment in ISO 8601, UTC, to the second or, where there is more, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def day(at: float) -> str:
    """The date of a moment, UTC."""
    return spelt(at)[:10]
