"""How residency rules are written: where data may go, on what bases it may leave, who may ask. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, get_args

from gateway.model import Residency
from gateway.policy.narrowing import Part, many, narrowing
from gateway.policy.taxonomy import CATEGORY, OPERATOR_NAME, PLACE, REGION, USE
from gateway.strict.kinds import FLAG, Kind, mapped
from gateway.strict.shapes import ByShape, Fault, Key, ListOf, Table, Variant
from gateway.strict.words import DATE, NAME, TEXT
from gateway.transfers import Basis, BasisKind

PERSONS_USE: Final = "third_party_sharing"
"""What people agree to who agree to a transfer, where a rule does not say."""

_RECIPIENTS: Final = Key(
    "recipients", many(OPERATOR_NAME), "Only to these: a provider, or who runs the machines (in any case)."
)
_COMMON: Final = (
    Key("data", many(CATEGORY), "Only for these data categories; all when left out."),
    Key("from", DATE, "First day it counts (00:00 UTC).", to="since"),
    Key("until", DATE, "First day it no longer counts (00:00 UTC)."),
    Key("ref", TEXT, "The document it stands in."),
)
_COUNTRIES: Final = Key("countries", many(REGION), "Only to these countries.")
_WHOM: Final = Key("recipients", _RECIPIENTS.kind, "Who is certified: a provider, or who runs it.", True)
_OWN: Final[Mapping[BasisKind, tuple[tuple[Key, ...], str]]] = {
    "adequacy": (
        (Key("countries", many(PLACE), "Only these of the adequate countries."), _RECIPIENTS),
        "Countries with an adequacy decision under the law.",
    ),
    "dpf": (
        (_WHOM,),
        "Certified under the Data Privacy Framework of the law: EU-US, UK Extension, Swiss-US.",
    ),
    "privacy_shield": (
        (_WHOM,),
        "Certified under the Privacy Shield, void since 2020-07-16 (CH: 2020-09-08).",
    ),
    "safe_harbor": ((_WHOM,), "Certified under Safe Harbor, void since 2015-10-06."),
    "scc": (
        (
            Key("recipients", _RECIPIENTS.kind, "With whom: a provider, or who runs the machines.", True),
            _COUNTRIES,
            Key("until", DATE, "First day it no longer counts: when the clauses are looked at anew.", True),
            Key("ref", TEXT, "The contract the clauses stand in.", required=True),
        ),
        "Standard contractual clauses with a recipient (UK: IDTA or Addendum).",
    ),
    "explicit_consent": (
        (
            Key("purpose", USE, "What people agree to.", default=PERSONS_USE, to="consent"),
            _RECIPIENTS,
            _COUNTRIES,
        ),
        "Everybody in the request has consented to this use, by its name, as the registry knows.",
    ),
    "tenant_consent": (
        (
            Key("name", NAME, "One of the tenant's `consents`.", required=True, to="consent"),
            _RECIPIENTS,
            _COUNTRIES,
        ),
        "The tenant has agreed to it.",
    ),
}


def _builder(kind: BasisKind) -> Callable[..., Basis | Fault]:
    def build(**written: object) -> Basis | Fault:
        basis = Basis(kind=kind, **written)  # type: ignore[arg-type]  # the schema has checked the types
        if basis.since and basis.until and basis.since >= basis.until:
            found = f"an end {basis.until!r} that is not after {basis.since!r}"
            return Fault("until", found, "'until' after 'from'")
        return basis

    return build


def _table(kind: BasisKind) -> Table[Basis]:
    own, doc = _OWN[kind]
    keys = (*own, *(key for key in _COMMON if all(key.name != each.name for each in own)))
    return Table(f"basis: {kind}", keys, _builder(kind), doc=doc)


BASES: Final[Mapping[BasisKind, Table[Basis]]] = {kind: _table(kind) for kind in get_args(BasisKind)}


_ADEQUATE: Final = mapped({"true": Basis(kind="adequacy")}, "true")
_KINDS: Final[dict[str, Kind[Basis]]] = {str(kind): table for kind, table in BASES.items()}
_BASIS: Final = Variant({**_KINDS, "adequacy": ByShape(_ADEQUATE, BASES["adequacy"])})


def _residency(
    regions: tuple[str, ...] = (),
    operators: tuple[str, ...] = (),
    adequacy: bool = False,
    bases: tuple[Basis, ...] = (),
    callers: tuple[str, ...] = (),
    route: bool = False,
    links: bool = False,
    **narrow: tuple[str, ...] | str,
) -> Part | Fault:
    if route and not (regions or operators):
        return Fault("route", "'route' without a place to go to", "'regions' or 'operators' beside it")
    if bases and not regions:
        return Fault("bases", "'bases' without regions", "'regions', which data leaves on these bases")
    made = Residency(
        regions=regions,
        operators=operators,
        adequacy=adequacy,
        bases=bases,
        callers=callers,
        route=route,
        links=links,
    )
    return Part(narrow, residency=made)


RESIDENCY: Final = Table(
    "residency",
    (
        Key("regions", many(REGION), "Where the data may go."),
        Key(
            "adequacy",
            FLAG,
            "Also countries with an adequacy decision under the law in force that day.",
            default="false",
        ),
        Key("operators", many(OPERATOR_NAME), "Who may run the machines it goes to."),
        Key("bases", ListOf(_BASIS, unique=False), "On what bases it may leave the regions."),
        Key("callers", many(REGION), "From where it may be asked for: where the caller's address is."),
        Key(
            "route",
            FLAG,
            "Where the upstream is declared to stand in the wrong place, ask one of the same provider that "
            "is declared to stand in the right one.",
            default="false",
        ),
        Key("links", FLAG, "Also where URLs in any text of a request lead.", default="false"),
        *narrowing("regions"),
    ),
    _residency,
    some=("regions", "operators", "callers"),
    doc="Where personal data may go, checked on the address actually connected to.",
)
"""`on_refusal: strip` and `direction: request` make it one about what a request really holds."""
