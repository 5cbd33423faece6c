"""International bank account numbers in text (ISO 13616: length by country, ISO 7064 mod 97-10). Pure."""

import re
import string
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.hit import Span

_BY_SIZE: Final[Mapping[int, str]] = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Length -> countries: SWIFT's IBAN registry, release 101."""
_BESIDE: Final[Mapping[int, str]] = {
    25: "AO CV GW MZ",
    26: "DZ IR",
    27: "CF CG CM GA GQ KM MG TD",
    28: "BF BJ CI MA ML NE SN TG",
}
"""The same, of countries that use the format without being in the registry."""
SIZES: Final[Mapping[str, int]] = {
    name: size for sizes in (_BY_SIZE, _BESIDE) for size, names in sizes.items() for name in names.split()
}
_VALUES: Final = {ord(c): str(int(c, 36)) for c in string.ascii_letters}
_start = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}(?:[ \-\u00a0]?[A-Za-z0-9]){11}").finditer
_characters = re.compile(r"[A-Za-z0-9]").finditer
_joined = re.compile(r"[A-Za-z0-9](?:[ \-\u00a0]?[A-Za-z0-9]){14,32}").match


def ibans(text: str, budget: Budget) -> Iterator[Span]:
    """Where account numbers stand, in one piece or in groups apart by a blank or hyphen."""
    for begun in _start(text):
        budget.spend()
        size = SIZES.get(begun[1].upper())
        run = _joined(text, begun.start()) if size else None
        if run is None or size is None:
            continue
        places = [m.start() for m in _characters(run[0])][:size]
        if len(places) == size and _mod97("".join(run[0][at] for at in places)):
            yield run.start(), run.start() + places[-1] + 1


def _mod97(number: str) -> bool:
    return int((number[4:] + number[:4]).translate(_VALUES)) % 97 == 1
