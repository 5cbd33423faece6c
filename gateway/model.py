"""The vocabulary of design.md section 2 as frozen values. Imports only modules of such values.

Everything here is a value that can be packed with msgspec.msgpack (the parsed-form cache relies on it).
"""

from typing import Literal, dataclass_transform

import msgspec

from gateway.datamodel import Channel as Channel
from gateway.datamodel import DataMap as DataMap
from gateway.datamodel import Field as Field
from gateway.datamodel import Format as Format
from gateway.datamodel import Guard as Guard
from gateway.datamodel import GuardKind as GuardKind
from gateway.datamodel import Holds as Holds
from gateway.datamodel import Messages as Messages
from gateway.datamodel import SubjectKind as SubjectKind
from gateway.datamodel import SubjectRole as SubjectRole
from gateway.datamodel import Unread as Unread
from gateway.datamodel import WebSocket as WebSocket
from gateway.datamodel import kind_of as kind_of
from gateway.hooks import Effect, Hook, OptOut
from gateway.listlimit import ListLimit, Relied
from gateway.parent import Parent
from gateway.recipients import Destination, Processing, Subprocessor
from gateway.recordings import Instructions as Instructions
from gateway.recordings import Recording as Recording
from gateway.transfers import Confirmation, Confirmed
from gateway.transfers import LawOf as LawOf
from gateway.transfers import Residency as Residency
from gateway.views import Mask as Mask
from gateway.views import RevealIn as RevealIn
from gateway.views import View as View
from gateway.views import WriteBack as WriteBack

