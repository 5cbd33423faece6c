"""Links in answers, read as what they are: calls of the provider, with the data of people in them. Pure.

    text -> URL -> upstream, or a host its pack names -> operation -> its path and query masked -> text

What an operation's request map says is where, is shown in a link as it would be in an answer's body: a token
stays one that can be followed. A link to an upstream leads back through the gateway by the way the caller
came. What cannot be read, or leads where nobody knows, is hidden.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from gateway.codecs.params import PATH, QUERY
from gateway.codecs.program import Limits, Masker, Program, Tally
from gateway.codecs.steps import remasked
from gateway.codecs.template import split_path, split_template
from gateway.codecs.url import MAX_URL, Url, origin_of, read_url
from gateway.errors import PayloadError
from gateway.masking.operators import redact
from gateway.model import Operation, Upstream
from gateway.policy.plan import Side
from gateway.policy.reach import Reach, below
from gateway.residency.judge import Gate

MAX_WAYS: Final = 16
"""Ways by which callers come, remembered per plan."""
MAX_LIKES: Final = 8
"""Operations of which links are known at once, per plan."""
_LIMITS: Final = Limits(max_fields=1000)


class Way(NamedTuple):
    """How a caller reaches the gateway: scheme, and host as it said it. `short`: what is at the same place is
    written without them."""

    scheme: str
    host: str
    short: bool = False


Came = tuple[str, bytes, bytes | None]
"""Scheme, host, and `X-Forwarded-Proto`, as they came."""


class Led(NamedTuple):
    """A link as it may be shown (None: not at all), why not, and the rules behind that. `away`: it leads to a
    host that is no upstream."""

    text: str | None
    reason: str = ""
    rules: tuple[str, ...] = ()
    away: bool = False


class Programs(NamedTuple):
    """What masks the path and the query of links to one operation."""

    path: Program
    query: Program


UNREADABLE: Final = Led(None, "link_withheld")


def _none(text: str) -> None:
    """Nothing is known yet."""


@dataclass(slots=True)
class Linker:
    """The links of one plan's answers. `unmapped` is for what no operation describes, `detect` for what is
    shown without being described."""

    reach: Reach
    tenant: str
    upstream: Upstream
    gate: Gate
    programs: Callable[[Operation], Programs]
    unmapped: Masker | None
    detect: Masker
    alike: Callable[[str], object] = _none
    """Finds links that are like those of which `still` was true."""
    _likes: dict[str, None] = field(default_factory=dict)
    _known: dict[str, Programs] = field(default_factory=dict)
    _sides: dict[Came, Side] = field(default_factory=dict)

    def known(self, came: Came) -> Side | None:
        """What `side` made for callers who come like this."""
        return self._sides.get(came)

    def side(self, side: Side, came: Came, way: Way | None) -> Side:
        """The answer's side of the plan, its links led back by this way: that of who comes like this."""
        if way is None or not side.links:
            return side
        if len(self._sides) >= MAX_WAYS:
            self._sides.clear()
        made = self._sides[came] = side.changed(lambda program: _by(program, way))
        return made

    def still(self, text: str) -> bool:
        """Whether a link is, at a glance, a call of the provider with nothing in it to mask or lead back."""
        if text[:1] != "/" or len(text) > MAX_URL:
            return False
        operation = self.reach.operation(self.upstream.provider, text)
        if operation is None:
            return False
        program = (self._known.get(operation.id) or self._programs(operation)).path
        if program.masks or program.unmapped is not None:
            return False
        if len(self._likes) < MAX_LIKES:
            self._likes[self.reach.alike(self.upstream.provider, text)] = None
            self.alike = re.compile("|".join(self._likes)).fullmatch
        return True

    def lead(self, text: str, way: Way | None, rest: Masker | None) -> Led:
        """What is shown of a link. `rest`: what is done with what no operation describes."""
        try:
            url = read_url(text)
            return self._lead(url, way, rest)
        except PayloadError:
            return UNREADABLE

    def _lead(self, url: Url, way: Way | None, rest: Masker | None) -> Led:
        """Split into what leads to the provider, and what is asked of it."""
        if not url.absolute:
            if url.path[:1] != "/":
                return UNREADABLE
            return self._shown("", url, url.path, self.upstream.provider, rest)
        own = way and _own(url, self.upstream, way)
        if own is not None:
            return self._shown(_front(url, own), url, own, self.upstream.provider, rest)
        asked = self.reach.upstream(url, self.tenant, self.upstream)
        if asked is not None:
            front = _front(url, asked.path) if way is None else _back(asked.upstream, way)
            return self._shown(front, url, asked.path, asked.upstream.provider, rest)
        if self.reach.serves(url):
            return UNREADABLE
        return self._away(url, rest)

    def _away(self, url: Url, rest: Masker | None) -> Led:
        """A link to a host that is no upstream: of those its pack names, where data of this call may go."""
        provider = self.upstream.provider
        host = self.reach.host(url, provider) or self.reach.beside(url, provider)
        if host is None:
            return UNREADABLE
        judged = self.gate.declared(host.region, host.operator)
        if judged.reason:
            return Led(None, judged.reason, judged.rules)
        front = _front(url, url.path)
        if self.reach.host(url, provider):
            return self._shown(front, url, url.path, provider, rest)._replace(away=True)
        # A pack that names such a host says that what its links hold is nobody's.
        rest = None if rest is self.unmapped else rest
        return self._undescribed(front, url, url.path, rest, None)._replace(away=True)

    def _shown(self, front: str, url: Url, path: str, provider: str, rest: Masker | None) -> Led:
        """The link with the data in it masked. Raises PayloadError for what is read in more than one way."""
        found = self.reach.leads(provider, path)
        if found is None:
            return self._undescribed(front, url, path, rest, self.unmapped)
        operation, params = found
        programs = self._known.get(operation.id) or self._programs(operation)
        made = PATH.rewrite(params, programs.path, Tally.of(programs.path))
        if made != params:
            if not all(made.values()):
                return UNREADABLE
            path = _written(path, operation.path, params, made)
        query = url.query
        if query:
            pairs = QUERY.parse(query.encode(), _LIMITS)
            kept = QUERY.rewrite(pairs, programs.query, Tally.of(programs.query))
            if len(kept) != len(pairs):
                return UNREADABLE  # without one of its filters the link would find more than it did
            query = QUERY.dump(kept).decode()
        return Led(front + str(Url("", "", path, query, self._fragment(url))))

    def _programs(self, operation: Operation) -> Programs:
        made = self._known[operation.id] = self.programs(operation)
        return made

    def _fragment(self, url: Url) -> str | None:
        """What follows `#` is described by no operation."""
        text = url.fragment
        if not text:
            return text
        plain = _plain(text)
        return text if _kept(plain, self.detect) and _kept(plain, self.unmapped) else None

    def _undescribed(
        self, front: str, url: Url, path: str, rest: Masker | None, unmapped: Masker | None
    ) -> Led:
        """A link that is no call of the provider: shown where its line (`rest`) says so and nothing in it
        looks like somebody's data. `unmapped` is for the values of its query."""
        pairs = QUERY.parse((url.query or "").encode(), _LIMITS)
        values = [value for name, value, _ in pairs if name is not None]
        parts = [_plain(part) for part in path.split("/")]
        clean = all(_kept(part, self.detect) for part in (*parts, *values))
        if not clean or not all(_kept(value, unmapped) for value in values):
            return UNREADABLE
        text = str(Url("", "", path, url.query, self._fragment(url)))
        return Led(front + text) if _kept(text, rest) else UNREADABLE


