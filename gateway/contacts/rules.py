"""The judgement whether one subject may be contacted. Pure; `now` is a parameter.

Rules only tighten: every check can only turn an allowed contact into a refused one, never back, and the same
holds for every suppression, objection, restriction and negative consent of a standing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from gateway.contacts import hours
from gateway.contacts.grounds import (
    CROWDED,
    ERASED,
    OBJECTED,
    RESTRICTED,
    SUPPRESSED,
    explicit,
    forbidden,
    satisfied,
)
from gateway.contacts.model import ACQUAINTED, UNKNOWN, Cap, Standing
from gateway.contacts.relied import Dated, too_old
from gateway.model import Channel, Contact, Mode, OnRefusal, SubjectKind

REGISTRY_RULE: Final = "registry"
"""Rule id of the registry's own refusals, which need no rule of the tenant."""

WITHOUT_CONSENT: Final = "contact_without_consent"
OUTSIDE_HOURS: Final = "contact_outside_hours"
LIST_STALE: Final = "contact_list_stale"
TOO_OFTEN: Final = "contact_too_often"
UNKNOWN_RECIPIENT: Final = "contact_unknown_recipient"

_PRIORITY: Final = (
    UNKNOWN_RECIPIENT,
    ERASED,
    OBJECTED,
    RESTRICTED,
    SUPPRESSED,
    CROWDED,
    WITHOUT_CONSENT,
    LIST_STALE,
    OUTSIDE_HOURS,
)


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
    `on_refusal` is `drop` when every failed rule allows to leave this recipient out, `hold` when one wants
    the whole request to wait for the time that heals it.
    """

    allowed: bool
    reason: str = ""
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    retry_after: int | None = None
    on_refusal: OnRefusal = "refuse"


ALLOWED: Final = Verdict(True)
NO_LISTS: Final[Dated] = MappingProxyType({})


def judge(
    subject: SubjectLike,
    standing: Standing,
    channel: Channel | None,
    purposes: tuple[str, ...],
    checks: tuple[Check, ...],
    now: float,
    senders: tuple[str, ...] = (),
    dated: Dated = NO_LISTS,
    home: str | None = None,
) -> Verdict:
    """Judge one recipient. `channel` None, `purposes` or `senders` empty mean unknown: the strictest reading.

    An erasure, an objection, a restriction, or a suppression that covers channel, purpose and sender refuses
    whatever the rules are (rule id `registry`). How often somebody is reached is not judged here: see `caps`.
    `dated`: when the lists were made that checks rely on. `home`: the tenant's country.
    """
    no = forbidden(standing, channel, purposes, senders)
    failed: list[tuple[Check, str]] = []
    shadow: tuple[str, ...] = ()
    for check in checks:
        reason = _failure(check, subject, standing, channel, purposes, no, now, dated, home)
        if reason and check.mode == "enforce":
            failed.append((check, reason))
        elif reason:
            shadow += (check.rule,)
    if failed or no:
        return _refusal(failed, shadow, no, subject, standing, checks, now, home)
    return Verdict(True, shadow=shadow) if shadow else ALLOWED


def _refusal(
    failed: list[tuple[Check, str]],
    shadow: tuple[str, ...],
    no: str,
    subject: SubjectLike,
    standing: Standing,
    checks: tuple[Check, ...],
    now: float,
    home: str | None,
) -> Verdict:
    enforced = [check for check in checks if check.mode == "enforce" and concerns(check, subject)]
    reasons = {reason for _, reason in failed} | ({no} if no else set())
    wait = _heals_in(enforced, subject, standing, now, home) if reasons == {OUTSIDE_HOURS} else None
    # A refusal of the registry alone is carried out as the rules of this contact want theirs to be.
    deciding = [check for check, _ in failed] or enforced
    return Verdict(
        allowed=False,
        reason=next(reason for reason in _PRIORITY if reason in reasons),
        rules=(REGISTRY_RULE,) * bool(no) + tuple(check.rule for check, _ in failed),
        shadow=shadow,
        retry_after=wait,
        on_refusal=carried_out(deciding, timely=wait is not None),
    )


def carried_out(deciding: Sequence[Check], *, timely: bool) -> OnRefusal:
    """How a refusal by some rules is carried out: `timely` when time alone heals it."""
    if deciding and all(check.on_refusal == "drop" for check in deciding):
        return "drop"
    return "hold" if timely and any(check.on_refusal == "hold" for check in deciding) else "refuse"


def lenient(checks: Sequence[Check]) -> bool:
    """Whether these checks let everybody be reached at any time of whom nothing is known.

    `judge` of a number or an address is ALLOWED then where `silent`. How often (`caps`) is not among it.
    """
    return all(
        each.contact.require == "no_suppression"
        and not (each.contact.recording or each.contact.lists or hours.is_timed(each.contact))
        for each in checks
    )


def silent(standings: Iterable[Standing]) -> bool:
    """Whether nothing is known of any of them, but whose identifiers they may be."""
    for each in standings:
        if each is not UNKNOWN and each is not ACQUAINTED and each not in (UNKNOWN, ACQUAINTED):
            return False
    return True


def _failure(
    check: Check,
    subject: SubjectLike,
    standing: Standing,
    channel: Channel | None,
    purposes: tuple[str, ...],
    no: str,
    now: float,
    dated: Dated,
    home: str | None,
) -> str:
    """The weightiest reason for which one check fails; empty when it holds."""
    contact = check.contact
    if not concerns(check, subject):
        return ""
    if contact.recording:
        # Who agrees to everything has not agreed to being recorded.
        purposes, standing = (contact.recording,), explicit(standing)
    if subject.value is None or (contact.unknown_subject == "refuse" and _stranger(subject, standing)):
        return UNKNOWN_RECIPIENT
    timed = hours.is_timed(contact)
    if contact.require == "no_suppression":
        # A rule about times alone does not answer for a suppression, which `registry` names already.
        if no and not (timed or contact.at_most):
            return no
    elif not satisfied(contact.require, standing, channel, purposes, check.scope_purposes, now):
        return WITHOUT_CONSENT
    # Whom a newer list names may have agreed all the same: then no list has to be asked.
    if too_old(contact.lists, dated, now) and not satisfied(
        "consent", standing, channel, purposes, check.scope_purposes, now
    ):
        return LIST_STALE
    if timed and not hours.allowed(contact, _phone(subject), now, standing.zone, home):
        return OUTSIDE_HOURS
    return ""


def _stranger(subject: SubjectLike, standing: Standing) -> bool:
    """Whether a record id says nothing of whose it is: nobody saw it, and nothing is entered under it."""
    return subject.kind == "record" and standing == UNKNOWN


def concerns(check: Check, subject: SubjectLike) -> bool:
    """Whether a check is about this recipient: of its countries, as far as can be told."""
    countries, phone = check.contact.countries, _phone(subject)
    if not countries or phone is None:
        return True
    possible = hours.countries_of(phone)
    return possible is None or any(country in countries for country in possible)


def caps(checks: Sequence[Check], subject: SubjectLike) -> tuple[list[Check], tuple[Cap, ...]]:
    """Of the checks those that limit how often this recipient is reached, and under what that is counted."""
    limiting = [check for check in checks if check.contact.at_most and concerns(check, subject)]
    return limiting, tuple(
        # The window is part of the name: several limits of one rule count apart.
        Cap(name=f"{check.rule}/{each.window:.0f}", limit=each.limit, window=each.window)
        for check in limiting
        for each in check.contact.at_most
    )


def _heals_in(
    checks: list[Check], subject: SubjectLike, standing: Standing, now: float, home: str | None
) -> int | None:
    timed = [check.contact for check in checks if hours.is_timed(check.contact)]
    return hours.wait(timed, _phone(subject), now, standing.zone, home)


def _phone(subject: SubjectLike) -> str | None:
    return subject.value if subject.kind == "phone" else None
