"""URLs in answers (RFC 3986), taken apart so that what stays comes out byte for byte. Pure.

Read is only what every reader takes for the same: the signs of RFC 3986, whole escapes, `http` or `https`, a
host without a user before it. Everything else (`javascript:`, `//a@b`, a backslash, `\\t` that browsers leave
out) is refused, since what it leads to depends on who reads it.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import PayloadError

MAX_URL: Final = 8192
"""characters"""
DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

# RFC 3986 appendix B, on what consists of the signs of its appendix A.
_SIGN: Final = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]"
_signs: Final = re.compile(rf"{_SIGN}*+(?:%[0-9A-Fa-f]{{2}}{_SIGN}*+)*+").fullmatch
_parts: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?"
).fullmatch
_authority: Final = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._\-]*)|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5})?)?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Url:
    """The parts as they stood. `scheme` and `authority` are empty in a reference that has none; `query` and
    `fragment` are None where their sign is missing."""

    scheme: str
    authority: str
    path: str
    query: str | None = None
    fragment: str | None = None

    def __str__(self) -> str:
        """The text that was read (RFC 3986 section 5.3)."""
        return "".join(
            (
                self.scheme and self.scheme + ":",
                self.authority and "//" + self.authority,
                self.path,
                "" if self.query is None else "?" + self.query,
                "" if self.fragment is None else "#" + self.fragment,
            )
        )

    @property
    def absolute(self) -> bool:
        """Whether it names a host."""
        return bool(self.authority)


def read_url(text: str, place: str = "") -> Url:
    """The parts of a URL, or of a reference to one. Raises PayloadError `unparseable_body`.

    >>> read_url("https://a.example/b?c=%2B3").query
    'c=%2B3'
    """
    if len(text) > MAX_URL or not _signs(text):
        raise _unreadable(place)
    found = _parts(text)
    if found is None:
        raise _unreadable(place)
    scheme, authority, path, query, fragment = found.groups()
    if scheme is not None and (scheme.lower() not in DEFAULT_PORTS or authority is None):
        raise _unreadable(place)
    if authority is not None and not _authority(authority):
        raise _unreadable(place)
    if authority and path[:1] not in ("", "/"):
        raise _unreadable(place)
    return Url(scheme or "", authority or "", path, query, fragment)


def origin_of(authority: str, scheme: str) -> tuple[str, str]:
    """(host, port) as they are compared: lower case, no final dot, "" for the scheme's own port.

    >>> origin_of("API.Example.:443", "https"), origin_of("a.example:8080", "http")
    (('api.example', ''), ('a.example', '8080'))
    """
    found = _authority(authority)
    if found is None:
        return "", ""
    port = (found[2] or "").lstrip("0")
    own = DEFAULT_PORTS.get(scheme.lower(), "443")
    return found[1].lower().rstrip("."), "" if port == own else port


def _unreadable(place: str) -> PayloadError:
    return PayloadError("unparseable_body", "not a URL that everybody reads alike", place)
