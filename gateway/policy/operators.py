"""How masking operators are written: a word, or a word with its parameters. Pure."""

from dataclasses import replace
from typing import Final

from gateway.masking.table import PLUGIN
from gateway.model import Mask
from gateway.strict.kinds import Kind, Number, mapped
from gateway.strict.shapes import ByShape, Fault, Key, Table, Variant
from gateway.strict.words import NAME

PLAIN: Final = ("redact", "remove", "token", "hash", "year", "truncate_ip")
"""Operators without parameters."""


def _partial(keep_first: int, keep_last: int) -> Mask | Fault:
    if not keep_first and not keep_last:
        return Fault("keep_last", "a partial mask that keeps nothing", "keep_first or keep_last above 0")
    return Mask(op="partial", keep_first=keep_first, keep_last=keep_last)


def _truncate(keep: int) -> Mask:
    return Mask(op="truncate", keep=keep)


_KEEP: Final = Number(0, 64)

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

_WITH_PARAMETERS: Final[dict[str, Kind[Mask]]] = {"partial": PARTIAL, "truncate": TRUNCATE}

WORDS: Final = (*PLAIN, *_WITH_PARAMETERS)
"""Every built-in operator a rule file may name."""

_BUILT_IN: Final = mapped({word: Mask(op=word) for word in PLAIN})
EXPECTED: Final = _BUILT_IN.expected


def plugin_name(text: str) -> str | None:
    """A name that a plugin's masker may have: none of the language's own words."""
    return None if text in WORDS else NAME.convert(text)


def _word(text: str) -> Mask | None:
    """A built-in operator, or what may be a plugin's masker (rulefile.maskers_in checks whether it is)."""
    known = _BUILT_IN.convert(text)
    return known or (Mask(op=PLUGIN + text) if plugin_name(text) else None)


OPERATOR: Final[Kind[Mask]] = ByShape(replace(_BUILT_IN, convert=_word), Variant(_WITH_PARAMETERS))
