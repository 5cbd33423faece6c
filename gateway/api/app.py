"""The API as an ASGI application: who asks, what is asked, the access log, the books, the answer.

No answer leaves before its record was accepted, and nothing is entered before the intent was.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api import bodies, openapi
from gateway.api.calls import CALLS, Call
from gateway.api.desk import Desk
from gateway.api.entering import Teller
from gateway.api.once import Asked
from gateway.api.problems import problem
from gateway.audit.aio import appended
from gateway.audit.record import Log, Phase, Record
from gateway.errors import HushgateError, InternalError, PayloadError, StoreError
from gateway.exchange.lookups import Lookups
from gateway.exchange.refused import Refused
from gateway.intake.standing import as_members
from gateway.policy.identity import Identity, Peer
from gateway.policy.snapshot import Snapshot
from gateway.policy.taxonomy import USES
from gateway.webhooks.links import DAY, Link, headed, mint

MOST: Final = 2 * 1024 * 1024
"""bytes of a body"""
_KEY: Final = "hushgate-key"
_NAMED: Final = "contacts"
_RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {"read": ("read", "write"), "write": ("write",)}


@dataclass(frozen=True, slots=True)
class Means:
    """What the application works with. `now` seconds since the epoch, `tick` monotonic, `ids` unique."""

    snapshot: Callable[[], Snapshot]
    log: Log
    desk: Desk
    now: Callable[[], float]
    tick: Callable[[], float]
    ids: Callable[[], str]
    count: Callable[[str, int], None]
    """(call, status) of every answer, for metrics."""


class Asking:
    """One request: what is known of it, and its records."""

    def __init__(self, means: Means, request: Request, call: Call) -> None:
        self.means = means
        self.request = request
        self.call = call
        self.id = means.ids()
        self.now = means.now()
        self.started = means.tick()
        self.snapshot = means.snapshot()
        self.identity: Identity | None = None
        self.subjects: tuple[str, ...] = ()
        self.bytes = 0
        self.intended = False

    def teller(self, identity: Identity) -> Teller:
        """What names people, and makes entries of this client."""
        policy = self.snapshot.tenants[identity.tenant].policy()
        snapshot, client = self.snapshot, identity.client.id
        name = snapshot.pseudonymiser(identity.tenant)
        return Teller(name, policy.country, client, snapshot.spaces, bare=snapshot.bare)

    async def record(self, phase: Phase, status: int, reason: str = "", note: str = "") -> None:
        """Have the access log accept it. Raises StoreError."""
        identity, spent = self.identity, int((self.means.tick() - self.started) * 1e6)
        who = identity.client if identity else None
        record = Record(
            phase=phase,
            id=self.id,
            at=self.now,
            tenant=identity.tenant if identity else "-",
            client=who.id if who else "-",
            role=who.role if who else "-",
            purposes=who.purposes if who else (),
            provider=_NAMED,
            operation=f"{_NAMED}.{self.call.name}",
            method=self.request.method,
            effect="allow" if not reason else "error" if self.intended else "refuse",
            reason=reason,
            status=status,
            subjects=self.subjects,
            request_bytes=self.bytes,
            added_us=spent,
            total_us=spent,
            policy=self.snapshot.tenants[identity.tenant].policy().version if identity else "",
            note=note,
        )
        await appended(self.means.log, record)


async def answer(means: Means, call: Call, request: Request) -> Response:
    """Carry a call out, or refuse it; either way it is in the access log before it is answered."""
    asking = Asking(means, request, call)
    try:
        found = await _carried_out(asking)
    except HushgateError as error:
        found = await _refused(asking, error)
    means.count(call.name, found.status_code)
    return found


async def _carried_out(asking: Asking) -> Response:
    identity = asking.identity = _who(asking)
    body = msgspec_read(await _bytes(asking), asking.call.body)
    return await _WORK[asking.call.body](asking, identity, body)


def msgspec_read(data: bytes, kind: type[bodies.Body]) -> bodies.Body:
    """A body of a kind. Raises PayloadError, which says where it is wrong and quotes nothing."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise PayloadError("unparseable_body", _unquoted(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PayloadError("unparseable_body", "the body is not JSON") from None


