"""The values of `hushgate.yaml`: what runs where, frozen. `config` reads them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.codecs.program import Limits
from gateway.contacts.redisaddress import Shared
from gateway.http1.head import HeadLimits
from gateway.model import Upstream
from gateway.parent import Parent
from gateway.secret import Secret
from gateway.webhooks.route import OneClick, Route

Durability = Literal["strict", "written"]
Others = Literal["refuse", "tunnel"]
Quic = Literal["refuse", "intercept"]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to listen on: an IP address or `localhost`, and a port (0: any free one)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Tls:
    """Files (PEM) of a listener's certificate, its key, and the CA that client certificates must be from."""

    cert: str
    key: str
    client_ca: str | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """The gateway's own certificate authority: its folder, what opens its keys, and its leaves.

    `validity` is seconds, `cache` a number of leaves; `passphrase` is None for keys in clear.
    """

    dir: str
    validity: float
    cache: int
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Interception:
    """How traffic that is not meant for the gateway comes to it, and what of it passes.

    `mode`: `proxy`, `transparent`, `socks5`, `wireguard:FILE` or `reverse:URL`. `others`:
    what is done with hosts that neither a pack nor an upstream names. `quic`: what is done with HTTP/3.
    """

    mode: str = "proxy"
    others: Others = "refuse"
    quic: Quic = "refuse"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where applications connect. `workers` 0: one per CPU. `interception`: of plane `intercept`."""

    name: str
    plane: Literal["reverse", "intercept"]
    bind: Bind
    workers: int = 0
    tls: Tls | None = None
    interception: Interception | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """Where the addresses of a CIDR block stand (country or transfer framework), and who runs them."""

    cidr: str
    country: str
    operator: str


@dataclass(frozen=True, slots=True)
class Geo:
    """What is asked of addresses that `networks` do not name: the tables that come along, a folder of
    published lists, country and ASN databases. `warn` and `refuse` are ages in seconds."""

    snapshot: bool = True
    published: str | None = None
    country: str | None = None
    asn: str | None = None
    warn: float = 30 * 86_400.0
    refuse: float = 180 * 86_400.0


@dataclass(frozen=True, slots=True)
class Audit:
    """Where records go, and when one counts as accepted: on disk (`strict`), or given to the system."""

    dir: str
    durability: Durability


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `head` from its first byte; `body` for all of a body that is read before deciding; `answer`
    until the upstream's answer begins; `progress` between two parts of a body that is passed through;
    `idle` of a caller's connection, `pool` of an upstream's; `drain` for what is under way when stopping;
    `websocket` between two frames."""

    head: float
    body: float
    idle: float
    answer: float
    progress: float
    connect: float
    drain: float
    pool: float
    websocket: float = 300.0


@dataclass(frozen=True, slots=True)
class Log:
    """The gateway's own log: least level, and how lines are written."""

    level: Level
    format: Literal["json", "text"]


@dataclass(frozen=True, slots=True)
class Extension:
    """A plugin that the deployment file names: code that is loaded and run.

    `file` is None for an installed package's entry point; `limit` is seconds one call may take; `line` is
    where the deployment file names it.
    """

    kind: Literal["masker", "detector", "codec"]
    name: str
    file: str | None
    limit: float
    line: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told what is entered in a tenant's registry: where, signed with what, of which acts (all)."""

    name: str
    tenant: str
    url: str
    secret: Secret
    acts: tuple[str, ...] = ()
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """The registry's REST API, and those who are told of changes."""

    bind: Bind
    tls: Tls | None = None
    webhooks: tuple[Webhook, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """The deployment file. Paths are absolute. `keyring` is empty when secrets were not resolved."""

    file: str
    listeners: tuple[Listener, ...]
    upstreams: tuple[Upstream, ...]
    networks: tuple[Network, ...]
    rules: str
    plugins: tuple[str, ...]
    state: str
    audit: Audit
    keyring: Secret
    admin: Bind | None
    limits: Limits
    head_limits: HeadLimits
    timeouts: Timeouts
    max_connections: int
    log: Log
    extensions: tuple[Extension, ...] = ()
    canary: float | None = None
    """Seconds between two rounds of the canary; None runs none."""
    certificates: Certificates | None = None
    keyring_file: str = ""
    """Where the keyring is read again; empty for one from the environment, which nothing can change."""
    parent: Parent | None = None
    """The proxy by which what is not intercepted is tunnelled; upstreams have their own."""
    inbound: tuple[Route, ...] = ()
    unsubscribe: OneClick | None = None
    geo: Geo = field(default_factory=Geo)

    api: Api | None = None
    shared: Shared | None = None
    """The registry that several instances share; None: it is the file that `state` names."""
    bare: bool = True
    """Whether what the registry has of record ids without their provider still forbids."""
    folder: str = ""
    """Where this machine keeps what is its own; empty: beside the file, or the access log."""

    @property
    def database(self) -> str:
        """Path of the state database (`state` without `sqlite://`); empty for a shared one."""
        return "" if self.shared else self.state.removeprefix("sqlite://")

    @property
    def store(self) -> str | Shared:
        """Which registry it is."""
        return self.shared or self.state

    @property
    def caches(self) -> str:
        """The folder of this machine's own state beside the registry."""
        return self.folder or str(Path(self.database or self.audit.dir).parent)