Mode = Literal["enforce", "shadow"]
Direction = Literal["request", "response"]
OnRefusal = Literal["refuse", "drop", "hold", "hide", "strip"]
UnknownSubject = Literal["refuse", "pass"]
Whom = Literal["suppressed", "objected", "restricted", "erased"]
Unmapped = Literal["redact", "detect", "pass"]
Requirement = Literal[
    "no_suppression",
    "consent",
    "double_opt_in",
    "proven_consent",
    "customer",
    "consent_or_customer",
    "proven_consent_or_customer",
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


# mypy reads frozen and kw_only off each class statement, and would miss that they are inherited here.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of the house's values: frozen, keyword-only, packable."""


# ---- provider packs -------------------------------------------------------------------------------------


class Partial(Struct):
    """How a provider answers that some records of several were left out. Paths are keys from the root down.

    `inputs` and `results` end in `[]`: the records of a request, and of its answer. `status` is the answer's
    when somebody was left out. `entry` (JSON text with placeholders) tells of records: appended to `errors`,
    one for each reason, or put in their places among `results` where there is no `errors`. `count` is the
    number of `errors`; `total` that of all results.
    """

    inputs: str | None = None
    results: str | None = None
    status: int | None = None
    errors: str | None = None
    count: str | None = None
    total: str | None = None
    entry: str | None = None


class References(Struct):
    """How a part of an envelope refers to the answer of one before it: `@{first.records[0].Id}`.

    `open` and `close` stand around a reference; `to` are the members that it may end in.
    """

    open: str
    close: str
    to: tuple[str, ...]


class Composite(Struct):
    """A call that holds other calls of the provider, each a request of its own, and answers with theirs.

    `requests` and `answers` are the arrays; the rest are names of members in them. `below` is what a relative
    path is below, `most` how many calls one may hold. `name` is the member that names a call and its answer.
    `flags` are other members of the envelope, true or false; `together` is one that is true when all
    calls fail with one. `failed` is a member of the answer that is true when some call failed.
    """

    requests: str
    answers: str
    method: str
    path: str
    body: str
    status: str
    answer: str
    headers: str | None = None
    name: str | None = None
    below: str = "/"
    most: int = 25
    flags: tuple[str, ...] = ()
    together: str | None = None
    failed: str | None = None
    references: References | None = None


class Operation(Struct):
    """One API call of a provider. `path` is a template: `/crm/v3/objects/contacts/{contactId}`."""

    id: str
    method: str
    path: str
    channel: Channel | None = None
    purpose: str | None = None
    act: bool = False
    """True when it can reach a person or change data upstream: any unsafe method, any channel."""
    lookup: bool = False
    """True when it finds people by what a caller knows of them; lookups are limited in their rate."""
    partial: Partial | None = None
    request: DataMap = DataMap()
    response: DataMap = DataMap()
    composite: Composite | None = None
    websocket: WebSocket | None = None
    learns: tuple[Effect, ...] = ()
    hook: Hook | None = None
    recording: Recording | None = None
    records_of: str | None = None
    """The path parameter that says what kind of records its ids are (`Pack.record_types`)."""
    records: str = ""
    """Of a variant that was made for one value of that parameter: the kind."""


class Host(Struct):
    """A host name (or `*.suffix`) of a provider, where it stands (ISO 3166 or a region word), who runs it.

    `fixed`: whoever asks at this name is served there and nowhere else, whatever an upstream declares.
    """

    name: str
    region: str
    operator: str
    fixed: bool = False


class Pack(Struct):
    """A provider pack: hosts, operations, data maps, and members merged into refusals for its SDKs."""

    provider: str
    title: str
    hosts: tuple[Host, ...]
    operations: tuple[Operation, ...]
    webhooks: tuple[Operation, ...] = ()
    links: tuple[Host, ...] = ()
    """Hosts that are no upstreams, to which answers may lead an application."""
    refusal: dict[str, str | int] = {}
    """JSON members beside RFC 9457's own; `{detail}`, `{status}`, `{reason}`, `{id}` are filled in."""
    refusal_in_array: bool = False
    """A refusal is the one item of an array."""
    trailing_slash: bool = False
    """A slash at the end of a path means nothing to the provider."""
    record_types: dict[str, str] = {}
    """Kinds of records by what a path calls them, in lower case."""
    spaces: tuple[str, ...] = ()
    """What goes before its record ids in the registry (`contacts.records`)."""


# ---- tenants and rules ----------------------------------------------------------------------------------


class Client(Struct):
    """An application of a tenant. Every means of identification that is given must hold.

    `key` is lower-case hex SHA-256 of the client's key; `san` a certificate's subject alternative name;
    `networks` CIDR blocks of its source addresses; `contacts` what it may do through the registry's API.
    """

    id: str
    role: str
    purposes: tuple[str, ...] = ()
    key: str | None = None
    san: str | None = None
    networks: tuple[str, ...] = ()
    contacts: Literal["read", "write"] | None = None


class Scope(Struct):
    """What narrows a rule; an empty tuple means any. Operations are globs over `provider.operation_id`.

    `recipients` are providers, or who runs an upstream.
    """

    roles: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    regions: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    direction: Direction | None = None
    recipients: tuple[str, ...] = ()


class Frequency(Struct):
    """At most `limit` contacts of one person within `window` seconds."""

    limit: int
    window: float


class Contact(Struct):
    """Conditions under which a recipient may be reached on a channel.

    `start`/`end` are minutes of the day (an end before the start is one of the next day), `days` the days
    allowed, `timezone` an IANA name or `subject`, `holidays` an ISO 3166 country or `subject` (no contact on
    that country's public holidays) or None. `countries`: only of recipients whose number can be of one of
    these. `unknown_subject`: whether a record id is reached of whom nobody knows. `lists` have to be young.
    `recording`: it is about being recorded, for this use, and about nothing else.
    """

    require: Requirement = "no_suppression"
    start: int | None = None
    end: int | None = None
    days: tuple[Weekday, ...] = ()
    timezone: str = "subject"
    holidays: str | None = None
    at_most: tuple[Frequency, ...] = ()
    countries: tuple[str, ...] = ()
    unknown_subject: UnknownSubject = "pass"
    lists: tuple[Relied, ...] = ()
    recording: str | None = None


class Records(Struct):
    """Whose records are left alone: `whom`, suppressed and objecting on these channels if any are named."""

    suppressed_on: tuple[Channel, ...] = ()
    whom: tuple[Whom, ...] = ("suppressed", "objected")


class Rule(Struct):
    """One restriction: exactly one of mask, contact, residency, access, seal, records, only.

    `since`/`until` are dates (ISO 8601), inclusive and exclusive, at 00:00 UTC. `consents` are tenant
    consents any of which lifts the rule, `spared` recipients it is not for (`unless`).
    """

    id: str
    line: int
    scope: Scope = Scope()
    mode: Mode = "enforce"
    since: str | None = None
    until: str | None = None
    on_refusal: OnRefusal = "refuse"
    consents: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    """Categories to mask; `operator` says how."""
    operator: Mask | None = None
    detect: bool = False
    """Whether they are looked for in other fields too, instead of masking what only may hold them."""
    contact: Contact | None = None
    residency: Residency | None = None
    access: bool = False
    seal: tuple[str, ...] = ()
    """Categories whose tokens are not restored."""
    records: Records | None = None
    only: tuple[str, ...] = ()
    """The only categories that a request may hold."""
    spared: tuple[str, ...] = ()
    confirmed: Confirmed | None = None


class Instruction(Struct):
    """The documented instruction a rule file implements (GDPR Art. 28(3)(a))."""

    by: str
    ref: str
    date: str


class Policy(Struct):
    """One tenant's rule file, parsed. `version` is the SHA-256 of the file's bytes, hex."""

    tenant: str
    version: str
    file: str
    instruction: Instruction
    clients: tuple[Client, ...]
    views: dict[str, View]
    rules: tuple[Rule, ...] = ()
    consents: tuple[str, ...] = ()
    """Tenant consents given, by name."""
    unmapped: Unmapped = "redact"
    lookups: int = 120
    """How many people each client may look up in a minute, per worker."""
    country: str | None = None
    """ISO 3166 country whose national phone format is understood in bodies."""
    pass_unjudged: bool = False
    """Whether somebody is contacted as one nobody knows while the registry does not answer."""
    law: LawOf = "EU"
    """By whose law transfers are judged."""
    lists: dict[str, ListLimit] = {}
    opt_out: OptOut | None = None
    destinations: tuple[Destination, ...] = ()
    """Hosts of its own that providers may be told to send to."""
    subprocessors: tuple[Subprocessor, ...] | None = None
    """Who may be given its data; None: it keeps no such list, and residency rules alone decide."""
    processing: Processing | None = None
    """What it says itself for the record of processing."""
    confirmations: tuple[Confirmation, ...] = ()
    """What was said of its infringing rules since, in order."""


# ---- deployment -----------------------------------------------------------------------------------------


class Location(Struct):
    """Where an address stands, who runs it, how that is known, and its list's own word for the place."""

    country: str
    operator: str
    evidence: str
    region: str = ""


AGAINST = " against declared"
"""Ends the evidence of a place that is not what was declared: a finding."""


class Upstream(Struct):
    """One connection to a provider: URL, declared region and operator, route, credential.

    `credential` is the resolved secret header value (never the reference), hidden from reprs by the loader.
    `tenants` empty means every tenant.
    """

    name: str
    provider: str
    url: str
    region: str
    operator: str
    prefix: str | None = None
    host: str | None = None
    tenants: tuple[str, ...] = ()
    credential: str | None = None
    credential_header: str = "Authorization"
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_passphrase: str | None = None
    """Files (PEM) of what is shown to an upstream that asks for a certificate, and what opens the key."""
    pins: tuple[str, ...] = ()
    """Of keys (gateway.ca.pins); if there are any, the upstream's verified chain must hold one of them."""
    connect: tuple[str, ...] = ()
    """Addresses to connect to instead of resolving the URL's host (still checked for residency)."""
    account_region: str | None = None
    """Where the account that the credential opens keeps its data; None: where the upstream is."""
    parent: Parent | None = None
    """The proxy it is reached by; None: directly."""


def covers(category: str, wanted: str) -> bool:
    """Whether `category` is `wanted` or an ancestor of it in the dotted taxonomy.

    >>> covers("user.contact", "user.contact.phone_number"), covers("user.name", "user.namesake")
    (True, False)
    """
    return wanted == category or wanted.startswith(category + ".")


def overlaps(a: str, b: str) -> bool:
    """Whether either category covers the other: data labelled `a` may hold data labelled `b`."""
    return covers(a, b) or covers(b, a)
