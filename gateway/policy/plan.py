"""A compiled plan: all that one (tenant, client, purpose, operation, upstream) needs at run time. Pure.

The hot path runs plans and never looks at a policy.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from gateway.audit.record import Record
from gateway.codecs.program import Program
from gateway.contacts.alone import RecordCheck
from gateway.contacts.rules import Check
from gateway.listlimit import ListLimit
from gateway.masking.unnamed import Unnamed
from gateway.model import Channel, Client, Direction, Operation, Recording, Rule, Upstream
from gateway.policy.residing import Residing
from gateway.policy.written import Written
from gateway.residency.judge import Explanation, Gate

if TYPE_CHECKING:  # it is made of programs, whose makers know plans
    from gateway.policy.linking import Linker
    from gateway.policy.restoring import Restoring


@dataclass(frozen=True, slots=True)
class Opaque:
    """Whether bytes of these media types may pass unread, what they are, and the rules that say so."""

    types: tuple[str, ...]
    category: str
    shown: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of an operation: a program per carrier (None or absent: nothing there to look at)."""

    path: Program | None = None
    query: Program | None = None
    headers: Program | None = None
    """Cookies too: as what the values of `Cookie` or `Set-Cookie` hold."""
    bodies: Mapping[str, Program] = field(default_factory=dict)
    """By the carrier that codecs.table names for a media type. A body of any other carrier is refused."""
    errors: Mapping[str, Program] = field(default_factory=dict)
    """Responses with status 400 and above: like `bodies`, unmapped text run through detectors at least."""
    opaque: tuple[Opaque, ...] = ()
    body: bool = False
    """Whether a body of this side has to be read."""
    links: bool = False
    """Whether any program knows a link, which depends on the way a caller came by."""

    def changed(self, change: Callable[[Program], Program]) -> "Side":
        """The same with other programs for headers and bodies."""
        return replace(
            self,
            headers=self.headers and change(self.headers),
            bodies={name: change(program) for name, program in self.bodies.items()},
            errors={name: change(program) for name, program in self.errors.items()},
        )

    @property
    def json(self) -> Program | None:
        """The program of JSON bodies."""
        return self.bodies.get("json")

    @property
    def form(self) -> Program | None:
        """The program of form bodies."""
        return self.bodies.get("form")

    def reads(self, status: int) -> bool:
        """Whether the body of an answer with this status has to be read."""
        return self.body or (status >= 400 and bool(self.errors))

    def unread(self, media_type: str) -> Opaque | None:
        """What decides about bodies of a type that are passed on unread, or None: they are to be read."""
        for opaque in self.opaque:
            if any(fnmatchcase(media_type, glob) for glob in opaque.types):
                return opaque
        return None


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal that needs nothing but the plan: a reason (key of errors.REASONS) and the rules behind it."""

    reason: str
    rules: tuple[str, ...]

    @classmethod
    def by(cls, live: Iterable[Rule]) -> "Denial | None":
        """What access rules that apply come to."""
        denied = tuple(rule.id for rule in live if rule.access and rule.mode == "enforce")
        return cls("access_denied", denied) if denied else None


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule and why it does or does not apply here; for explanations."""

    rule: str
    kind: str
    applies: bool
    mode: str
    why: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """How messages of one kind are read: as what media type, under which plan."""

    plan: "Plan"
    media_type: bytes


@dataclass(frozen=True, slots=True)
class Direct:
    """The messages of one side of a WebSocket: `any` those of no kind that is named. None refuses them.

    `looks`: whether they have to be read at all.
    """

    any: Spoken | None
    kinds: Mapping[str, Spoken]
    binary: Spoken | None
    looks: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """What is done with the messages of a WebSocket. `by`: keys of what says a message's kind."""

    by: tuple[str, ...]
    sends: Direct
    receives: Direct


