"""What a request is: whose, for which upstream and operation, under which plan. Pure; remembers per snapshot.

Applications ask the same few things over and over, so the answer is kept by all it depends on: but never for
paths that name people. Of paths that end in one parameter all that does not depend on it is kept. Only what
was allowed to get this far is kept, and a plan's end (midnight, a reload) ends it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.codecs.params import PATH
from gateway.contacts.naming import Name
from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.exchange.restoring import restored_path, suspicious
from gateway.http1.head import RequestHead
from gateway.keys import digest as digest_of
from gateway.policy.identity import Identity
from gateway.policy.plan import Plan
from gateway.policy.routes import Target
from gateway.policy.snapshot import Snapshot, states_allowed

_NOTHING: Mapping[str, int] = MappingProxyType({})
KEY = b"hushgate-key"
PURPOSE = b"hushgate-purpose"


MAX_LAST = 64
"""bytes of a last segment that is read at a glance"""


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


class Family(NamedTuple):
    """Requests that differ in the last segment of their path alone, which is a parameter.

    `front`: what the upstream is asked for before it. `others`: what is no parameter there. `slots`: those of
    the program of paths that it is the value of.
    """

    identity: Identity
    plan: Plan
    seen: Mapping[str, int]
    front: bytes
    name: str
    others: frozenset[str]
    slots: tuple[int, ...]

    def member(self, snapshot: Snapshot, last: bytes) -> Addressed | None:
        """What a request is whose path ends in this; None where that takes a closer look."""
        subjects = self.people(last, snapshot.namer(self.plan.tenant, self.plan.country))
        if subjects is None:
            return None
        params = {self.name: last.decode("ascii")}
        return Addressed(self.identity, self.plan, self.front + last, params, subjects, self.seen)

    def people(self, last: bytes, name: Name) -> dict[str, None] | None:
        """Whom such a request names, by their pseudonyms; None as above. `name`: of the plan's tenant."""
        if not last.isalnum() or len(last) > MAX_LAST or suspicious(self.front + last):
            return None
        value = last.decode("ascii")
        if value in self.others:
            return None
        subjects: dict[str, None] = {}
        program = self.plan.request.path
        if program is not None and self.slots:
            name(subjects, program.kinds, [(slot, value) for slot in self.slots])
        return subjects


def address(facts: Facts, snapshot: Snapshot, head: RequestHead) -> Addressed:
    """Find it, and fill in what `facts` can say of it. Raises Refused, PayloadError (an ambiguous path)."""
    if facts.identity is not None:
        return _find(facts, snapshot, head, facts.identity)
    key, path = head.get(KEY), head.path
    digest = digest_of(key) if key is not None else None
    cut = path.rfind(b"/") + 1
    asked = (digest, facts.peer, head.host, head.method, head.get(PURPOSE), path[:cut], path[cut:])
    known = snapshot.addressed.get(asked)
    if known is None:
        known = snapshot.addressed.get(asked[:-1])
        if isinstance(known, Family) and known.plan.expires > facts.now:
            known = known.member(snapshot, path[cut:])
    if isinstance(known, Addressed) and known.plan.expires > facts.now:
        facts.identity = known.identity
        facts.pack = snapshot.packs[known.plan.upstream.provider]
        return known
    made = _find(facts, snapshot, head, _identity(facts, snapshot, key, digest))
    if made.plan.request.path is None:
        if path.endswith(made.path):
            snapshot.keep(asked, made)
    elif not facts.peer.intercepted and (family := family_of(snapshot, head, made)) is not None:
        snapshot.keep(asked[:-1], family)
    return made


def family_of(snapshot: Snapshot, head: RequestHead, made: Addressed) -> Family | None:
    """What can be kept of a request whose path names people; None: nothing. The gateway is its host."""
    if not head.path.endswith(made.path):
        return None
    front = head.path[: head.path.rfind(b"/") + 1]
    plan, program = made.plan, made.plan.request.path
    others = snapshot.family(plan.upstream.provider, plan.operation)
    if others is None or program is None or made.routed or b"%" in front or snapshot.routes.divides(front):
        return None
    [name] = made.params
    slots = tuple(slot for slot, _ in PATH.met(made.params, program)[0])
    own = made.path[: made.path.rfind(b"/") + 1]
    return Family(made.identity, plan, made.seen, own, name, others, slots)


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
