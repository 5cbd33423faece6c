"""Which plans the canary goes through, and what one of them comes to."""

from collections.abc import Iterator

from gateway.canary.allowed import Allowed
from gateway.canary.answers import Answer, answers
from gateway.canary.play import Played, Target, judged, play
from gateway.canary.seeds import Seeds
from gateway.exchange.exchange import Env
from gateway.policy.compile import situation
from gateway.policy.identity import Identity
from gateway.policy.snapshot import Snapshot, Tenant

READS = frozenset(("GET", "POST"))
"""Methods of operations that only read; a HEAD has no body, OPTIONS no person."""


def targets(snapshot: Snapshot, tenants: frozenset[str] = frozenset()) -> Iterator[Target]:
    """Every read of every client at every upstream it may reach; `tenants` empty: all of them."""
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
                if operation.method in READS and not operation.act:
                    yield from (Target(identity, upstream, operation, purpose) for purpose in purposes)


def sown(snapshot: Snapshot, target: Target, now: float, salt: str) -> list[Answer]:
    """The answers to try on one target. `now` in seconds since the epoch; `salt` is never the same twice."""
    policy = snapshot.tenants[target.identity.tenant].policy()
    client, upstream = target.identity.client, target.upstream
    it = situation(client, target.purpose, upstream.provider, target.operation, upstream, now)
    return list(answers(target.operation.response, Allowed.of(policy, it), Seeds(salt)))


def check(env: Env, target: Target, now: float, salt: str) -> list[Played]:
    """Play every answer of one target."""
    every = sown(env.snapshot, target, now, salt)
    return [judged(target, answer, play(env, target, answer, now)) for answer in every]
