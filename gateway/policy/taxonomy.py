"""The names of data categories, data uses and places that rules and packs may use. Pure.

Categories and uses are the keys of the fideslang taxonomy (`fideslang.json`, CC-BY-4.0). What the house needs
beyond it stands in the two tables below, and nowhere else.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

import msgspec

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

_CODES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
    "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
    "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
    "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
    "UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
COUNTRIES: Final = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2 as assigned in 2025, and XK (Kosovo, by usage)."""

GROUPS: Final = ("EU", "EEA")
_MISTAKEN: Final = {"UK": "GB", "EL": "GR", "USA": "US", "UE": "EU", "EEE": "EEA"}


def _place(known: frozenset[str], expected: str) -> Word[str]:
    table = {word: word for word in sorted(known)}

    def near(text: str) -> str | None:
        upper = text.upper()
        return _MISTAKEN.get(upper, upper if upper in known else None)

    return Word(expected, table.get, hint=near)


CATEGORY: Final = mapped(CATEGORIES, "a data category such as user.contact.email")
USE: Final = mapped({use: use for use in sorted(USES)}, "a data use such as marketing.communications.sms")
COUNTRY: Final = _place(COUNTRIES, "an ISO 3166 country code such as FR")
REGION: Final = _place(COUNTRIES | set(GROUPS), "EU, EEA or an ISO 3166 country code such as FR")
OPERATOR_NAME: Final = pattern("the name of an operator such as OVH", r"[A-Za-z0-9][A-Za-z0-9 ._&-]{0,62}")
