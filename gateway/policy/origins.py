"""Which hosts are intercepted, and which upstream a request that means the provider itself is for. Pure.

Hosts are named by upstreams (the host of the URL, or of a host route) and by provider packs. A request to a
host that only a pack names is intercepted too, and refused for want of an upstream.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.model import Pack, Upstream
from gateway.policy.routes import Target

PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """An upstream as applications address it: the port they use and the path its URL begins with."""

    upstream: Upstream
    port: int | None
    base: bytes


class Origins:
    """Finds upstreams by the provider's own host; a longer base path goes before a shorter one."""

    def __init__(self, upstreams: Iterable[Upstream], packs: Iterable[Pack] = ()) -> None:
        self._hosts: dict[bytes, list[Origin]] = defaultdict(list)
        for upstream in upstreams:
            parts = urlsplit(upstream.url)
            port = parts.port or PORTS[parts.scheme]
            origin = Origin(upstream, port, parts.path.rstrip("/").encode())
            self._hosts[(parts.hostname or "").encode()].append(origin)
            if upstream.host:
                self._hosts[upstream.host.lower().encode()].append(Origin(upstream, None, b""))
        for origins in self._hosts.values():
            origins.sort(key=lambda origin: len(origin.base), reverse=True)
        names = {host.name.lower().encode() for pack in packs for host in pack.hosts}
        self._exact = names | set(self._hosts)
        self._suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is intercepted, `*.suffix` among them, in order."""
        return tuple(sorted(name.decode() for name in self._exact))

    def names_host(self, host: bytes) -> bool:
        """Whether traffic to this host (lower case, no port) is intercepted."""
        return host in self._exact or host.endswith(self._suffixes)

    def find(self, host: bytes, path: bytes, tenant: str) -> Target | None:
        """The upstream `tenant` means by this host, with or without port, and path; None when there is none.

        A port that is not written is the one of either scheme: which of the two was spoken is seen to by the
        plane, and an upstream is only ever asked as its own URL says.
        """
        name, port = split_host(host)
        for upstream, own, base in self._hosts.get(name, ()):
            if upstream.tenants and tenant not in upstream.tenants:
                continue
            if own is not None and port != own and not (port is None and own in PORTS.values()):
                continue
            if path.startswith(base) and path[len(base) : len(base) + 1] in (b"/", b""):
                return Target(upstream, path[len(base) :] or b"/")
        return None


def split_host(host: bytes) -> tuple[bytes, int | None]:
    """Name in lower case and without the brackets of an IPv6 address, and port, of a Host that was checked.

    >>> split_host(b"API.example:8443"), split_host(b"[::1]:80"), split_host(b"[::1]")
    ((b'api.example', 8443), (b'::1', 80), (b'::1', None))
    """
    name, colon, port = host.lower().rpartition(b":")
    if not colon or host.endswith(b"]"):
        return host.lower().strip(b"[]"), None
    return name.strip(b"[]"), int(port) if port.isdigit() else None