class LinkMasker:
    """The masker of a field that holds a link. `rest`: what its line's category does in answers."""

    __slots__ = ("_linker", "_rest", "_way")

    def __init__(self, linker: Linker, rest: Masker | None, way: Way | None = None) -> None:
        self._linker = linker
        self._rest = rest
        self._way = way

    def __call__(self, value: Any) -> Any:
        """The link as it may be shown; `[redacted]` for what may not, and for what is none."""
        if value.__class__ is not str:
            return value if self._rest is None else self._rest(value)
        linker = self._linker
        if not value or (linker.alike(value) and len(value) <= MAX_URL) or linker.still(value):
            return value
        text = self._linker.lead(value, self._way, self._rest).text
        if text is None:
            new = value if self._rest is None else self._rest(value)
            return redact(value) if new is value else new
        return value if text == value else text

    def by(self, way: Way) -> "LinkMasker":
        """The same, for callers who come by this way."""
        return LinkMasker(self._linker, self._rest, way)


def _by(program: Program, way: Way) -> Program:
    return remasked(program, lambda mask: mask.by(way) if isinstance(mask, LinkMasker) else mask)


def _own(url: Url, upstream: Upstream, way: Way) -> str | None:
    """The path asked of the upstream by a URL that leads through the gateway already; None for any other."""
    if origin_of(url.authority, way.scheme) != origin_of(way.host, way.scheme):
        return None
    prefix = "" if upstream.host else (upstream.prefix or "").rstrip("/")
    if upstream.host and origin_of(way.host, way.scheme)[0] != upstream.host.lower():
        return None
    return url.path[len(prefix) :] or None if below(url.path, prefix) else None


def _front(url: Url, path: str) -> str:
    """What stands before a path that is the end of the URL's own."""
    scheme = url.scheme and url.scheme + ":"
    return f"{scheme}//{url.authority}{url.path[: len(url.path) - len(path)]}"


def _back(upstream: Upstream, way: Way) -> str:
    """What stands before the path of a link to an upstream, for it to come through the gateway."""
    if upstream.host is None:
        prefix = (upstream.prefix or "").rstrip("/")
        return prefix if way.short else f"{way.scheme}://{way.host}{prefix}"
    port = origin_of(way.host, way.scheme)[1]
    host = f"{upstream.host}:{port}" if port else upstream.host
    return "" if way.short and host.lower() == way.host.lower() else f"{way.scheme}://{host}"


def _written(path: str, template: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The path with those parameters written anew that changed; all else keeps its bytes."""
    parts = path[1:].split("/")
    for at, segment in enumerate(split_template(template)):
        if segment.name and before[segment.name] != after[segment.name]:
            parts[at] = quote(f"{segment.prefix}{after[segment.name]}{segment.suffix}", safe="")
    written = "/" + "/".join(parts)
    split_path(written.encode())  # a masked value must not make a path that can be read in two ways
    return written


def _plain(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _kept(text: str, mask: Masker | None) -> bool:
    return not text or mask is None or mask(text) is text
