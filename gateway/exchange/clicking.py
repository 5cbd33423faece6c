"""Links of one click (RFC 8058): a POST unsubscribes, anything else shows a page that can. Pure.

Mail systems follow the links of a message to look at what is behind them: a GET has no effect.
"""

from collections.abc import Generator
from email import message_from_bytes
from email.message import Message
from typing import Any, Final

from msgspec.structs import replace

from gateway.codecs.params import FORM
from gateway.codecs.table import media_type
from gateway.contacts.model import Entry
from gateway.contacts.senders import spelt
from gateway.errors import PayloadError
from gateway.exchange.commands import Collect, Command, Release
from gateway.exchange.effects import Meant, Source, added, entries
from gateway.exchange.environment import Env
from gateway.exchange.facts import Facts
from gateway.exchange.recording import recorded
from gateway.exchange.refused import Refused
from gateway.hooks import OptOut
from gateway.http1.encode import response_head
from gateway.http1.head import RequestHead
from gateway.model import Client
from gateway.policy.identity import Identity
from gateway.policy.snapshot import Snapshot
from gateway.webhooks.links import Link, read

_PERSON: Final = Client(id="one-click", role="subject")
"""Who asks: the person the link was made for."""
_SAID: Final = ("List-Unsubscribe", "One-Click")
_MOST: Final = 8 * 1024
"""bytes of a body that says one word"""

_FRAME: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">'
    '<meta name="viewport" content="width=device-width"><title>Unsubscribe</title><p>{}</p></html>'
)
_ASK: Final = _FRAME.format(
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    "<button>Unsubscribe</button></form>"
).encode()
_DONE: Final = _FRAME.format("You will get no more of these messages.").encode()
_HEADERS: Final = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Cache-Control", b"no-store"),
    (b"Content-Security-Policy", b"default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Content-Type-Options", b"nosniff"),
)


def click(env: Env, facts: Facts, head: RequestHead, rest: bytes) -> Generator[Command, Any, None]:
    """Answer a link. Raises Refused, PayloadError, StoreError."""
    facts.said = "one-click"
    token = rest.removeprefix(b"/").decode("latin-1")
    link = read(token, env.snapshot.link_key, facts.now)
    facts.identity = Identity(link.tenant, _PERSON)
    facts.subjects[link.subject] = None
    if head.method in ("GET", "HEAD"):
        yield from recorded(facts.record("read", 200))
        yield _page(facts, b"" if head.method == "HEAD" else _ASK, len(_ASK))
        return
    if head.method != "POST":
        raise Refused("method_not_allowed")
    raw: bytes = yield Collect(_MOST)
    facts.request_bytes = len(raw)
    if not _says(head, raw, env):
        raise PayloadError("unparseable_body", "not `List-Unsubscribe=One-Click` (RFC 8058)", "body")
    yield from added(facts, link.tenant, [_entry(facts, env.snapshot, link, token)])
    yield from recorded(facts.record("read", 200))
    yield _page(facts, _DONE, len(_DONE))


def _page(facts: Facts, body: bytes, length: int) -> Release:
    own = [(b"Content-Length", b"%d" % length), (b"Hushgate-Decision", facts.id.encode())]
    return Release(response_head(200, b"OK", [*_HEADERS, *own]), body)


def _entry(facts: Facts, snapshot: Snapshot, link: Link, token: str) -> Entry:
    """A second click of the same link adds nothing."""
    scope = (
        snapshot.opt_out(link.tenant)
        if link.purpose is None
        else OptOut(scope="marketing", purpose=link.purpose)
    )
    it = Meant("opt_out", link.subject, link.channel or "email", facts.now, token)
    (made,) = entries([it], Source("one-click", "link"), scope, {})
    # A link is no word: START, which comes by another channel, does not lift it.
    country = snapshot.tenants[link.tenant].policy().country
    return replace(made, source="one-click", sender=link.sender and spelt(link.sender, country))


def _says(head: RequestHead, raw: bytes, env: Env) -> bool:
    kind = media_type(head.get(b"content-type"))
    if kind == "application/x-www-form-urlencoded":
        return _SAID in [(name, value) for name, value, _ in FORM.parse(raw, env.limits)]
    if kind != "multipart/form-data":
        return False
    content_type = head.get(b"content-type") or b""
    parts = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n" + raw).get_payload()
    return isinstance(parts, list) and any(_is_it(part) for part in parts)


def _is_it(part: Any) -> bool:
    if not isinstance(part, Message):
        return False
    name = part.get_param("name", header="content-disposition")
    return (name, str(part.get_payload()).strip()) == _SAID
