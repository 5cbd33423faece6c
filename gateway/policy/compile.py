"""Policy + situation -> plan, once per (tenant, client, purpose, operation, upstream) and day. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import structs

from gateway.codecs.program import REMOVED, Masker, Program, Slot
from gateway.masking.custom import NOTHING_CUSTOM, Custom
from gateway.masking.detect import detector, redact_all
from gateway.masking.guards import Names, make_guard
from gateway.masking.operators import make_redact, taken_out
from gateway.masking.table import Make, build
from gateway.masking.token import Tokens
from gateway.masking.unnamed import Unnamed
from gateway.model import (
    Client,
    Contact,
    DataMap,
    Direction,
    Field,
    Guard,
    Mask,
    Operation,
    Policy,
    Rule,
    Unmapped,
    Unread,
    Upstream,
)
from gateway.policy.callbacks import Callbacks
from gateway.policy.carriers import bodies, every, flat, headers
from gateway.policy.checks import BOTH, answered, channel_of, contacts, left_alone, recording
from gateway.policy.cursors import sealing
from gateway.policy.fields import VIEW, Treatment, treatment
from gateway.policy.infringing import granting
from gateway.policy.linking import Linker, LinkMasker, Programs
from gateway.policy.listkind import relied
from gateway.policy.matchers import Situation, obstacle, personal
from gateway.policy.plan import Considered, Denial, Opaque, Plan, Side
from gateway.policy.reach import NOWHERE, Reach
from gateway.policy.residing import residing
from gateway.policy.restoring import Grant, Restoring
from gateway.policy.spotting import Spotting
from gateway.policy.unnamed import unnamed
from gateway.policy.websockets import talk_of
from gateway.policy.written import written
from gateway.residency.judge import Gate
from gateway.residency.law import expand
from gateway.residency.locate import AddressTable

DAY = 86_400
SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every compilation of one tenant shares: its policy, masking key and the address table."""

    policy: Policy
    key: bytes
    table: AddressTable
    custom: Custom = NOTHING_CUSTOM
    tokens: Make = make_redact
    """The maker of the operator `token`; without the tenant's it redacts."""
    reach: Reach = NOWHERE
    """Where links in answers can lead."""
    reading: Tokens | None = None
    """What reads tokens that are sent back; without it none is restored."""


_UNMAPPED: Mapping[Unmapped, Callable[[tuple[str, ...]], Masker | None]] = {
    "redact": lambda _: redact_all,
    "detect": detector,
    "pass": lambda _: None,
}
"""From the tenant's regions. Without the detectors of plugins."""


def situation(
    client: Client, purpose: str | None, provider: str, operation: Operation, upstream: Upstream, now: float
) -> Situation:
    """The facts rules are narrowed by. A stated purpose stands for itself, else all the client's count."""
    today = datetime.fromtimestamp(now, UTC).date()
    return Situation(
        client=client,
        purposes=(purpose,) if purpose else client.purposes,
        provider=provider,
        operation=operation,
        upstream=upstream,
        upstream_countries=expand((upstream.region,), adequacy=False, on=today),
        today=today,
    )


def compile_plan(ground: Ground, it: Situation, now: float) -> Plan:
    """Compile. `now` in seconds since the epoch; the plan expires at the next UTC midnight."""
    made, talk = _compiled(ground, it, now), it.operation.websocket
    if talk is None:
        return made
    return replace(made, talk=talk_of(talk, lambda data: _compiled(ground, _saying(it, data), now)))


def _saying(it: Situation, data: tuple[DataMap, DataMap]) -> Situation:
    """The same, of a message with these maps (of what is sent, and of what is received)."""
    sent, received = data
    return replace(it, operation=structs.replace(it.operation, request=sent, response=received))


