"""The keys of `hushgate.yaml` about what the gateway shows of itself: upstreams' credentials, proxies. Pure.

Builders leave references and paths as written: `config` resolves them.
"""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from gateway.strict.kinds import Word
from gateway.strict.shapes import ByShape, Key, Table
from gateway.strict.words import HEADER, PATH, SECRET, URL, SecretRef


@dataclass(frozen=True, slots=True)
class Credential:
    """How a header value is made: the scheme, and references to its parts."""

    scheme: str
    references: tuple[SecretRef, ...]
    header: str = "Authorization"


def _whole(text: str) -> Credential | None:
    reference = SECRET.convert(text)
    return Credential("value", (reference,)) if reference else None


BASIC: Final = Table(
    "basic",
    (Key("user", SECRET, "User name.", True), Key("password", SECRET, "Password.", True)),
    lambda user, password: (user, password),
)


def _credential(
    header: str = "",
    bearer: SecretRef | None = None,
    basic: tuple[SecretRef, SecretRef] | None = None,
    value: SecretRef | None = None,
) -> Credential:
    if basic:
        return Credential("basic", basic, header)
    scheme = "bearer" if bearer else "value"
    return Credential(scheme, tuple(ref for ref in (bearer, value) if ref), header)


_REFERENCE: Final = Word(SECRET.expected, _whole, hide=True)
_WAYS: Final = (
    Key("bearer", SECRET, "A token, sent as `Bearer <token>`."),
    Key("basic", BASIC, "User and password, sent as `Basic`."),
    Key("value", SECRET, "The whole header value."),
)
CREDENTIAL: Final = ByShape(
    _REFERENCE,
    Table(
        "credential",
        (
            *_WAYS,
            Key("header", HEADER, "The header field it is sent in.", default="Authorization"),
        ),
        _credential,
        exactly=("bearer", "basic", "value"),
        doc="What the gateway adds to requests. A bare reference is short for `{value: ...}`.",
    ),
)


# ---- proxies ----------------------------------------


@dataclass(frozen=True, slots=True)
class DraftParent:
    """A proxy whose credential and CA file are as written."""

    host: str
    port: int
    tls: bool
    credential: Credential | None = None
    ca: str | None = None


DIRECT: Final = "direct"
Way = DraftParent | Literal["direct"]


def _parent(text: str) -> DraftParent | None:
    url = URL.convert(text)
    parts = urlsplit(url) if url else None
    if parts is None or parts.path or parts.port is None or "@" in text:
        return None
    return DraftParent(parts.hostname or "", parts.port, parts.scheme == "https")


def _full(url: DraftParent, credential: Credential | None = None, ca: str | None = None) -> DraftParent:
    return DraftParent(url.host, url.port, url.tls, credential, ca)


# Hidden: what stands here by mistake is a URL with a password in it.
_URL: Final = Word("a proxy such as http://proxy.example:3128 (without user or path)", _parent, hide=True)
_TABLE: Final = Table(
    "proxy",
    (
        Key("url", _URL, "Scheme (`https`: TLS is spoken to the proxy too), host and port.", True),
        Key(
            "credential",
            ByShape(
                _REFERENCE,
                Table("proxy credential", _WAYS, _credential, exactly=("bearer", "basic", "value")),
            ),
            "Who the gateway is to the proxy (`Proxy-Authorization`).",
        ),
        Key("ca", PATH, "CA file (PEM) to trust for the proxy's own certificate instead of the system's."),
    ),
    _full,
    doc="An HTTP proxy that is asked by CONNECT. A bare URL is short for `{url: ...}`.",
)
PROXY: Final = ByShape(_URL, _TABLE)
OWN_PROXY: Final = ByShape(
    Word(
        f"{_URL.expected}, or {DIRECT}", lambda text: DIRECT if text == DIRECT else _parent(text), hide=True
    ),
    _TABLE,
)
"""An upstream's: also `direct`, for none where the deployment has one."""
