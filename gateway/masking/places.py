"""Operators that leave a place in outline: postcode_area, coordinates. Pure.

What is not recognised is redacted, never shown. The empty string tells nothing and stays.
"""

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from msgspec import Raw

from gateway.codecs.program import Masker
from gateway.masking.means import Means
from gateway.masking.operators import redact, text_of
from gateway.model import Mask

SPARSE: Final = frozenset(
    f"{area:03}"
    for area in (36, 59, 63, 102, 203, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893)
)
"""First three digits of US ZIP codes under which 20,000 people or fewer live.

45 CFR 164.514(b)(2)(i)(B) has them changed to 000. The list is that of the guidance of the Office for Civil
Rights on de-identification (26 November 2012), from the census of 2000.
"""

_outward: Final = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)(?: ?[0-9][A-Z]{2})?").fullmatch
_british: Final = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?) ?[0-9][A-Z]{2}").fullmatch
_zip: Final = re.compile(r"([0-9]{3})[0-9]{2}(?:[ -]?[0-9]{4})?").fullmatch
_five: Final = re.compile(r"([0-9]{2})[0-9]{3}").fullmatch
_any: Final = re.compile(r"(?=[A-Z -]*[0-9])([A-Z0-9]{2})[A-Z0-9 -]{1,8}").fullmatch

_Match = Callable[[str], re.Match[str] | None]

AREAS: Final[Mapping[str, _Match]] = {
    "GB": _outward,
    "US": _zip,
    "FR": _five,
    "DE": _five,
    "ES": _five,
    "IT": _five,
}
"""Country -> what its postcodes look like; the first group is the area."""


def make_postcode_area(_mask: Mask, _category: str, means: Means) -> Masker:
    """The area of a postcode, read as one of the tenant's country first; two characters of any other.

    Areas are the outward code (GB), three digits or 000 where few people live (US), and two digits (FR, DE,
    ES, IT).

    >>> area = make_postcode_area(Mask(op="postcode_area"), "user.contact.address", Means(b"", country="FR"))
    >>> area("69003"), area(1234), area("SW1A 1AA"), area("1017 AB"), area("Lyon")
    ('69', '01', 'SW1A', '10', '[redacted]')
    """
    # By its form alone only a British one is known: five digits may be anybody's, and two are always less.
    shapes: tuple[_Match, ...] = (AREAS.get(means.country or "", _british), _british, _any)

    def postcode_area(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        postcode = _postcode(value)
        area = next((match[1] for shape in shapes if (match := shape(postcode))), None)
        if area is None:
            return redact(value)
        return "000" if area in SPARSE else area

    return postcode_area


def _postcode(value: Any) -> str:
    """In capitals. A number has lost its leading zeros, and five digits is what most countries have."""
    text = text_of(value).strip().upper()
    return text if value.__class__ is str else text.zfill(5)


# ---- coordinates ----------------------------------------------------------------------------------------

_NUMBER: Final = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,30})?"
_single: Final = re.compile(rf"(\s*)({_NUMBER})(\s*)").fullmatch
_pair: Final = re.compile(rf"(\s*)({_NUMBER})(\s*[,;]\s*|\s+)({_NUMBER})(\s*)").fullmatch
_DIGIT: Final = re.compile(r"[0-9]").search
_MOST: Final = 180


def make_coordinates(mask: Mask, _category: str, _means: Means) -> Masker:
    """A latitude, a longitude, or both, rounded to `decimals`: 2 is about a kilometre, 1 about eleven.

    >>> coordinates = make_coordinates(Mask(op="coordinates", decimals=2), "user.location", Means(b""))
    >>> coordinates("48.85661,2.35222"), coordinates("-0.0049"), bytes(coordinates(Raw(b"2.35222")))
    ('48.86,2.35', '0.00', b'2.35')
    """
    decimals = max(mask.decimals, 0)

    def coordinates(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        text = text_of(value)
        match = _single(text) or _pair(text)
        parts = [_rounded(part, decimals) for part in match.groups()] if match else [None]
        if None in parts:
            return redact(value)
        rounded = "".join(part for part in parts if part)
        if rounded == text:
            return value
        return rounded if value.__class__ is str else Raw(rounded.encode())

    return coordinates


def _rounded(text: str, decimals: int) -> str | None:
    """A number with no more decimals than that, None when it is on no globe; what is no number as it is."""
    if not _DIGIT(text):
        return text
    number = Decimal(text)
    if abs(number) > _MOST:
        return None
    if len(text.partition(".")[2]) <= decimals:
        return text
    number = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return f"{abs(number) if number == 0 else number:f}"
