"""The schema of `hushgate.yaml`, and the checks that need nothing but the file. Pure.

Builders leave paths and references as written: `config` resolves them.
"""

import re
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Literal, get_args

from gateway.apischema import DraftApi, api
from gateway.boundsschema import LIMITS, LOG, TIMEOUTS
from gateway.certificateschema import CERTIFICATES, TLS, DraftCertificates
from gateway.codecs.program import Limits
from gateway.credentialschema import PROXY, DraftParent
from gateway.deployment import (
    Audit,
    Bind,
    Durability,
    Extension,
    Geo,
    Listener,
    Log,
    Network,
    Others,
    Quic,
    Timeouts,
    Tls,
)
from gateway.geoschema import GEO
from gateway.http1.head import HeadLimits
from gateway.inboundschema import INBOUND, UNSUBSCRIBE, DraftInbound
from gateway.interceptionschema import KEYS as INTERCEPTION
from gateway.interceptionschema import interception
from gateway.plugins.schema import CANARY, EXTENSION
from gateway.policy.taxonomy import OPERATOR_NAME, PLACE
from gateway.stateschema import STATE, DraftState
from gateway.strict.checks import Unique, scalars, select
from gateway.strict.document import Node
from gateway.strict.kinds import Word, one_of
from gateway.strict.report import Report
from gateway.strict.shapes import Document, Fault, Key, ListOf, Table
from gateway.strict.words import BIND, CIDR, NAME, PATH, SECRET, SecretRef
from gateway.upstreamschema import UPSTREAM, DraftUpstream
from gateway.webhooks.route import OneClick

BUILTIN: Final = "builtin"
"""Among `plugins`: the packs that come with the gateway."""

_BIND: Final = Key("bind", BIND, "Address and port.", True)


def _workers(text: str) -> int | None:
    if text == "auto":
        return 0
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,2}", text) and int(text) <= 256 else None


def _listener(
    name: str,
    plane: Literal["reverse", "intercept"],
    bind: tuple[str, int],
    workers: int,
    tls: Tls | None = None,
    mode: str | None = None,
    others: Others | None = None,
    quic: Quic | None = None,
) -> Listener | Fault:
    found = interception(plane, mode, others, quic, workers)
    return found if isinstance(found, Fault) else Listener(name, plane, Bind(*bind), workers, tls, found)


LISTENER: Final = Table(
    "listener",
    (
        Key("name", NAME, "Name of the listener.", True),
        Key("plane", one_of("reverse", "intercept", later=("envoy",)), "How traffic reaches it.", True),
        _BIND,
        Key(
            "workers",
            Word("auto, or a whole number from 1 to 256", _workers, bare=True),
            "Processes; `auto` is one per CPU.",
            default="auto",
        ),
        Key("tls", TLS, "Serves HTTPS."),
        *INTERCEPTION,
    ),
    _listener,
    doc="Where applications connect.",
)


NETWORK: Final = Table(
    "network",
    (
        Key("cidr", CIDR, "Block of addresses.", True),
        Key("country", PLACE, "Where they stand.", True),
        Key("operator", OPERATOR_NAME, "Who runs them.", True),
    ),
    Network,
    doc="Where addresses stand, for residency rules.",
)


AUDIT: Final = Table(
    "audit",
    (
        Key("dir", PATH, "Folder of the access log.", True),
        Key(
            "durability",
            one_of(*get_args(Durability)),
            "When a record counts: on disk (`strict`), or handed to the system (`written`).",
            default="strict",
        ),
    ),
    Audit,
)
ADMIN: Final = Table("admin", (_BIND,), lambda bind: Bind(*bind), doc="Health and metrics.")


@dataclass(frozen=True, slots=True)
class Draft:
    """The file's values, with paths and references as written."""

    listeners: tuple[Listener, ...]
    upstreams: tuple[DraftUpstream, ...]
    rules: str
    plugins: tuple[str, ...]
    state: DraftState
    audit: Audit
    keyring: SecretRef
    limits: tuple[Limits, HeadLimits, int]
    timeouts: Timeouts
    log: Log
    admin: Bind | None = None
    api: DraftApi | None = None
    networks: tuple[Network, ...] = ()
    extensions: tuple[Extension, ...] = ()
    canary: float | None = None
    certificates: DraftCertificates | None = None
    proxy: DraftParent | None = None
    inbound: tuple[DraftInbound, ...] = ()
    unsubscribe: OneClick | None = None
    geo: Geo = field(default_factory=Geo)


