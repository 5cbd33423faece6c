"""Where a shared registry is, read from its URL, and how it is spoken to. Pure.

    redis://host:port/0            one server
    redis+sentinel://h1,h2/name    the servers that Sentinel calls by this name
    redis+cluster://h1,h2          a Cluster

With `rediss` in place of `redis` all of it is TLS. User and password are references of their own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from gateway.secret import Secret

Kind = Literal["single", "sentinel", "cluster"]
Persistence = Literal["strict", "written", "none"]
Node = tuple[str, int]
"""host, port"""

_SCHEMES: Final[Mapping[str, Kind]] = {
    "redis": "single",
    "redis+sentinel": "sentinel",
    "redis+cluster": "cluster",
}
_PORTS: Final[Mapping[Kind, int]] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_DATABASES: Final = 1024
_NODE: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[A-Za-z0-9._-]{1,253}))(?::(?P<port>\d{1,5}))?"
)
_SERVICE: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a registry is: the servers to ask first, and what to ask them for."""

    kind: Kind
    nodes: tuple[Node, ...]
    tls: bool = False
    database: int = 0
    service: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A user (None: the server's default one) and password of its access list; None: none is sent."""

    user: Secret | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a shared registry is spoken to. Times in seconds, files are paths (PEM).

    `staleness` bounds how old an answer may be; `timeout` how long one is waited for. `persistence`: what a
    server must do with an entry before it counts: have it on disk (`strict`), have handed it to its system
    (`written`), or nothing (`none`). `replicas`: how many must have it, too; None: 1 where servers fail over,
    else 0.
    """

    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    staleness: float = 5.0
    timeout: float = 1.0
    persistence: Persistence = "strict"
    replicas: int | None = None


TERMS: Final = tuple(each.name for each in fields(Terms))
PATHS: Final = ("ca", "client_cert", "client_key")
"""Those of them that are paths."""


@dataclass(frozen=True, slots=True)
class Shared(Terms):
    """A registry that several instances share."""

    address: Address
    login: Login = Login()
    sentinel: Login = Login()

    @property
    def copies(self) -> int:
        """How many replicas must have an entry before it counts."""
        if self.replicas is not None:
            return self.replicas
        return 0 if self.address.kind == "single" else 1


@dataclass(frozen=True, slots=True)
class Misread:
    """Why a text is no address; says nothing of what stands where a password could."""

    why: str


def is_shared(text: str) -> bool:
    """Whether a text is meant as the address of a shared registry."""
    return text.partition("://")[0].replace("rediss", "redis") in _SCHEMES


def read(text: str) -> Address | Misread:
    """The address a URL stands for."""
    scheme, _, rest = text.partition("://")
    kind = _SCHEMES.get(scheme.replace("rediss", "redis"))
    if kind is None:
        return Misread(f"a scheme that is none of {', '.join(_SCHEMES)} (rediss... for TLS)")
    hosts, _, path = rest.partition("/")
    if "@" in rest:
        return Misread("a user or password, which stand in 'user' and 'password' by reference")
    if "?" in rest or "#" in rest:
        return Misread("options, which are keys beside 'url'")
    nodes = [_node(part, _PORTS[kind]) for part in hosts.split(",")]
    known = tuple(dict.fromkeys(node for node in nodes if node is not None))
    if len(known) != len(nodes):
        return Misread("hosts that are not host:port, or the same one twice")
    return _finished(kind, known, scheme.startswith("rediss"), path)


def _finished(kind: Kind, nodes: tuple[Node, ...], tls: bool, path: str) -> Address | Misread:
    if kind == "single":
        if len(nodes) > 1:
            return Misread("several hosts: name them by redis+sentinel:// or redis+cluster://")
        if not re.fullmatch(r"\d{0,4}", path) or int(path or 0) >= _DATABASES:
            return Misread("a path that is no number of a database, such as /0")
        return Address(kind, nodes, tls, int(path or 0))
    if kind == "cluster":
        return Misread("a path: a Cluster has one database") if path else Address(kind, nodes, tls)
    service, _, database = path.partition("/")
    if not _SERVICE.fullmatch(service):
        return Misread("no service: Sentinel calls a group of servers by a name, such as /mymaster")
    if not re.fullmatch(r"\d{0,4}", database) or int(database or 0) >= _DATABASES:
        return Misread("a path that is not /service/database")
    return Address(kind, nodes, tls, int(database or 0), service)


def _node(text: str, port: int) -> Node | None:
    found = _NODE.fullmatch(text)
    if not found:
        return None
    number = int(found["port"] or port)
    return (found["six"] or found["host"], number) if 0 < number < 65536 else None


PERSISTENCE: Final[tuple[Persistence, ...]] = get_args(Persistence)