def _unquoted(text: str) -> str:
    """msgspec names members and types; a value it quotes stands between single quotes."""
    what, _, place = text.partition(" - at ")
    known = "Invalid enum value" if what.startswith("Invalid enum value") else what
    return f"{known} at {place.strip('`')}" if place else known


def _who(asking: Asking) -> Identity:
    """The client, if it may. Raises Refused."""
    request = asking.request
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get(_KEY) or (token.strip() if scheme.lower() == "bearer" else "")
    peer = Peer(request.client.host if request.client else "0.0.0.0")
    identity = asking.snapshot.directory.identify(key.encode("latin-1"), peer) if key else None
    if identity is None:
        raise Refused("unknown_client", "a key of a client is expected, as `Authorization: Bearer`")
    asking.identity = identity
    if identity.client.contacts not in _RIGHTS[asking.call.right]:
        raise Refused("access_denied", f"the client's rule file does not say `contacts: {asking.call.right}`")
    return identity


async def _bytes(asking: Asking) -> bytes:
    """The body, bounded. Raises PayloadError."""
    request = asking.request
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise PayloadError("unsupported_media_type", "application/json is expected")
    if request.headers.get("content-encoding"):
        raise PayloadError("unsupported_encoding", "the body has to be sent as it is")
    data = b""
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > MOST:
                raise PayloadError("body_too_large", f"at most {MOST} bytes")
    except ClientDisconnect:
        raise PayloadError("request_timeout", "the caller went away") from None
    asking.bytes = len(data)
    return data


async def _enter(asking: Asking, identity: Identity, body: bodies.Body) -> Response:
    key = _idempotency(asking.request)
    entries = asking.teller(identity).entries(body, key or asking.id, asking.now)
    asking.subjects = tuple(dict.fromkeys(entry.subject for entry in entries))
    await asking.record("intent", 0)
    asking.intended = True
    asked = Asked(identity.tenant, identity.client.id, key, _digest(asking, identity, body)) if key else None
    made = tuple(bodies.EnteredOne(id=entry.id, subject=entry.subject) for entry in entries)

    def said(new: int) -> bytes:
        return msgspec.json.encode(bodies.Entered(new=new, entries=made))

    answered = await asking.means.desk.enter(identity.tenant, entries, asked, said, asking.now)
    await asking.record("outcome", answered.status)
    return _json(asking, answered.body, answered.status)


