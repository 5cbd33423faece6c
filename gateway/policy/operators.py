"""How masking operators are written: a word, or a word with its parameters. Pure."""

from dataclasses import replace
from typing import Final

from gateway.masking.table import PLUGIN
from gateway.model import Mask
from gateway.strict.kinds import Kind, Number, mapped
from gateway.strict.shapes import ByShape, Fault, Key, Table, Variant
from gateway.strict.words import NAME, pattern

PLAIN: Final = ("redact", "remove", "token", "hash", "year", "postcode_area", "initials", "truncate_ip")
"""Operators without parameters."""

WIDTH, DECIMALS, DAYS = 10, 2, 180
"""Parameters of operators that may be written without any."""


def _partial(keep_first: int, keep_last: int) -> Mask | Fault:
    if not keep_first and not keep_last:
        return Fault("keep_last", "a partial mask that keeps nothing", "keep_first or keep_last above 0")
    return Mask(op="partial", keep_first=keep_first, keep_last=keep_last)


def _truncate(keep: int) -> Mask:
    return Mask(op="truncate", keep=keep)


_KEEP: Final = Number(0, 64)
_TEXT: Final = pattern(
    "a text of at most 200 characters, in quotes when empty", r"[^\x00-\x1f\x7f-\x9f]{0,200}"
)

PARTIAL: Final = Table(
    "partial",
    (
        Key("keep_first", _KEEP, "Characters shown at the start.", default="0"),
        Key("keep_last", _KEEP, "Characters shown at the end.", default="0"),
    ),
    _partial,
    doc="Hides all but some characters; a value too short to hide anything is hidden whole.",
)
TRUNCATE: Final = Table(
    "truncate",
    (Key("keep", Number(1, 64), "Characters shown at the start; the rest is cut off.", required=True),),
    _truncate,
    doc="Generalises by cutting off the end: a postcode to its first digits.",
)

FIXED: Final = Table(
    "fixed",
    (Key("text", _TEXT, "What is shown instead of every value.", required=True),),
    lambda text: Mask(op="fixed", text=text),
    doc="Puts one text in place of every text; numbers become null.",
)
AGE_BAND: Final = Table(
    "age_band",
    (
        Key(
            "width",
            Number(2, 50),
            "Years in a band; the bands begin at 0, and 90 and older is one.",
            default=str(WIDTH),
        ),
    ),
    lambda width: Mask(op="age_band", width=width),
    doc="Generalises an age, or a date of birth as of the day of the request, to a band such as 30-39.",
)
COORDINATES: Final = Table(
    "coordinates",
    (
        Key(
            "decimals",
            Number(0, 4),
            "Digits after the point: 2 is about 1 km, 1 about 11 km.",
            default=str(DECIMALS),
        ),
    ),
    lambda decimals: Mask(op="coordinates", decimals=decimals),
    doc="Rounds a latitude, a longitude, or both in one text.",
)
DATE_SHIFT: Final = Table(
    "date_shift",
    (Key("days", Number(1, 3650), "The most a date is moved, to either side.", default=str(DAYS)),),
    lambda days: Mask(op="date_shift", days=days),
    doc="Moves dates by a number of days that is kept secret and is the same for all dates of a category.",
)

_WITH_PARAMETERS: Final[dict[str, Kind[Mask]]] = {
    "fixed": FIXED,
    "partial": PARTIAL,
    "age_band": AGE_BAND,
    "date_shift": DATE_SHIFT,
    "coordinates": COORDINATES,
    "truncate": TRUNCATE,
}

_WORDS: Final = {word: Mask(op=word) for word in PLAIN} | {
    "age_band": Mask(op="age_band", width=WIDTH),
    "date_shift": Mask(op="date_shift", days=DAYS),
    "coordinates": Mask(op="coordinates", decimals=DECIMALS),
}

WORDS: Final = tuple(dict.fromkeys((*_WORDS, *_WITH_PARAMETERS)))
"""Every built-in operator a rule file may name."""

_BUILT_IN: Final = mapped(_WORDS)
EXPECTED: Final = _BUILT_IN.expected


def plugin_name(text: str) -> str | None:
    """A name that a plugin's masker may have: none of the language's own words."""
    return None if text in WORDS else NAME.convert(text)


def _word(text: str) -> Mask | None:
    """A built-in operator, or what may be a plugin's masker (rulefile.maskers_in checks whether it is)."""
    known = _BUILT_IN.convert(text)
    return known or (Mask(op=PLUGIN + text) if plugin_name(text) else None)


OPERATOR: Final[Kind[Mask]] = ByShape(replace(_BUILT_IN, convert=_word), Variant(_WITH_PARAMETERS))
