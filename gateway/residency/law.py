"""What the law of the EU, the UK and Switzerland says about countries, by date: membership, adequacy,
transfer frameworks. Pure.

The facts are data (`law.json`, each line with its dates and source); this file only reads and asks them. A
place is an ISO 3166-1 alpha-2 code, or the word of a framework (`US-DPF`: a certified organisation in the
US), which is adequate where the country alone is not (GDPR Art. 45(3)).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from gateway.errors import InternalError
from gateway.model import Struct

Region = Literal["EU", "EEA"]
Regime = Literal["EU", "UK", "CH"]
"""Whose law a transfer is judged by: the GDPR, the UK GDPR, or the Swiss FADP."""


class Membership(Struct):
    """A country's membership of a region; `until` is exclusive."""

    region: Region
    country: str
    since: date
    source: str
    until: date | None = None


class Adequacy(Struct):
    """What a law says is adequate, from when that is in force; `limits` says what of the country it covers.

    `country` may be a region word, for all that are its members.
    """

    country: str
    since: date
    source: str
    law: Regime = "EU"
    until: date | None = None
    limits: str | None = None


class Framework(Struct):
    """What is adequate of a country are certified organisations, known by a word of their own.

    `includes`: a framework whose certification everybody has that has this one.
    """

    word: str
    country: str
    since: date
    source: str
    law: Regime = "EU"
    includes: str | None = None
    until: date | None = None


class Law(Struct):
    """The whole of `law.json`. `checked` is the day the facts were last compared with their sources."""

    checked: date
    countries_source: str
    countries: tuple[str, ...]
    membership: tuple[Membership, ...]
    adequacy: tuple[Adequacy, ...]
    frameworks: tuple[Framework, ...]


def _read() -> Law:
    try:
        return msgspec.json.decode(files(__package__).joinpath("law.json").read_bytes(), type=Law)
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError("law.json of this installation cannot be read") from error


LAW: Final = _read()

COUNTRIES: Final = frozenset(LAW.countries)
FRAMEWORKS: Final = {framework.word: framework.country for framework in LAW.frameworks}
_BY_WORD: Final = {framework.word: framework for framework in LAW.frameworks}
_PLACES: Final = COUNTRIES | FRAMEWORKS.keys()
REGIONS: Final = frozenset(line.region for line in LAW.membership)
WORDS: Final = COUNTRIES | FRAMEWORKS.keys() | REGIONS
"""Every word a rule or an upstream may name as a region."""


def expand(regions: Sequence[str], adequacy: bool, on: date, law: Regime = "EU") -> frozenset[str]:
    """The places the region words stand for on a day; with `adequacy`, those adequate under a law as well.

    A country holds its frameworks' organisations too. A framework that is void or not yet in force on that
    day, and a word that is not in WORDS, stand for nothing.
    """
    return _expand(tuple(regions), adequacy, on, law)


def standing(word: str) -> tuple[date, date | None]:
    """From when until when (exclusive) a framework is in force. Raises KeyError for a word that is none."""
    line = _BY_WORD[word.upper()]
    return line.since, line.until


def inside(region: str, places: frozenset[str], on: date) -> bool:
    """Whether every place a (declared) region word stands for is among `places`; an unknown word is not.

    A certified organisation is certified wherever it stands, so its word alone is compared.
    """
    word = region.upper()
    if word in _PLACES:
        return word in places
    countries = _countries(word, on)
    return bool(countries) and countries <= places


@lru_cache(maxsize=1024)
def _expand(regions: tuple[str, ...], adequacy: bool, on: date, law: Regime) -> frozenset[str]:
    words = [word.upper() for word in regions]
    places = {country for word in words for country in _countries(word, on)}
    in_force = _in_force(LAW.frameworks, on)
    places |= {word for word, country in FRAMEWORKS.items() if country in places}
    places |= {line.word for line in in_force}.intersection(words)
    if adequacy:
        adequate = [line for line in _in_force(LAW.adequacy, on) if line.law == law]
        places |= {country for line in adequate for country in _countries(line.country, on)}
        places |= {line.word for line in in_force if line.law == law}
    return frozenset(places) | {line.word for line in in_force if line.includes in places}


@lru_cache(maxsize=1024)
def _countries(word: str, on: date) -> frozenset[str]:
    if word in COUNTRIES:
        return frozenset((word,))
    return frozenset(line.country for line in _in_force(LAW.membership, on) if line.region == word)


def _in_force[L: (Membership, Adequacy, Framework)](lines: Iterable[L], on: date) -> list[L]:
    return [line for line in lines if line.since <= on and (line.until is None or on < line.until)]
