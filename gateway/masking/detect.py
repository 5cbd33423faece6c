"""Personal data recognised by its own form, in values that no data map names. Pure.

Found in text: e-mail addresses, international phone numbers (`+` or `00`, then 8 digits and more), payment
card numbers (13-19 digits, a network's prefix, Luhn), IBANs (ISO 7064 mod 97-10), IPv4 and IPv6 addresses.
A number is only ever taken for a card number: record ids and times are numbers that look like phones.

Every pattern is a run of one character class, or has a fixed bound on what it tries from a place; there are
no nested quantifiers. So the time is linear in the text, whatever it is.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from gateway.codecs.program import Masker
from gateway.masking.operators import REDACTED, described, redact, text_of

Span = tuple[int, int]

_mail_run = re.compile(r"[^\s<>()\[\]{},;:\"'|\\]+").finditer
_phone_run = re.compile(r"(?<![0-9])(?:\+|00)[0-9\s.()/\-]*").finditer
_digits = re.compile(r"[0-9]+").finditer
_ipv4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])").finditer
_ipv6_run = re.compile(r"[0-9A-Fa-f:.]{2,}").finditer
_iban = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}").finditer
_iban_start = re.compile(r"[A-Za-z]{2}[0-9]{2}").search
_many_digits = re.compile(r"[0-9](?:[ \-]?[0-9]){12}").search

MIN_PHONE = 8
CARD_SIZES = range(13, 20)  # ISO/IEC 7812-1
CARD_PREFIXES = frozenset(map(str, (*range(22, 28), 30, *range(34, 70))))
"""First two digits of the payment networks; times and years begin otherwise."""
IBAN_SIZES = range(15, 35)  # ISO 13616


def redact_all(value: Any) -> Any:
    """For `unmapped: redact`: every scalar, numbers and truth values too, as redact does."""
    return redact(value)


described(redact_all, "redact", REDACTED.encode())


def detector() -> Masker:
    """For `unmapped: detect`: text with what was found replaced by `[redacted]`; a card number by null."""
    return detect


def detect(value: Any) -> Any:
    """The value, or what may be seen of it.

    >>> detect("write to ana@example.org"), detect(4242424242424242), detect(51001)
    ('write to [redacted]', None, 51001)
    """
    if value.__class__ is str:
        return value if value.isalpha() or not (spans := _spans(value)) else _cover(value, spans)
    if value.__class__ is bool:
        return value
    text = text_of(value)
    return None if len(text) >= CARD_SIZES.start and any(_cards(text)) else value


described(detect, "detect")  # a kernel rules out what no detector can find, and asks for the rest


def _spans(text: str) -> list[Span]:
    size = len(text)
    return [
        span
        for least, possible, find in _DETECTORS
        if size >= least and possible(text)
        for span in find(text)
    ]


def _cover(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            parts += (text[at:start], REDACTED)
        at = max(at, end)
    return "".join((*parts, text[at:]))


def _emails(text: str) -> Iterator[Span]:
    for run in _mail_run(text):
        token = run[0].strip(".")
        local, at, domain = token.rpartition("@")
        if at and local and domain:
            start = run.start() + run[0].index(token)
            yield start, start + len(token)


def _phones(text: str) -> Iterator[Span]:
    for run in _phone_run(text):
        number = run[0].rstrip(" \t\r\n.()/-")
        if sum(map(str.isdigit, number)) >= MIN_PHONE:
            yield run.start(), run.start() + len(number)


def _cards(text: str) -> Iterator[Span]:
    """Whole groups of digits, apart by at most one blank or hyphen, that together are a card number."""
    groups = [(m.start(), m.end(), m[0]) for m in _digits(text)]
    for first, (start, _, _) in enumerate(groups):
        if text[start : start + 2] not in CARD_PREFIXES:
            continue
        joined = ""
        before = start
        for begin, end, more in groups[first : first + CARD_SIZES.stop]:
            if text[before:begin] not in _JOINS or len(joined) + len(more) >= CARD_SIZES.stop:
                break
            joined += more
            before = end
            if len(joined) in CARD_SIZES and _luhn(joined):
                yield start, end


_JOINS = ("", " ", "-")
_DOUBLED = tuple(sum(divmod(2 * d, 10)) for d in range(10))


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    values = [int(d) for d in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[d] for d in values[1::2])) % 10 == 0


def _ibans(text: str) -> Iterator[Span]:
    for run in _iban(text):
        for size in range(len(run[0]), IBAN_SIZES.start - 1, -1):
            number = run[0][:size].replace(" ", "")
            if run[0][size - 1] != " " and len(number) in IBAN_SIZES and _mod97(number):
                yield run.start(), run.start() + size
                break


def _mod97(number: str) -> bool:
    rearranged = number[4:] + number[:4]
    return int("".join(str(int(c, 36)) for c in rearranged)) % 97 == 1


def _ipv4s(text: str) -> Iterator[Span]:
    for run in _ipv4(text):
        if all(int(part) < 256 for part in run[0].split(".")):
            yield run.span()


def _ipv6s(text: str) -> Iterator[Span]:
    for run in _ipv6_run(text):
        token = run[0].rstrip(".")
        if token.count(":") < 2 or len(token) > 47:
            continue
        lead = 1 if token[0] == ":" and token[1] != ":" else 0
        tail = 1 if token[-1] == ":" and token[-2] != ":" else 0
        if _is_ipv6(token[lead : len(token) - tail]):
            yield run.start() + lead, run.start() + len(token) - tail


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return text != "::"


_DETECTORS: tuple[tuple[int, Callable[[str], object], Callable[[str], Iterator[Span]]], ...] = (
    (3, lambda text: "@" in text, _emails),
    (3, lambda text: "::" in text or text.count(":") >= 6, _ipv6s),
    (7, lambda text: text.count(".") >= 3, _ipv4s),
    (9, lambda text: "+" in text or "00" in text, _phones),
    (13, _many_digits, _cards),
    (15, _iban_start, _ibans),
)
"""The least length, a cheap test that rules most text out, and the detector."""
