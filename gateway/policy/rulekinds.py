"""The six kinds of rules and what narrows them, as tables. Pure."""

from dataclasses import dataclass
from functools import cache
from typing import Final, get_args
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from gateway.model import (
    Channel,
    Contact,
    Direction,
    Mask,
    Mode,
    OnRefusal,
    Records,
    Requirement,
    Residency,
    Rule,
    Scope,
    Weekday,
)
from gateway.policy.operators import OPERATOR
from gateway.policy.taxonomy import CATEGORY, COUNTRY, OPERATOR_NAME, REGION, USE
from gateway.strict.kinds import FLAG, Kind, Word, one_of
from gateway.strict.report import nearest
from gateway.strict.shapes import Fault, Key, ListOf, Table
from gateway.strict.words import DATE, GLOB, HOURS, NAME

Narrow = dict[str, tuple[str, ...] | str]
"""Narrowing keys as written in one place: field of Scope -> value."""

_DAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)


def many[T](kind: Kind[T]) -> ListOf[T]:
    """One or several, as rule files write most things."""
    return ListOf(kind, one=True)


_CHANNEL: Final = one_of(*get_args(Channel))
NARROWING: Final = (
    Key("roles", many(NAME), "Only for clients with one of these roles."),
    Key("clients", many(NAME), "Only for these clients (their `id`)."),
    Key("purposes", many(USE), "Only when the client acts for one of these data uses."),
    Key("providers", many(NAME), "Only for these providers."),
    Key("operations", many(GLOB), "Only for operations whose `provider.operation` matches a pattern (`*`)."),
    Key("channels", many(_CHANNEL), "Only for operations that reach a person on one of these channels."),
    Key("direction", one_of(*get_args(Direction)), "Only for requests, or only for responses."),
    Key("regions", many(REGION), "Only for upstreams in one of these regions."),
    Key("data", many(CATEGORY), "Only for operations that carry one of these data categories."),
)


def _narrowing(*without: str) -> tuple[Key, ...]:
    return tuple(key for key in NARROWING if key.name not in without)


@dataclass(frozen=True, slots=True)
class Part:
    """A kind's mapping: its own value, and the narrowing written inside it."""

    narrow: Narrow
    contact: Contact | None = None
    residency: Residency | None = None
    records: Records | None = None


@cache
def _timezone(text: str) -> str | None:
    if text == "subject":
        return text
    try:
        return ZoneInfo(text).key
    except (LookupError, OSError, ValueError):
        return None


def _nearest_timezone(text: str) -> str | None:
    return nearest(text, ("subject", *available_timezones()))


@cache
def _calendars() -> frozenset[str]:
    from holidays.utils import list_supported_countries  # reading all calendars takes a tenth of a second

    return frozenset(list_supported_countries())


def _holidays(text: str) -> str | None:
    return text if text == "subject" or text in _calendars() else None


_DAY_NUMBER: Final = {str(day): number for number, day in enumerate(_DAYS)}


def _days(text: str) -> tuple[Weekday, ...] | None:
    first, dash, last = (part.strip() for part in text.partition("-"))
    start, end = _DAY_NUMBER.get(first), _DAY_NUMBER.get(last if dash else first)
    if start is None or end is None:
        return None
    return tuple(_DAYS[(start + n) % 7] for n in range((end - start) % 7 + 1))


def _contact(
    require: Requirement = "no_suppression",
    within: tuple[int, int] | None = None,
    days: tuple[tuple[Weekday, ...], ...] = (),
    timezone: str = "subject",
    holidays: str | None = None,
    **narrow: tuple[str, ...] | str,
) -> Part:
    start, end = within or (None, None)
    allowed = {day for span in days for day in span}
    week = tuple(day for day in _DAYS if day in allowed)
    terms = Contact(require=require, start=start, end=end, days=week, timezone=timezone, holidays=holidays)
    return Part(narrow, contact=terms)


CONTACT: Final = Table(
    "contact",
    (
        Key(
            "require",
            one_of(*get_args(Requirement)),
            "What a recipient must have: no suppression, a consent, or a confirmed (double opt-in) consent.",
            default="no_suppression",
        ),
        Key("within", HOURS, "Hours of the day in which contact is allowed; the end is not included."),
        Key(
            "days",
            many(Word("a day or span of days such as mon-sat", _days, _DAYS)),
            "Days on which contact is allowed.",
        ),
        Key(
            "timezone",
            Word("'subject' or a time zone such as Europe/Paris", _timezone, hint=_nearest_timezone),
            "Where `within` and `days` are read: the recipient's own zone, or a fixed one.",
            default="subject",
        ),
        Key(
            "holidays",
            Word(f"'subject' or {COUNTRY.expected} with a holiday calendar", _holidays, hint=COUNTRY.hint),
            "No contact on public holidays: of the recipient's country, or of a fixed one.",
        ),
        *NARROWING,
    ),
    _contact,
    doc="Conditions under which a recipient may be reached.",
)


def _residency(
    regions: tuple[str, ...] = (),
    operators: tuple[str, ...] = (),
    adequacy: bool = False,
    **narrow: tuple[str, ...] | str,
) -> Part:
    return Part(narrow, residency=Residency(regions=regions, operators=operators, adequacy=adequacy))