def _compiled(ground: Ground, it: Situation, now: float) -> Plan:
    policy, url = ground.policy, urlsplit(it.upstream.url)
    considered = tuple(_consider(rule, it, policy) for rule in policy.rules)
    live = [rule for rule, c in zip(policy.rules, considered, strict=True) if c.applies]
    reside = residing(policy, ground.table, it, live, lambda wanted: compiler.lean(it.operation, wanted))
    compiler = _Sides(ground, it, _masks(it, live), reside.permission)
    contact, records = contacts(it, live), left_alone(live)
    asked, told = bool(reside.content or recording(it, contact)), answered(it, contact, records)
    return Plan(
        tenant=policy.tenant,
        version=policy.version,
        client=it.client,
        purposes=it.purposes,
        upstream=it.upstream,
        authority=url.netloc.encode(),
        base_path=url.path.rstrip("/").encode(),
        operation=it.operation,
        name=it.name,
        acts=it.operation.act,
        channel=channel_of(it, contact),
        denial=Denial.by(live),
        request=compiler.side("request", it.operation.request, read=asked),
        response=compiler.side("response", it.operation.response, read=told),
        links=compiler.linker,
        restoring=compiler.restoring(it, live),
        unnamed=compiler.unnamed(it.operation),
        contact=contact,
        limits=any(check.contact.at_most for checks in contact.values() for check in checks),
        lists=relied(contact.values()),
        records=records,
        residing=reside,
        shadow=tuple(rule.id for rule in live if rule.access and rule.mode == "shadow"),
        country=policy.country,
        considered=considered,
        lookups=policy.lookups if it.operation.lookup else None,
        expires=(now // DAY + 1) * DAY,
        pass_unjudged=policy.pass_unjudged,
        written=written(it.operation),
        recording=recording(it, contact),
    )


_KINDS = ("operator", "contact", "residency", "access", "seal", "records", "only")


def _consider(rule: Rule, it: Situation, policy: Policy) -> Considered:
    why = obstacle(rule, it, policy.consents)
    kind = next(kind for kind in _KINDS if getattr(rule, kind))
    if why is None and rule.contact:
        why = _idle(rule.contact, it.operation)
    return Considered(
        rule=rule.id,
        kind="mask" if kind == "operator" else kind,
        applies=why is None,
        mode=rule.mode,
        why=why or "applies",
    )


def _idle(contact: Contact, operation: Operation) -> str | None:
    """Why conditions of a contact have nothing to say to an operation."""
    if contact.recording:
        return None if operation.recording else "the operation records nobody"
    return None if operation.channel else "the operation reaches nobody"


def _masks(it: Situation, live: list[Rule]) -> tuple[Rule, ...]:
    """What changes values. An allow-list is for what is sent to a provider, not for what comes from it."""
    return tuple(rule for rule in live if rule.operator or (rule.only and it.operation.hook is None))


def _unchanged(value: Any) -> Any:
    return value


def _leads(program: Program) -> bool:
    return any(isinstance(slot.mask, LinkMasker) for slot in program.slots)


class _Sides:
    """Builds the two sides of a plan; treatments are memoised by category."""

    def __init__(self, ground: Ground, it: Situation, masks: tuple[Rule, ...], gate: Gate) -> None:
        self._ground = ground
        self._key = ground.key
        self._custom = ground.custom
        self._tokens = ground.tokens
        self._on = it.today
        self._country = ground.policy.country
        self._unmapped = ground.policy.unmapped
        self._regions = (ground.policy.country,) if ground.policy.country else ()
        self._consents = ground.policy.consents
        self._view = ground.policy.views[it.client.role]
        self._granting = granting(ground.policy, it.client, it.purposes, it.today)
        self._role = it.client.role
        self._enforced = tuple(rule for rule in masks if rule.mode == "enforce")
        self._all = masks
        self._slots: dict[tuple[str, Direction], Slot] = {}
        self._rest = self._unselected(self._unmapped)
        self._detect = self._unselected("detect") or redact_all
        self.linker = Linker(
            ground.reach, ground.policy.tenant, it.upstream, gate, self._programs, self._rest, self._detect
        )
        given = (ground.policy.tenant, it.upstream, ground.policy.destinations)
        self._callbacks = Callbacks(gate, ground.reach, *given)
        self._spots = {way: Spotting(self._enforced, way, self._regions, self._masker) for way in BOTH}

    def side(self, direction: Direction, data: DataMap, *, read: bool = False) -> Side:
        """Compile one direction. Only a response has unmapped values: a request is the client's own data, in
        which at most URLs are looked for.

        `read`: its body has to be read although nothing in it may have to be changed.
        """
        narrow = direction == "request" and any(rule.only for rule in self._enforced)
        spots = self._spots[direction]
        if direction == "response":
            # What is hidden or searched anyway needs no more.
            unmapped = self._rest or spots.after(None)
        else:
            unmapped = taken_out if narrow else self._callbacks.text("body", spots.after(None))
        detect = (unmapped or self._detect) if direction == "response" else None
        opaque = tuple(self._opaque(unread, direction) for unread in data.opaque)
        make = self._make(direction)
        made = bodies(data, make, unmapped, opaque)
        if read and not made:
            made = bodies(data, make, _unchanged, opaque)
        fields = headers(data, direction, make)
        return Side(
            path=flat(data.path, make),
            query=every(data.query, make, unmapped) if narrow or spots else flat(data.query, make),
            headers=fields,
            bodies=made,
            errors=bodies(data, make, detect, opaque) if detect else {},
            opaque=opaque,
            body=bool(made) or not all(each.shown for each in opaque),
            links=any(_leads(program) for program in (*made.values(), *filter(None, (fields,)))),
        )

    def lean(self, operation: Operation, categories: frozenset[str]) -> Side:
        """What takes data of these categories, and what no map names, out of a request made ready."""
        data, rest = operation.request, self._untold()

        def make(field: Field) -> Slot:
            gone = field.category in categories
            return Slot(field.path, field.category, taken_out if gone else None, counted=gone)

        opaque = tuple(Opaque(u.types, u.category, u.category not in categories, ()) for u in data.opaque)
        return Side(
            path=flat(data.path, make),
            query=every(data.query, make, rest),
            headers=headers(data, "request", make),
            bodies=bodies(data, make, rest or _unchanged, opaque),
            opaque=opaque,
            body=True,
        )

    def _untold(self) -> Masker | None:
        """What takes out a value that no map names, as far as the tenant says that such are personal."""
        find = self._rest
        if find is None or find is redact_all:
            return find and taken_out
        return lambda value: value if find(value) is value else REMOVED

    def restoring(self, it: Situation, live: list[Rule]) -> Restoring:
        """What may be restored in a request, and what may not be written."""
        operation, ground = it.operation, self._ground
        writes = operation.method not in SAFE or operation.websocket is not None
        flags = {"writes": writes, "reaches": operation.channel is not None}
        grant = Grant.of(ground.policy, self._view, live, **flags)

        def treat(category: str) -> Mask | None:
            return self._treat(category, "response", self._enforced).mask

        return Restoring(grant, operation.request, treat, ground.reading, self._unmapped)

    def unnamed(self, operation: Operation) -> Unnamed | None:
        """What keeps query parameters that the data map does not name from being oracles."""
        categories: dict[str, Mask | None] = {}

        def treat(category: str) -> Mask | None:
            if category not in categories:
                categories[category] = self._treat(category, "response", self._enforced).mask
            return categories[category]

        return unnamed(operation, treat, self._regions, self._unmapped)

    def _make(self, direction: Direction) -> Callable[[Field], Slot]:
        return lambda field: self._slot(field, direction)

    def _unselected(self, how: Unmapped) -> Masker | None:
        masker = _UNMAPPED[how](self._regions)
        return self._custom.detecting(masker) if how == "detect" and masker else masker

    def _slot(self, field: Field, direction: Direction) -> Slot:
        """The treatment is worked out once per category: a pack maps hundreds of fields to few of them."""
        key = (field.category, direction)
        treated = self._slots.get(key)
        if treated is None:
            treated = self._slots[key] = self._treated(field, direction)
        if field.guard is not None and direction == "request":
            treated = replace(treated, mask=self._guarded(field.path, field.guard))
        if field.holds == "link" and direction == "response":
            treated = replace(treated, mask=LinkMasker(self.linker, treated.mask))
        if field.holds == "cursor" and direction == "response":
            treated = replace(treated, mask=treated.mask or sealing(self._ground.reading))
        spots = self._spots[direction]
        if spots and (personal(field.category) or field.subject) and field.holds != "cursor":
            # What masks a value anyway determined what becomes of it.
            treated = replace(treated, mask=spots.after(treated.mask), rules=treated.rules or spots.rules)
        if direction == "request":
            judge = self._callbacks.field if field.holds == "callback" else self._callbacks.text
            treated = replace(treated, mask=judge(field.path, treated.mask))
        return replace(treated, path=field.path, subject=field.subject, role=field.role, space=field.space)

    def _programs(self, operation: Operation) -> Programs:
        """What masks links to an operation: what it would be asked, as it is shown in answers."""
        data, make = operation.request, self._make("response")
        return Programs(every(data.path, make, self._rest), every(data.query, make, self._rest))

    def _guarded(self, place: str, guard: Guard) -> Masker:
        """What a caller's view hides of the fields a guard is about, in answers."""
        treated = {
            name: self._treat(category, "response", self._enforced).mask for name, category in guard.names
        }
        shown = [name for name, mask in treated.items() if mask is None]
        listed = [name for name, mask in treated.items() if mask is None or mask.op != "remove"]
        return make_guard(guard.kind, place, Names.of(treated, shown), Names.of(treated, listed))

    def _treated(self, field: Field, direction: Direction) -> Slot:
        made = self._treat(field.category, direction, self._enforced)
        shadow: tuple[str, ...] = ()
        if len(self._all) > len(self._enforced):
            every = self._treat(field.category, direction, self._all)
            if every.mask != made.mask:
                shadow = tuple(r for r in every.rules if r not in made.rules)
        return Slot(
            path="",
            category=field.category,
            mask=self._masker(made.mask, field.category) if made.mask else None,
            rules=made.rules,
            shadow=shadow,
            counted=personal(field.category),
        )

    def _masker(self, mask: Mask, category: str) -> Masker:
        given = (self._key, self._custom.maskers, self._tokens)
        return build(mask, category, *given, on=self._on, country=self._country)

    def _treat(self, category: str, direction: Direction, rules: tuple[Rule, ...]) -> Treatment:
        view = self._granting(category) if direction == "response" else None
        made = treatment(category, direction, view, rules)
        return Treatment(made.mask, tuple(VIEW + self._role if r == VIEW else r for r in made.rules))

    def _opaque(self, unread: Unread, direction: Direction) -> Opaque:
        """Shown only to who may see all of the category, and with the consent that the data map asks for."""
        made = self._treat(unread.category, direction, self._enforced)
        why = made.rules if made.mask else ()
        if unread.consent is not None and unread.consent not in self._consents:
            why = (*why, f"consent:{unread.consent}")
        if unread.refuse:
            why = (*why, "pack:refuse")
        return Opaque(unread.types, unread.category, not why and made.mask is None, why)
