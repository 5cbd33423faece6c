"""The seven kinds of rules and what narrows them, as tables. Pure."""

from collections.abc import Collection
from typing import Any, Final, get_args

import msgspec

from gateway.masking.detectors.hit import CATEGORIES
from gateway.model import Channel, Contact, Mask, Mode, OnRefusal, Records, Rule, Whom, covers
from gateway.policy.contactkind import CONDITIONS, conditions
from gateway.policy.jurisdictions import PRESETS, Line
from gateway.policy.narrowing import CHANNEL, NARROWING, Part, many, merged
from gateway.policy.operators import OPERATOR
from gateway.policy.residencykind import RESIDENCY
from gateway.policy.taxonomy import CATEGORY, OPERATOR_NAME
from gateway.strict.kinds import FLAG, one_of
from gateway.strict.shapes import Fault, Key, Table
from gateway.strict.words import DATE, NAME, TEXT
from gateway.transfers import Confirmed

_NARROW: Final = frozenset(key.name for key in NARROWING)


def _contact(preset: str | None = None, **written: Any) -> Part | Fault:
    narrow = {name: value for name, value in written.items() if name in _NARROW}
    terms = conditions(**{name: value for name, value in written.items() if name not in _NARROW})
    if preset is not None and terms != Contact():
        return Fault("preset", "'preset' beside other conditions", "a rule of their own for other conditions")
    return Part(narrow, contact=terms, preset=preset)


CONTACT: Final = Table(
    "contact",
    (
        *CONDITIONS,
        Key(
            "preset",
            one_of(*PRESETS),
            "What the law of a country asks for (see jurisdictions.md): a rule for each of its lines.",
        ),
        *NARROWING,
    ),
    _contact,
    doc="Conditions under which a recipient may be reached.",
)


def _records(
    of: tuple[Whom, ...], suppressed_on: tuple[Channel, ...] = (), **narrow: tuple[str, ...] | str
) -> Part:
    return Part(narrow, records=Records(suppressed_on=suppressed_on, whom=of))


RECORDS: Final = Table(
    "records",
    (
        Key(
            "suppressed_on",
            many(CHANNEL),
            "Only people who are suppressed, or object, on one of these channels; on any when left out.",
        ),
        Key(
            "of",
            many(one_of(*get_args(Whom))),
            "Whose records are left alone; those of people who were erased always are.",
            default="[suppressed, objected]",
        ),
        *NARROWING,
    ),
    _records,
    doc="Records of people who are to be left alone, which are neither sent nor answered.",
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
        Key("tenant_consent", many(NAME), "Consents of the tenant, any of which lifts the rule."),
        Key("recipients", many(OPERATOR_NAME), "Recipients the rule is not for: providers, or operators."),
    ),
    lambda tenant_consent=(), recipients=(): (tenant_consent, recipients),
    some=("tenant_consent", "recipients"),
)

CONFIRMED: Final = Table(
    "confirmed",
    (
        Key("by", TEXT, "Who confirms the instruction.", required=True),
        Key("reason", TEXT, "Why it holds although the law speaks against it.", required=True),
        Key("date", DATE, "When.", required=True),
    ),
    Confirmed,
    doc="That an infringing instruction is to be carried out as it is written.",
)

_CARRIED_OUT: Final[dict[OnRefusal, tuple[str, ...]]] = {
    "refuse": (),
    "drop": ("contact", "records"),
    "hold": ("contact",),
    "hide": ("records",),
    "strip": ("residency",),
}
"""Kinds of rules that may be carried out so (any, where none is named)."""


def _rule(
    line: int,
    id: str,  # noqa: A002 - the key's name in the file
    mode: Mode,
    on_refusal: OnRefusal,
    mask: tuple[str, ...] = (),
    seal: tuple[str, ...] = (),
    operator: Mask | None = None,
    detect: bool = False,
    since: str | None = None,
    until: str | None = None,
    unless: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    only: tuple[str, ...] = (),
    confirmed: Confirmed | None = None,
    **rest: Any,
) -> tuple[Rule, ...] | Fault:
    parts: dict[str, Part] = {name: rest.pop(name) for name in _PARTS if name in rest}
    scope = merged([rest, *(part.narrow for part in parts.values())])
    if fault := _misfit(mask, parts, operator, on_refusal, detect) or _backwards(since, until):
        return fault
    if isinstance(scope, Fault):
        return scope
    rule = Rule(
        id=id,
        line=line,
        scope=scope,
        mode=mode,
        since=since,
        until=until,
        on_refusal=on_refusal,
        consents=unless[0],
        spared=unless[1],
        confirmed=confirmed,
        **_once(mask=mask, seal=seal, only=only),
        operator=(operator or Mask(op="redact")) if mask else None,
        detect=detect,
        access="access" in parts,
        **{name: getattr(parts[name], name) for name in _VALUES if name in parts},
    )
    return _by_law(rule, parts["contact"].preset if "contact" in parts else None)


