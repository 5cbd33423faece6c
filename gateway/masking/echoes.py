"""Values that came as tokens and must not come back in clear, found however they are spelt. Pure.

Found are the text itself in any case, with any of its signs as a percent escape, JSON escape or XML
reference, and its base64 at any offset; a phone number also with separators, with `00`, without `+`, and as
it is written within its country. Texts of fewer than MIN characters are only found as the whole value.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import phonenumbers

from gateway.masking.operators import text_of
from gateway.masking.spelling import laid, plain
from gateway.masking.token import Kind

MIN: Final = 4
"""Characters of a text that is also found within others."""
MOST: Final = 1_000
"""Values of one request that are looked for: each is, in every value of the answer."""
MIN_BASE64: Final = 6
"""Octets that are also looked for in base64: fewer leave too few signs to tell."""
MIN_NATIONAL: Final = 8
"""Digits of a number that is also found as it is written within its country."""

_APART: Final = " .()/+-_\u00a0\u202f\u2010\u2011\u2012\u2013\u2014\u2015"
_GAP: Final = f"[{re.escape(_APART)}]{{0,3}}"
_DROPPED: Final = str.maketrans(dict.fromkeys(_APART))
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_run: Final = re.compile(r"[A-Za-z0-9+/_=-]*").match
_TO_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Echo:
    """One value and the token it came as."""

    token: str
    kind: Kind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Sought:
    """How a value is looked for: what a text must hold (`loose`: once separators are gone), the pattern, and
    its base64."""

    echo: Echo
    needle: str = field(repr=False)
    loose: bool = False
    cores: tuple[str, ...] = field(default=(), repr=False)

    def within(self, text: str, bare: str) -> bool:
        """Whether a text without escapes, in lower case, may hold it. `bare` is that without separators."""
        return len(self.needle) >= MIN and self.needle in (bare if self.loose else text)


class Echoes:
    """The values of one request; empty for nearly every one."""

    __slots__ = ("_known", "_sought")

    def __init__(self) -> None:
        self._known: dict[str, Echo] = {}
        self._sought: list[_Sought] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._known)

    @property
    def full(self) -> bool:
        """Whether there are as many as are looked for."""
        return len(self._known) >= MOST

    def add(self, token: str, kind: Kind, value: str) -> None:
        """Another value; from MOST on none is looked for."""
        if value not in self._known and len(self._known) < MOST:
            self._known[value] = echo = Echo(token, kind, value)
            self._sought.append(_sought(echo))
            self._sought.sort(key=lambda each: -len(each.echo.value))

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them, as it was restored."""
        return text_of(value) in self._known

    def mask(self, value: Any) -> Any:
        """A masker: the value with tokens in place of what came as tokens."""
        if value.__class__ is bool:
            return value
        if value.__class__ is str:
            return self.text(value)
        digits = text_of(value)
        if len(digits) < MIN:
            return value
        made = self.text(digits)
        return value if made is digits else made

    def text(self, text: str) -> str:
        """A text with tokens; the text itself where nothing is found."""
        short = self._known.get(text)
        if short is not None:
            return short.token
        for sought in self._in(text):
            text = _coded(_replaced(text, sought), sought)
        return text

    def suspects(self, text: str) -> bool:
        """Whether a text may hold any; what it says is written in it with escapes, if with any."""
        if "\\ud8" in text.lower():  # halves of characters, which are undone by who reads the format
            return True
        return any(True for _ in self._in(text)) or any(len(v) < MIN and v in text for v in self._known)

    def left(self, text: str) -> bool:
        """Whether a number or an address is still in a text. Names may as well be names of fields."""
        return any(
            sought.echo.kind in ("phone", "email") and _replaced(text, sought) != text
            for sought in self._in(text)
        )

    def _in(self, text: str) -> Iterator[_Sought]:
        low = plain(text).lower()
        bare = low.translate(_DROPPED)
        coded = text.translate(_TO_STANDARD) if len(text) >= MIN_BASE64 else ""
        for sought in self._sought:
            if sought.within(low, bare) or any(core in coded for core in sought.cores):
                yield sought


