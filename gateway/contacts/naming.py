"""People met in traffic, by their pseudonyms: the only form in which they are ever kept. Pure."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from gateway.contacts.normalise import normalise, shapes
from gateway.contacts.records import canonical
from gateway.model import SubjectKind

Pseudonymise = Callable[[str, str], str]
"""(subject kind, normalised value) -> the tenant's keyed pseudonym."""
Met = Sequence[tuple[int, str]]
"""(slot index, value as it stands in traffic)."""


Named = tuple[list[str], frozenset[tuple[str, str]]]
"""Pseudonyms in the order of those met, and (kind, value) of who could not be read."""
Name = Callable[[dict[str, None], tuple[str, ...], Met], Named]
"""Adds the pseudonyms of those met to a dict, in their order; the kinds are those of a program."""
_NONE: Final = frozenset[tuple[str, str]]()


def namer(pseudonymise: Pseudonymise, country: str | None) -> Name:
    """What names people under a tenant's key.

    A value that has no canonical form is known by its own text, in lower case without outer white space.
    A compiled pseudonymiser does the usual spellings itself and asks here for the others.
    """
    strange: set[tuple[str, str]] = set()
    slow = partial(_name, pseudonymise, country, strange)
    native: Any = getattr(pseudonymise, "native", None)

    def name(subjects: dict[str, None], kinds: tuple[str, ...], met: Met) -> Named:
        if strange:
            strange.clear()
        if native is not None and met.__class__ is list:
            names: list[str] = native.name(subjects, met, kinds, shapes(), slow)
        else:
            names = [slow(kinds[slot], value) for slot, value in met]
            subjects.update(dict.fromkeys(names))
        return names, frozenset(strange) if strange else _NONE

    return name


def sender(kind: SubjectKind, value: str, country: str | None) -> str:
    """A sender in the spelling that entries have, too: a number, an address, else a word."""
    normal = normalise(kind, value, country)
    return value.strip().lower() if normal is None or kind == "record" else normal


def _name(
    pseudonymise: Pseudonymise,
    country: str | None,
    strange: set[tuple[str, str]],
    kind: str,
    value: str,
) -> str:
    normal = canonical(kind, value, country)
    plain, _, space = kind.partition("\0")
    if normal is None:
        strange.add((kind, value))
        normal = space + value.strip().lower()
    return pseudonymise("record" if space else plain, normal)
