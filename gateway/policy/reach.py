"""Where links in answers can lead: upstreams, asked through the gateway, and hosts that packs name. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.codecs.url import Url, origin_of
from gateway.model import Host, Location, Operation, Pack, Upstream
from gateway.policy.operations import OperationIndex
from gateway.residency.locate import PACK


class Asked(NamedTuple):
    """An upstream that a URL names, and the path that is asked of it (without the path of its own URL)."""

    upstream: Upstream
    path: str


class Reach:
    """The upstreams and packs of a snapshot, by host."""

    def __init__(
        self,
        packs: Mapping[str, Pack],
        upstreams: Iterable[Upstream],
        operations: Mapping[str, OperationIndex],
    ) -> None:
        self._operations = operations
        self._upstreams: dict[tuple[str, str], list[tuple[str, Upstream]]] = defaultdict(list)
        for upstream in upstreams:
            url = urlsplit(upstream.url)
            base = url.path.rstrip("/")
            self._upstreams[origin_of(url.netloc, url.scheme)].append((base, upstream))
        for known in self._upstreams.values():
            known.sort(key=lambda each: -len(each[0]))
        self._hosts = {name: _by_name(pack.hosts) for name, pack in packs.items()}
        self._beside = {name: _by_name(pack.links) for name, pack in packs.items()}

    def upstream(self, url: Url, tenant: str, asked: Upstream) -> Asked | None:
        """The upstream an absolute URL leads to: the one that was asked before any other, or None."""
        known = self._upstreams.get(origin_of(url.authority, url.scheme), ())
        allowed = [(base, u) for base, u in known if not u.tenants or tenant in u.tenants]
        for base, upstream in sorted(allowed, key=lambda each: each[1].name != asked.name):
            if below(url.path, base):
                return Asked(upstream, url.path[len(base) :])
        return None

    def leads(self, provider: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The provider's operation a path leads to, with its parameters. Raises PayloadError."""
        known = self._operations.get(provider)
        return known.leads(path.encode()) if known and path else None

    def operation(self, provider: str, path: str) -> Operation | None:
        """That operation, where it is seen at a glance."""
        known = self._operations.get(provider)
        return known.led(path) if known else None

    def alike(self, provider: str, path: str) -> str:
        """A regular expression of the paths that are seen to lead there like this one."""
        return self._operations[provider].alike(path)

    def serves(self, url: Url) -> bool:
        """Whether a URL names the host of an upstream, whoever's and whatever its path."""
        return origin_of(url.authority, url.scheme) in self._upstreams

    def host(self, url: Url, provider: str) -> Host | None:
        """What a provider's pack says of a URL's host, on its usual port: one of those it is asked at."""
        return _named(self._hosts.get(provider, {}), url.authority, url.scheme)

    def beside(self, url: Url, provider: str) -> Host | None:
        """The same of hosts its answers lead to, that are not asked."""
        return _named(self._beside.get(provider, {}), url.authority, url.scheme)


def below(path: str, base: str) -> bool:
    """Whether a path is the base or below it."""
    return path.startswith(base) and path[len(base) : len(base) + 1] in ("/", "")


def stated(upstreams: Iterable[Upstream], packs: Iterable[Pack]) -> dict[str, Location]:
    """Where upstreams must be by the fixed hosts of their packs, by name; the operator is left open."""
    hosts = {pack.provider: _by_name(pack.hosts) for pack in packs}
    urls = {each.name: (hosts.get(each.provider, {}), urlsplit(each.url)) for each in upstreams}
    found = {name: _named(known, url.netloc, url.scheme) for name, (known, url) in urls.items()}
    fixed = {name: host for name, host in found.items() if host and host.fixed}
    return {n: Location(country=host.region, operator="", evidence=PACK) for n, host in fixed.items()}


def _named(hosts: Mapping[str, Host], authority: str, scheme: str) -> Host | None:
    name, port = origin_of(authority, scheme)
    return None if port else named(hosts, name)


def named[T](hosts: Mapping[str, T], name: str) -> T | None:
    """What is said of a host by its name, or else by the longest `*.suffix` of it."""
    if not hosts:
        return None
    parts = name.split(".")
    wider = (".".join(("*", *parts[at:])) for at in range(1, len(parts)))
    return next((hosts[each] for each in (name, *wider) if each in hosts), None)


def _by_name(hosts: Iterable[Host]) -> dict[str, Host]:
    return {host.name.lower(): host for host in hosts}


NOWHERE = Reach({}, (), {})
"""Of a policy without upstreams."""
