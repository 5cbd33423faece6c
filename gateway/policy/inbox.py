"""What comes in from outside, by where it comes in: webhooks of providers, links of one click. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.model import Operation, Pack, Upstream
from gateway.policy.routes import Routes
from gateway.webhooks.route import OneClick, Route

_CLICKS = ""
"""Name of the route of links: no webhook has it."""


class Arrival(NamedTuple):
    """A request from outside. `rest` is the path below the route; `route` None: it is a link of one click."""

    route: Route | None
    rest: bytes
    hooks: tuple[Operation, ...] = ()


class Inbox:
    """Finds them. Nobody else's requests come to these places."""

    def __init__(self, routes: Iterable[Route], clicks: OneClick | None, packs: Iterable[Pack]) -> None:
        self._routes = {route.name: route for route in routes}
        hooks = {pack.provider: pack.webhooks for pack in packs}
        self._hooks = {
            route.name: tuple(hook for hook in hooks.get(route.provider, ()) if hook.id in route.webhooks)
            for route in self._routes.values()
        }
        self.clicks = clicks
        places = [msgspec.structs.replace(route.upstream, tenants=()) for route in self._routes.values()]
        self._places = Routes([*places, *([_place(clicks)] if clicks else [])])

    def divides(self, front: bytes) -> bool:
        """Whether what follows these first segments of a path can lead to where things come in."""
        return self._places.divides(front)

    def find(self, host: bytes, path: bytes) -> Arrival | None:
        """What a request at this host and path is; None: an application's."""
        target = self._places.find(host, path, "")
        if target is None:
            return None
        name = target.upstream.name
        rest = b"" if target.path == b"/" and not path.endswith(b"/") else target.path
        return (
            Arrival(None, rest) if name == _CLICKS else Arrival(self._routes[name], rest, self._hooks[name])
        )


def inbox(routes: Iterable[Route], clicks: OneClick | None, packs: Iterable[Pack]) -> Inbox | None:
    """None where nothing comes in, so that no request is looked up."""
    known = tuple(routes)
    return Inbox(known, clicks, packs) if known or clicks else None


def _place(clicks: OneClick) -> Upstream:
    return Upstream(
        name=_CLICKS,
        provider="-",
        url=clicks.public_url,
        region="-",
        operator="-",
        prefix=clicks.prefix,
        host=clicks.host,
    )
