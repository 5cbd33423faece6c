"""What may be said of a subject: per act the members it has, and what is wrong with an entry. Pure."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import isfinite
from typing import Final, get_args
from zoneinfo import ZoneInfo

from gateway.contacts.model import Act, Entry
from gateway.model import Channel
from gateway.policy.taxonomy import USES

AHEAD: Final = 300.0
"""seconds an entry may lie ahead: clocks differ, but an entry of tomorrow would beat every later one"""
MOST_TEXT: Final = 200

_SCOPE: Final = ("channel", "purpose")
_PROOF: Final = ("text", "evidence", "until")
TAKES: Final[Mapping[Act, frozenset[str]]] = {
    "pending": frozenset((*_SCOPE, *_PROOF)),
    "granted": frozenset((*_SCOPE, *_PROOF)),
    "confirmed": frozenset((*_SCOPE, *_PROOF)),
    "withdrawn": frozenset((*_SCOPE, "text", "evidence")),
    "expired": frozenset(_SCOPE),
    "suppressed": frozenset((*_SCOPE, "sender")),
    "lifted": frozenset((*_SCOPE, "sender")),
    "objected": frozenset(_SCOPE),
    "objection_lifted": frozenset(_SCOPE),
    "restricted": frozenset(("purpose",)),
    "unrestricted": frozenset(),
    "erased": frozenset(),
    "customer": frozenset(("until",)),
    "customer_ended": frozenset(),
    "zone": frozenset(("detail",)),
}
"""The acts that can be told, and which members an entry of each has beside those that all have."""

_EXTRA: Final = ("channel", "purpose", "sender", "text", "evidence", "until", "detail")
_CHANNELS: Final = frozenset(get_args(Channel))
_EVIDENCE: Final = re.compile(r"[0-9a-f]{64}").fullmatch


@cache
def zoned(name: str) -> bool:
    """Whether it is the name of an IANA time zone."""
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        return False
    return True


def fault(entry: Entry, now: float) -> str:
    """What is wrong with an entry somebody told, or nothing. Says which member; quotes no value."""
    takes = TAKES.get(entry.act)
    if takes is None:
        return f"act is none of {', '.join(TAKES)}"
    for name in _EXTRA:
        if name not in takes and getattr(entry, name):
            return f"{entry.act} has no {name}"
    return next((f"{name} is not {what}" for name, what, good in _CHECKS if not good(entry, now)), "")


def _text(text: str) -> bool:
    return len(text) <= MOST_TEXT and (text.isprintable() or not text)


def _time(at: float | None, most: float) -> bool:
    return at is None or (isfinite(at) and 0 <= at <= most)


_Check = Callable[[Entry, float], bool]
_CHECKS: Final[tuple[tuple[str, str, _Check], ...]] = (
    ("channel", f"one of {', '.join(get_args(Channel))}", lambda e, _: e.channel in {None, *_CHANNELS}),
    ("purpose", "a data use such as marketing", lambda e, _: e.purpose is None or e.purpose in USES),
    ("at", "a moment that has been", lambda e, now: _time(e.at, now + AHEAD)),
    (
        "until",
        "a moment after `at`",
        lambda e, _: e.until is None or (_time(e.until, 1e11) and e.until > e.at),
    ),
    (
        "evidence",
        "64 lower-case hex digits (SHA-256)",
        lambda e, _: not e.evidence or bool(_EVIDENCE(e.evidence)),
    ),
    ("detail", "a time zone such as Europe/Paris", lambda e, _: e.act != "zone" or zoned(e.detail)),
    (
        "sender",
        f"a text of 1 to {MOST_TEXT} characters",
        lambda e, _: e.sender is None or (bool(e.sender) and _text(e.sender)),
    ),
    *(
        (name, f"a line of at most {MOST_TEXT} characters", lambda e, _, name=name: _text(getattr(e, name)))
        for name in ("source", "department", "text")
    ),
)
"""Member, what it has to be, and the test of it."""
