"""What a region's telephone numbers look like, compiled from libphonenumber's metadata. Pure.

`phonenumbers.parse` answers the same questions in some 30 microseconds; text holds many runs of digits that
are no telephone number, so they are asked here, in one or two, with the patterns of the same metadata.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import phonenumbers
from phonenumbers import NumberFormat, PhoneMetadata

_TYPES: Final = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("personal_number", "voip", "pager", "uan", "voicemail"),
)
MAX_DIGITS: Final = 17
"""E.164 allows 15; an international prefix stands before them."""
LEAST: Final = 7
"""digits of a national number, but for regions whose every number is shorter"""


@dataclass(frozen=True, slots=True)
class Dialling:
    """One region's way of writing numbers: `least` digits, and patterns over digits alone."""

    least: int
    _code: str
    _valid: re.Pattern[str]
    _prefix: re.Pattern[str] | None
    _transform: str | None
    _abroad: re.Pattern[str]
    _bare: tuple[tuple[re.Pattern[str], bool], ...]
    outline: str
    """A pattern of all that `writes` may say yes to, and more: one for many regions is quick."""

    def writes(self, digits: str) -> bool:
        """Whether the region writes a telephone number so: as at home, with its code, or for abroad."""
        return self._at_home(digits) or self._with_code(digits) or self._for_abroad(digits)

    def _at_home(self, digits: str) -> bool:
        rest = self._stripped(digits)
        if rest is not None and self._valid.fullmatch(rest):
            return True
        return self._valid.fullmatch(digits) is not None and self._complete(digits)

    def _stripped(self, digits: str) -> str | None:
        """The number without its national prefix; None when it has none."""
        match = self._prefix.match(digits) if self._prefix else None
        if match is None:
            return None
        if self._transform and match.lastindex and match[match.lastindex] is not None:
            return match.expand(self._transform) + digits[match.end() :]
        return digits[match.end() :]

    def _complete(self, digits: str) -> bool:
        """Whether no national prefix is missing: digits without it are likely something else."""
        for shape, whole in self._bare:
            if shape.fullmatch(digits):
                return whole
        return True

    def _with_code(self, digits: str) -> bool:
        if not digits.startswith(self._code):
            return False
        rest = digits[len(self._code) :]
        return self._valid.fullmatch(rest) is not None

    def _for_abroad(self, digits: str) -> bool:
        match = self._abroad.match(digits)
        return match is not None and international(digits[match.end() :])


@cache
def dialling(region: str) -> Dialling | None:
    """The way of a region (ISO 3166 code, upper case); None where there is no such numbering plan."""
    own = PhoneMetadata.metadata_for_region(region, None)
    if own is None or own.country_code is None:
        return None
    prefix = own.national_prefix_for_parsing
    return Dialling(
        least=_least(own),
        _code=str(own.country_code),
        _valid=_numbers(own.country_code),
        _prefix=re.compile(prefix) if prefix else None,
        _transform=own.national_prefix_transform_rule,
        _abroad=re.compile(own.international_prefix or "00"),
        _bare=_formats(own.country_code),
        outline=_outline(own, own.country_code),
    )


def _outline(own: PhoneMetadata, code: int) -> str:
    descs = (shared.general_desc for shared in (own, *_sharing(code)))
    numbers = "|".join(
        dict.fromkeys(d.national_number_pattern for d in descs if d and d.national_number_pattern)
    )
    prefix, abroad = own.national_prefix_for_parsing, own.international_prefix or "00"
    at_home = (
        rf"(?:{prefix})\d*" if own.national_prefix_transform_rule else rf"(?:{prefix or ''})(?:{numbers})"
    )
    return rf"(?:{code})?(?:{numbers})|{at_home}|(?:{abroad})[1-9]\d*"


def _least(own: PhoneMetadata) -> int:
    usual = [desc.possible_length for desc in (own.fixed_line, own.mobile) if desc and desc.possible_length]
    return min((LEAST, *(max(lengths) for lengths in usual)))


@cache
def _numbers(code: int) -> re.Pattern[str]:
    """Valid national numbers of every region that shares a calling code."""
    shapes = []
    for own in _sharing(code):
        descs = (getattr(own, name) for name in _TYPES)
        kinds = dict.fromkeys(desc.national_number_pattern for desc in descs if desc)
        kinds.pop(None, None)
        if kinds and own.general_desc:
            shapes.append(f"(?=(?:{own.general_desc.national_number_pattern})$)(?:{'|'.join(kinds)})$")
    return re.compile("|".join(shapes) or "(?!)")


def _sharing(code: int) -> list[PhoneMetadata]:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    found = [
        PhoneMetadata.metadata_for_nongeo_region(code, None)
        if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
        else PhoneMetadata.metadata_for_region(region, None)
        for region in regions
    ]
    return [own for own in found if own is not None]


def _formats(code: int) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """(shape of a national number, whether it is written without a national prefix too), first fit first."""
    main = _sharing(code)[:1]
    return tuple((_shape(each), _optional(each)) for own in main for each in own.number_format)


def _shape(each: NumberFormat) -> re.Pattern[str]:
    leading = each.leading_digits_pattern[-1] if each.leading_digits_pattern else ""
    return re.compile(f"(?={leading})(?:{each.pattern})")


def _optional(each: NumberFormat) -> bool:
    rule = each.national_prefix_formatting_rule
    return not rule or bool(each.national_prefix_optional_when_formatting) or rule in ("\\1", "(\\1)")


@cache
def _sizes(code: int) -> frozenset[int]:
    descs = (own.general_desc for own in _sharing(code))
    return frozenset(size for desc in descs if desc for size in desc.possible_length)


def international(digits: str) -> bool:
    """Whether this is a calling code and a number of a possible length; a 0 after the code is left out."""
    for size in (1, 2, 3):
        head = digits[:size]
        if len(head) == size and head[0] != "0" and int(head) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            sizes, rest = _sizes(int(head)), len(digits) - size
            return rest in sizes or (digits[size : size + 1] == "0" and rest - 1 in sizes)
    return False
