"""Everything in force at one moment, replaced as a whole on reload. Pure but for its plan cache.

A request takes the snapshot once and keeps it to its end, so that no reload changes rules under it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass

from gateway.codecs.program import Program
from gateway.contacts.naming import Met, Name, Named, Pseudonymise, namer
from gateway.contacts.records import spaces_of
from gateway.hooks import OptOut
from gateway.keys import Keyring
from gateway.masking.custom import NOTHING_CUSTOM, Custom
from gateway.masking.drift import Drift
from gateway.masking.token import Tokens, shared
from gateway.model import Client, Operation, Pack, Policy, Upstream, covers
from gateway.policy.compile import Ground, compile_plan, situation
from gateway.policy.identity import Directory, Identity
from gateway.policy.inbox import inbox
from gateway.policy.operations import OperationIndex
from gateway.policy.origins import Origins
from gateway.policy.plan import Plan
from gateway.policy.reach import Reach
from gateway.policy.routes import Routes
from gateway.policy.spaces import variant
from gateway.residency.locate import AddressTable
from gateway.webhooks.links import USE as LINKS
from gateway.webhooks.route import OneClick, Route

MAX_PLANS = 20_000
MAX_JOINED = 100_000
"""answers remembered whose people were linked, by a number: 6 MB"""
MAX_ADDRESSED = 8_192
"""requests remembered with what they were found to be, in memory only"""
MAX_ALIKE = 1_024
"""kinds of requests remembered with the ways they went, in memory only"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant in force: its clients now, its policy when first needed."""

    name: str
    clients: tuple[Client, ...]
    policy: Callable[[], Policy]


@dataclass(frozen=True, slots=True)
class Secrets:
    """Per-tenant keys: of masking, pseudonyms, tokens by epoch, and links of one click."""

    masking_key: Callable[[str], bytes]
    pseudonymiser: Callable[[str], Pseudonymise]
    token_keys: Callable[[str], Mapping[int, bytes]]
    link_key: Callable[[str], bytes]

    @classmethod
    def of(cls, ring: Keyring) -> "Secrets":
        """Those that a keyring holds."""
        return cls(
            lambda tenant: ring.derive(tenant, "masking"),
            ring.pseudonymiser,
            ring.token_keys,
            lambda tenant: ring.derive(tenant, LINKS),
        )


