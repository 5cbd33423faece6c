"""What is sent to the API and what it answers, as values; the OpenAPI document is made from them. Pure."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from gateway.model import Channel, Struct, SubjectKind

MOST_LOOKED_UP = 100
MOST_ENTERED = 1_000

Value = Annotated[str, Meta(min_length=1, max_length=320)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166 country of a national number")]
Id = Annotated[str, Meta(pattern="^[!-~]{1,100}$", description="An entry of a known id is not added again")]
Line = Annotated[str, Meta(max_length=200)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of the proof, kept elsewhere")]
Use = Annotated[str, Meta(max_length=200, description="A data use of the fideslang taxonomy")]
Time = Annotated[datetime, Meta(tz=True)]


class Body(Struct):
    """What is sent: members that are not known are refused."""


class Person(Body):
    """Somebody, by an identifier. Without a kind: an e-mail address where there is an @, else a number."""

    value: Value
    kind: SubjectKind | None = None
    country: Country | None = None


class Told(Body):
    """What every entry has: whom it is about, when it was said (now, when left out), and who took it."""

    subject: Person
    id: Id | None = None
    at: Time | None = None
    department: Line = ""


class Consent(Told, kw_only=True):
    """A consent, or its end. `pending` is one that was asked for, and is none until it is confirmed."""

    act: Literal["pending", "granted", "confirmed", "withdrawn", "expired"]
    channel: Channel | None = None
    purpose: Use | None = None
    until: Time | None = None
    text: Line = ""
    evidence: Sha256 | None = None


class Suppression(Told):
    """Do not contact; without channel, purpose and sender: at all. `lifted` ends exactly that suppression."""

    act: Literal["suppressed", "lifted"] = "suppressed"
    channel: Channel | None = None
    purpose: Use | None = None
    sender: Line | None = None


class Objection(Told):
    """An objection (GDPR Art. 21), which beats any consent."""

    act: Literal["objected", "objection_lifted"] = "objected"
    channel: Channel | None = None
    purpose: Use | None = None


class Restriction(Told):
    """A restriction (GDPR Art. 18); `purpose` is the one use still allowed."""

    act: Literal["restricted", "unrestricted"] = "restricted"
    purpose: Use | None = None


class Erasure(Told):
    """An erasure (GDPR Art. 17): hidden from answers, contacted no more; suppressions stay in force."""

    act: Literal["erased"] = "erased"


class Customer(Told):
    """An existing relationship, until `until`."""

    act: Literal["customer", "customer_ended"] = "customer"
    until: Time | None = None


class Zone(Told, kw_only=True):
    """The IANA time zone somebody lives in."""

    zone: Annotated[str, Meta(max_length=64)]
    act: Literal["zone"] = "zone"


class Item(Told, kw_only=True):
    """One entry of a batch: the members that its act has."""

    act: Literal[
        "pending",
        "granted",
        "confirmed",
        "withdrawn",
        "expired",
        "suppressed",
        "lifted",
        "objected",
        "objection_lifted",
        "restricted",
        "unrestricted",
        "erased",
        "customer",
        "customer_ended",
        "zone",
    ]
    channel: Channel | None = None
    purpose: Use | None = None
    sender: Line | None = None
    until: Time | None = None
    text: Line = ""
    evidence: Sha256 | None = None
    zone: str = ""


class Batch(Body):
    """Entries that are added together, all or none."""

    entries: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MOST_ENTERED)]


class ToLink(Body):
    """Who gets a link of one click, and what a click on it stops. Good for `days`."""

    subjects: Annotated[tuple[Person, ...], Meta(min_length=1, max_length=MOST_ENTERED)]
    channel: Channel = "email"
    purpose: Use | None = None
    sender: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    days: Annotated[int, Meta(ge=1, le=3650)] = 400


class Lookup(Body):
    """Whose standing is asked for."""

    subjects: Annotated[tuple[Person, ...], Meta(min_length=1, max_length=MOST_LOOKED_UP)]


class History(Body):
    """Whose entries are asked for; with those of linked identifiers, if wanted."""

    subject: Person
    linked: bool = False


class Answer(Struct):
    """What is answered."""


class EnteredOne(Answer):
    """An entry that stands in the ledger now: its id, and the pseudonym its subject is known by."""

    id: str
    subject: str


class Entered(Answer):
    """All of them stand in the ledger; `new` of them did not before."""

    new: int
    entries: tuple[EnteredOne, ...]


class ALink(Answer):
    """A link, and the header fields (RFC 2369, RFC 8058) of a message that it goes into."""

    subject: str
    url: str
    headers: dict[str, str]


class Links(Answer):
    """One for each, in order."""

    links: tuple[ALink, ...]


class AConsent(Answer):
    """A consent that was entered last for its channel and purpose; times are seconds since the epoch."""

    state: str
    channel: str | None
    purpose: str | None
    at: float
    until: float | None
    proven: bool


class ASuppression(Answer):
    """A suppression in force."""

    channel: str | None
    purpose: str | None
    sender: str | None
    source: str


class AnObjection(Answer):
    """An objection in force."""

    channel: str | None
    purpose: str | None


class ARelationship(Answer):
    """An existing relationship; null is one without end."""

    until: float | None


class Stand(Answer):
    """What is in force for one of those asked for. `restricted`: uses still allowed, null: not restricted.

    `crowded`: linked with more than can be looked at, so that nothing reaches them.
    """

    subject: str
    suppressions: tuple[ASuppression, ...]
    consents: tuple[AConsent, ...]
    objections: tuple[AnObjection, ...]
    restricted: tuple[str, ...] | None
    erased: bool
    customer: ARelationship | None
    zone: str | None
    crowded: bool


class Standings(Answer):
    """One for each, in order."""

    standings: tuple[Stand, ...]


class AnEntry(Answer):
    """A line of the ledger; times are seconds since the epoch."""

    id: str
    subject: str
    act: str
    at: float
    channel: str | None
    purpose: str | None
    sender: str | None
    source: str
    department: str
    text: str
    evidence: str
    detail: str
    until: float | None


class Entries(Answer):
    """A person's entries, in the order they were added."""

    subject: str
    entries: tuple[AnEntry, ...]


class Wrong(Answer):
    """What is wrong with one of several."""

    index: int
    detail: str


class Problem(Struct, kw_only=True):
    """RFC 9457. `type` is `urn:hushgate:` and a reason, `instance` the decision's id in the access log."""

    type: str
    title: str
    status: int
    instance: str
    detail: str = ""
    retry_after: int | None = None
    errors: tuple[Wrong, ...] = ()
