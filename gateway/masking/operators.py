"""The masking operators: each makes a Masker from its parameters. Pure, exact on text, no state.

A value is a str, an int, a bool, or msgspec.Raw with number text. A string stays a string. A number or truth
value that is hidden whole becomes null, since clients that read a number refuse a text but take null; one
that is shown in part (partial, hash, truncate) becomes a string, as no number could carry that.
The empty string tells nothing: operators that show part of a value leave it alone.

A masker that a compiled kernel knows too says so in its attribute `native`: the operator's name there and
its parameters (native/jsonkernel.c, OPERATORS). The function is the reference, and does what that leaves.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from msgspec import Raw

from gateway.codecs.program import REMOVED, Masker
from gateway.model import Mask

REDACTED = "[redacted]"
PSEUDONYM = "h_"
"""How a hashed value begins; 32 hexadecimal digits follow."""


def described(masker: Masker, *native: object) -> Masker:
    """The masker itself, with its description for a kernel."""
    masker.__dict__["native"] = native
    return masker


_BLOCK = 64  # bytes, SHA-256 (FIPS 198-1, section 4)


def redact(value: Any) -> Any:
    """`[redacted]` for a string, null for a number or truth value.

    >>> redact("Ana"), redact(7)
    ('[redacted]', None)
    """
    return REDACTED if value.__class__ is str else None


described(redact, "redact", REDACTED.encode())


def make_redact(_mask: Mask, _category: str, _key: bytes) -> Masker:
    """The value is hidden whole."""
    return redact


def make_remove(_mask: Mask, _category: str, _key: bytes) -> Masker:
    """The member or item is taken out."""
    return described(lambda _: REMOVED, "remove")


def taken_out(_value: Any) -> Any:
    """Whatever it is, it is taken out."""
    return REMOVED


described(taken_out, "remove")


def make_hash(_mask: Mask, category: str, key: bytes) -> Masker:
    """A pseudonym: 128 bits of HMAC-SHA-256 (FIPS 198-1) under the key, over the category and the value.

    Case and outer white space do not count, so that one person has one pseudonym per category and key.
    """
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    prefix = category.encode() + b"\0"
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + prefix)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))

    # The keyed halves are made once and copied: half the cost of hmac.digest.
    def mask(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        first = inner.copy()
        first.update(text_of(value).strip().casefold().encode("utf-8", "surrogatepass"))
        second = outer.copy()
        second.update(first.digest())
        return PSEUDONYM + second.hexdigest()[:32]

    return described(mask, "hash", PSEUDONYM.encode(), key, prefix)


def make_partial(mask: Mask, _category: str, _key: bytes) -> Masker:
    """The first and last characters, `*` for the rest; never more than half of a value is shown."""
    first, last = max(mask.keep_first, 0), max(mask.keep_last, 0)

    def partial(value: Any) -> Any:
        if value.__class__ is bool:
            return None
        text = text_of(value)
        size = len(text)
        tail = min(last, size // 2)
        head = min(first, size // 2 - tail)
        return text[:head] + "*" * (size - head - tail) + text[size - tail :]

    return described(partial, "partial", first, last)


def make_year(_mask: Mask, _category: str, _key: bytes) -> Masker:
    """The year of a date; what is not recognised as a date is redacted."""
    return year


def make_truncate(mask: Mask, _category: str, _key: bytes) -> Masker:
    """The first `keep` characters; none at all is the same as redact."""
    keep = mask.keep
    if keep <= 0:
        return redact

    def truncate(value: Any) -> Any:
        return None if value.__class__ is bool else text_of(value)[:keep]

    return described(truncate, "truncate", keep)


def make_truncate_ip(_mask: Mask, _category: str, _key: bytes) -> Masker:
    """The network of an address: /24 of IPv4, /48 of IPv6; what is no address is redacted."""
    return truncate_ip


def text_of(value: Any) -> str:
    """A string, or the text of a number."""
    if value.__class__ is str:
        return value
    return bytes(value).decode() if value.__class__ is Raw else str(value)


# ---- year -----------------------------------------------------------------------------------------------

_written = re.compile(
    r"\s*(?:([0-9]{4})(?:-[0-9]{2}(?:-[0-9]{2}(?:[T ][0-9:.,]{2,18}\s?(?:Z|[+-][0-9:]{2,6})?)?)?)?"
    r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-]([0-9]{4}))\s*"
).fullmatch
_counted = re.compile(r"-?[0-9]{5,15}").fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def year(value: Any) -> Any:
    """The year, as the kind of scalar that came: a string of a string, a number of a number.

    Read are ISO 8601 dates and times, day/month/year in either order of the first two, a year alone, and
    whole milliseconds since 1970 (5 digits and more).

    >>> year("1984-03-07"), year(447465600000), year("spring")
    ('1984', 1984, '[redacted]')
    """
    if value.__class__ is bool:
        return None
    text = text_of(value)
    match = _written(text)
    if match:
        found = match[1] or match[2]
    elif _counted(text):
        found = _year_of(int(text))
    else:
        found = None
    if found is None:
        return redact(value)
    return found if value.__class__ is str else int(found)


described(year, "year")


def _year_of(milliseconds: int) -> str | None:
    try:
        return f"{(_EPOCH + timedelta(milliseconds=milliseconds)).year:04}"
    except OverflowError:
        return None


# ---- addresses ------------------------------------------------------------------------------------------


def truncate_ip(value: Any) -> Any:
    """An address without its last 8 (IPv4) or 80 (IPv6) bits; an IPv4-mapped one is taken as IPv4.

    >>> truncate_ip("203.0.113.77"), truncate_ip("2001:db8:1:2::9")
    ('203.0.113.0', '2001:db8:1::')
    """
    if value.__class__ is not str:
        return None
    try:
        address = ip_address(value.strip())
    except ValueError:
        return REDACTED
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Address(int(address) >> 80 << 80))
        address = address.ipv4_mapped
    return str(IPv4Address(int(address) >> 8 << 8))