class Snapshot:
    """Tenants, packs, upstreams and the plans compiled from them so far."""

    def __init__(
        self,
        tenants: Iterable[Tenant],
        packs: Iterable[Pack],
        upstreams: Iterable[Upstream],
        table: AddressTable,
        secrets: Secrets,
        custom: Custom = NOTHING_CUSTOM,
        inbound: Iterable[Route] = (),
        clicks: OneClick | None = None,
        *,
        bare: bool = True,
    ) -> None:
        self.tenants: Mapping[str, Tenant] = {tenant.name: tenant for tenant in tenants}
        self.bare = bare
        """Whether what the registry has of record ids alone still forbids (`contacts.records`)."""
        self.packs: Mapping[str, Pack] = {pack.provider: pack for pack in packs}
        self.table = table
        self.directory = Directory(Identity(t.name, c) for t in self.tenants.values() for c in t.clients)
        self.upstreams = tuple(upstreams)
        self.routes = Routes(self.upstreams)
        self.origins = Origins(self.upstreams, self.packs.values())
        self.inbox = inbox(inbound, clicks, self.packs.values())
        self._secrets, self._custom = secrets, custom
        self._operations = {
            name: OperationIndex(pack.operations, slash=pack.trailing_slash)
            for name, pack in self.packs.items()
        }
        self._reach = Reach(self.packs, self.upstreams, self._operations)
        self._grounds: dict[str, Ground] = {}
        self._pseudonymisers: dict[str, Pseudonymise] = {}
        self._namers: dict[tuple[str, str | None], Name] = {}
        self._tokens: dict[str, Tokens] = {}
        self._issuing = shared()
        self.addressed: dict[Hashable, object] = {}
        self.paths: dict[Hashable, dict[bytes, object]] = {}
        self.drift = Drift()
        self.joined_before: set[int] = set()
        self._variants: dict[tuple[str, str, str], Operation] = {}
        self._plans: dict[tuple[str, str, str | None, str, str, str], Plan] = {}

    @property
    def spaces(self) -> tuple[str, ...]:
        """What goes before record ids, by the packs (`contacts.records`)."""
        return spaces_of(self.packs.values())

    @property
    def plans(self) -> int:
        """How many compiled plans are held."""
        return len(self._plans)

    def operation(self, provider: str, method: str, path: bytes) -> tuple[Operation, dict[str, str]] | None:
        """The operation a method and path of a provider stand for, with its path parameters, or None."""
        matched = self._operations[provider].match(method, path)
        if matched is None or matched[0].records_of is None:
            return matched
        kind = self.packs[provider].record_types.get(matched[1][matched[0].records_of].lower())
        return matched if kind is None else (self._variant(provider, matched[0], kind), matched[1])

    def _variant(self, provider: str, operation: Operation, kind: str) -> Operation:
        """The operation as it is about one kind of records."""
        made = self._variants.get((provider, operation.id, kind))
        if made is None:
            made = self._variants[provider, operation.id, kind] = variant(operation, provider, kind)
        return made

    def family(self, provider: str, operation: Operation) -> frozenset[str] | None:
        """See OperationIndex.family."""
        return self._operations[provider].family(operation)

    def warm(self, now: float) -> None:
        """Compile one client's plan of every operation, so that what all plans share is there before traffic.

        What is costly in a plan is the shape of a data map, and that is the same for everybody.
        """
        tenant = next(iter(self.tenants.values()), None)
        if tenant is None or not tenant.clients:
            return
        identity = Identity(tenant.name, tenant.clients[0])
        first = {upstream.provider: upstream for upstream in reversed(self.upstreams)}
        for provider, upstream in first.items():
            for operation in self.packs[provider].operations:
                self.plan(identity, None, operation, upstream, now)

    def apart(self) -> "Snapshot":
        """The same plans, for exchanges that are no traffic: nothing of them is remembered here."""
        other = copy(self)
        other.addressed, other.paths, other.drift, other.joined_before = {}, {}, _Blind(), set()
        return other

    def keep(self, asked: Hashable, made: object) -> None:
        """Remember what a request was found to be (exchange.finding), for as long as this snapshot lives."""
        if len(self.addressed) >= MAX_ADDRESSED:
            self.addressed.clear()
        self.addressed[asked] = made

    def keep_path(self, alike: Hashable, front: bytes, path: object) -> None:
        """Remember a way of requests (exchange.fastpath), by what they have in common, for as long."""
        if len(self.paths) >= MAX_ALIKE:
            self.paths.clear()
        self.paths.setdefault(alike, {})[front] = path

    def client(self, tenant: str, client: str) -> Identity | None:
        """A client by its names."""
        known = self.tenants.get(tenant)
        return next((Identity(tenant, c) for c in known.clients if c.id == client), None) if known else None

    def opt_out(self, tenant: str) -> OptOut:
        """How far the tenant's opt-outs reach."""
        return self._ground(tenant).policy.opt_out or OptOut()

    def link_key(self, tenant: str) -> bytes | None:
        """What seals the tenant's links of one click; None for a tenant that is not there."""
        return self._secrets.link_key(tenant) if tenant in self.tenants else None

    def joined(self, seen: int) -> bool:
        """Whether what an answer said of whose identifiers are was kept (exchange.joining)."""
        return seen in self.joined_before

    def keep_joined(self, seen: int) -> None:
        """Remember that it was."""
        if len(self.joined_before) >= MAX_JOINED:
            self.joined_before.clear()
        self.joined_before.add(seen)

    def pseudonymiser(self, tenant: str) -> Pseudonymise:
        """The tenant's keyed pseudonym function."""
        made = self._pseudonymisers.get(tenant)
        if made is None:
            made = self._pseudonymisers[tenant] = self._secrets.pseudonymiser(tenant)
        return made

    def tokens(self, tenant: str) -> Tokens:
        """What issues the tenant's tokens, finds them in requests and reveals them."""
        made = self._tokens.get(tenant)
        if made is None:
            if len(self._tokens) >= MAX_PLANS:
                self._tokens.clear()
            country = self.tenants[tenant].policy().country
            made = self._tokens[tenant] = Tokens(self._secrets.token_keys(tenant), country, self._issuing)
        return made

    def remember(
        self, subjects: dict[str, None], tenant: str, country: str | None, program: Program, met: Met
    ) -> Named:
        """Add the pseudonyms of (slot, value as it stands in traffic) to `subjects`."""
        return self.namer(tenant, country)(subjects, program.kinds, met)

    def namer(self, tenant: str, country: str | None) -> Name:
        """What does that for a tenant, with the national formats of a country."""
        name = self._namers.get((tenant, country))
        if name is None:
            name = self._namers[tenant, country] = namer(self.pseudonymiser(tenant), country)
        return name

    def plan(
        self, identity: Identity, purpose: str | None, operation: Operation, upstream: Upstream, now: float
    ) -> Plan:
        """The plan in force at `now` (seconds since the epoch), compiled when it is first asked for."""
        key = (identity.tenant, identity.client.id, purpose, operation.id, operation.records, upstream.name)
        plan = self._plans.get(key)
        if plan is None or plan.expires <= now:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            it = situation(identity.client, purpose, upstream.provider, operation, upstream, now)
            plan = self._plans[key] = compile_plan(self._ground(identity.tenant), it, now)
        return plan

    def routed(self, identity: Identity, purpose: str | None, plan: Plan, now: float) -> Plan:
        """The plan, or where its upstream is declared to stand in the wrong place and rules say so, that of
        the first upstream of the provider which is declared to stand in the right one."""
        judged = plan.stands
        if not judged.rules or not plan.residing.routes.issuperset(judged.rules):
            return plan
        for upstream in self.upstreams:
            if upstream.provider != plan.upstream.provider or upstream is plan.upstream:
                continue
            if upstream.tenants and identity.tenant not in upstream.tenants:
                continue
            other = self.plan(identity, purpose, plan.operation, upstream, now)
            if not other.stands.reason:
                return other
        return plan

    def _ground(self, tenant: str) -> Ground:
        ground = self._grounds.get(tenant)
        if ground is None:
            if len(self._grounds) >= MAX_PLANS:
                self._grounds.clear()
            policy, key = self.tenants[tenant].policy(), self._secrets.masking_key(tenant)
            tokens = self.tokens(tenant)
            ground = Ground(policy, key, self.table, self._custom, tokens.masker, self._reach, tokens)
            self._grounds[tenant] = ground
        return ground


class _Blind(Drift):
    """Looks at nothing: what is made up has paths that no provider answers."""

    __slots__ = ()

    def look(self, *_: object) -> None:
        """Pass over."""


def states_allowed(client: Client, purpose: str) -> bool:
    """Whether a purpose a request states is one of the client's, or narrower than one."""
    return any(covers(own, purpose) for own in client.purposes)
