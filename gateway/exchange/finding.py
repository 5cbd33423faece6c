"""What a request is: whose, for which upstream and operation, under which plan. Pure; remembers per snapshot.

Applications ask the same few things over and over, so the answer is kept by all it depends on: but never for
paths that name people. Only what was allowed to get this far is kept, and a plan's end
(midnight, a reload) ends it.
"""

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from gateway.codecs.params import PATH
from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.exchange.restoring import restored_path
from gateway.http1.head import RequestHead
from gateway.policy.identity import Identity
from gateway.policy.plan import Plan
from gateway.policy.routes import Target
from gateway.policy.snapshot import Snapshot, states_allowed

_NOTHING: Mapping[str, int] = MappingProxyType({})
KEY = b"hushgate-key"
PURPOSE = b"hushgate-purpose"


class Addressed(NamedTuple):
    """Where a request goes and under which plan, and the people its path names."""

    identity: Identity
    plan: Plan
    path: bytes
    params: dict[str, str]
    subjects: dict[str, None]
    seen: Mapping[str, int]
    routed: tuple[str, ...] = ()
    """The rules for which another upstream is asked than the one that was meant, `came`."""
    came: str = ""


def address(facts: Facts, snapshot: Snapshot, head: RequestHead) -> Addressed:
    """Find it, and fill in what `facts` can say of it. Raises Refused, PayloadError (an ambiguous path)."""
    if facts.identity is not None:
        return _find(facts, snapshot, head, facts.identity)
    key = head.get(KEY)
    digest = sha256(key).digest() if key is not None else None
    asked = (digest, facts.peer, head.host, head.method, head.path, head.get(PURPOSE))
    known = snapshot.addressed.get(asked)
    if isinstance(known, Addressed) and known.plan.expires > facts.now:
        facts.identity = known.identity
        facts.pack = snapshot.packs[known.plan.upstream.provider]
        return known
    made = _find(facts, snapshot, head, _identity(facts, snapshot, key, digest))
    if made.plan.request.path is None and head.path.endswith(made.path):
        snapshot.keep(asked, made)
    return made


def _identity(facts: Facts, snapshot: Snapshot, key: bytes | None, digest: bytes | None) -> Identity:
    presented = (digest, facts.peer)
    known = snapshot.addressed.get(presented)
    if isinstance(known, Identity):
        return known
    identity = snapshot.directory.identify(key, facts.peer)
    if identity is None:
        raise Refused("unknown_client")
    snapshot.keep(presented, identity)
    return identity


def _find(facts: Facts, snapshot: Snapshot, head: RequestHead, identity: Identity) -> Addressed:
    facts.identity = identity
    find = snapshot.origins.find if facts.peer.intercepted else snapshot.routes.find
    target = find(head.host, head.path, identity.tenant)
    if target is None:
        raise Refused("unknown_upstream")
    facts.pack = snapshot.packs[target.upstream.provider]
    made = decided(facts, snapshot, head, identity, target, route=True)
    if made.plan.upstream is not target.upstream:
        meant = snapshot.plan(identity, None, made.plan.operation, target.upstream, facts.now)
        made = made._replace(routed=tuple(sorted(meant.stands.rules)), came=target.upstream.name)
    return made


def decided(
    facts: Facts,
    snapshot: Snapshot,
    head: RequestHead,
    identity: Identity,
    target: Target,
    *,
    route: bool = False,
) -> Addressed:
    """The operation and plan of a request to a known upstream. Raises Refused, PayloadError.

    `route`: another upstream of the provider may be asked, where rules want that rather than a refusal.
    """
    matched = snapshot.operation(target.upstream.provider, head.method, target.path)
    if matched is None:
        raise Refused("unknown_operation")
    operation, params = matched
    stated = head.get(PURPOSE)
    purpose = stated.decode("latin-1") if stated is not None else None
    if purpose is not None and not states_allowed(identity.client, purpose):
        raise Refused("purpose_not_allowed")
    plan = snapshot.plan(identity, purpose, operation, target.upstream, facts.now)
    if route and plan.residing.routes:
        plan = snapshot.routed(identity, purpose, plan, facts.now)
    facts.plan = plan  # so that a token that is refused is refused to somebody, somewhere
    path, params = restored_path(facts, plan, target.path, params)
    subjects: dict[str, None] = {}
    program = plan.request.path
    if program is None:
        return Addressed(identity, plan, path, params, subjects, _NOTHING)
    met, pattern = PATH.met(params, program)
    snapshot.remember(subjects, plan.tenant, plan.country, program, met)
    return Addressed(identity, plan, path, params, subjects, program.summary(pattern).seen)