RESIDENCY: Final = Table(
    "residency",
    (
        Key("regions", many(REGION), "Where the data may go."),
        Key("adequacy", FLAG, "Also countries with an adequacy decision in force that day.", default="false"),
        Key("operators", many(OPERATOR_NAME), "Who may run the machines it goes to."),
        *_narrowing("regions"),
    ),
    _residency,
    some=("regions", "operators"),
    doc="Where personal data may go, checked on the address actually connected to.",
)


def _records(suppressed_on: tuple[Channel, ...] = (), **narrow: tuple[str, ...] | str) -> Part:
    return Part(narrow, records=Records(suppressed_on=suppressed_on))


RECORDS: Final = Table(
    "records",
    (
        Key(
            "suppressed_on",
            many(_CHANNEL),
            "Only people who are suppressed on one of these channels; on any when left out.",
        ),
        *NARROWING,
    ),
    _records,
    doc="Records of suppressed people, which are neither sent nor answered.",
)


def _access(**narrow: tuple[str, ...] | str) -> Part:
    return Part(narrow)


ACCESS: Final = Table("access", NARROWING, _access, doc="Calls that are refused.")


def _to(**narrow: tuple[str, ...]) -> Part:
    return Part({"direction": "request", **narrow})


TO: Final = Table(
    "to",
    tuple(key for key in NARROWING if key.name in ("providers", "regions")),
    _to,
    some=("providers", "regions"),
    doc="Masks what is sent to these, instead of what comes back.",
)

UNLESS: Final = Table(
    "unless",
    (
        Key(
            "tenant_consent",
            many(NAME),
            "Consents of the tenant, any of which lifts the rule.",
            required=True,
        ),
    ),
    lambda tenant_consent: tenant_consent,
)

_OWN: Final[dict[str, str]] = {"with": "mask", "to": "mask"}
"""Keys that belong to one kind of rule."""


def _merged(parts: list[Narrow]) -> Scope | Fault:
    scope: Narrow = {}
    for part in parts:
        for name, value in part.items():
            if name in scope:
                return Fault(name, f"{name!r} both in the rule and inside its kind", "each key in one place")
            scope[name] = value
    return msgspec.convert(scope, Scope)


def _rule(
    line: int,
    id: str,  # noqa: A002 - the key's name in the file
    mode: Mode,
    on_refusal: OnRefusal,
    mask: tuple[str, ...] = (),
    contact: Part | None = None,
    residency: Part | None = None,
    access: Part | None = None,
    records: Part | None = None,
    seal: tuple[str, ...] = (),
    operator: Mask | None = None,
    to: Part | None = None,
    since: str | None = None,
    until: str | None = None,
    unless: tuple[str, ...] = (),
    **narrow: tuple[str, ...] | str,
) -> Rule | Fault:
    scope = _merged([narrow, *(part.narrow for part in (contact, residency, access, records, to) if part)])
    if fault := _misfit(mask, contact or records, operator, to, on_refusal) or _backwards(since, until):
        return fault
    if isinstance(scope, Fault):
        return scope
    return Rule(
        id=id,
        line=line,
        scope=scope,
        mode=mode,
        since=since,
        until=until,
        on_refusal=on_refusal,
        consents=unless,
        mask=tuple(dict.fromkeys(mask)),
        operator=(operator or Mask(op="redact")) if mask else None,
        contact=contact.contact if contact else None,
        residency=residency.residency if residency else None,
        access=access is not None,
        seal=tuple(dict.fromkeys(seal)),
        records=records.records if records else None,
    )


def _misfit(
    mask: tuple[str, ...], people: Part | None, operator: Mask | None, to: Part | None, on_refusal: OnRefusal
) -> Fault | None:
    if on_refusal == "drop" and not people:
        return Fault("on_refusal", "'drop' without contact or records", "'drop' where people can be left out")
    misplaced = "with" if operator and not mask else "to" if to and not mask else None
    if misplaced:
        return Fault(misplaced, f"{misplaced!r} without mask", f"{misplaced!r} only in a mask rule")
    return None


def _backwards(since: str | None, until: str | None) -> Fault | None:
    if since and until and since >= until:
        return Fault("until", f"an end {until!r} that is not after {since!r}", "'until' after 'from'")
    return None


RULE: Final = Table(
    "rule",
    (
        Key("id", NAME, "Name of the rule, unique in the file; stands in answers and audit records.", True),
        Key("mask", many(CATEGORY), "Data categories to mask."),
        Key("contact", CONTACT, "Conditions under which recipients may be reached."),
        Key("residency", RESIDENCY, "Where personal data may go."),
        Key("access", ACCESS, "Calls that are refused."),
        Key("seal", many(CATEGORY), "Data categories whose tokens are not restored."),
        Key("records", RECORDS, "Whose records are neither sent nor answered."),
        Key("with", OPERATOR, "How to mask (mask rules; `redact` when left out).", to="operator"),
        Key("to", TO, "Masks requests to these instead of responses (mask rules)."),
        Key("mode", one_of(*get_args(Mode)), "`shadow` only records what it would do.", default="enforce"),
        Key("from", DATE, "First day in force (00:00 UTC).", to="since"),
        Key("until", DATE, "First day no longer in force (00:00 UTC)."),
        Key(
            "on_refusal",
            one_of(*get_args(OnRefusal)),
            "`drop` leaves the refused recipient or record out and goes on with the rest (contact, records).",
            default="refuse",
        ),
        Key("unless", UNLESS, "What lifts the rule."),
        *NARROWING,
    ),
    _rule,
    exactly=("mask", "contact", "residency", "access", "seal", "records"),
    lines=True,
    doc="One restriction. It can only tighten what views grant.",
)
