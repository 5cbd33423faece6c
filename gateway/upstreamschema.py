"""Connections to providers, and to whoever else traffic is sent on to, as `hushgate.yaml` has them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.certificateschema import CLIENT_CERTIFICATE, PINS, ClientCertificate
from gateway.credentialschema import CREDENTIAL, OWN_PROXY, Credential, DraftParent, Way
from gateway.model import Upstream
from gateway.policy.taxonomy import OPERATOR_NAME, REGION
from gateway.residency.addresses import on_loopback
from gateway.strict.shapes import Fault, Key, ListOf, Table
from gateway.strict.words import ADDRESS, HOST, NAME, PATH, URL, pattern

ROUTE: Final = Table(
    "route",
    (
        Key(
            "prefix",
            pattern("a path prefix such as /hubspot", r"/|(/[A-Za-z0-9._~-]+)+/?"),
            "Path prefix, cut off.",
        ),
        Key("host", HOST, "The Host that applications ask for."),
    ),
    lambda prefix=None, host=None: (prefix, host),
    exactly=("prefix", "host"),
)


@dataclass(frozen=True, slots=True)
class DraftUpstream:
    """An upstream whose credential and files are still references."""

    upstream: Upstream
    credential: Credential | None
    client: ClientCertificate | None = None
    proxy: Way | None = None
    """None: the deployment's, if it has one and the upstream is not on loopback."""

    @property
    def local(self) -> bool:
        """Whether it stands on this machine, where no proxy leads."""
        return on_loopback(self.upstream.url, self.upstream.connect)


def upstream(
    name: str,
    provider: str,
    url: str,
    region: str,
    route: tuple[str | None, str | None],
    operator: str = "",
    tenants: tuple[str, ...] = (),
    credential: Credential | None = None,
    ca: str | None = None,
    connect: tuple[str, ...] = (),
    client_certificate: ClientCertificate | None = None,
    pins: tuple[str, ...] = (),
    proxy: Way | None = None,
    account_region: str | None = None,
) -> DraftUpstream | Fault:
    """An upstream of these keys, or what does not fit together."""
    if url.startswith("http:") and not on_loopback(url, connect):
        return Fault("url", f"{url!r} without TLS", "https:// (http:// only to this machine's loopback)")
    if url.startswith("http:") and (pins or client_certificate):
        return Fault("url", f"{url!r} without TLS", "https://, as pins and certificates are TLS's")
    if isinstance(proxy, DraftParent) and on_loopback(url, connect):
        return Fault("proxy", "a proxy to this machine's loopback", "none, or direct")
    upstream = Upstream(
        name=name,
        provider=provider,
        url=url,
        region=region,
        operator=operator,
        prefix=route[0],
        host=route[1],
        tenants=tenants,
        credential_header=credential.header if credential else "Authorization",
        ca=ca,
        connect=connect,
        pins=pins,
        account_region=account_region,
    )
    return DraftUpstream(upstream, credential, client_certificate, proxy)


_REACHED: Final = (
    Key("url", URL, "Base URL; TLS everywhere but on loopback.", True),
    Key("region", REGION, "Where it is declared to stand.", True),
    Key("operator", OPERATOR_NAME, "Who runs it; unknown when left out."),
)
_TRUSTED: Final = (
    Key("credential", CREDENTIAL, "What the gateway adds to requests: applications never hold it."),
    Key("ca", PATH, "CA file (PEM) to trust instead of the system's."),
    Key("client_certificate", CLIENT_CERTIFICATE, "Shown to a provider that asks for one."),
    Key("pins", PINS, "Keys of which one must be in the verified chain; any is good when left out."),
    Key("connect", ListOf(ADDRESS), "Addresses to connect to instead of resolving the URL's host."),
    Key(
        "proxy",
        OWN_PROXY,
        "How it is reached: by this proxy, or `direct`; as `proxy` above says by default.",
    ),
)


def _given(**keys: object) -> Mapping[str, object]:
    return keys


FORWARD: Final = Table(
    "forward", (*_REACHED, *_TRUSTED), _given, doc="The application that webhooks are sent on to."
)
UPSTREAM: Final = Table(
    "upstream",
    (
        Key("name", NAME, "Name of the upstream.", True),
        Key("provider", NAME, "The provider pack that describes it.", True),
        *_REACHED,
        Key("route", ROUTE, "How applications reach it: by path prefix or by host.", True),
        Key(
            "account_region",
            REGION,
            "Where the account that the credential opens keeps its data, if elsewhere: data must be allowed "
            "to go there too.",
        ),
        Key("tenants", ListOf(NAME), "Only for these tenants; every tenant when left out."),
        *_TRUSTED,
    ),
    upstream,
    doc="One connection to a provider.",
)
