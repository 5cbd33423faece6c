"""Tokens of one tenant: values an application can hold and send back, and only the gateway can read. Pure.

A phone number becomes a phone number (phonetoken.py), an e-mail address an e-mail address, all else a text
(sealed.py). The same value has the same token on every call and after every restart, as long as the newest
key epoch is the same; two tenants, or two categories, never share one. Older epochs are still read.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MethodType
from typing import Any, Final, Literal

from gateway.codecs.program import Masker
from gateway.contacts.normalise import normalise
from gateway.errors import InternalError, PayloadError
from gateway.keys import hkdf
from gateway.masking.operators import redact, text_of
from gateway.masking.phonetoken import DIGITS, PhoneCipher
from gateway.masking.sealed import DOMAIN, MIN_TEXT, PREFIX, parse, seal_email, seal_text, unseal
from gateway.masking.siv import Siv
from gateway.model import Mask, covers

Kind = Literal["phone", "email", "text", "number"]
"""What a value is; a `number` has a text token, and is to be written as a number when it is restored."""
Span = tuple[int, int]
"""Start and end (exclusive), in characters."""
Issue = Callable[[str, Kind, str], str | None]
"""(category, kind, text) -> token; None where there is none, and then the value has to be redacted."""

PHONE: Final = "user.contact.phone_number"
EMAIL: Final = "user.contact.email"
CACHED: Final = 16_384
"""Tokens remembered, over all tenants of a snapshot: about 6 MB."""

_ATOM: Final = "+-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BACK: Final = 320  # characters; longer than any address
_SEPARATOR: Final = r"[ .()/\-\u00a0\u2010-\u2015]"

# Each is a run with a fixed bound on what it tries from a place, so the time is linear in the text.
_plus: Final = re.compile(rf"\+(?:{_SEPARATOR}{{0,2}}[0-9]){{{DIGITS}}}(?![0-9])").finditer
_bare: Final = re.compile(rf"\s*(?:00)?[1-9](?:{_SEPARATOR}{{0,2}}[0-9]){{{DIGITS - 1}}}\s*").fullmatch
_host: Final = re.compile(
    rf"@(?:[a-z0-9-]{{1,63}}\.){{0,4}}{re.escape(DOMAIN)}(?![a-z0-9-]|\.[a-z0-9])", re.IGNORECASE
).finditer
_word: Final = re.compile(rf"(?<![A-Za-z0-9_-]){PREFIX}[A-Za-z0-9_-]{{{MIN_TEXT},}}").finditer
_not_digits: Final = re.compile(r"[^0-9]+")


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a token stands for: the value in its canonical spelling, and the key epoch that issued it."""

    category: str
    kind: Kind
    value: str = field(repr=False)
    epoch: int


class _Epoch:
    """The ciphers of one key epoch."""

    __slots__ = ("number", "phones", "siv")

    def __init__(self, number: int, key: bytes) -> None:
        self.number = number
        self.phones = PhoneCipher(hkdf(key, b"", b"phone\0" + PHONE.encode()))
        self.siv = Siv(hkdf(key, b"", b"sealed", 64))


def shared(size: int = CACHED) -> "Callable[[Tokens, str, Kind, str], str | None]":
    """A cache of issued tokens for any number of tenants, so that together they stay within a bound."""
    return lru_cache(maxsize=size)(Tokens.make)


