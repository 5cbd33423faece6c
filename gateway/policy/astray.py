"""Routes of webhooks that lead nowhere: what they name is in no pack and no rule file. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.errors import Problem
from gateway.model import Pack
from gateway.strict.report import listed, nearest
from gateway.webhooks.route import Route


def astray(
    file: str, routes: Iterable[Route], packs: Iterable[Pack], clients: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Every webhook that no pack describes, and every client that its tenant does not have.

    `clients` are names by tenant.
    """
    hooks = {pack.provider: [hook.id for hook in pack.webhooks] for pack in packs}
    for route in routes:
        known = hooks.get(route.provider, [])
        for hook in route.webhooks:
            yield from _told(file, route, "webhook", hook, known)
        yield from _told(file, route, "client", route.client, clients.get(route.tenant, []))


def _told(file: str, route: Route, what: str, word: str, known: Sequence[str]) -> Iterator[Problem]:
    if word not in known:
        expected = f"a {what}: {listed(known)}" if known else f"a {what} (there is none)"
        yield Problem(file, route.line, 1, f"unknown {what} {word!r}", expected, nearest(word, known))
