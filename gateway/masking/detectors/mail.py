"""E-mail addresses in text (RFC 5321, RFC 6531): any script, quoted local parts, `%40` as in URLs. Pure.

A domain is needed: labels that end in one without digits, or an address literal. A run of text without
blanks is taken apart once at each `@`, and what is tried there is bounded.
"""

import re
from collections.abc import Iterator
from typing import Final

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.hit import Span

_AT: Final = r"(?:[@\uff20\ufe6b]|%40)"
_DOT: Final = r"[.\u3002\uff0e\uff61]"
_NOT: Final = r"\s@\uff20\ufe6b.\u3002\uff0e\uff61,;:<>()\[\]{}\"'|\\/?#&=%+!*^`~$"
"""What no label of a domain has; marks of any script may stand in one."""
_DOMAIN: Final = (
    rf"(?:[^{_NOT}]{{1,63}}{_DOT}){{1,20}}(?:xn--[A-Za-z0-9\-]{{1,59}}|[^\W\d_][^{_NOT}\d_\-]{{1,62}})"
    r"|\[?(?:[0-9]{1,3}\.){3}[0-9]{1,3}\]?|\[[0-9A-Za-z:.]{2,45}\]"
)
_at = re.compile(rf"{_AT}(?![1-9]x\.(?i:png|jpe?g|gif|webp|svg))(?=({_DOMAIN}))").finditer
"""What parts an address, with its domain; `@2x.png` is the name of a picture."""
_outside = re.compile(r"[\s<>()\[\]{},;:\"\\]").search
_trimmed: Final = "'`|.*_=&?/-~!#@"
MAX_LOCAL: Final = 320
"""characters looked back for a local part; RFC 5321 allows 64, and what is longer is no reason to show it"""
MAX_QUOTED: Final = 66


def emails(text: str, budget: Budget) -> Iterator[Span]:
    """Where addresses stand."""
    done = 0
    for at in _at(text):
        if at.start() < done:
            continue
        budget.spend()
        start = _start(text, at.start(), done)
        if start is not None:
            done = at.end(1)
            yield start, done


def _start(text: str, at: int, floor: int) -> int | None:
    """Where the local part before `at` begins, not before `floor`; None when there is none."""
    if at and text[at - 1] == '"':
        opening = text.rfind('"', max(floor, at - MAX_QUOTED), at - 1)
        return opening if opening >= 0 else None
    floor = max(floor, at - MAX_LOCAL)
    stop = _outside(text[floor:at][::-1])
    start = at - stop.start() if stop else floor
    local = text[start:at]
    start += len(local) - len(local.lstrip(_trimmed))
    return start if start < at else None
