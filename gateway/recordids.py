"""Providers whose record ids can be written in several ways, and the one way of each. Pure.

Imports nothing of the house.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final, NamedTuple

_LENGTH: Final = 15
_LENGTHS: Final = (15, 18)
_CHUNK: Final = 5
_SIGNS: Final = ascii_uppercase + digits[:6]
_CAPITALS: Final = str.maketrans(
    ascii_uppercase + ascii_lowercase + digits,
    "1" * len(ascii_uppercase) + "0" * len(ascii_lowercase + digits),
)


@lru_cache(maxsize=8192)
def case_safe(value: str) -> str:
    """A Salesforce id as 18 characters, the letters in their own case; what is none stays as it is.

    An id is 15 letters and digits, and the case of a letter counts. Three more signs say which are capitals,
    each of five characters, the first of them the lowest bit: with these the case of the others does not
    count. Signs that make a capital of a digit are of no id. (Salesforce: Object Reference, "ID Field
    Type"; Apex Reference, `Id.valueOf` with `restoreCasing`.)

    >>> case_safe("003G000001SUbc4"), case_safe("003g000001subc4iad"), case_safe("003G000001SUbc4ZZZ")
    ('003G000001SUbc4IAD', '003G000001SUbc4IAD', '003G000001SUbc4ZZZ')
    """
    if len(value) not in _LENGTHS or not (value.isascii() and value.isalnum()):
        return value
    own, signs = value[:_LENGTH], value[_LENGTH:]
    made = own + _checksum(own)
    if not signs or made == value:
        return made
    own = _cased(own, signs.upper())
    return own + signs.upper() if own and _checksum(own) == signs.upper() else value


def _checksum(own: str) -> str:
    capitals = int(own[::-1].translate(_CAPITALS), 2)
    return _SIGNS[capitals & 31] + _SIGNS[capitals >> 5 & 31] + _SIGNS[capitals >> 10]


def _cased(own: str, signs: str) -> str:
    """The letters in the case that the signs say; empty where one of these is none."""
    numbers = [_SIGNS.find(sign) for sign in signs]
    if min(numbers) < 0:
        return ""
    bits = [number >> at & 1 for number in numbers for at in range(_CHUNK)]
    return "".join(sign.upper() if bit else sign.lower() for sign, bit in zip(own, bits, strict=True))


def _short(value: str) -> tuple[str, ...]:
    """The other way an id as `case_safe` makes it is written in."""
    known = len(value) == _LENGTH + 3 and value.isascii() and value.isalnum()
    return (value[:_LENGTH],) if known and case_safe(value[:_LENGTH]) == value else ()


class Spelling(NamedTuple):
    """`one`: the one way of an id written in any way; `others` of what that makes: the other ways."""

    one: Callable[[str], str]
    others: Callable[[str], tuple[str, ...]]


SPELLINGS: Final[Mapping[str, Spelling]] = {"salesforce": Spelling(case_safe, _short)}
"""By provider."""


def spelling_of(space: str) -> Spelling | None:
    """How ids of a space (`contacts.records`) are written, where that can be in several ways."""
    return SPELLINGS.get(space.partition("/")[0])
