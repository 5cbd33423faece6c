"""The keys of `hushgate.yaml` about the registry's API and those who are told of changes. Pure."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, get_args
from urllib.parse import urlsplit

from gateway.contacts.model import Act
from gateway.deployment import Bind, Tls
from gateway.strict.kinds import one_of
from gateway.strict.shapes import Fault, Key, ListOf, Table
from gateway.strict.words import BIND, NAME, PATH, SECRET, URL, SecretRef

_LOCAL: Final = ("127.0.0.1", "::1", "localhost")
_ACTS: Final = tuple(act for act in get_args(Act) if act != "imported")
_MARK: Final = "whsec_"
_SIZES: Final = range(24, 65)
"""bytes of a secret (Standard Webhooks)"""


def signing_key(text: str) -> bytes | None:
    """The key of a webhook's secret as written (`whsec_` and base64), or None."""
    try:
        key = base64.b64decode(text.removeprefix(_MARK), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if text.startswith(_MARK) and len(key) in _SIZES else None


@dataclass(frozen=True, slots=True)
class DraftWebhook:
    """A subscriber whose secret is still a reference."""

    name: str
    tenant: str
    url: str
    secret: SecretRef
    acts: tuple[Act, ...] = ()
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class DraftApi:
    """The section as written."""

    bind: Bind
    tls: Tls | None = None
    webhooks: tuple[DraftWebhook, ...] = ()


def _webhook(
    name: str,
    tenant: str,
    url: str,
    secret: SecretRef,
    acts: tuple[Act, ...] = (),
    ca: str | None = None,
) -> DraftWebhook | Fault:
    if url.startswith("http:") and urlsplit(url).hostname not in _LOCAL:
        return Fault("url", f"{url!r} without TLS", "https:// (http:// only to this machine's loopback)")
    return DraftWebhook(name, tenant, url, secret, acts, ca)


WEBHOOK: Final = Table(
    "webhook",
    (
        Key("name", NAME, "Name of the subscriber.", True),
        Key("tenant", NAME, "Whose registry it is told of.", True),
        Key("url", URL, "Where messages are sent; TLS everywhere but on loopback.", True),
        Key("secret", SECRET, "What they are signed with: `whsec_` and 24 to 64 bytes in base64.", True),
        Key("acts", ListOf(one_of(*_ACTS), one=True), "Only of these acts; of all when left out."),
        Key("ca", PATH, "CA file (PEM) to trust instead of the system's."),
    ),
    _webhook,
    doc="Who is told what was entered, at least once and in order. Messages name people by pseudonym alone.",
)


def _api(
    bind: tuple[str, int], tls: Tls | None = None, webhooks: tuple[DraftWebhook, ...] = ()
) -> DraftApi | Fault:
    if tls is None and bind[0] not in _LOCAL:
        return Fault("bind", f"{bind[0]!r} without TLS", "an address of this machine's loopback, or 'tls'")
    return DraftApi(Bind(*bind), tls, webhooks)


def api(tls: Table[Tls]) -> Table[DraftApi]:
    """The section; `tls` is what every listener's is."""
    return Table(
        "api",
        (
            Key("bind", BIND, "Address and port.", True),
            Key("tls", tls, "Serves HTTPS; plain HTTP only on this machine's loopback."),
            Key("webhooks", ListOf(WEBHOOK), "Who is told of changes."),
        ),
        _api,
        doc="The registry's REST API, for clients whose rule file gives them a right to it (`contacts`).",
    )
