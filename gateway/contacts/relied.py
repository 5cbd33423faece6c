"""Whether the lists that rules rely on are young enough: of newer entries an old one says nothing. Pure.

A list is known to the registry by the entries `imported` of a subject of its own.
"""

from collections.abc import Iterable, Mapping

from gateway.listlimit import ListLimit, Relied

Dated = Mapping[str, float | None]
"""By name, when a list that is in force was made (epoch seconds); None: it was never imported."""


def subject(name: str) -> str:
    """The subject of a list's imports; no pseudonym begins so."""
    return f"list:{name}"


def too_old(lists: Iterable[Relied], dated: Dated, now: float) -> bool:
    """Whether one of them is older than it may be, was never imported, or is one whose age nobody limits."""
    return any(
        _passed(dated.get(each.name), each.limit.max_age if each.limit else None, now) for each in lists
    )


def ageing(lists: Mapping[str, ListLimit], dated: Dated, now: float) -> tuple[str, ...]:
    """Names of those that are told of: they may be relied on, or not for long."""
    return tuple(name for name, limit in lists.items() if _passed(dated.get(name), limit.warn_after, now))


def _passed(at: float | None, bound: float | None, now: float) -> bool:
    return at is None or bound is None or now - at > bound
