"""Whether a value is one of our own masks, which an application got and sends back. Pure.

Per operator it is said what is recognised, and what bytes a body with it must hold, so that bodies without
any need not be looked through. Never recognised, because nothing tells them from real values: dates that were
shifted, texts that were cut off (`truncate`), what a plugin's masker made, null, and what was removed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from gateway.masking.dates import TOP
from gateway.masking.operators import PSEUDONYM, REDACTED, text_of, truncate_ip
from gateway.model import Mask

Recognises = Callable[[Any], bool]
"""Takes a scalar as a codec gives it (str, int, bool, or msgspec.Raw with number text)."""

_hash: Final = re.compile(rf"{PSEUDONYM}[0-9a-f]{{32}}").fullmatch
_year: Final = re.compile(r"\s*[0-9]{4}\s*").fullmatch
_band: Final = re.compile(r"([0-9]{1,2})-([0-9]{1,2})").fullmatch
_area: Final = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?|[0-9]{2,3}|[A-Z0-9]{2}").fullmatch
_initials: Final = re.compile(r"[^\W\d_]\w?\.(?: [^\W\d_]\w?\.){0,7}").fullmatch
_number: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.([0-9]{1,30}))?").fullmatch
_between: Final = re.compile(r"\s*[,;]\s*|\s+").split


@dataclass(frozen=True, slots=True)
class Trace:
    """What an operator leaves: how its values are recognised, and a pattern that is in any body with one.

    `marks` are bytes of which whatever matches that pattern holds one.
    """

    recognise: Callable[[Mask], Recognises]
    needle: Callable[[Mask], bytes]
    marks: Callable[[Mask], bytes]


def ours(value: Any) -> bool:
    """Whether a value is a mask whatever the field: `[redacted]`, or a pseudonym.

    >>> ours("[redacted]"), ours("h_" + 32 * "0"), ours("see [redacted]")
    (True, True, False)
    """
    return value.__class__ is str and (value.strip() == REDACTED or _hash(value.strip()) is not None)


def covered(value: Any) -> bool:
    """Whether a text holds what a detector put in place of personal data."""
    return value.__class__ is str and REDACTED in value


_REDACTED: Final = REDACTED.strip("[]").encode()
_PSEUDONYM: Final = PSEUDONYM.encode()
_pseudonym: Final = re.compile(_PSEUDONYM + rb"[0-9a-f]{32}").search
UNIVERSAL: Final = ((_REDACTED, 0), (_PSEUDONYM, 32))
"""Words, each with how many letters or digits follow it, of which one is in whatever `universal` finds."""


def universal(raw: bytes) -> bool:
    """Whether bytes may hold what `ours` and `covered` recognise; the brackets may be escaped."""
    return raw.find(_REDACTED) >= 0 or (raw.find(_PSEUDONYM) >= 0 and _pseudonym(raw) is not None)


def recogniser(mask: Mask | None) -> Recognises:
    """Whether a value is what the operator makes, or a mask whatever the field. None: the field is shown."""
    trace = TRACES.get(mask.op) if mask else None
    if mask is None or trace is None:
        return ours
    own = trace.recognise(mask)
    return lambda value: value.__class__ is not bool and (ours(value) or own(value))


def needle(mask: Mask | None) -> bytes:
    """A pattern that every body with a value of the operator holds, unless `universal` finds it; or b""."""
    trace = TRACES.get(mask.op) if mask else None
    return trace.needle(mask) if mask and trace else b""


def marks(mask: Mask | None) -> bytes:
    """Bytes of which whatever matches the needle of the operator holds one; b"" where it has none."""
    trace = TRACES.get(mask.op) if mask else None
    return trace.marks(mask) if mask and trace else b""


# ---- per operator ---------------------------------------------------------------------------------------


def _fixed(mask: Mask) -> Recognises:
    return lambda value: mask.text != "" and bool(value == mask.text)


def _partial(mask: Mask) -> Recognises:
    """Stars where the operator puts them in a text of that length."""
    first, last = max(mask.keep_first, 0), max(mask.keep_last, 0)

    def partial(value: Any) -> bool:
        text = text_of(value)
        size = len(text)
        tail = min(last, size // 2)
        head = min(first, size // 2 - tail)
        hidden = text[head : size - tail]
        return hidden != "" and not hidden.strip("*")

    return partial


def _years(_mask: Mask) -> Recognises:
    return lambda value: _year(text_of(value)) is not None


def _bands(mask: Mask) -> Recognises:
    def band(value: Any) -> bool:
        if value == f"{TOP}+":
            return True
        match = _band(value) if value.__class__ is str else None
        if match is None or mask.width < 1:
            return False
        start, end = int(match[1]), int(match[2])
        return start % mask.width == 0 and end == min(start + mask.width, TOP) - 1

    return band


def _areas(_mask: Mask) -> Recognises:
    return lambda value: _area(text_of(value).strip().upper()) is not None


def _coordinates(mask: Mask) -> Recognises:
    """Numbers with no more decimals than the operator leaves: whole degrees are taken for rounded ones."""

    def rounded(value: Any) -> bool:
        parts = _between(text_of(value).strip())
        matches = [_number(part) for part in parts]
        return len(parts) <= 2 and all(m and len(m[1] or "") <= mask.decimals for m in matches)

    return rounded


def _names(_mask: Mask) -> Recognises:
    return lambda value: value.__class__ is str and _initials(value.strip()) is not None


def _networks(_mask: Mask) -> Recognises:
    def network(value: Any) -> bool:
        if value.__class__ is not str:
            return False
        try:
            address = ip_address(value.strip())
        except ValueError:
            return False
        return bool(truncate_ip(value) == str(address))

    return network


_ANY: Final = rb"(?s:.)"
_STAR: Final = re.escape(b"*")
_DIGIT: Final = b"[0-9]"
_plain: Final = re.compile(rb"[A-Za-z0-9]+").findall
"""Signs that stand for themselves in every format."""
_DIGITS: Final = b"0123456789"
_EVERY: Final = bytes(range(0x100))


def _text(mask: Mask) -> bytes | None:
    return max(_plain(mask.text.encode()), key=len, default=None)


def _first(mask: Mask) -> bytes:
    text = _text(mask)
    return _EVERY if text is None else text[:1]


TRACES: Final[Mapping[str, Trace]] = {
    "fixed": Trace(_fixed, lambda mask: _text(mask) or _ANY, _first),
    "partial": Trace(_partial, lambda _: _STAR, lambda _: b"*"),
    "year": Trace(_years, lambda _: rb"(?<![0-9])[0-9]{4}(?![0-9])", lambda _: _DIGITS),
    "age_band": Trace(_bands, lambda _: rb"[0-9]{1,2}-[0-9]{1,2}|90", lambda _: _DIGITS),
    "postcode_area": Trace(_areas, lambda _: _DIGIT, lambda _: _DIGITS),
    "coordinates": Trace(_coordinates, lambda _: _DIGIT, lambda _: _DIGITS),
    "initials": Trace(_names, lambda _: re.escape(b"."), lambda _: b"."),
    "truncate_ip": Trace(_networks, lambda _: rb"\.0|::|%3[Aa]", lambda _: b".:%"),
}
"""By operator. `redact` and `hash` are recognised whatever the field; see `ours`."""
