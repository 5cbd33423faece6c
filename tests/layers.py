"""Who may import whom, and what is pure: tables, and what of a module is against them."""

from collections.abc import Iterator, Mapping

from tests.architecture import Module

LAYERS: Mapping[str, int] = {
    "gateway": 0,
    "gateway.plugged": -1,
    "gateway.transfers": -1,
    "gateway.errors": 0,
    "gateway.clock": 0,
    "gateway.recordids": -2,
    "gateway.datamodel": -1,
    "gateway.kms": 0,
    "gateway.listlimit": 0,
    "gateway.native": 0,
    "gateway.parent": 0,
    "gateway.hooks": 0,
    "gateway.recipients": 0,
    "gateway.recordings": 0,
    "gateway.views": 0,
    "gateway.model": 1,
    "gateway.strict": 1,
    "gateway.keyfile": 1,
    "gateway.secret": 1,
    "gateway.keys": 2,
    "gateway.ca": 2,
    "gateway.wireguard": 3,
    "gateway.audit": 2,
    "gateway.contacts": 2,
    "gateway.codecs": 2,
    "gateway.http1": 2,
    "gateway.masking": 3,
    "gateway.residency": 3,
    "gateway.websocket": 3,
    "gateway.metrics": 3,
    "gateway.webhooks": 3,
    "gateway.policy": 4,
    "gateway.deployment": 4,
    "gateway.policy.cache": 5,
    "gateway.tlsserver": 5,
    "gateway.apischema": 5,
    "gateway.boundsschema": 5,
    "gateway.geoschema": 5,
    "gateway.certificateschema": 5,
    "gateway.credentialschema": 5,
    "gateway.upstreamschema": 6,
    "gateway.interceptionschema": 5,
    "gateway.stateschema": 5,
    "gateway.exchange": 5,
    "gateway.plugins": 5,
    "gateway.intake": 5,
    "gateway.inboundschema": 7,
    "gateway.configschema": 8,
    "gateway.planes.driver": 6,
    "gateway.canary": 7,
    "gateway.config": 9,
    "gateway.policy.load": 7,
    "gateway.planes": 7,
    "gateway.portal": 7,
    "gateway.sandbox": 7,
    "gateway.policy.check": 10,
    "gateway.service": 10,
    "gateway.api": 7,
    "gateway.demo": 11,
    "gateway.cli": 12,
}
"""A package imports itself and what stands lower. The longest name that fits counts."""

PURE = (
    "gateway.api.bodies",
    "gateway.api.calls",
    "gateway.api.entering",
    "gateway.api.openapi",
    "gateway.api.problems",
    "gateway.api.signing",
    "gateway.apischema",
    "gateway.audit.chain",
    "gateway.audit.names",
    "gateway.audit.record",
    "gateway.audit.verify",
    "gateway.boundsschema",
    "gateway.ca.names",
    "gateway.ca.pins",
    "gateway.ca.profile",
    "gateway.canary",
    "gateway.certificateschema",
    "gateway.cli.compare",
    "gateway.codecs",
    "gateway.configschema",
    "gateway.credentialschema",
    "gateway.contacts.caps",
    "gateway.contacts.compact",
    "gateway.contacts.hours",
    "gateway.contacts.ledger",
    "gateway.deployment",
    "gateway.contacts.model",
    "gateway.contacts.national",
    "gateway.contacts.normalise",
    "gateway.contacts.grounds",
    "gateway.contacts.redis.layout",
    "gateway.contacts.redisaddress",
    "gateway.contacts.rules",
    "gateway.contacts.sound",
    "gateway.contacts.words",
    "gateway.errors",
    "gateway.exchange",
    "gateway.geoschema",
    "gateway.hooks",
    "gateway.http1",
    "gateway.intake.acts",
    "gateway.intake.ages",
    "gateway.intake.columns",
    "gateway.intake.moments",
    "gateway.intake.people",
    "gateway.intake.previewing",
    "gateway.intake.standing",
    "gateway.inboundschema",
    "gateway.interceptionschema",
    "gateway.listlimit",
    "gateway.views",
    "gateway.masking",
    "gateway.metrics",
    "gateway.model",
    "gateway.parent",
    "gateway.plugins.api",
    "gateway.plugins.codecs",
    "gateway.plugins.detectors",
    "gateway.plugins.maskers",
    "gateway.plugins.schema",
    "gateway.policy",
    "gateway.residency",
    "gateway.stateschema",
    "gateway.strict",
    "gateway.websocket",
    "gateway.upstreamschema",
    "gateway.webhooks",
)
"""No I/O, no clock, nothing that belongs to an event loop."""

FILES = ("gateway.policy.cache", "gateway.policy.check", "gateway.policy.load")
"""Modules of pure packages that read the operator's files at start and reload."""

STORES = (
    "gateway.audit.aio",
    "gateway.audit.files",
    "gateway.audit.log",
    "gateway.contacts.books",
    "gateway.contacts.cached",
    "gateway.contacts.redis",
    "gateway.contacts.sqlite",
)
"""Built above the planes and injected into them."""

IMPURE_IMPORTS = (
    *("asyncio", "concurrent", "multiprocessing", "selectors", "signal", "subprocess", "threading", "time"),
    *("fcntl", "http.client", "http.server", "socket", "socketserver", "sqlite3", "ssl", "urllib.request"),
    *("aiohttp", "grpc", "httptools", "hubspot", "mitmproxy", "redis", "requests", "starlette", "twilio"),
    *("uvicorn", "uvloop"),
)

NEVER: Mapping[str, tuple[str, ...]] = {
    "gateway.portal": ("gateway.planes",),
    "gateway.planes": (*STORES, "gateway.demo", "gateway.sandbox"),
    "gateway.sandbox": ("gateway.planes", "gateway.exchange", "gateway.policy"),
    "gateway.demo": ("gateway.planes",),
}
"""What a package must not import although it stands lower."""


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def longest(name: str, table: Mapping[str, object]) -> str | None:
    fitting = [package for package in table if within(name, package)]
    return max(fitting, key=len, default=None)


def layering(module: Module) -> Iterator[str]:
    """Imports that go upwards or sideways, and packages the table does not know."""
    own = longest(module.name, LAYERS)
    if own is None or (own == "gateway" and module.name != "gateway"):
        yield f"{module.place}: {module.name} has no layer in the table"
        return
    for line, name in module.imports:
        other = longest(name, LAYERS)
        if other in (None, own) or within(own, name) or (other == "gateway" and name.count(".") > 1):
            continue
        if LAYERS[str(other)] >= LAYERS[own]:
            yield f"{module.place}:{line}: {own} imports {name}, which does not stand lower"
        banned = NEVER.get(longest(module.name, NEVER) or "", ())
        if any(within(name, package) for package in banned):
            yield f"{module.place}:{line}: {own} must not import {name}"


def impurity(module: Module) -> Iterator[str]:
    """I/O and clocks in what is pure."""
    if module.name in FILES or not any(within(module.name, name) for name in PURE):
        return
    for line, name in module.imports:
        if any(within(name, banned) for banned in (*IMPURE_IMPORTS, *STORES, *FILES, "gateway.clock")):
            yield f"{module.place}:{line}: pure code imports {name}"
