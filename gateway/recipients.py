"""Who a tenant's data may be given to, and where providers may be told to send it, as frozen values. Pure."""

from typing import Literal, dataclass_transform

import msgspec


# model.Struct stands above this module, whose values are in it.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frozen, keyword-only, packable."""


class Said(_Struct):
    """Somebody's approval of a sub-processor, or an objection to it, on a date (ISO 8601)."""

    by: str
    date: str
    reason: str = ""


class Subprocessor(_Struct):
    """One line of the list. `purposes` empty means all; `dpa` is the contract it is bound by.

    `announced` is a date; `objection_period` a number of days from it, after which it may be used unless
    somebody objected. An approval ends the wait; an objection closes it, whatever else is said.
    """

    operator: str
    dpa: str
    announced: str
    purposes: tuple[str, ...] = ()
    objection_period: int = 30
    approved: Said | None = None
    objected: Said | None = None


class Destination(_Struct):
    """A host (or `*.suffix`) of the tenant's own that a provider may be told to send to: where, and whose."""

    host: str
    region: str
    operator: str


class Processing(_Struct):
    """What the record of processing (GDPR Art. 30) says that no traffic shows. `subjects` are categories of
    people; `retention` says per data category how long it is kept."""

    controller: str = ""
    contact: str = ""
    subjects: tuple[str, ...] = ()
    retention: dict[str, str] = {}
    measures: str = ""


class Decision(_Struct):
    """What somebody decided about an operator outside the rule file, on a date (ISO 8601)."""

    tenant: str
    operator: str
    word: Literal["approve", "object"]
    by: str
    date: str
    reason: str = ""
