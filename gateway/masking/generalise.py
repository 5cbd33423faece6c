"""Operators that leave something of a text, or something instead of it: fixed, initials. Pure.

What is not recognised is redacted, never shown. The empty string tells nothing and stays.
"""

import unicodedata
from typing import Any, Final

from gateway.codecs.program import Masker
from gateway.masking.means import Means
from gateway.masking.operators import REDACTED, described
from gateway.model import Mask

MAX_WORDS: Final = 8
"""Words of a name; a text of more of them is no name."""


def make_fixed(mask: Mask, _category: str, _means: Means) -> Masker:
    """The text of the rule for a string, null for a number or truth value.

    >>> make_fixed(Mask(op="fixed", text="on file"), "user.name", Means(b""))("Ana")
    'on file'
    """
    text = mask.text

    def fixed(value: Any) -> Any:
        return text if value.__class__ is str else None

    # Whether a text this short is the one that came depends on which texts Python has but once.
    return described(fixed, "redact", text.encode()) if len(text) > 1 else fixed


# ---- initials -------------------------------------------------------------------------------------------


def make_initials(_mask: Mask, _category: str, _means: Means) -> Masker:
    """The first letter of every word of a name."""
    return initials


def initials(value: Any) -> Any:
    """The first letter of each word with a letter, in any script; a single letter in all is the whole name.

    >>> initials("Ana María López"), initials("жанна д'арк"), initials("王小明"), initials("7 X")
    ('A. M. L.', 'Ж. Д.', '王.', '[redacted]')
    """
    if value.__class__ is not str:
        return None
    if not value:
        return value
    text = value if value.isascii() else unicodedata.normalize("NFC", value)
    found = [letter for word in text.split(None, MAX_WORDS + 1) if (letter := _initial(word))]
    if not 1 <= len(found) <= MAX_WORDS or (len(found) == 1 and sum(map(str.isalpha, text)) < 2):
        return REDACTED
    return " ".join(f"{letter}." for letter in found)


def _initial(word: str) -> str:
    """The first letter and the marks on it: a consonant with its vowel sign is one letter to its readers."""
    start = 0 if word[0].isalpha() else next((n for n, sign in enumerate(word) if sign.isalpha()), len(word))
    end = start + 1
    while word[end : end + 1] and unicodedata.category(word[end])[0] == "M":
        end += 1
    upper = word[start : start + 1].upper()
    return (upper if len(upper) == 1 else word[start : start + 1]) + word[start + 1 : end]
