"""What EU law says about countries, by date: membership, adequacy, transfer frameworks. Pure.

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


class Membership(Struct):
    """A country's membership of a region; `until` is exclusive."""

    region: Region
    country: str
    since: date
    source: str
    until: date | None = None


class Adequacy(Struct):
    """An adequacy decision in force from its adoption; `limits` says what of the country it covers."""

    country: str
    since: date
    source: str
    until: date | None = None
    limits: str | None = None


class Framework(Struct):
    """An adequacy decision for certified organisations of a country, known by a word of its own."""

    word: str
    country: str
    since: date
    source: str
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
REGIONS: Final = frozenset(line.region for line in LAW.membership)
WORDS: Final = COUNTRIES | FRAMEWORKS.keys() | REGIONS
"""Every word a rule or an upstream may name as a region."""


def expand(regions: Sequence[str], adequacy: bool, on: date) -> frozenset[str]:
    """The places the region words stand for on a day; with `adequacy`, the adequate ones as well.

    A country holds its frameworks' organisations too. A framework that is void or not yet in force on that
    day, and a word that is not in WORDS, stand for nothing.
    """
    return _expand(tuple(word.upper() for word in regions), adequacy, on)


def inside(region: str, places: frozenset[str], on: date) -> bool:
    """Whether every place a (declared) region word stands for is among `places`; an unknown word is not.

    A certified organisation is certified wherever it stands, so its word alone is compared.
    """
    word = region.upper()
    if word in FRAMEWORKS:
        return word in places
    countries = _countries(word, on)
    return bool(countries) and countries <= places


@lru_cache(maxsize=1024)
def _expand(words: tuple[str, ...], adequacy: bool, on: date) -> frozenset[str]:
    places = {country for word in words for country in _countries(word, on)}
    certified = {line.word for line in _in_force(LAW.frameworks, on)}
    framed = {word for word, country in FRAMEWORKS.items() if country in places}
    places |= framed | certified.intersection(words)
    if adequacy:
        places |= {line.country for line in _in_force(LAW.adequacy, on)} | certified
    return frozenset(places)


@lru_cache(maxsize=1024)
def _countries(word: str, on: date) -> frozenset[str]:
    if word in COUNTRIES:
        return frozenset((word,))
    return frozenset(line.country for line in _in_force(LAW.membership, on) if line.region == word)


def _in_force[L: (Membership, Adequacy, Framework)](lines: Iterable[L], on: date) -> list[L]:
    return [line for line in lines if line.since <= on and (line.until is None or on < line.until)]
