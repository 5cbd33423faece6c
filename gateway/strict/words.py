"""Scalars that every kind of file uses: names, addresses, dates, sizes, references to secrets. Pure."""

import re
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from gateway.strict.kinds import Word


def _matching(pattern: str) -> Callable[[str], str | None]:
    full = re.compile(pattern)
    return lambda text: text if full.fullmatch(text) else None


def pattern(expected: str, regex: str) -> Word[str]:
    """A scalar whose whole text matches a (linear) pattern."""
    return Word(expected, _matching(regex))


NAME: Final = pattern("a name (lower-case letters, digits, '-', '_', '.')", r"[a-z0-9][a-z0-9_.-]{0,62}")
TEXT: Final = pattern("a text of at most 500 characters", r"[^\x00-\x1f]{1,500}")
GLOB: Final = pattern("an operation pattern such as '*.delete_batch'", r"[A-Za-z0-9_.*-]{1,200}")
HEADER: Final = pattern("a header name (RFC 9110)", r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HOST: Final = pattern(
    "a host name, lower case",
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
)
HOST_PATTERN: Final = pattern(
    "a host name or '*.suffix', lower case",
    r"(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+",
)
PATH: Final = pattern("a file path", r"[^\x00-\x1f]{1,1000}")


def _date(text: str) -> str | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


DATE: Final = Word("a date such as 2026-04-01", _date)


def _cidr(text: str) -> str | None:
    try:
        return str(ip_network(text)) if "/" in text else None
    except ValueError:
        return None


def _nearest_cidr(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


CIDR: Final = Word("a network such as 10.1.0.0/16", _cidr, hint=_nearest_cidr)


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


ADDRESS: Final = Word("an IP address", _address)


def _bind(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        return None
    bare = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
    known = _address(bare) if ":" not in bare or bare != host else None
    return (known, int(port)) if known else (("localhost", int(port)) if host == "localhost" else None)


BIND: Final = Word("an address and port such as 127.0.0.1:8080 or [::1]:8080", _bind)


def _url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    plain = re.fullmatch(r"https?://[^\s/?#@\\]+(/[^\s?#\\]*)?", text)
    return text.rstrip("/") if plain and _is_host(parts.hostname or "") and port != 0 else None


def _is_host(text: str) -> bool:
    """Whether it is a name, or an address in its one spelling: never what a resolver takes for an address.

    `2130706433`, `0x7f.1` and `127.1` are addresses to some (inet_aton), a dot at the end is a name of its
    own to TLS, and other letters may look like these (IDNs are written as `xn--`).
    """
    if HOST.convert(text) is not None and not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", text.rpartition(".")[2]):
        return True
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return str(address) == text and (address.version == 4 or not (address.ipv4_mapped or address.scope_id))


URL: Final = Word("a URL such as https://api.example.com (without user, query or fragment)", _url)

_SIZES: Final = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _measured[N: (int, float)](units: dict[str, N]) -> Callable[[str], N | None]:
    pattern_ = re.compile(r"([1-9][0-9]{0,8}) ?(" + "|".join(sorted(units, key=len, reverse=True)) + ")")

    def convert(text: str) -> N | None:
        found = pattern_.fullmatch(text)
        return units[found[2]] * int(found[1]) if found else None

    return convert


SIZE: Final = Word("a size such as 64KiB, 10MiB or 4096 (bytes)", _measured(_SIZES))
"""Bytes."""
DURATION: Final = Word("a duration such as 500ms, 30s, 5m or 1h", _measured(_SECONDS))
"""Seconds."""


def _days(text: str) -> float | None:
    found = re.fullmatch(r"([1-9][0-9]{0,3}) days?", text)
    return 86_400.0 * int(found[1]) if found else None


DAYS: Final = Word("a number of days such as 30 days", _days)
"""Seconds."""


def _minute(text: str) -> int | None:
    found = re.fullmatch(r"([01][0-9]|2[0-4]):([0-5][0-9])", text)
    minute = int(found[1]) * 60 + int(found[2]) if found else 1441
    return minute if minute <= 1440 else None


def _hours(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    start, end = _minute(first.strip()), _minute(last.strip())
    return (start, end) if dash and start is not None and end is not None and start < end else None


HOURS: Final = Word('a time range within one day such as "09:00-20:00"', _hours)
"""Minutes of the day, from inclusive and to exclusive."""


def _round(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    start, end = _minute(first.strip()), _minute(last.strip())
    return (start, end) if dash and start is not None and end is not None and start != end else None


HOURS_ROUND: Final = Word('a time range such as "09:00-20:00", or "14:00-13:00" over midnight', _round)
"""Minutes of the day; an end before the start is one of the next day."""


class SecretRef(str):
    """A reference to a secret: `env:NAME` or `file:PATH`."""

    __slots__ = ()


def _secret(text: str) -> SecretRef | None:
    named = re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f]+", text)
    return SecretRef(text) if named else None


SECRET: Final = Word("a reference to a secret: env:NAME or file:PATH", _secret, hide=True)