class Added(NamedTuple):
    """What requests are sent with: fields of the caller's that do not go on, and those that stand for them.

    `alone` are all `fields` of a request without a body.
    """

    drop: frozenset[bytes]
    fields: tuple[tuple[bytes, bytes], ...]
    alone: tuple[tuple[bytes, bytes], ...]
    host: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with one operation of one client. `expires`: next UTC midnight, epoch seconds."""

    tenant: str
    version: str
    client: Client
    purposes: tuple[str, ...]
    upstream: Upstream
    authority: bytes
    """what `Host` says to the upstream"""
    base_path: bytes
    """what goes before every path, from the upstream's URL"""
    operation: Operation
    name: str
    """`provider.operation_id`"""
    acts: bool
    channel: Channel | None
    denial: Denial | None
    request: Side
    response: Side
    links: "Linker"
    """What is shown of links in answers."""
    restoring: "Restoring"
    """What tokens of a request stand for, and which masks may not be written."""
    unnamed: Unnamed | None
    """What query parameters that no data map names may not ask."""
    contact: Mapping[Channel, tuple[Check, ...]]
    """Checks per channel a recipient can turn out to be on; empty when the operation has no channel."""
    limits: bool
    """Whether any of them limits how often somebody is reached."""
    lists: Mapping[str, ListLimit]
    """Lists that checks rely on."""
    records: Mapping[Direction, tuple[RecordCheck, ...]]
    """Checks of the people named in a direction; without any the registry is not asked about them."""
    residing: Residing[Side]
    """Where its data may go, and what is done where it may not."""
    shadow: tuple[str, ...]
    """Shadow rules that would have denied the operation."""
    country: str | None
    considered: tuple[Considered, ...]
    lookups: int | None
    """How many a minute the client may make of these; None where the operation looks nobody up."""
    expires: float
    recording: Recording | None = None
    """How it has people recorded, where rules say whether it may."""
    pass_unjudged: bool = False
    """Whether contacts pass as a stranger's while the registry does not answer."""
    written: Written | None = None
    """What its edits may be called by; None where it edits nothing."""
    talk: Talk | None = None
    """Of a WebSocket: what is done with its messages."""
    added: dict[tuple[bool, bytes | None], Added] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """Kept by exchange.outgoing: whether answers are read, and the codings a request accepts."""
    stamp: Record = field(init=False, compare=False, repr=False)
    """What records of its exchanges say of it; the rest of it says nothing."""
    plain: bool = field(init=False, compare=False, repr=False)
    """Whether requests without a body or a query are sent as they come to where they may go, and no more."""
    brief: bool = field(init=False, compare=False, repr=False)
    """Whether of requests that reach somebody nothing is asked but whether they may, and a record."""

    def __post_init__(self) -> None:
        asked, residing = self.request, self.residing
        plain = not (
            self.denial or self.shadow or self.acts or self.written or self.channel or self.records
            or self.contact or self.talk or self.operation.composite or self.restoring.uses
            or asked.body or asked.headers or (asked.path and asked.path.masks)
            or residing.callers or residing.agreed or residing.content
        )  # fmt: skip
        object.__setattr__(self, "plain", plain and self.lookups is None)
        longer = (
            self.denial or self.shadow or self.written or self.records or self.limits or self.lists
            or self.recording or self.talk or self.operation.composite
            or asked.headers or asked.path or asked.opaque
            or residing.callers or residing.agreed or residing.content
        )  # fmt: skip
        brief = bool(self.acts and self.channel and asked.body) and not longer
        object.__setattr__(self, "brief", brief and self.lookups is None)
        stamp = Record(
            phase="read",
            id="",
            at=0.0,
            purposes=self.purposes,
            provider=self.upstream.provider,
            upstream=self.upstream.name,
            operation=self.operation.id,
            policy=self.version,
        )
        object.__setattr__(self, "stamp", stamp)

    @property
    def stands(self) -> Explanation:
        """Whether data may go where the upstream is declared to stand."""
        return self.residing.permission.declared(self.upstream.region, self.upstream.operator)

    @property
    def permission(self) -> Gate:
        """Where all that the operation may hold can go."""
        return self.residing.permission