def _once(**lists: tuple[str, ...]) -> dict[str, Any]:
    return {name: tuple(dict.fromkeys(words)) for name, words in lists.items()}


_PARTS: Final = ("contact", "residency", "access", "records", "to")
"""Keys of a rule that hold a mapping of their own."""
_VALUES: Final = ("contact", "residency", "records")
"""Those of them that have a value of their own."""


def _by_law(rule: Rule, preset: str | None) -> tuple[Rule, ...] | Fault:
    """A rule for each line of a preset, narrowed as the rule that names it; without one it."""
    if preset is None:
        return (rule,)
    made = tuple(_of_line(rule, line) for line in PRESETS[preset].lines)
    kept = tuple(each for each in made if each is not None)
    return kept or Fault("contact", f"no line of {preset!r} left by 'channels'", "channels that it speaks of")


def _of_line(rule: Rule, line: Line) -> Rule | None:
    scope, own = rule.scope, line.channels
    channels = tuple(c for c in own if c in scope.channels) if scope.channels else own
    if not channels:
        return None
    narrowed = msgspec.structs.replace(scope, channels=channels, purposes=scope.purposes or line.purposes)
    return msgspec.structs.replace(
        rule,
        id=f"{rule.id}.{line.id}",
        scope=narrowed,
        since=max(filter(None, (rule.since, line.since)), default=None),
        until=min(filter(None, (rule.until, line.until)), default=None),
        contact=line.contact,
    )


def _misfit(
    mask: tuple[str, ...], parts: Collection[str], operator: Mask | None, on_refusal: OnRefusal, detect: bool
) -> Fault | None:
    kinds = _CARRIED_OUT[on_refusal]
    if on_refusal == "strip" and "residency" not in parts:
        return Fault("on_refusal", "'strip' without residency", "'strip' where data may not go somewhere")
    if kinds and not any(kind in parts for kind in kinds):
        found = f"{on_refusal!r} without {' or '.join(kinds)}"
        return Fault("on_refusal", found, f"{on_refusal!r} where people can be left out")
    misplaced = {"with": operator is not None, "to": "to" in parts, "detect": detect}
    if not mask and any(misplaced.values()):
        key = next(key for key, there in misplaced.items() if there)
        return Fault(key, f"{key!r} without mask", f"{key!r} only in a mask rule")
    return _unseen(mask) if detect else None


def _unseen(mask: tuple[str, ...]) -> Fault | None:
    """What can be looked for is what there is a detector of."""
    known = CATEGORIES.values()
    if not all(any(covers(each, one) for one in known) for each in mask):
        return Fault("detect", "'detect' for what has no detector", f"'mask' of some of {', '.join(known)}")
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
        Key(
            "only",
            many(CATEGORY),
            "The only data categories that requests may hold; all else is taken out, also what no map names.",
        ),
        Key("with", OPERATOR, "How to mask (mask rules; `redact` when left out).", to="operator"),
        Key("to", TO, "Masks requests to these instead of responses (mask rules)."),
        Key(
            "detect",
            FLAG,
            "Also what is recognised as such in any other field and text, instead of fields that may hold it "
            "(mask rules).",
            default="false",
        ),
        Key("mode", one_of(*get_args(Mode)), "`shadow` only records what it would do.", default="enforce"),
        Key("from", DATE, "First day in force (00:00 UTC).", to="since"),
        Key("until", DATE, "First day no longer in force (00:00 UTC)."),
        Key(
            "on_refusal",
            one_of(*get_args(OnRefusal)),
            "`drop` leaves the refused recipient or record out and goes on with the rest (contact, records); "
            "`hold` says when to ask again instead of leaving out whom time alone keeps (contact); `hide` is "
            "`drop` for records, and answers 404 where one stands alone; `strip` takes what may not leave "
            "out of the request (residency).",
            default="refuse",
        ),
        Key("unless", UNLESS, "What lifts the rule."),
        Key("confirmed", CONFIRMED, "Who has confirmed it although the law speaks against it, and why."),
        *NARROWING,
    ),
    _rule,
    exactly=("mask", "contact", "residency", "access", "seal", "records", "only"),
    lines=True,
    doc="One restriction. It can only tighten what views grant.",
)