class Tokens:
    """A tenant's tokens. `keys` are its 32-byte token keys by epoch (1 to 255): the newest one issues.

    `country` (ISO 3166) is whose national phone format is understood. Raises InternalError without a key.
    """

    __slots__ = ("_country", "_epochs", "_newest", "issue")

    issue: Issue

    def __init__(
        self,
        keys: Mapping[int, bytes],
        country: str | None = None,
        making: "Callable[[Tokens, str, Kind, str], str | None] | None" = None,
    ) -> None:
        if not keys:
            raise InternalError("tokens without a key")
        self._epochs = {number: _Epoch(number, key) for number, key in sorted(keys.items(), reverse=True)}
        self._newest = next(iter(self._epochs.values()))
        self._country = country
        self.issue = MethodType(making or Tokens.make, self)

    def make(self, category: str, kind: Kind, text: str) -> str | None:
        """The token; None for what has none: no number or address, too long, not text. See `issue`."""
        return _MAKERS[kind](self._newest, category, kind, text, self._country)

    def masker(self, _mask: Mask, category: str, _key: bytes) -> Masker:
        """The operator `token` (gateway.masking.table.Make): what has no token is redacted."""
        issue = self.issue
        kind = kind_of(category)

        def mask(value: Any) -> Any:
            if value == "" or value.__class__ is bool:
                return value if value == "" else None
            own: Kind = "number" if kind == "text" and value.__class__ is not str else kind
            token = issue(category, own, text_of(value))
            return redact(value) if token is None else token

        return mask

    def find(self, text: str) -> tuple[Span, ...]:
        """Where tokens stand in a text, in order; empty for nearly every text, at little cost.

        Found is what has a token's form, whoever made it: `reveal` refuses those that are none. Fifteen
        digits without `+` can be anything; they are found only when they are the whole text and are a token.
        """
        found: list[Span] = []
        if PREFIX in text:
            found += [match.span() for match in _word(text)]
        if "@" in text:
            found += _addresses(text)
        if "+" in text:
            found += [match.span() for match in _plus(text)]
        elif len(text) >= DIGITS and not found and _bare(text) and self._numbers(_digits(text)):
            found.append((0, len(text)))
        return _apart(found) if len(found) > 1 else tuple(found)

    def reveal(self, token: str, place: str = "") -> Revealed:
        """What a token found by `find` stands for. Raises PayloadError `token_invalid`, naming the place."""
        if token.startswith(PREFIX) and "@" not in token:
            return self._opened(token, "text", place)
        if "@" in token:
            return self._opened(token.lower(), "email", place)
        numbers = self._numbers(_digits(token))
        if len(numbers) == 1:
            return numbers[0]
        raise _invalid("a token that was changed, or is not this tenant's", place)

    def _opened(self, token: str, kind: Kind, place: str) -> Revealed:
        sealed = parse(token)
        epoch = self._epochs.get(sealed.epoch) if sealed else None
        if sealed and not epoch:
            raise _invalid("a token of a key epoch that is not held, or one that was changed", place)
        opened = unseal(epoch.siv, sealed) if sealed and epoch else None
        if not opened or not epoch:
            raise _invalid("a token that was changed, or is not this tenant's", place)
        return Revealed(opened.category, "number" if opened.number else kind, opened.value, epoch.number)

    def _numbers(self, digits: str) -> list[Revealed]:
        """What 15 digits can stand for; more than one answer, in different epochs, is none to rely on."""
        tried = ((epoch.number, epoch.phones.open(digits)) for epoch in self._epochs.values())
        return [Revealed(PHONE, "phone", number, epoch) for epoch, number in tried if number]


def kind_of(category: str) -> Kind:
    """The kind of token that values of a category have."""
    if category == PHONE:
        return "phone"
    return "email" if covers(EMAIL, category) else "text"


def _phone(epoch: _Epoch, category: str, _kind: Kind, text: str, country: str | None) -> str | None:
    number = normalise("phone", text, country) if category == PHONE else None
    return epoch.phones.seal(number) if number else None


def _email(epoch: _Epoch, category: str, _kind: Kind, text: str, country: str | None) -> str | None:
    address = normalise("email", text, country)
    return seal_email(epoch.siv, epoch.number, category, address) if address else None


def _text(epoch: _Epoch, category: str, kind: Kind, text: str, _country: str | None) -> str | None:
    value = unicodedata.normalize("NFC", text.strip())
    try:
        return seal_text(epoch.siv, epoch.number, category, value, kind == "number") if value else None
    except UnicodeEncodeError:
        return None  # a lone surrogate: no codec could write the value again


_Maker = Callable[[_Epoch, str, Kind, str, str | None], str | None]
_MAKERS: Final[Mapping[Kind, _Maker]] = {"phone": _phone, "email": _email, "text": _text, "number": _text}


def _addresses(text: str) -> list[Span]:
    """Addresses at the tokens' domain: from its `@` back over what local parts are mostly made of."""
    spans = []
    for host in _host(text):
        before = text[max(0, host.start() - _BACK) : host.start()]
        spans.append((host.start() - len(before) + len(before.rstrip(_ATOM)), host.end()))
    return spans


def _apart(spans: list[Span]) -> tuple[Span, ...]:
    """In order, and of two that overlap the first, or the longer one."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return tuple(kept)


def _digits(text: str) -> str:
    return _not_digits.sub("", text).removeprefix("00")


def _invalid(detail: str, place: str) -> PayloadError:
    return PayloadError("token_invalid", detail, place)
