"""National identification numbers, by country: shape, and the checksum python-stdnum knows. Pure.

A number of nine or ten digits passes a weak checksum by chance once in ten, so what is digits alone is only
looked for in the tenant's own regions; what has letters, or a strong checksum, everywhere.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from stdnum import luhn, verhoeff
from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nif as spi
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.gr import vat as afm
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import cc, nif
from stdnum.ro import cnp
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.hit import Find, Span

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of number. `regions` empty: looked for everywhere. `chain`: digits it has in a row at least,
    blanks and punctuation between them allowed; 0 when it is always one word with four digits or more.
    """

    regions: str
    pattern: str
    check: Check
    chain: int = 7


def _born(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def _belgian(text: str) -> bool:
    """Mod 97 over nine digits, from 2000 on with a 2 before them (royal decree of 3 April 1984, art. 4)."""
    digits = re.sub(r"\D", "", text)
    left, control = digits[:9], int(digits[9:])
    return control in (97 - int(left) % 97, 97 - int("2" + left) % 97)


def _swedish(text: str) -> bool:
    digits = re.sub(r"\D", "", text)[-10:]
    day = int(digits[4:6])
    return luhn.is_valid(digits) and _born(day - 60 if day > 60 else day, int(digits[2:4]))


def _day_first(text: str) -> bool:
    return _born(int(text[:2]), int(text[2:4]))


def _norwegian(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    first = fodselsnummer.calc_check_digit1(digits)
    second = fodselsnummer.calc_check_digit2(digits)
    return first == digits[9] and second == digits[10]


def _south_african(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return luhn.is_valid(digits) and _born(int(digits[4:6]), int(digits[2:4]))


def _korean(text: str) -> bool:
    return _born(int(text[4:6]), int(text[2:4]))


def _indian(text: str) -> bool:
    return verhoeff.is_valid(re.sub(r"\D", "", text))


def _italian(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= 4 and codicefiscale.is_valid(text)


def _social(text: str) -> bool:
    return ssn.is_valid(text.replace(" ", "-"))


def _finnish(text: str) -> bool:
    return hetu.is_valid(text, allow_temporary=True)


def _anything(_: str) -> bool:
    return True


_S: Final = r"[ .\-\u00a0]?"
SHAPES: Final = (
    Shape(
        "",
        rf"[1278]{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}(?:[0-9]{{2}}|2[AB]){_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{2}}",
        nir.is_valid,
    ),
    Shape("FR", rf"[0-3][0-9]{_S}[0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}", spi.is_valid),
    Shape("", r"[0-9]{8}[ \-]?[A-HJ-NP-TV-Z]", dni.is_valid),
    Shape("", r"[XYZ][ \-]?[0-9]{7}[ \-]?[A-HJ-NP-TV-Z]", nie.is_valid),
    Shape("", r"[A-Z]{6}[0-9L-V]{2}[A-T][0-9L-V]{2}[A-Z][0-9L-V]{3}[A-Z]", _italian, 0),
    Shape("", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]", curp.is_valid, 0),
    Shape("", r"[0-9]{6}[\-+A-FU-Y][0-9]{3}[0-9A-Y]", _finnish),
    Shape("", rf"756{_S}[0-9]{{4}}{_S}[0-9]{{4}}{_S}[0-9]{{2}}", ahv.is_valid),
    Shape("", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", cpf.is_valid),
    Shape("", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", _social),
    Shape("", r"9[0-9]{2}-[0-9]{2}-[0-9]{4}", itin.is_valid),
    Shape("US", r"[0-9]{3} [0-9]{2} [0-9]{4}", _social),
    Shape("AR", r"[0-9]{2}-?[0-9]{8}-?[0-9]", cuit.is_valid),
    Shape("AT", r"[0-9]{4} ?[0-9]{6}", vnr.is_valid),
    Shape("AU", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", tfn.is_valid),
    Shape("BE", rf"[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{2}}", _belgian),
    Shape("BG", r"[0-9]{10}", egn.is_valid),
    Shape("BR", r"[0-9]{11}", cpf.is_valid),
    Shape("CA", rf"[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}", sin.is_valid),
    Shape("CL", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-[0-9K]", rut.is_valid),
    Shape("CZ SK", r"[0-9]{6}/[0-9]{3}|[0-9]{6}/?[0-9]{4}", rc.is_valid),
    Shape("DE", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", idnr.is_valid),
    Shape("DK", r"[0-9]{6}-?[0-9]{4}", _day_first),
    Shape("EE LT", r"[1-8][0-9]{10}", ik.is_valid),
    Shape("GB", rf"[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{4}}", nhs.is_valid),
    Shape(
        "GB",
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]",
        _anything,
        6,
    ),
    Shape("GR", r"[0-9]{11}", amka.is_valid),
    Shape("GR", r"[0-9]{9}", afm.is_valid),
    Shape("HR", r"[0-9]{11}", oib.is_valid),
    Shape("IE", r"[0-9]{7}[A-W][A-IW]?", pps.is_valid),
    Shape("IN", r"[2-9][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}", _indian),
    Shape("IN", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", _anything, 0),
    Shape("KR", r"[0-9]{6}-?[1-8][0-9]{6}", _korean),
    Shape("LV", r"[0-9]{6}-[0-9]{5}", _day_first),
    Shape("NL", r"[0-9]{4}\.?[0-9]{2}\.?[0-9]{3}", bsn.is_valid),
    Shape("NO", r"[0-9]{6} ?[0-9]{5}", _norwegian),
    Shape("PL", r"[0-9]{11}", pesel.is_valid),
    Shape("PT", r"[1-35-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}", nif.is_valid),
    Shape("PT", r"[0-9]{8} ?[0-9] ?[A-Z0-9]{2}[0-9]", cc.is_valid),
    Shape("RO", r"[1-9][0-9]{12}", cnp.is_valid),
    Shape("SE", r"(?:[0-9]{2})?[0-9]{6}[\-+]?[0-9]{4}", _swedish),
    Shape("SG", r"[STFGM][0-9]{7}[A-Z]", _anything),
    Shape("SI BA HR ME MK RS", r"[0-9]{13}", emso.is_valid),
    Shape("TH", r"[1-8][ \-]?[0-9]{4}[ \-]?[0-9]{5}[ \-]?[0-9]{2}[ \-]?[0-9]", pin.is_valid),
    Shape("TR", r"[1-9][0-9]{10}", tckimlik.is_valid),
    Shape("ZA", r"[0-9]{6} ?[0-9]{4} ?[0-9]{3}", _south_african),
)


def national_ids(regions: tuple[str, ...]) -> tuple[int, Find]:
    """(the least digits in a row of what is looked for, what finds it)."""
    wanted = [shape for shape in SHAPES if not shape.regions or set(shape.regions.split()) & set(regions)]
    ready = tuple((_compiled(shape.pattern).match, shape.check) for shape in wanted)
    places = _places(shape.pattern for shape in wanted)

    def find(text: str, budget: Budget) -> Iterator[Span]:
        for place in places(text):
            budget.spend()
            for match_at, check in ready:
                match = match_at(text, place.start())
                if match is not None:
                    budget.spend()
                    if check(match[0].upper()):
                        yield match.span()

    return min(shape.chain for shape in wanted if shape.chain), find


_END: Final = "(?![0-9A-Za-z])"


def _places(patterns: Iterable[str]) -> Callable[[str], Iterator[re.Match[str]]]:
    """Where a word begins with which one of the patterns begins.

    A search skips to a first character it is told; all else stands behind it, looking back. One character
    wide, so that where one number overlaps the next, both are met.
    """
    words = "|".join(rf"{pattern}{_END}" for pattern in patterns)
    return re.compile(
        rf"[0-9A-Za-z](?<![0-9A-Za-z][0-9A-Za-z])(?<=(?={words})[0-9A-Za-z])", re.IGNORECASE | re.ASCII
    ).finditer


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z])(?:{pattern}){_END}", re.IGNORECASE | re.ASCII)
