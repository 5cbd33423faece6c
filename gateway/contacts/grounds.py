"""What a standing says about one contact: what forbids it whatever the rules are, and what allows it. Pure.

What is not known (no channel, no purpose, no sender) is read as what forbids most.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.contacts.model import UNKNOWN, Consent, Standing, Suppression
from gateway.model import Channel, Requirement, covers, overlaps

ERASED: Final = "contact_erased"
OBJECTED: Final = "contact_objected"
RESTRICTED: Final = "contact_restricted"
SUPPRESSED: Final = "contact_suppressed"
CROWDED: Final = "contact_too_many_links"

# Purposes are words of the taxonomy: few, and asked about on every exchange.
_covers = lru_cache(maxsize=4096)(covers)
_overlaps = lru_cache(maxsize=4096)(overlaps)


class _Need(NamedTuple):
    """What a requirement asks for: consents in these states, proven ones alone, or a customer instead."""

    states: tuple[str, ...] = ()
    proven: bool = False
    customer: bool = False


_EITHER: Final = ("granted", "confirmed")
_NEEDS: Final[Mapping[Requirement, _Need]] = {
    "consent": _Need(_EITHER),
    "double_opt_in": _Need(("confirmed",)),
    "proven_consent": _Need(_EITHER, proven=True),
    "customer": _Need(customer=True),
    "consent_or_customer": _Need(_EITHER, customer=True),
    "proven_consent_or_customer": _Need(_EITHER, proven=True, customer=True),
}


def forbidden(
    standing: Standing, channel: Channel | None, purposes: tuple[str, ...], senders: tuple[str, ...] = ()
) -> str:
    """The weightiest reason why nobody may use this subject for that, empty when there is none.

    `senders` are those that the contact may come from, in the spelling of `contacts.naming.sender`.
    """
    if standing is UNKNOWN:
        return ""
    if standing.erased:
        return ERASED
    if objected(standing, channel, purposes):
        return OBJECTED
    if restricted(standing, purposes):
        return RESTRICTED
    if any(hits(e, channel, purposes, senders) for e in standing.suppressions):
        return SUPPRESSED
    return CROWDED if standing.crowded else ""


def objected(standing: Standing, channel: Channel | None, purposes: tuple[str, ...]) -> bool:
    """Whether somebody has objected to any of these purposes on this channel."""
    return any(
        _meets_channel(each.channel, channel) and _meets_purpose(each.purpose, purposes)
        for each in standing.objections
    )


def restricted(standing: Standing, purposes: tuple[str, ...]) -> bool:
    """Whether a restriction leaves a use of somebody's data out: each purpose has to be one it allows."""
    uses = standing.restricted
    return uses is not None and not (
        purposes
        and all(any(use is not None and _covers(use, purpose) for use in uses) for purpose in purposes)
    )


def hits(
    entry: Suppression, channel: Channel | None, purposes: tuple[str, ...], senders: tuple[str, ...] = ()
) -> bool:
    """Whether a suppression is one for this channel, any of these purposes and any of these senders."""
    return (
        _meets_channel(entry.channel, channel)
        and _meets_purpose(entry.purpose, purposes)
        and _meets_sender(entry.sender, senders)
    )


def _meets_sender(scope: str | None, senders: tuple[str, ...]) -> bool:
    if scope is None or not senders or scope in senders:
        return True
    # A pool of numbers (a messaging service) may send from any of them.
    return scope[:1] == "+" and any(each[:1] != "+" and "@" not in each for each in senders)


def _meets_channel(scope: Channel | None, channel: Channel | None) -> bool:
    return scope is None or channel is None or scope == channel


def _meets_purpose(scope: str | None, purposes: tuple[str, ...]) -> bool:
    return scope is None or not purposes or any(_overlaps(scope, purpose) for purpose in purposes)


def satisfied(
    require: Requirement,
    standing: Standing,
    channel: Channel | None,
    purposes: tuple[str, ...],
    scope: tuple[str, ...],
    now: float,
) -> bool:
    """Whether what a rule requires is there, for every purpose of the contact that the rule speaks of.

    `scope` are the rule's own purposes (empty: any).
    """
    need = _NEEDS.get(require)
    if need is None:
        return True
    customer = need.customer and standing.customer is not None and now < standing.customer
    wanted = [p for p in purposes if not scope or any(_overlaps(word, p) for word in scope)]
    # A rule that applies although no purpose is known (or none is its own) asks for all of its own.
    return all(
        (customer and not _withdrawn(standing.consents, channel, purpose))
        or _consented(need, standing.consents, channel, purpose, now)
        for purpose in wanted or scope or (None,)
    )


def explicit(standing: Standing) -> Standing:
    """Without consents to everything, which are explicit about nothing."""
    kept = tuple(c for c in standing.consents if c.purpose is not None or c.state == "withdrawn")
    return standing if len(kept) == len(standing.consents) else replace(standing, consents=kept)


def _withdrawn(consents: tuple[Consent, ...], channel: Channel | None, purpose: str | None) -> bool:
    return any(c.state == "withdrawn" and _touches(c, channel, purpose) for c in consents)


def _consented(
    need: _Need, consents: tuple[Consent, ...], channel: Channel | None, purpose: str | None, now: float
) -> bool:
    """Whether a consent covers channel and purpose (None: any), and no negative one touches them.

    One whose time is over is as good as expired. A pending one is none, in its window and after it.
    """
    found = False
    for consent in consents:
        if consent.state in _EITHER and (consent.until is None or now < consent.until):
            found = found or (
                consent.state in need.states
                and (consent.proven or not need.proven)
                and consent.at <= now
                and _granted_for(consent, channel, purpose)
            )
        elif _touches(consent, channel, purpose):
            return False
    return found


def _granted_for(consent: Consent, channel: Channel | None, purpose: str | None) -> bool:
    if consent.channel is not None and consent.channel != channel:
        return False
    return consent.purpose is None or (purpose is not None and _covers(consent.purpose, purpose))


def _touches(consent: Consent, channel: Channel | None, purpose: str | None) -> bool:
    scope = consent.purpose
    return _meets_channel(consent.channel, channel) and (
        scope is None or purpose is None or _overlaps(scope, purpose)
    )
