"""URLs in requests, to which a provider will send data, or fetch it from, by itself. Pure.

The provider connects later, from elsewhere and by an answer of its own resolver: no address can be held on
to. So a name counts as where the deployment, the pack or the tenant says it is, and is not resolved; an
address counts as what is known of it. What is read in more than one way, and what nobody speaks of, is
unknown.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from gateway.codecs.program import Masker
from gateway.codecs.url import Url, origin_of, read_url
from gateway.errors import PayloadError
from gateway.model import Upstream
from gateway.policy.reach import Reach, named
from gateway.recipients import Destination
from gateway.residency.judge import Explanation, Gate

MAX_FOUND: Final = 200
"""URLs in one value that are judged; a value with more is refused."""
MAX_KNOWN: Final = 1024
"""Hosts whose judgement is remembered."""
_numeric: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)").fullmatch
_socket: Final = re.compile(r"^ws(?=s?://)", re.IGNORECASE).sub
"""A WebSocket's URL is that of a request (RFC 6455 section 3)."""
_found: Final = re.compile(r"(?:https?|wss?):[^\s<>\"'`{}|^]*", re.IGNORECASE).finditer
"""What stands in a text and looks like a URL, with all that could belong to it."""
_ENDS: Final = ".,;:!?)]*"
"""Signs that end a sentence more often than a URL."""


class StrayError(PayloadError):
    """A URL to where data of this exchange may not go. `rules` are those that say so."""

    def __init__(self, judged: Explanation, place: str) -> None:
        super().__init__(judged.reason, "a URL that leads elsewhere", place)
        self.rules = judged.rules


class Callbacks:
    """Judges the URLs of one plan's requests by the gate of its own destination."""

    def __init__(
        self,
        gate: Gate,
        reach: Reach,
        tenant: str,
        upstream: Upstream,
        destinations: Iterable[Destination],
    ) -> None:
        self._gate = gate
        self._reach = reach
        self._tenant = tenant
        self._upstream = upstream
        self._known: dict[tuple[str, str], Explanation] = {}
        self._own = {each.host.lower(): each for each in destinations}

    def field(self, place: str, mask: Masker | None) -> Masker | None:
        """The masker of a value that is such a URL; `mask` is what is done with it otherwise."""
        if not self._gate.restricts:
            return mask

        def judge(value: Any) -> Any:
            if value.__class__ is not str:
                self._refuse(self._gate.unknown(), place)
            elif value:
                self._refuse(self.judged(value), place)
            return value if mask is None else mask(value)

        return judge

    def text(self, place: str, mask: Masker | None) -> Masker | None:
        """The masker of any other value, in which URLs are looked for where a rule asks for it."""
        if not self._gate.searches:
            return mask

        def judge(value: Any) -> Any:
            if value.__class__ is str and ":" in value:
                self._search(value, place)
            return value if mask is None else mask(value)

        return judge

    def judged(self, text: str) -> Explanation | None:
        """Whether data may go to where a URL leads. None: to nowhere else, it is a path on the same host."""
        try:
            url = read_url(_socket("http", text))
        except PayloadError:
            return self._gate.unknown()
        if url.absolute:
            return self._away(url)
        return None if url.path[:1] == "/" and not url.scheme else self._gate.unknown()

    def _away(self, url: Url) -> Explanation:
        """Remembered by host; not of upstreams', on which the path decides whose they are."""
        key = (url.scheme, url.authority)
        known = self._known.get(key)
        if known is None:
            known = self._at(url)
            if not self._reach.serves(url):
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[key] = known
        return known

    def _at(self, url: Url) -> Explanation:
        host = origin_of(url.authority, url.scheme or "https")[0]
        if host[:1] == "[":
            return self._gate.literal(host[1:-1])
        if _numeric(host):
            return self._gate.literal(host)
        if ".." in url.authority:
            return self._gate.unknown()
        provider = self._upstream.provider
        at = (
            named(self._own, host)
            or self._asked(url)
            or self._reach.host(url, provider)
            or self._reach.beside(url, provider)
        )
        return self._gate.unknown() if at is None else self._gate.declared(at.region, at.operator)

    def _asked(self, url: Url) -> Upstream | None:
        asked = self._reach.upstream(url, self._tenant, self._upstream)
        return None if asked is None else asked.upstream

    def _search(self, text: str, place: str) -> None:
        for number, found in enumerate(_found(text)):
            if number == MAX_FOUND:
                self._refuse(self._gate.unknown(), place)
            self._refuse(self.judged(found[0].rstrip(_ENDS)), place)

    def _refuse(self, judged: Explanation | None, place: str) -> None:
        """Raises StrayError where an enforced rule says so."""
        if judged is not None and judged.reason and judged.rules:
            raise StrayError(judged, place)
