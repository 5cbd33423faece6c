"""Where data may go and on what basis it may leave, as a rule says it. Pure."""

from typing import Literal

import msgspec

LawOf = Literal["EU", "UK", "CH"]
BasisKind = Literal[
    "adequacy", "dpf", "privacy_shield", "safe_harbor", "scc", "explicit_consent", "tenant_consent"
]
"""GDPR Art. 45 (adequacy, and the frameworks of certified organisations), 46(2)(c), 49(1)(a)."""


class Basis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One basis of a transfer, and what it covers: everything where nothing is named.

    `recipients` are providers and operators, `countries` region words, `data` categories; `since`/`until`
    dates (ISO 8601), inclusive and exclusive. `ref` is the document it stands in. `consent` is the name of a
    tenant's consent, or the data use a person has consented to.
    """

    kind: BasisKind
    recipients: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    ref: str = ""
    consent: str = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That an instruction holds although the law speaks against it: who says so, why, since when."""

    by: str
    reason: str
    date: str


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody said of an infringing rule outside the rule file, on a date (ISO 8601).

    `text` and `basis` are SHA-256 (hex) of the rule as it was, and of what of it was void: it is about these.
    """

    tenant: str
    rule: str
    word: Literal["confirm", "withdraw"]
    by: str
    date: str
    text: str
    basis: str
    reason: str = ""


class Residency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where personal data may go: regions (ISO 3166 codes, EEA, EU), operators, adequate countries too.

    `links`: URLs in any text of a request are such places.
    `bases` let it leave the regions, `callers` are the regions from where it may be asked for. `route`:
    another upstream of the same provider is asked where this one stands in the wrong place.
    """

    regions: tuple[str, ...] = ()
    adequacy: bool = False
    operators: tuple[str, ...] = ()
    links: bool = False
    bases: tuple[Basis, ...] = ()
    callers: tuple[str, ...] = ()
    route: bool = False
