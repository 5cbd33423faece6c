"""Identifiers of a person in one spelling, so that one person has one pseudonym. Pure; never raises.

A text that could be read as two numbers, or as a number by one reader and as something else by another, has
no canonical form: the caller treats it as an unknown recipient.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata

from gateway.contacts import national
from gateway.model import SubjectKind

MAX_PHONE: Final = 64
MAX_EMAIL: Final = 254
"""characters; RFC 5321 section 4.5.3.1.3 allows a path of 256 with its brackets"""
MAX_LOCAL: Final = 64
MAX_RECORD: Final = 256

_SCHEMES: Final = ("whatsapp:", "sms:", "mms:", "tel:", "rcs:", "smsto:", "callto:")
_EXTENSION: Final = re.compile(r"\s*(?:;ext=|,?\s*ext\.?|x|#)\s*[0-9]{1,7}$", re.IGNORECASE)
# Letters, commas, semicolons and a second plus are how two numbers, or a number and a command, share a text.
_PLAIN: Final = re.compile(r"\+?[\d\s().\-/‐-―]+")
_LABEL: Final = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_LABELS: Final = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_USUAL_EMAIL: Final = re.compile(rf"[!#-'*+\-./0-9=?^-~]{{1,64}}@(?:{_LABELS}\.)*{_LABELS}").fullmatch
_LOCAL: Final = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\]\\]+")
_DOTS: Final = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))


def normalise(kind: SubjectKind, value: str, country: str | None) -> str | None:
    """The canonical identifier, or None when the text does not identify exactly one subject of this kind.

    `phone`: E.164 (`+33612345678`); `country` (ISO 3166) is whose national format is understood. `email`:
    local part and domain in lower case, NFC, IDN labels as A-labels, tags (`+news`) kept, since only the
    receiving host knows whether they name the same mailbox. `record`: as it is.
    """
    return _KINDS[kind](value, country)


def _phone(value: str, country: str | None) -> str | None:
    # The overwhelmingly common spelling; everything else is parsed once and remembered.
    if _usual(value):
        return value
    return _parse_phone(value, country) if len(value) <= MAX_PHONE else None


def _usual(value: str) -> bool:
    if value[:1] == "+" and 8 <= len(value) - 1 <= 15 and value.isascii() and value[1:].isdigit():
        shape = _shape(value[1:4])
        if shape is not None:
            code, lengths, prefix = shape
            return len(value) - 1 - code in lengths and (prefix is None or not prefix.match(value, 1 + code))
    return False


@lru_cache(maxsize=1024)
def _shape(head: str) -> tuple[int, frozenset[int], re.Pattern[str] | None] | None:
    """Digits of the calling code, possible national lengths, and the prefix that needs a full parse."""
    for size in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(head[:size]))
        if head[0] != "0" and regions is not None:
            meta = _metadata(int(head[:size]), regions[0])
            if meta is None or meta.general_desc is None:
                return None
            prefix = meta.national_prefix_for_parsing
            shape = size, frozenset(meta.general_desc.possible_length), re.compile(prefix) if prefix else None
            _learn(head, shape)
            return shape
    return None


@cache
def shapes() -> bytearray:
    """What `_phone` has learnt so far by a number's first three digits, for a kernel: five bytes for each.

    Digits of the calling code (0: not known, or not yet), possible national lengths, and first digits of a
    national number that need a full parse; the latter two are bits of two bytes, the low one first.
    """
    return bytearray(5 * 1000)


def _learn(head: str, shape: tuple[int, frozenset[int], re.Pattern[str] | None]) -> None:
    size, lengths, prefix = shape
    possible = sum(1 << n for n in lengths if n < 16)
    row = bytes((size,)) + possible.to_bytes(2, "little") + _suspects(prefix).to_bytes(2, "little")
    shapes()[5 * int(head) : 5 * int(head) + 5] = row


def _suspects(prefix: re.Pattern[str] | None) -> int:
    if prefix is None:
        return 0
    plain = prefix.pattern.split("|")
    # Any digit, unless the pattern is plain numbers.
    return sum({1 << int(number[0]) for number in plain}) if all(map(str.isdecimal, plain)) else 0x3FF


def _metadata(code: int, region: str) -> PhoneMetadata | None:
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return PhoneMetadata.metadata_for_nongeo_region(code, None)
    return PhoneMetadata.metadata_for_region(region, None)


@lru_cache(maxsize=4096)
def _parse_phone(value: str, country: str | None) -> str | None:
    return (_spaced(value) if value[:1] == "+" else national.read(value, country)) or _parsed(value, country)


def _spaced(value: str) -> str | None:
    """An international number that is the usual spelling but for the signs between its digits."""
    text = national.compact(value)
    return text if text != value and _usual(text) else None


def _parsed(value: str, country: str | None) -> str | None:
    text = _bare(value)
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _bare(value: str) -> str | None:
    """The text without scheme, extension and invisible characters, if nothing but one number is left."""
    text = "".join(c for c in unicodedata.normalize("NFKC", value) if unicodedata.category(c) != "Cf").strip()
    lowered = text.lower()
    for scheme in _SCHEMES:
        if lowered.startswith(scheme):
            text = text[len(scheme) :].strip()
            break
    text = _EXTENSION.sub("", text)
    return text if _PLAIN.fullmatch(text) else None


def _email(value: str, _country: str | None) -> str | None:
    # The overwhelmingly common spelling; everything else is read with care and remembered.
    text = value.lower()
    if value.isascii() and len(text) <= MAX_EMAIL and _USUAL_EMAIL(text):
        return text
    text = value.strip()
    return _parse_email(text) if len(text) <= MAX_EMAIL + len("mailto:") else None


@lru_cache(maxsize=4096)
def _parse_email(text: str) -> str | None:
    if text[:7].lower() == "mailto:":
        text = text[7:]
    local, at, domain = _lower(text).rpartition("@")
    if not at or len(local) > MAX_LOCAL or not _LOCAL.fullmatch(local) or not _printable(local):
        return None
    host = _domain(domain)
    if host is None or len(local) + 1 + len(host) > MAX_EMAIL:
        return None
    return f"{local}@{host}"


def _lower(text: str) -> str:
    # Lower-casing can leave text un-normalised (U+0130), so compose before and after.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def _printable(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") for c in text)


def _domain(domain: str) -> str | None:
    """A-labels by plain punycode: IDNA 2003 would map two registrable domains (ß, ss) onto one."""
    labels = domain.translate(_DOTS).removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) and _printable(label) for label in labels):
        return None
    ascii_labels = [x if x.isascii() else "xn--" + x.encode("punycode").decode("ascii") for x in labels]
    return ".".join(ascii_labels) if all(len(label) <= 63 for label in ascii_labels) else None


def _record(value: str, _country: str | None) -> str | None:
    return value if 0 < len(value) <= MAX_RECORD and value.isprintable() and not value.isspace() else None


_KINDS: Final[Mapping[SubjectKind, Callable[[str, str | None], str | None]]] = {
    "phone": _phone,
    "email": _email,
    "record": _record,
}
