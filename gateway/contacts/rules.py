"""The judgement whether one subject may be contacted. Pure; `now` is a parameter.

Rules only tighten: every check can only turn an allowed contact into a refused one, never back, and the same
holds for every suppression and every negative consent of a standing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from gateway.contacts import hours
from gateway.contacts.model import Consent, Standing, Suppression
from gateway.model import Channel, Contact, Mode, OnRefusal, SubjectKind, covers, overlaps

REGISTRY_RULE: Final = "registry"
"""Rule id of the registry's own refusals, which need no rule of the tenant."""

SUPPRESSED: Final = "contact_suppressed"
WITHOUT_CONSENT: Final = "contact_without_consent"
OUTSIDE_HOURS: Final = "contact_outside_hours"
UNKNOWN_RECIPIENT: Final = "contact_unknown_recipient"

# Purposes are words of the taxonomy: few, and asked about on every exchange.
_covers = lru_cache(maxsize=4096)(covers)
_overlaps = lru_cache(maxsize=4096)(overlaps)

_PRIORITY: Final = (UNKNOWN_RECIPIENT, SUPPRESSED, WITHOUT_CONSENT, OUTSIDE_HOURS)
_ENOUGH: Final = {"consent": ("granted", "confirmed"), "double_opt_in": ("confirmed",)}


class SubjectLike(Protocol):
    """A recipient: `value` as contacts.normalise gives it, None when it could not be read."""

    @property
    def kind(self) -> SubjectKind:
        """What identifies the person."""

    @property
    def value(self) -> str | None:
        """The canonical identifier."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A plain SubjectLike."""

    kind: SubjectKind
    value: str | None


@dataclass(frozen=True, slots=True)
class Check:
    """One contact rule that applies to the exchange. `scope_purposes` are its Scope.purposes."""

    rule: str
    mode: Mode
    contact: Contact
    scope_purposes: tuple[str, ...] = ()
    on_refusal: OnRefusal = "refuse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the subject may be contacted, and all that determined it.

    `reason` is a key of errors.REASONS, empty when allowed. `rules` are the enforced rules that failed,
    `shadow` the shadow rules that would have. `retry_after` (seconds) is given when time alone heals it.
    `on_refusal` is `drop` when every failed rule allows to leave this recipient out.
    """

    allowed: bool
    reason: str = ""
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    retry_after: int | None = None
    on_refusal: OnRefusal = "refuse"


ALLOWED: Final = Verdict(True)


def judge(
    subject: SubjectLike,
    standing: Standing,
    channel: Channel | None,
    purposes: tuple[str, ...],
    checks: tuple[Check, ...],
    now: float,
) -> Verdict:
    """Judge one recipient. `channel` None or `purposes` empty mean unknown: the strictest reading.

    A suppression that covers channel and purpose refuses whatever the rules are (rule id `registry`).
    """
    suppressed = any(hits(entry, channel, purposes) for entry in standing.suppressions)
    failed: list[tuple[Check, str]] = []
    shadow: tuple[str, ...] = ()
    for check in checks:
        reason = _failure(check, subject, standing, channel, purposes, suppressed, now)
        if reason and check.mode == "enforce":
            failed.append((check, reason))
        elif reason:
            shadow += (check.rule,)
    if failed or suppressed:
        return _refusal(failed, shadow, suppressed, subject, checks, now)
    return Verdict(True, shadow=shadow) if shadow else ALLOWED


def _refusal(
    failed: list[tuple[Check, str]],
    shadow: tuple[str, ...],
    suppressed: bool,
    subject: SubjectLike,
    checks: tuple[Check, ...],
    now: float,
) -> Verdict:
    enforced = [check for check in checks if check.mode == "enforce"]
    reasons = {reason for _, reason in failed} | ({SUPPRESSED} if suppressed else set())
    reason = next(reason for reason in _PRIORITY if reason in reasons)
    # A refusal of the registry alone is carried out as the rules of this contact want theirs to be.
    deciding = [check for check, _ in failed] or enforced
    droppable = bool(deciding) and all(check.on_refusal == "drop" for check in deciding)
    return Verdict(
        allowed=False,
        reason=reason,
        rules=(REGISTRY_RULE,) * suppressed + tuple(check.rule for check, _ in failed),
        shadow=shadow,
        retry_after=_heals_in(enforced, subject, now) if reasons == {OUTSIDE_HOURS} else None,
        on_refusal="drop" if droppable else "refuse",
    )


def _failure(
    check: Check,
    subject: SubjectLike,
    standing: Standing,
    channel: Channel | None,
    purposes: tuple[str, ...],
    suppressed: bool,
    now: float,
) -> str:
    """The weightiest reason for which one check fails; empty when it holds."""
    contact = check.contact
    if subject.value is None:
        return UNKNOWN_RECIPIENT
    timed = hours.is_timed(contact)
    if contact.require == "no_suppression":
        # A rule about hours alone does not answer for a suppression, which `registry` names already.
        if suppressed and not timed:
            return SUPPRESSED
    elif not _consented(check, standing, channel, purposes):
        return WITHOUT_CONSENT
    if timed and not hours.allowed(contact, _phone(subject), now):
        return OUTSIDE_HOURS
    return ""


def hits(entry: Suppression, channel: Channel | None, purposes: tuple[str, ...]) -> bool:
    """Whether a suppression is one for this channel and any of these purposes (None, empty: unknown)."""
    return _meets_channel(entry.channel, channel) and _meets_purpose(entry.purpose, purposes)


def _meets_channel(scope: Channel | None, channel: Channel | None) -> bool:
    return scope is None or channel is None or scope == channel


def _meets_purpose(scope: str | None, purposes: tuple[str, ...]) -> bool:
    return scope is None or not purposes or any(_overlaps(scope, purpose) for purpose in purposes)


def _consented(check: Check, standing: Standing, channel: Channel | None, purposes: tuple[str, ...]) -> bool:
    """Whether there is enough consent for every purpose of the exchange that the rule speaks of."""
    scope = check.scope_purposes
    wanted = [p for p in purposes if not scope or any(_overlaps(word, p) for word in scope)]
    enough = _ENOUGH[check.contact.require]
    # A rule that applies although no purpose is known (or none is its own) asks for all of its own.
    for purpose in wanted or scope or (None,):
        if not _consent_for(purpose, channel, standing.consents, enough):
            return False
    return True


def _consent_for(
    purpose: str | None, channel: Channel | None, consents: tuple[Consent, ...], enough: tuple[str, ...]
) -> bool:
    """Whether a consent covers channel and purpose (None: any), and no negative one touches them."""
    found = False
    for consent in consents:
        if consent.state in ("granted", "confirmed"):
            found = found or (consent.state in enough and _covers_consent(consent, purpose, channel))
        elif _meets_channel(consent.channel, channel) and _touches(consent.purpose, purpose):
            return False
    return found


def _covers_consent(consent: Consent, purpose: str | None, channel: Channel | None) -> bool:
    if consent.channel is not None and consent.channel != channel:
        return False
    return consent.purpose is None or (purpose is not None and _covers(consent.purpose, purpose))


def _touches(scope: str | None, purpose: str | None) -> bool:
    return scope is None or purpose is None or _overlaps(scope, purpose)


def _heals_in(checks: list[Check], subject: SubjectLike, now: float) -> int | None:
    timed = [check.contact for check in checks if hours.is_timed(check.contact)]
    return hours.wait(timed, _phone(subject), now)


def _phone(subject: SubjectLike) -> str | None:
    return subject.value if subject.kind == "phone" else None
