"""Links in the fields of an answer: masked, and led back through the gateway.

`Location`, `Content-Location` and `Refresh` (RFC 9110 sections 10.2.2 and 8.7), `Link` (RFC 8288). A redirect
that may not be followed is refused; any other field with such a link is left out. Pure.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urljoin

from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.http1.fields import Headers
from gateway.http1.head import ResponseHead
from gateway.policy.linking import Led, Way
from gateway.policy.plan import Plan, Side

FORWARDED_PROTO: Final = b"x-forwarded-proto"
REDIRECTS: Final = frozenset((300, 301, 302, 303, 305, 307, 308))

_LEADING: Final = frozenset((b"location", b"link", b"content-location", b"refresh"))
_SHOWN: Final = frozenset(("rel", "rev", "type", "hreflang", "media"))
"""Parameters of a link that say nothing of anybody (RFC 8288 section 3.4); the others are left out."""
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PARAM: Final = rf';[ \t]*+(?:({_WORD})(?:[ \t]*+=[ \t]*+(?:{_WORD}|"(?:[^"\\]|\\.)*+"))?)?+'
_entry: Final = re.compile(
    rf"[ \t,]*+<([^<>]*+)>((?:[ \t]*+{_PARAM.replace('(' + _WORD, '(?:' + _WORD, 1)})*+)[ \t]*+(?:,|\Z)"
).match
_param: Final = re.compile(_PARAM).finditer
_refresh: Final = re.compile(
    r"([0-9]+(?:\.[0-9]*)?[ \t]*)(?:([;,][ \t]*(?:url[ \t]*=[ \t]*)?)(['\"]?)([^'\"]*)(['\"]?))?",
    re.IGNORECASE,
).fullmatch


def way_of(facts: Facts) -> Way | None:
    """How the caller reaches the gateway; None where its links keep their hosts."""
    head = facts.head
    if facts.scheme is None or head is None:
        return None
    secure = facts.scheme == "https" or head.get(FORWARDED_PROTO) == b"https"
    return Way("https" if secure else "http", head.host.decode("latin-1"))


def side_of(facts: Facts, plan: Plan) -> Side:
    """The answer's side of the plan, its links led back by the way this caller came."""
    side, head = plan.response, facts.head
    if not side.links or facts.scheme is None or head is None:
        return side
    came = facts.scheme, head.host, head.index.get(FORWARDED_PROTO)
    return plan.links.known(came) or plan.links.side(side, came, way_of(facts))


def leads(head: ResponseHead) -> bool:
    """Whether any field holds a link."""
    return not _LEADING.isdisjoint(head.index)


def pointed(
    facts: Facts, plan: Plan, head: ResponseHead, headers: Headers, *, enclosed: bool = False
) -> Headers:
    """The fields with their links rewritten. `enclosed`: they are part of a body, so that paths stay paths.

    Raises Refused: a redirect to where nobody may be led.
    """
    way = way_of(facts)
    base = plan.upstream.url.rstrip("/") + facts.target.decode("latin-1")
    out: Headers = []
    for name, value in headers:
        rewrite = _FIELDS.get(name.lower())
        if rewrite is None:
            out.append((name, value))
            continue
        redirects = rewrite is _alone and name.lower() == b"location" and head.status in REDIRECTS

        def show(text: str, redirects: bool = redirects) -> str | None:
            led = _led(plan, text, way, base, enclosed)
            if redirects and (led.text is None or (led.away and not _open(plan))):
                raise Refused(led.reason or "link_withheld", "a redirect", led.rules)
            return led.text

        new = rewrite(value.decode("latin-1"), show)
        if new is not None:
            out.append((name, new.encode("latin-1")))
    return out


def _led(plan: Plan, text: str, way: Way | None, base: str, enclosed: bool) -> Led:
    """What is shown of a link in a field, which may be relative to what was asked (RFC 3986 section 5.2)."""
    linker = plan.links
    short = way and way._replace(short=not enclosed)
    if text[:1] == "/" and text[:2] != "//" and (way is None or enclosed):
        return linker.lead(text, way, linker.unmapped)
    try:
        return linker.lead(urljoin(base, text), short, linker.unmapped)
    except ValueError:
        return Led(None, "link_withheld")


def _open(plan: Plan) -> bool:
    """Whether what this operation answers may reach the caller without being looked at."""
    opaque = plan.response.opaque
    return bool(opaque) and all(each.shown for each in opaque)


Show = Callable[[str], str | None]


def _alone(value: str, show: Show) -> str | None:
    return show(value)


def _list(value: str, show: Show) -> str | None:
    """Every link of a list that may be shown; None for a list that cannot be read, or of none."""
    kept: list[str] = []
    at = 0
    while at < len(value):
        entry = _entry(value, at)
        if entry is None:
            return None
        at = entry.end()
        text = show(entry[1])
        if text is not None:
            kept.append(f"<{text}>" + "".join(p[0] for p in map(_said, _param(entry[2])) if p))
    return ", ".join(kept) or None


def _said(param: re.Match[str]) -> re.Match[str] | None:
    return param if param[1] and param[1].lower() in _SHOWN else None


def _after(value: str, show: Show) -> str | None:
    found = _refresh(value)
    if found is None:
        return None
    wait, sign, quote, text, end = found.groups()
    if not text:
        return value
    new = show(text)
    return None if new is None or quote != end else f"{wait}{sign}{quote}{new}{end}"


_FIELDS: Final[dict[bytes, Callable[[str, Show], str | None]]] = {
    b"location": _alone,
    b"content-location": _alone,
    b"link": _list,
    b"refresh": _after,
}
