"""Which upstream a request is for: by the Host it names, or by the first segments of its path. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from gateway.model import Upstream


class Target(NamedTuple):
    """An upstream and the path to ask it for."""

    upstream: Upstream
    path: bytes


class Routes:
    """Finds the upstream of a tenant. A host route goes before a prefix, a longer prefix before a shorter."""

    def __init__(self, upstreams: Iterable[Upstream]) -> None:
        self._hosts: dict[bytes, list[Upstream]] = defaultdict(list)
        prefixes: dict[bytes, list[Upstream]] = defaultdict(list)
        for upstream in upstreams:
            if upstream.host:
                self._hosts[upstream.host.lower().encode()].append(upstream)
            else:
                prefixes[(upstream.prefix or "").rstrip("/").encode()].append(upstream)
        self._prefixes: dict[bytes, list[tuple[bytes, list[Upstream]]]] = defaultdict(list)
        for prefix in sorted(prefixes, key=len, reverse=True):
            self._prefixes[_first_segment(prefix)].append((prefix, prefixes[prefix]))

    def find(self, host: bytes, path: bytes, tenant: str) -> Target | None:
        """The upstream `tenant` reaches at this host (port ignored) and path, or None."""
        if self._hosts:
            by_host = self._hosts.get(_hostname(host))
            if by_host:
                return _allowed(by_host, path, tenant)
        for first in (_first_segment(path), b""):
            for prefix, upstreams in self._prefixes.get(first, ()):
                if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b""):
                    return _allowed(upstreams, path[len(prefix) :] or b"/", tenant)
        return None

    def divides(self, front: bytes) -> bool:
        """Whether what follows these first segments of a path can lead to another upstream."""
        return any(prefix.startswith(front) for each in self._prefixes.values() for prefix, _ in each)


def _first_segment(path: bytes) -> bytes:
    end = path.find(b"/", 1)
    return path if end < 0 else path[:end]


def _hostname(host: bytes) -> bytes:
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    return name.lower()


def _allowed(upstreams: list[Upstream], path: bytes, tenant: str) -> Target | None:
    for upstream in upstreams:
        if not upstream.tenants or tenant in upstream.tenants:
            return Target(upstream, path)
    return None
