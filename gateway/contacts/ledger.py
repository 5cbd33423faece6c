"""What follows from ledger entries: the standing of a subject, and of the person it belongs to. Pure.

Of the entries about one thing (a channel, purpose and sender) the latest is in force; of entries of the same
moment the least permissive. Time alone (a window that closes, a consent that ends) is judged by whoever asks,
so that a standing can be remembered.
"""

from collections.abc import Iterable
from math import inf
from typing import Final

from msgspec.structs import replace

from gateway.contacts.model import UNKNOWN, Act, Consent, Entry, Objection, Standing, Suppression

KINDS: Final[dict[Act, str]] = {
    "pending": "consent",
    "granted": "consent",
    "confirmed": "consent",
    "withdrawn": "consent",
    "expired": "consent",
    "suppressed": "suppression",
    "lifted": "suppression",
    "objected": "objection",
    "objection_lifted": "objection",
    "restricted": "restriction",
    "unrestricted": "restriction",
    "erased": "erasure",
    "customer": "customer",
    "customer_ended": "customer",
    "zone": "zone",
    "imported": "list",
}
"""What an entry is about."""

RANK: Final[dict[Act, int]] = {
    "lifted": 0,
    "objection_lifted": 0,
    "unrestricted": 0,
    "confirmed": 0,
    "customer": 0,
    "zone": 0,
    "imported": 0,
    "erased": 1,
    "granted": 1,
    "suppressed": 1,
    "objected": 1,
    "restricted": 1,
    "customer_ended": 1,
    "pending": 2,
    "expired": 3,
    "withdrawn": 4,
}
"""Which of two entries of the same moment is in force: the higher."""


LINKED: Final = 64
"""Linked pseudonyms of one subject up to which what allows counts; of one with more it is not told."""
LOOKED: Final = 1024
"""Linked pseudonyms looked at for one subject: one with more is reached by nobody (`crowded`)."""


def fold(entries: Iterable[Entry]) -> Standing:
    """The standing that one subject's own entries give, in whatever order they come."""
    force: dict[tuple[object, ...], Entry] = {}
    for entry in entries:
        kind = KINDS[entry.act]
        # An end of a restriction ends all of it; a use that stays allowed is no scope of it.
        key: tuple[object, ...] = (kind, entry.channel, entry.purpose, entry.sender)
        if kind == "restriction":
            key = (kind, entry.act == "restricted" and entry.purpose)
        held = force.get(key)
        if held is None or (entry.at, RANK[entry.act]) >= (held.at, RANK[held.act]):
            force[key] = entry
    return _standing(list(force.values()))


def _standing(force: list[Entry]) -> Standing:
    zone = max((e for e in force if e.act == "zone"), key=lambda e: e.at, default=None)
    return Standing(
        suppressions=tuple(
            Suppression(channel=e.channel, purpose=e.purpose, source=e.source, sender=e.sender)
            for e in force
            if e.act == "suppressed"
        ),
        consents=tuple(_consent(e) for e in force if KINDS[e.act] == "consent"),
        objections=tuple(
            Objection(channel=e.channel, purpose=e.purpose) for e in force if e.act == "objected"
        ),
        restricted=_restricted(force),
        erased=any(e.act == "erased" for e in force),
        customer=max(
            (inf if e.until is None else e.until for e in force if e.act == "customer"), default=None
        ),
        zone=zone.detail if zone else None,
        dated=max((e.at for e in force if e.act == "imported"), default=None),
    )


def _consent(entry: Entry) -> Consent:
    return Consent(
        channel=entry.channel,
        purpose=entry.purpose,
        state=entry.act,  # type: ignore[arg-type]  # its kind is `consent`
        at=entry.at,
        until=entry.until,
        proven=bool(entry.text and entry.evidence),
    )


def _restricted(force: list[Entry]) -> tuple[str | None, ...] | None:
    ended = max((e.at for e in force if e.act == "unrestricted"), default=-inf)
    uses = [e.purpose for e in force if e.act == "restricted" and e.at >= ended]
    return ((None,) if None in uses else tuple(uses)) if uses else None


def joined(own: Standing, near: Iterable[Standing], far: Iterable[Standing] = ()) -> Standing:
    """The standing of a person: its own, and those of identifiers directly (`near`) and else (`far`) linked.

    What forbids counts from everywhere. What allows counts from a direct link at most: an address that two
    records share must not lend one person's consent to another.
    """
    close = [own, *near]
    every = [*close, *far]
    if len(every) == 1:
        return own
    consents = [c for s in close for c in s.consents]
    consents += [c for s in every[len(close) :] for c in s.consents if c.state == "withdrawn"]
    return Standing(
        suppressions=tuple(dict.fromkeys(e for s in every for e in s.suppressions)),
        consents=tuple(dict.fromkeys(consents)),
        objections=tuple(dict.fromkeys(e for s in every for e in s.objections)),
        restricted=_narrowest(every),
        erased=any(s.erased for s in every),
        customer=max((s.customer for s in close if s.customer is not None), default=None),
        zone=next((s.zone for s in close if s.zone), None),
        linked=len(close) > 1,
    )


def forbidden(own: Standing, other: Standing) -> Standing:
    """A standing with what forbids in another one: nothing that the other allows is lent to it."""
    if other == UNKNOWN:
        return own
    withdrawn = [c for c in other.consents if c.state == "withdrawn"]
    return replace(
        own,
        suppressions=tuple(dict.fromkeys((*own.suppressions, *other.suppressions))),
        consents=tuple(dict.fromkeys((*own.consents, *withdrawn))),
        objections=tuple(dict.fromkeys((*own.objections, *other.objections))),
        restricted=_narrowest([own, other]),
        erased=own.erased or other.erased,
        crowded=own.crowded or other.crowded,
    )


def _narrowest(every: list[Standing]) -> tuple[str | None, ...] | None:
    """The uses that every restriction allows."""
    given = [s.restricted for s in every if s.restricted is not None]
    if not given:
        return None
    common = [use for use in given[0] if use is not None and all(use in uses for uses in given)]
    return tuple(common) or (None,)


def strictest(standing: Standing, *, crowded: bool = False) -> Standing:
    """What is left of one with many links: only what forbids. `crowded`: not even all of that was seen."""
    withdrawn = tuple(c for c in standing.consents if c.state == "withdrawn")
    return replace(standing, consents=withdrawn, customer=None, crowded=crowded)
