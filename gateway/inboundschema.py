"""What comes in from providers and people, as `hushgate.yaml` has it: webhooks, links of one click. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from gateway.strict.kinds import one_of
from gateway.strict.shapes import Fault, Key, ListOf, Table
from gateway.strict.words import DURATION, HEADER, NAME, SECRET, TEXT, URL, SecretRef, pattern
from gateway.upstreamschema import FORWARD, ROUTE, DraftUpstream, upstream
from gateway.webhooks.route import OneClick
from gateway.webhooks.signing import Algorithm, Encoding, Scheme, Signing


@dataclass(frozen=True, slots=True)
class DraftSigning:
    """A signature whose secrets are still references."""

    signing: Signing
    references: tuple[SecretRef, ...]
    url: str = ""


@dataclass(frozen=True, slots=True)
class DraftInbound:
    """A route of webhooks whose secrets and files are still references."""

    forward: DraftUpstream
    tenant: str
    client: str
    webhooks: tuple[str, ...]
    public_url: str
    verify: DraftSigning
    sign: DraftSigning | None
    department: str
    line: int


def _signing(
    scheme: Scheme, secret: tuple[SecretRef, ...], url: str = "", **more: Any
) -> DraftSigning | Fault:
    if more and scheme != "hmac":
        return Fault(min(more), f"{min(more)!r} beside 'scheme: {scheme}'", "'scheme: hmac' beside it")
    said = more.get("signed", "{body}")
    if said.count("{body}") != 1:
        return Fault("signed", "what is signed without the body, or with it twice", "{body} once")
    for name in ("timestamp", "id"):
        if f"{{{name}}}" in said and name not in more:
            return Fault("signed", f"{{{name}}} in what is signed", f"{name!r} with the header it is in")
        if name in more and f"{{{name}}}" not in said:
            return Fault(name, f"{name!r} that is not signed", f"{{{name}}} in 'signed'")
    return DraftSigning(Signing(scheme, (), **more), secret, url)


_KEYS: Final = (
    Key("scheme", one_of(*get_args(Scheme)), "Whose signature it is; `hmac` is any other.", True),
    Key("secret", ListOf(SECRET, one=True), "The secret; of several any is good, and the first signs.", True),
    Key("header", HEADER, "The header field with the signature."),
    Key("algorithm", one_of(*get_args(Algorithm)), "The hash of the HMAC (sha256 when left out)."),
    Key("encoding", one_of(*get_args(Encoding)), "How the signature is written (hex when left out)."),
    Key("prefix", pattern("a short text", r"[!-~]{1,40}"), "What stands before it, such as `sha256=`."),
    Key("signed", TEXT, "What is signed: a text with {body}, {timestamp}, {id}, {method}, {url}."),
    Key("timestamp", HEADER, "The header field with the time, in seconds since 1970."),
    Key("id", HEADER, "The header field with the id of the message."),
    Key("max_age", DURATION, "How far a timestamp may be from now (5m when left out)."),
)
VERIFY: Final = Table("verify", _KEYS, _signing, doc="How the provider signs.")
SIGN: Final = Table(
    "sign",
    (*_KEYS, Key("url", URL, "The URL it checks the signature against (`public_url` when left out).")),
    _signing,
    doc="How what goes on is signed for the application.",
)


def _inbound(
    name: str,
    tenant: str,
    client: str,
    provider: str,
    webhooks: tuple[str, ...],
    route: tuple[str | None, str | None],
    public_url: str,
    verify: DraftSigning,
    forward: Mapping[str, Any],
    line: int,
    sign: DraftSigning | None = None,
    department: str = "",
) -> DraftInbound | Fault:
    made = upstream(name=name, provider=provider, route=route, tenants=(tenant,), **forward)
    if isinstance(made, Fault):
        return Fault("forward", made.found, made.expected)
    return DraftInbound(made, tenant, client, webhooks, public_url, verify, sign, department, line)


_WEBHOOK: Final = pattern("the name of a webhook such as messages.received", r"[a-z0-9][A-Za-z0-9_.-]{0,99}")
INBOUND: Final = Table(
    "inbound",
    (
        Key("name", NAME, "Its name, in records; no upstream has it.", True),
        Key("tenant", NAME, "Whose webhooks they are.", True),
        Key("client", NAME, "The tenant's client that gets them: its role says what it may see.", True),
        Key("provider", NAME, "The provider that sends them.", True),
        Key("webhooks", ListOf(_WEBHOOK, one=True), "Webhooks of the provider's pack that may come.", True),
        Key("route", ROUTE, "Where they come in: a path prefix, which is cut off, or a host.", True),
        Key("public_url", URL, "What the provider calls, up to that prefix: it signs its URL.", True),
        Key("verify", VERIFY, "How the provider signs.", True),
        Key("forward", FORWARD, "The application they are sent on to.", True),
        Key("sign", SIGN, "How they are signed anew for it; not at all when left out."),
        Key("department", TEXT, "The department that stands in what they add to the contact registry."),
    ),
    _inbound,
    lines=True,
    doc="Webhooks of a provider: verified, entered in the contact registry, masked, signed again, sent on.",
)
UNSUBSCRIBE: Final = Table(
    "unsubscribe",
    (
        Key("route", ROUTE, "Where they come in: a path prefix, or a host.", True),
        Key("public_url", URL, "What the links begin with.", True),
    ),
    lambda route, public_url: OneClick(public_url, *route),
    doc="Links of one click (RFC 8058) that the gateway mints and answers.",
)
