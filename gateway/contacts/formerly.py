"""What is known of people under all their names: what a name of before forbids is forbidden still. Pure.

Whoever tells what is in force asks this way, so that everybody is told what the request path goes by.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from gateway.contacts.ledger import forbidden
from gateway.contacts.model import Standing

Names = tuple[str, ...]
"""Pseudonyms of one person: that which entries are made under, then those of before (`contacts.records`)."""
NOBODY: Final[Names] = ()


def asked(people: Iterable[Names]) -> list[str]:
    """Whom a registry is asked for, to know of these people."""
    return [name for names in people for name in names]


def merged(people: Sequence[Names], found: Iterable[Standing]) -> list[Standing]:
    """A standing for each of the people, of those found for whom `asked` says; no more is taken of them."""
    each = iter(found)
    made = []
    for names in people:
        standing = next(each)
        for _ in names[1:]:
            standing = forbidden(standing, next(each))
        made.append(standing)
    return made
