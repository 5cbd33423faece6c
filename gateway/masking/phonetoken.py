"""Phone numbers that stand for phone numbers: `+337319170337750` in place of `+33612345678`. Pure.

A token keeps `+` and the E.164 country code and always has 15 digits, the most that E.164 allows. Hardly any
number in use has so many, so a token is not taken for a number, nor a number for a token. After the code
stand T = 15 - len(code) digits (12 to 14):

    plain   2 0...0 1 <national number>        filled up with zeros between the 2 and the 1
    token   FF1 over the T digits, again and again until the first digit is 2 to 7

The first digit keeps off 0, 1, 8 and 9, which are national prefixes: software that tidies numbers up would
take them away. Encrypting until a string falls into a set that the plain ones are in too is still a
permutation, of that set ("cycle walking").

The zeros and the 1 are the redundancy by which a mangled or a foreign token is known. Of n-digit numbers it
leaves a random string one chance in 0.6 * 10 ** (T - n). With n <= T - 4 that is 1 in 6,000, and any possible
number will do. With n = T - 3 or T - 2 it would be 1 in 600 or 60, so there the number must also be one that
is given out (the patterns of phonenumbers). A number with more digits has no token. What comes of it over all
country codes, by trial: median 1 in 5,000; +1, +33, +34 1 in 6,000; +44 1 in 1,500; +49, the worst, 1 in 70.
"""

from functools import lru_cache
from typing import Final

import phonenumbers

from gateway.contacts.normalise import normalise
from gateway.masking.ff1 import Ff1

DIGITS: Final = 15
"""E.164 (ITU-T, 11/2010) section 6: the most a number can have, country code included"""
ROOMY: Final = 4
"""Spare digits with which every possible number has a token."""
TIGHT: Final = 2
"""Spare digits below which none has."""
LEAD: Final = "2"
FIRST: Final = frozenset("234567")


class PhoneCipher:
    """Tokens of phone numbers under one 32-byte key; every country code is a domain of its own."""

    __slots__ = ("_by_code", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._by_code: dict[str, Ff1] = {}

    def seal(self, number: str) -> str | None:
        """The token of an E.164 number (`+`, digits), or None when it has none."""
        code = country_code(number[1:4])
        if code is None or not _tokenisable(number, code):
            return None
        text = _encoded(number[1 + len(code) :], DIGITS - len(code))
        cipher = self._cipher(code)
        while (text := cipher.encrypt(text))[0] not in FIRST:
            pass
        return f"+{code}{text}"

    def open(self, digits: str) -> str | None:
        """The number (`+`, digits) a token's 15 digits stand for; None when they are none under this key."""
        code = country_code(digits[:3])
        if code is None or len(digits) != DIGITS or digits[len(code)] not in FIRST:
            return None
        text = digits[len(code) :]
        cipher = self._cipher(code)
        while (text := cipher.decrypt(text))[0] not in FIRST:
            pass
        lead, one, national = text[1:].partition("1")
        number = f"+{code}{national}"
        if text[0] != LEAD or not one or lead.strip("0") or not _tokenisable(number, code):
            return None
        return number

    def _cipher(self, code: str) -> Ff1:
        made = self._by_code.get(code)
        if made is None:
            made = self._by_code[code] = Ff1(self._key, DIGITS - len(code), tweak=code.encode())
        return made


@lru_cache(maxsize=1024)
def country_code(head: str) -> str | None:
    """The E.164 country code that digits begin with (codes are prefix-free), or None."""
    for size in (1, 2, 3):
        if (
            head[:1] != "0"
            and head.isdecimal()
            and int(head[:size]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        ):
            return head[:size]
    return None


def _encoded(national: str, size: int) -> str:
    return LEAD + "0" * (size - 2 - len(national)) + "1" + national


def _tokenisable(number: str, code: str) -> bool:
    """Whether a number has a token: the same answer when it is made and when it is read."""
    spare = DIGITS - len(number) + 1
    if spare < TIGHT or normalise("phone", number, None) != number:
        return False
    return spare >= ROOMY or _given_out(int(code), number[1 + len(code) :])


def _given_out(code: int, national: str) -> bool:
    zeros = len(national) - len(national.lstrip("0"))
    parsed = phonenumbers.PhoneNumber(
        country_code=code,
        national_number=int(national),
        italian_leading_zero=zeros > 0 or None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    return phonenumbers.is_valid_number(parsed)
