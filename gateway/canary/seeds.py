"""Values of a made-up person: each is met once in the world, so that one look tells where it came from. Pure.

Nobody has them: phone numbers are of a range kept for fiction (ARCEP 2009-1040: 06 39 98), e-mail addresses
end in `.invalid` (RFC 2606), addresses are for documentation (RFC 3849).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.model import covers

MOST: Final = 1_000
"""seeds of one form that differ: there are no more phone numbers kept for fiction that end alike"""
_FILL: Final = "canary-" * 10
"""On either side of a text's marker: no operator that shows a beginning or an end by design reaches it."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A value, and the part of it that must not be seen. `family`: how all needles of its kind begin."""

    value: str
    needle: str
    family: str


class Seeds:
    """Makes them. `salt`: letters and digits, another each time, so that no old answer is taken for new."""

    def __init__(self, salt: str) -> None:
        self._salt = f"k{salt}z"
        self._counts: Counter[str] = Counter()

    def of(self, category: str) -> Seed:
        """A text such as stands in fields of a category."""
        kind = max((known for known in _FORMATS if covers(known, category)), key=len, default=None)
        return self.text() if kind is None else self._whole(*_FORMATS[kind])

    def text(self) -> Seed:
        """A long text without white space, its marker in the middle."""
        marker = f"{self._salt}{self._next(self._salt, 100):05d}q"
        return Seed(f"{_FILL}{marker}-{_FILL}", marker, self._salt)

    def number(self) -> Seed:
        """Eleven digits."""
        return self._whole("7700", "4913")

    def _whole(self, family: str, ending: str) -> Seed:
        start = family.replace("{salt}", self._salt)
        value = f"{start}{self._next(start):03d}{ending}"
        return Seed(value, value, start)

    def _next(self, family: str, times: int = 1) -> int:
        self._counts[family] = count = (self._counts[family] + 1) % (times * MOST)
        return count


_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "user.contact.phone_number": ("+3363998", "7"),
    "user.contact.fax_number": ("+3363998", "7"),
    "user.contact.email": ("canary.{salt}", "@hushgate.invalid"),
    # a shifted date keeps its time: no shift makes one seed of another
    "user.demographic.date_of_birth": ("1971-03-07T04:14:59.77", "Z"),
    "user.device.ip_address": ("2001:db8:c0de::", "7"),
}
"""By category: how a value of its own form begins and ends, for operators that want one; a number is between.

None ends with its number: the last bits of what is in base64 depend on what comes after.
"""