ROOT: Final = Table(
    "hushgate.yaml",
    (
        Key("listeners", ListOf(LISTENER), "Where applications connect.", True),
        Key("upstreams", ListOf(UPSTREAM), "Connections to providers.", True),
        Key("rules", PATH, "Folder of rule files, one per tenant.", True),
        Key(
            "plugins",
            ListOf(PATH),
            "Folders of provider packs; `builtin` is those that come along.",
            False,
            "[builtin]",
        ),
        Key("state", STATE, "The contact registry: `sqlite:///var/lib/hushgate/state.db`.", True),
        Key("audit", AUDIT, "The access log.", True),
        Key("keyring", SECRET, "The master key of pseudonyms and hashes (`hushgate init` makes one).", True),
        Key("certificates", CERTIFICATES, "The gateway's own certificate authority; none when left out."),
        Key(
            "proxy",
            PROXY,
            "The proxy by which everything outside this machine is reached; none when left out.",
        ),
        Key("inbound", ListOf(INBOUND), "Webhooks of providers, on their way to applications."),
        Key("unsubscribe", UNSUBSCRIBE, "Where links of one click lead; there are none when left out."),
        Key("networks", ListOf(NETWORK), "Where addresses stand and who runs them."),
        Key("geo", GEO, "What is known of other addresses.", default="{}"),
        Key("admin", ADMIN, "Health and metrics; off when left out."),
        Key("api", api(TLS), "The registry's REST API; off when left out."),
        Key("limits", LIMITS, "Bounds; what is beyond them is refused.", default="{}"),
        Key("timeouts", TIMEOUTS, "How long is waited.", default="{}"),
        Key("extensions", ListOf(EXTENSION), "Custom maskers, detectors and codecs; none when left out."),
        Key("canary", CANARY, "A continuous test that masking works; off when left out."),
        Key("log", LOG, "The gateway's own log.", default="{}"),
    ),
    Draft,
    doc="The deployment file. Relative paths are relative to it; secrets stand in it by reference only.",
)


_INBOUND: Final = ("inbound[]", "unsubscribe")


def _routes(root: Node, report: Report) -> None:
    """No two upstreams with one route for the same tenant; what comes in has routes that nobody shares."""
    known = [(node, _route(node), _texts(node, "tenants[]")) for node in select(root, "upstreams[]")]
    known += [(node, _route(node), set[str]()) for path in _INBOUND for node in select(root, path)]
    for (first, route, some), (node, other, others) in combinations(known, 2):
        overlap = not some or not others or some & others
        if route and route == other and overlap:
            place = next(scalars(node, ("route.prefix", "route.host")))
            found = f"the route {place.text!r} again (first in line {first.line})"
            report.add(place, found, "each route once per tenant")


def _names(root: Node, report: Report) -> None:
    """What comes in is named as upstreams are: records and plans tell them apart by name."""
    first: dict[str, int] = {}
    for node in scalars(root, ("upstreams[].name", "inbound[].name")):
        if node.text in first and node not in scalars(root, ("upstreams[].name",)):
            report.add(node, f"{node.text!r} again (first in line {first[node.text]})", "each name once")
        first.setdefault(node.text, node.line)


def _route(node: Node) -> tuple[str, ...]:
    """The kind and text of an upstream's route, as the router compares them."""
    prefix, host = _texts(node, "route.prefix"), _texts(node, "route.host")
    return (*(f"prefix {text.rstrip('/')}" for text in prefix), *(f"host {text}" for text in host))


def _texts(node: Node, path: str) -> set[str]:
    return {scalar.text for scalar in scalars(node, (path,))}


def _intercepting(root: Node, report: Report) -> None:
    """Whoever intercepts needs certificates of its own making."""
    if not select(root, "certificates"):
        for node in scalars(root, ("listeners[].plane",)):
            if node.text == "intercept":
                report.add(node, "'intercept' without certificates", "the section 'certificates'")


def _binds(root: Node, report: Report) -> None:
    """No address twice; port 0 is a different one each time."""
    first: dict[str, int] = {}
    for node in scalars(root, ("listeners[].bind", "admin.bind", "api.bind")):
        if node.text in first and not node.text.endswith(":0"):
            report.add(node, f"{node.text!r} again (first in line {first[node.text]})", "each address once")
        first.setdefault(node.text, node.line)


DOCUMENT: Final = Document(
    ROOT,
    (
        Unique("listener", "listeners[].name"),
        Unique("upstream", "upstreams[].name"),
        _names,
        Unique("network", "networks[].cidr"),
        Unique("webhook", "api.webhooks[].name"),
        Unique("masker", "extensions[].masker"),
        Unique("detector", "extensions[].detector"),
        Unique("codec", "extensions[].codec"),
        _routes,
        _binds,
        _intercepting,
    ),
)
