"""Record ids as the registry knows them: with who gave them out, and as what: `hubspot/contact/512`. Pure.

An id says nothing alone: two providers, or two kinds of records of one, give out the same. What goes before
it is its space, which packs say (`hubspot/contact/`; `salesforce/` where ids of all kinds differ anyway).
Where a provider takes an id in several spellings, the registry knows it in one (`gateway.recordids`).
"""

from collections.abc import Collection, Iterable
from typing import Final

from gateway.contacts.normalise import normalise
from gateway.model import Pack, SubjectKind
from gateway.recordids import spelling_of

BARE: Final = "bare/"
"""How a person writes what entries of before were made under: an id without a space, or spelt otherwise."""


def canonical(kind: str, value: str, country: str | None) -> str | None:
    """As `normalise`, of a kind that may hold a space."""
    _, _, space = kind.partition("\0")
    if not space:
        return normalise(kind, value, country)  # type: ignore[arg-type]  # a SubjectKind where nothing is in it
    normal = normalise("record", value, None)
    if normal is None:
        return None
    spelling = spelling_of(space)
    return space + (normal if spelling is None else spelling.one(normal))


def known(space: str, value: str) -> tuple[str, ...]:
    """All that entries about a record of this id may have been made under: now, and before that.

    Ids were kept without their space at first, and then in whichever spelling they came.

    >>> known("crm/contact/", "512"), known("salesforce/", "003G000001SUbc4")[:2]
    (('crm/contact/512', '512'), ('salesforce/003G000001SUbc4IAD', 'salesforce/003G000001SUbc4'))
    """
    spelling = spelling_of(space)
    if spelling is None:
        return (space + value, value) if space else (value,)
    one = spelling.one(value)
    ways = dict.fromkeys((one, *spelling.others(one), value))
    return (*(space + way for way in ways), *ways)


def spaces_of(packs: Iterable[Pack]) -> tuple[str, ...]:
    """Every space that packs know, in order."""
    return tuple(sorted({space for pack in packs for space in pack.spaces}))


def names(
    kind: SubjectKind, value: str, country: str | None, spaces: Collection[str], within: str = ""
) -> tuple[str, ...]:
    """As `known`, of an identifier as people write it: a record id with its space, or as `bare/512`.

    `within`: the space of record ids that are written without. Empty for what names nobody.
    """
    normal: str | None
    if kind != "record":
        normal = normalise(kind, value, country)
        return () if normal is None else (normal,)
    value = within + value
    if value.startswith(BARE):
        normal = normalise("record", value.removeprefix(BARE), None)
        return () if normal is None else (normal,)
    space = max((each for each in spaces if value.startswith(each)), key=len, default="")
    normal = normalise("record", value.removeprefix(space), None) if space else None
    return () if normal is None else known(space, normal)


def written(
    kind: SubjectKind, value: str, country: str | None, spaces: Collection[str], within: str = ""
) -> str | None:
    """The canonical form of it alone, under which entries are made. None for what names nobody."""
    return next(iter(names(kind, value, country, spaces, within)), None)


def expected(spaces: Collection[str]) -> str:
    """What a record id is written as, for whoever wrote another one."""
    forms = ", ".join(f"{space}ID" for space in sorted(spaces))
    return f"a record id with its provider: {forms or 'PROVIDER/TYPE/ID'}"
