"""What follows from ledger entries: the standing of a subject, and of the person it belongs to. Pure.

Of the entries about one thing (a channel, purpose and sender) the latest is in force; of entries of the same
moment the least permissive. Time alone (a window that closes, a consent that ends) is judged by whoever asks,
so that a standing can be remembered.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Final

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
    several = list(entries)
    if len(several) > 1:
        several = _force(several)
    kinds: dict[str, list[Entry]] = {}
    for entry in several:
        kinds.setdefault(KINDS[entry.act], []).append(entry)
    fields = {_GIVES[kind][0]: _GIVES[kind][1](entries) for kind, entries in kinds.items()}
    return Standing(**fields)


def _force(entries: list[Entry]) -> list[Entry]:
    """Those in force."""
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
    return list(force.values())


def _suppressions(force: list[Entry]) -> tuple[Suppression, ...]:
    hits = [e for e in force if e.act == "suppressed"]
    return tuple(
        [Suppression(channel=e.channel, purpose=e.purpose, source=e.source, sender=e.sender) for e in hits]
    )


def _objections(force: list[Entry]) -> tuple[Objection, ...]:
    return tuple([Objection(channel=e.channel, purpose=e.purpose) for e in force if e.act == "objected"])


def _customer(force: list[Entry]) -> float | None:
    ends = [inf if e.until is None else e.until for e in force if e.act == "customer"]
    return max(ends, default=None)


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


_GIVES: Final[dict[str, tuple[str, Callable[[list[Entry]], Any]]]] = {
    "suppression": ("suppressions", _suppressions),
    "consent": ("consents", lambda force: tuple(map(_consent, force))),
    "objection": ("objections", _objections),
    "restriction": ("restricted", _restricted),
    "erasure": ("erased", bool),
    "customer": ("customer", _customer),
    "zone": ("zone", lambda force: max(force, key=lambda e: e.at).detail),
    "list": ("dated", lambda force: max(e.at for e in force)),
}
"""Of a standing the field that entries in force of a kind give, and what they give it."""


def joined(own: Standing, near: Iterable[Standing], far: Iterable[Standing] = ()) -> Standing:
    """The standing of a person: its own, and those of identifiers directly (`near`) and else (`far`) linked.

    What forbids counts from everywhere. What allows counts from a direct link at most: an address that two
    records share must not lend one person's consent to another.
    """
    close, others = [own, *near], list(far)
    if len(close) + len(others) == 1:
        return own
    consents = [s.consents for s in close]
    consents += [_withdrawn(s) for s in others]
    every = close + others
    return Standing(
        suppressions=_all([s.suppressions for s in every]),
        consents=_all(consents),
        objections=_all([s.objections for s in every]),
        restricted=_narrowest(every),
        erased=True in [s.erased for s in every],
        customer=max([s.customer for s in close if s.customer is not None], default=None),
        zone=next(filter(None, [s.zone for s in close]), None),
        linked=len(close) > 1,
    )


def _all[X](several: list[tuple[X, ...]]) -> tuple[X, ...]:
    """Each once; mostly there is one, or none."""
    given = [each for each in several if each]
    if len(given) == 1 and len(given[0]) == 1:
        return given[0]
    return tuple(dict.fromkeys([one for each in given for one in each])) if given else ()


def _withdrawn(standing: Standing) -> tuple[Consent, ...]:
    """Of its consents what forbids."""
    return tuple([c for c in standing.consents if c.state == "withdrawn"]) if standing.consents else ()


def forbidden(own: Standing, other: Standing) -> Standing:
    """A standing with what forbids in another one: nothing that the other allows is lent to it."""
    if other == UNKNOWN:
        return own
    return replace(
        own,
        suppressions=_all([own.suppressions, other.suppressions]),
        consents=_all([own.consents, _withdrawn(other)]),
        objections=_all([own.objections, other.objections]),
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
    return replace(standing, consents=_withdrawn(standing), customer=None, crowded=crowded)
