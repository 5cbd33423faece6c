"""Record ids as the registry knows them: with who gave them out, and as what: `hubspot/contact/512`. Pure.

An id says nothing alone: two providers, or two kinds of records of one, give out the same. What goes before
it is its space, which packs say (`hubspot/contact/`; `salesforce/` where ids of all kinds differ anyway).
"""

from collections.abc import Collection, Iterable
from typing import Final

from gateway.contacts.normalise import normalise
from gateway.model import Pack, SubjectKind, kind_of

BARE: Final = "bare/"
"""How a person writes an id that is kept without a space, as all were before there were spaces."""


def canonical(kind: str, value: str, country: str | None) -> str | None:
    """As `normalise`, of a kind that may hold a space."""
    _, _, space = kind.partition("\0")
    if not space:
        return normalise(kind, value, country)  # type: ignore[arg-type]  # a SubjectKind where nothing is in it
    normal = normalise("record", value, None)
    return None if normal is None else space + normal


def spaces_of(packs: Iterable[Pack]) -> tuple[str, ...]:
    """Every space that packs know, in order."""
    return tuple(sorted({space for pack in packs for space in pack.spaces}))


def written(
    kind: SubjectKind, value: str, country: str | None, spaces: Collection[str], within: str = ""
) -> str | None:
    """The canonical form of an identifier as people write it: a record id with its space, or as `bare/512`.

    `within`: the space of record ids that are written without. None for what names nobody.
    """
    if kind != "record":
        return normalise(kind, value, country)
    value = within + value
    if value.startswith(BARE):
        return normalise("record", value.removeprefix(BARE), None)
    space = max((each for each in spaces if value.startswith(each)), key=len, default="")
    return canonical(kind_of("record", space), value.removeprefix(space), None) if space else None


def expected(spaces: Collection[str]) -> str:
    """What a record id is written as, for whoever wrote another one."""
    forms = ", ".join(f"{space}ID" for space in sorted(spaces))
    return f"a record id with its provider: {forms or 'PROVIDER/TYPE/ID'}"