def _sought(echo: Echo) -> _Sought:
    cores = _base64(echo.value.encode("utf-8", "surrogatepass"))
    if echo.kind == "phone":
        return _Sought(echo, _parts(echo.value)[1], True, cores)
    # a blank is a plus sign in forms: what has one is told by its longest word
    return _Sought(echo, max(echo.value.lower().split(" "), key=len), False, cores)


def _base64(raw: bytes) -> tuple[str, ...]:
    """The signs that are the same whatever stands before and after, for each offset."""
    if len(raw) < MIN_BASE64:
        return ()
    coded = [b64encode(b"\0" * pad + raw).decode() for pad in range(3)]
    return tuple(coded[pad][(0, 2, 3)[pad] : (pad + len(raw)) * 8 // 6] for pad in range(3))


def _replaced(text: str, sought: _Sought) -> str:
    """The text with a token in place of every spelling of a value."""
    echo = sought.echo
    if len(echo.value) < MIN:
        return text
    clear, spans = laid(text)
    parts: list[str] = []
    at = 0
    for match in _pattern(echo.kind, echo.value).finditer(clear):
        start, end = spans[match.start()][0], spans[match.end() - 1][1]
        if start >= at:
            parts += (text[at:start], _spelt(echo, match[0], text[start:end]))
            at = end
    return "".join((*parts, text[at:])) if parts else text


def _spelt(echo: Echo, clear: str, found: str) -> str:
    """The token, escaped as what it stands for, and without a plus sign where there was none."""
    token = echo.token
    if echo.kind == "phone" and clear.isdigit() and clear == echo.value[1:]:
        token = token.removeprefix("+")
    return quote(token, safe="") if "%" in found else token


def _coded(text: str, sought: _Sought) -> str:
    """The text with each whole run of base64 that holds the value replaced."""
    plainly = text.translate(_TO_STANDARD)
    parts: list[str] = []
    at = 0
    found = [(plainly.find(core), core) for core in sought.cores]
    while any(start >= 0 for start, _ in found):
        start, core = min(each for each in found if each[0] >= 0)
        kept = text[at:start].rstrip(_BASE64)
        rest = _after(text, start + len(core))
        parts += (kept, sought.echo.token)
        at = rest
        found = [(plainly.find(core, at), core) for _, core in found]
    return "".join((*parts, text[at:])) if parts else text


@lru_cache(maxsize=256)
def _pattern(kind: Kind, value: str) -> re.Pattern[str]:
    return re.compile(_KINDS[kind](value), re.IGNORECASE)


def _text(value: str) -> str:
    return r"(?<!\w)" + re.escape(value).replace(r"\ ", "[ +]") + r"(?!\w)"


def _phone(value: str) -> str:
    """E.164, as it is said from anywhere and from within its country."""
    code, national = _parts(value)
    digits = _GAP.join(national)
    if not code:
        return rf"(?<![0-9])\+?{digits}(?![0-9])"
    abroad = rf"(?:(?:\+|00){_GAP})?{_GAP.join(code)}{_GAP}(?:0{_GAP})?"
    home = rf"|(?:0{_GAP})?" if len(national) >= MIN_NATIONAL else ""
    return rf"(?<![0-9])(?:{abroad}{home}){digits}(?![0-9])"


def _after(text: str, at: int) -> int:
    """Where a run of base64 ends."""
    found = _run(text, at)
    return found.end() if found else at


def _parts(value: str) -> tuple[str, str]:
    """Calling code ("": not known) and national number."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return "", value.removeprefix("+")
    return str(number.country_code), phonenumbers.national_significant_number(number)


_KINDS: Final[Mapping[Kind, Callable[[str], str]]] = {
    "phone": _phone,
    "email": re.escape,
    "text": _text,
    "number": _text,
}
