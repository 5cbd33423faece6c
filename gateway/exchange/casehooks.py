"""The webhooks of a rule case: where they come in, and how their provider signs them. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.codecs.params import FORM
from gateway.codecs.program import Limits
from gateway.codecs.table import reader_for
from gateway.errors import InternalError, PayloadError
from gateway.exchange.case import Case, CaseWebhook
from gateway.http1.encode import request_head
from gateway.model import Pack, Policy, Upstream
from gateway.webhooks.route import Route
from gateway.webhooks.signing import Call, Scheme, Signing, sign

MINUTE: Final = 60.0
"""seconds between two webhooks, and from the last one to the request"""
_PUBLIC: Final = "https://hooks.example"
_SCHEMES: Final[Mapping[str, Scheme]] = {"twilio": "twilio", "hubspot": "hubspot-v3"}
"""How providers sign; any other by a plain HMAC of the body."""


def routes_of(case: Case, policy: Policy, packs: Mapping[str, Pack], upstream: Upstream) -> list[Route]:
    """A route for each. The application stands where the case's upstream does.

    Raises InternalError for a provider or client that is not there.
    """
    return [_route(case, number, policy, packs, upstream) for number in range(len(case.webhooks))]


def _route(case: Case, number: int, policy: Policy, packs: Mapping[str, Pack], upstream: Upstream) -> Route:
    hook = case.webhooks[number]
    if hook.provider not in packs:
        raise InternalError(f"no provider pack {hook.provider!r}")
    client = hook.client or case.client
    if all(known.id != client for known in policy.clients):
        raise InternalError(f"no client {client!r} in {policy.file}")
    prefix = f"/in/{number}"
    place = {"name": f"webhook-{number}", "provider": hook.provider, "prefix": prefix, "host": None}
    return Route(
        upstream=replace(upstream, **place, tenants=(policy.tenant,)),
        tenant=policy.tenant,
        client=client,
        webhooks=tuple(operation.id for operation in packs[hook.provider].webhooks),
        public_url=_PUBLIC + prefix,
        verify=_signing(hook.provider, "of the provider"),
        department=hook.department,
    )


def _signing(provider: str, secret: str) -> Signing:
    return Signing(_SCHEMES.get(provider, "hmac"), (secret,))


def moment(case: Case, number: int, at: float) -> float:
    """When a webhook came in, the request being made at `at`."""
    return at - MINUTE * (len(case.webhooks) - number)


def block(hook: CaseWebhook, route: Route, now: float) -> bytes:
    """The head of a webhook as its provider sends it. Raises InternalError for a body nobody could read."""
    fields = {name.lower().encode(): value.encode() for name, value in hook.headers}
    url = route.public_url + hook.path
    by = _signing(route.provider, "of somebody else") if hook.forged else route.verify
    made = sign(by, Call("POST", url, fields.get, hook.body, _form(hook), now))
    headers = [(b"Host", b"gateway.test"), *((n.encode(), v.encode()) for n, v in hook.headers)]
    headers += [*made.headers, (b"Content-Length", b"%d" % len(hook.body))]
    parts = urlsplit(made.url)
    target = parts.path + ("?" + parts.query if parts.query else "")
    return request_head("POST", target.encode(), headers)


def _form(hook: CaseWebhook) -> list[tuple[str, str]] | None:
    kinds = [value.encode() for name, value in hook.headers if name.lower() == "content-type"]
    try:
        codec = reader_for(kinds[0] if kinds else None).codec
        if codec is not FORM:
            return None
        return [(name, value) for name, value, _ in FORM.parse(hook.body, Limits()) if name is not None]
    except PayloadError as error:
        raise InternalError(f"a webhook whose body cannot be read: {error.reason}") from error
