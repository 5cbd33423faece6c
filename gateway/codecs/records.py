"""Records of a JSON document: the items of one array, and whose each of the people in it is. Pure."""

from functools import lru_cache
from typing import Any, NamedTuple

from gateway.codecs.paths import KEY, links_of
from gateway.codecs.program import Program
from gateway.codecs.scalars import CONTAINERS
from gateway.codecs.steps import Step, compiled


class Owner(NamedTuple):
    """Where one of JSON.find's people stands: the nearest array, the item's index in it, the record."""

    array: list[Any] | None
    at: int
    record: int | None


@lru_cache(maxsize=1024)
def keys_of(path: str) -> tuple[str, ...]:
    """The keys of a path (`data.results[]`: both of them). Raises InternalError for a bad path."""
    return tuple(name for kind, name in links_of(path) if kind is KEY)


def array_at(document: Any, path: str | None) -> list[Any] | None:
    """The array whose items `path` (`results[]`, `[]`) selects; None where there is no array."""
    found = None if path is None else member_at(document, keys_of(path))
    return found if found.__class__ is list else None


def member_at(value: Any, keys: tuple[str, ...]) -> Any:
    """What is at some keys from a value down; None where there is nothing."""
    for key in keys:
        if value.__class__ is not dict:
            return None
        value = value.get(key)
    return value


def put_at(document: Any, keys: tuple[str, ...], value: Any) -> None:
    """Put a value there, in place; objects that are missing on the way are made."""
    for key in keys[:-1]:
        below = document.get(key)
        if below.__class__ is not dict:
            below = document[key] = {}
        document = below
    document[keys[-1]] = value


def scalar_at(value: Any, path: str) -> Any:
    """The scalar at a path of keys; None where there is none."""
    found = member_at(value, keys_of(path))
    return None if found.__class__ in CONTAINERS else found


def owners(document: Any, program: Program, records: list[Any] | None) -> list[Owner]:
    """One for each of `JSON.find(document, program)`, in the same order. `records`: an array in it."""
    out: list[Owner] = []
    start = compiled(program).start
    if start.finds:
        _walk(document, start, Owner(None, 0, None), records, out)
    return out


def _walk(value: Any, step: Step, owner: Owner, records: list[Any] | None, out: list[Owner]) -> None:
    if value.__class__ is dict:
        for key, member in value.items():
            below = step.keys.get(key, step.any)
            if below is not None and below.finds:
                _walk(member, below, owner, records, out)
    elif value.__class__ is list:
        items = step.items
        if items is not None and items.finds:
            for at, item in enumerate(value):
                record = at if value is records else owner.record
                _walk(item, items, Owner(value, at, record), records, out)
    elif step.subject and value is not None:
        out.append(owner)
