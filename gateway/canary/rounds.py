"""Which plans the canary goes through, and what one of them comes to."""

from collections.abc import Iterator

from gateway.canary.allowed import Allowed
from gateway.canary.answers import Answer, answers
from gateway.canary.asks import Ask, ask_of
from gateway.canary.messages import messages
from gateway.canary.play import Played, Target, judged, play
from gateway.canary.seeds import Seeds
from gateway.exchange.exchange import Env
from gateway.policy.compile import situation
from gateway.policy.identity import Identity
from gateway.policy.snapshot import Snapshot, Tenant

METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
"""A HEAD has no body, OPTIONS no person."""


def targets(snapshot: Snapshot, tenants: frozenset[str] = frozenset()) -> Iterator[Target]:
    """Every operation of every client at every upstream it may reach; `tenants` empty: all of them."""
    for name, tenant in sorted(snapshot.tenants.items()):
        if not tenants or name in tenants:
            yield from _of_tenant(snapshot, tenant)


def _of_tenant(snapshot: Snapshot, tenant: Tenant) -> Iterator[Target]:
    by_purpose = any(rule.scope.purposes for rule in tenant.policy().rules)
    for client in tenant.clients:
        identity = Identity(tenant.name, client)
        purposes = (None, *client.purposes) if by_purpose else (None,)
        for upstream in snapshot.upstreams:
            if upstream.tenants and tenant.name not in upstream.tenants:
                continue
            for operation in snapshot.packs[upstream.provider].operations:
                if operation.method in METHODS:
                    yield from (Target(identity, upstream, operation, purpose) for purpose in purposes)


def sown(snapshot: Snapshot, target: Target, now: float, salt: str) -> tuple[Ask, list[Answer]]:
    """What to ask of one target, and the answers to try. `now` in seconds since the epoch; `salt` is never
    the same twice."""
    policy = snapshot.tenants[target.identity.tenant].policy()
    client, upstream = target.identity.client, target.upstream
    it = situation(client, target.purpose, upstream.provider, target.operation, upstream, now)
    seeds = Seeds(salt)
    ask = ask_of(target.operation, seeds)
    allowed, talk = Allowed.of(policy, it), target.operation.websocket
    told = messages(talk, allowed, seeds) if talk is not None else ()
    return ask, [*answers(target.operation.response, allowed, seeds), *told]


def check(env: Env, target: Target, now: float, salt: str) -> list[Played]:
    """Play every answer of one target."""
    ask, every = sown(env.snapshot, target, now, salt)
    return [judged(target, ask, answer, play(env, target, ask, answer, now)) for answer in every]
