"""The names of data categories, data uses and places that rules and packs may use. Pure.

Categories and uses are the keys of the fideslang taxonomy (`fideslang.json`, CC-BY-4.0). What the house
needs beyond it stands in the two tables below, and nowhere else. Places are those of `residency.law`.
"""

from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Final

import msgspec

from gateway.residency.law import COUNTRIES, FRAMEWORKS, WORDS
from gateway.strict.kinds import Word, mapped
from gateway.strict.words import pattern


class _Taxonomy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    licence: str
    categories: tuple[str, ...]
    uses: tuple[str, ...]


_FIDESLANG: Final = msgspec.json.decode(
    files("gateway.policy").joinpath("fideslang.json").read_bytes(), type=_Taxonomy
)

SPELLINGS: Final[Mapping[str, str]] = {
    "user.financial.payment_card": "user.financial.credit_card",
    "user.organization": "user.contact.organization",
}
"""Other names of a category -> its name in the taxonomy, which is what the gateway works with."""

EXTRA_USES: Final = ("marketing.communications.phone",)
"""Data uses the taxonomy lacks: calls have a purpose as text messages and e-mails do."""

CATEGORIES: Final[Mapping[str, str]] = {**{key: key for key in _FIDESLANG.categories}, **SPELLINGS}
"""Every accepted category -> the name the gateway works with."""

USES: Final = frozenset((*_FIDESLANG.uses, *EXTRA_USES))
"""Every accepted data use."""

_MISTAKEN: Final = {"UK": "GB", "EL": "GR", "USA": "US", "UE": "EU", "EEE": "EEA"}


def _place(known: Collection[str], expected: str) -> Word[str]:
    table = {word: word for word in sorted(known)}

    def near(text: str) -> str | None:
        upper = text.upper()
        return _MISTAKEN.get(upper, upper if upper in known else None)

    return Word(expected, table.get, hint=near)


CATEGORY: Final = mapped(CATEGORIES, "a data category such as user.contact.email")
USE: Final = mapped({use: use for use in sorted(USES)}, "a data use such as marketing.communications.sms")
COUNTRY: Final = _place(COUNTRIES, "an ISO 3166 country code such as FR")
REGION: Final = _place(WORDS, "EU, EEA, an ISO 3166 country code such as FR, or a framework such as US-DPF")
PLACE: Final = _place(
    COUNTRIES | FRAMEWORKS.keys(), "a country code such as FR, or a framework such as US-DPF"
)
OPERATOR_NAME: Final = pattern("the name of an operator such as OVH", r"[A-Za-z0-9][A-Za-z0-9 ._&-]{0,62}")
