"""What the registry knows of a subject, and the seam to where it is stored. Pure.

Subjects are keyed by their tenant's pseudonym, so that a registry holds no personal data. What is kept is the
ledger: entries that are only ever added. A standing is what follows from a subject's entries.
"""

from collections.abc import Awaitable, Iterator, Sequence
from typing import Literal, Protocol

from gateway.model import Channel, Struct

ConsentState = Literal["pending", "granted", "confirmed", "withdrawn", "expired"]
Act = Literal[
    "pending",  # consent asked for; to be confirmed before `until`, else it is none
    "granted",
    "confirmed",  # granted, and confirmed by the subject itself (double opt-in)
    "withdrawn",
    "expired",
    "suppressed",  # do not contact
    "lifted",  # ends exactly that suppression (same channel, purpose, sender)
    "objected",  # GDPR Art. 21: beats any consent
    "objection_lifted",
    "restricted",  # GDPR Art. 18: `purpose` is the one use still allowed, None allows none
    "unrestricted",
    "erased",  # GDPR Art. 17: hidden from answers, not contacted; suppressions stay in force
    "customer",  # an existing relationship, until `until`
    "customer_ended",
    "zone",  # `detail` is the IANA time zone the subject lives in
    "imported",  # subject `list:NAME`: a list was taken in; `at` is its own date, `detail` says how much
]


class Entry(Struct, kw_only=True):
    """One line of the ledger. `at`, `until`: seconds since the epoch, UTC.

    `id` is given by whoever makes it: an entry whose id the tenant has already is not added again. None
    scopes mean every channel, purpose, sender. `sender` is who may no longer write (a number, an address, a
    list). `text` is the version of the wording agreed to, `evidence` the SHA-256 (hex) of the proof, kept
    elsewhere. Texts here are the tenant's own words, never a subject's data.
    """

    id: str
    subject: str
    act: Act
    at: float
    channel: Channel | None = None
    purpose: str | None = None
    sender: str | None = None
    source: str = ""
    department: str = ""
    text: str = ""
    evidence: str = ""
    detail: str = ""
    until: float | None = None


class Suppression(Struct):
    """Do not contact; None scopes mean every channel, every purpose, every sender."""

    channel: Channel | None = None
    purpose: str | None = None
    source: str = ""
    sender: str | None = None


class Consent(Struct, kw_only=True):
    """One consent: None channel means any. `confirmed` is a granted consent with double opt-in.

    It counts from `at` until `until`; after that a granted one is expired and a pending one is none.
    `proven`: its entry names the text agreed to and the evidence.
    """

    channel: Channel | None = None
    purpose: str | None = None
    state: ConsentState
    at: float = 0.0
    until: float | None = None
    proven: bool = False


class Objection(Struct):
    """An objection (GDPR Art. 21) in force; None scopes mean every channel, every purpose."""

    channel: Channel | None = None
    purpose: str | None = None


class Standing(Struct):
    """All that is known of one subject; the empty standing is that of an unknown person.

    It is that of the person: negative entries of identifiers linked to this one (the e-mail address and the
    number of one CRM record) are among them; consents only where the link is direct.
    """

    suppressions: tuple[Suppression, ...] = ()
    consents: tuple[Consent, ...] = ()
    objections: tuple[Objection, ...] = ()
    restricted: tuple[str | None, ...] | None = None
    """Uses still allowed while processing is restricted (None within: none at all); None: not restricted."""
    erased: bool = False
    customer: float | None = None
    """Until when there is a relationship (infinite: no end is set); None: there is none."""
    zone: str | None = None
    dated: float | None = None
    """Of a list (`relied.subject`): when the newest one that was imported was made."""
    crowded: bool = False
    """Whether more is linked than is looked at (`ledger.LOOKED`): a no may be among what is not seen."""
    linked: bool = False
    """Whether identifiers are linked to this one: of a record, whether it is known whose it is."""


UNKNOWN = Standing()
ACQUAINTED = Standing(linked=True)
"""The standing of one who is linked with others of whom nothing is known, either."""


class Cap(Struct):
    """At most `limit` contacts of one person within `window` seconds, counted under `name` (rule id)."""

    name: str
    limit: int
    window: float


class Reservation(Struct):
    """Asked before a contact: count it for `subject` under every cap, or under none. `id` is unique."""

    id: str
    subject: str
    caps: tuple[Cap, ...]


class Registry(Protocol):
    """Where standings are. Answers at once when it can, else with an awaitable. Raises StoreError."""

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing] | Awaitable[list[Standing]]:
        """One standing per pseudonym, in order; UNKNOWN where nothing is known."""

    def ready(self) -> bool:
        """Whether a lookup would be answered now."""

    def close(self) -> None:
        """Release the store."""


class Ledger(Registry, Protocol):
    """A registry that is written to by the worker, too. What it answers is answered at once or awaited."""

    def enter(self, tenant: str, entries: Sequence[Entry]) -> Awaitable[int] | int:
        """Add entries, all or none; how many were new. Durable, and in force everywhere, once answered."""

    def reserve(
        self, tenant: str, wanted: Sequence[Reservation], now: float
    ) -> list[float | None] | Awaitable[list[float | None]]:
        """Count contacts, each atomically: None when within its caps, else when (epoch seconds) it would be.

        A reservation that was refused counts nowhere; one whose id is known is answered as before.
        """

    def reserved(
        self, tenant: str, ids: Sequence[str], now: float
    ) -> list[str | None] | Awaitable[list[str | None]]:
        """The subject of each reservation that counts at `now`; None where there is none of that id."""

    def release(self, tenant: str, ids: Sequence[str]) -> Awaitable[None] | None:
        """Give back reservations of contacts that were surely not made."""

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """(record, identifier) pseudonyms seen together. Kept soon, not at once; known pairs cost little.

        Raises StoreError when too many wait to be kept: these were not taken.
        """


class Books(Protocol):
    """The same store for tools, which wait: the command line, imports, the API. Raises StoreError."""

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        """As of Ledger, in one transaction; batches of some thousand are what it is fast with."""

    def suppress_many(self, tenant: str, subjects: Sequence[str], template: Entry) -> int:
        """For each subject the template as its entry, with `template.id:subject` as id; how many were new.

        For lists of millions: the more at once the faster (some 100,000), in parts, durable when it returns.
        """

    def link(self, tenant: str, pairs: Sequence[tuple[str, str]]) -> None:
        """As of Ledger, durable when it returns."""

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """As of Registry."""

    def history(self, tenant: str, pseudonym: str) -> list[Entry]:
        """A subject's entries as they were added, its linked identifiers' not among them."""

    def linked(self, tenant: str, pseudonym: str) -> list[str]:
        """The pseudonyms whose entries count for this one, itself not among them."""

    def entries(self, tenant: str, after: str | None = None) -> Iterator[Entry]:
        """All entries of a tenant in a stable order, `after` the one with this id (which must be there)."""

    def links(self, tenant: str) -> Iterator[tuple[str, str]]:
        """All (record, identifier) pairs of a tenant."""

    def close(self) -> None:
        """Release the store."""