def _idempotency(request: Request) -> str:
    """The request's key, or nothing. Raises PayloadError."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return ""
    key = given[0].strip()
    if key[:1] == '"' and key[-1:] == '"' and len(key) > 1:
        key = key[1:-1]
    if len(given) > 1 or not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        raise PayloadError("malformed_request", "Idempotency-Key is not one text of 1 to 200 characters")
    return key


def _digest(asking: Asking, identity: Identity, body: bodies.Body) -> str:
    """A keyed hash of what is asked: of two spellings of one JSON it is the same."""
    text = f"{asking.call.name}\n{msgspec.json.encode(body).decode()}"
    return asking.snapshot.pseudonymiser(identity.tenant)("request", text)


async def _look_up(asking: Asking, identity: Identity, body: bodies.Body) -> Response:
    people = body.subjects if isinstance(body, bodies.Lookup) else ()
    named = asking.teller(identity).names(people)
    _limit(asking, identity, len(named))
    asking.subjects = tuple(dict.fromkeys(names[0] for names in named))
    known = await asking.means.desk.standings(identity.tenant, named)
    await asking.record("read", 200)
    found = [{"subject": names[0], **as_members(it)} for names, it in zip(named, known, strict=True)]
    return _json(asking, msgspec.json.encode({"standings": found}))


async def _look_back(asking: Asking, identity: Identity, body: bodies.Body) -> Response:
    if not isinstance(body, bodies.History):
        raise InternalError("the table of calls is wrong")
    [names] = asking.teller(identity).names([body.subject])
    _limit(asking, identity, 1)
    asking.subjects = names[:1]
    entries = await asking.means.desk.history(identity.tenant, names, linked=body.linked)
    await asking.record("read", 200)
    lines = tuple(msgspec.convert(entry, bodies.AnEntry, from_attributes=True) for entry in entries)
    return _json(asking, msgspec.json.encode(bodies.Entries(subject=names[0], entries=lines)))


async def _link(asking: Asking, identity: Identity, body: bodies.Body) -> Response:
    """Links of one click. They say nothing of what the registry knows; a click on one is entered."""
    inbox, key = asking.snapshot.inbox, asking.snapshot.link_key(identity.tenant)
    clicks = inbox.clicks if inbox else None
    if not isinstance(body, bodies.ToLink) or key is None or clicks is None:
        raise Refused("unknown_resource", "the deployment file has no `unsubscribe`: nobody would answer it")
    if body.purpose is not None and body.purpose not in USES:
        raise PayloadError("unparseable_body", "purpose is no data use")
    subjects = [names[0] for names in asking.teller(identity).names(body.subjects)]
    asking.subjects = tuple(dict.fromkeys(subjects))
    await asking.record("read", 200)
    until, made = int(asking.now) + body.days * DAY, []
    for subject in subjects:
        link = Link(
            tenant=identity.tenant,
            subject=subject,
            until=until,
            channel=body.channel,
            purpose=body.purpose,
            sender=body.sender,
        )
        url, fields = headed(clicks.public_url, mint(key, link))
        made.append(bodies.ALink(subject=subject, url=url, headers=fields))
    return _json(asking, msgspec.json.encode(bodies.Links(links=tuple(made))))


def _limit(asking: Asking, identity: Identity, number: int) -> None:
    """Whoever may ask without limit has the list in the end. Raises Refused."""
    most = asking.snapshot.tenants[identity.tenant].policy().lookups
    for _ in range(number):
        asking.request.app.state.lookups.take(identity.tenant, identity.client.id, most, asking.means.tick())


def _json(asking: Asking, body: bytes, status: int = 200) -> Response:
    headers = {"Hushgate-Decision": asking.id, "Cache-Control": "no-store"}
    return Response(body, status, headers, media_type="application/json")


async def _refused(asking: Asking, error: HushgateError) -> Response:
    status = problem(error, asking.id)[0]
    try:
        await asking.record("outcome" if asking.intended else "refusal", status, error.reason)
    except StoreError as unrecorded:
        error = unrecorded
    status, body, headers = problem(error, asking.id)
    return Response(body, status, headers)


_Work = Callable[[Asking, Identity, bodies.Body], Awaitable[Response]]
_WORK: Final[Mapping[type[bodies.Body], _Work]] = {
    bodies.Lookup: _look_up,
    bodies.History: _look_back,
    bodies.ToLink: _link,
    **{call.body: _enter for call in CALLS if call.enters},
}


def application(means: Means) -> Starlette:
    """The application."""
    document = msgspec.json.encode(openapi.document())

    async def described(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    async def astray(_request: Request, error: Exception) -> Response:
        missing = isinstance(error, HTTPException) and error.status_code == 404
        reason = "unknown_resource" if missing else "method_not_allowed"
        status, body, headers = problem(HushgateError(reason, ""), means.ids())
        more: Any = getattr(error, "headers", None) or {}
        return Response(body, status, {**more, **headers})

    async def failed(_request: Request, _error: Exception) -> Response:
        status, body, headers = problem(InternalError(""), means.ids())
        return Response(body, status, headers)

    routes = [Route(call.path, partial(_endpoint, means, call), methods=list(call.methods)) for call in CALLS]
    app = Starlette(
        routes=[*routes, Route("/openapi.json", described, methods=["GET"])],
        exception_handlers={HTTPException: astray, Exception: failed},
    )
    app.state.lookups = Lookups()
    return app


async def _endpoint(means: Means, call: Call, request: Request) -> Response:
    return await answer(means, call, request)
