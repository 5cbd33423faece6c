"""Tells in an answer of the records that were left out, as its provider would. Pure.

What is told of a record is what the caller itself wrote of it, in its own spelling: a reason, and the members
of its input that the provider's entry repeats. Neither the registry nor the upstream has a word in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.codecs.records import array_at, keys_of, member_at, put_at, scalar_at
from gateway.errors import REASONS
from gateway.model import Partial
from gateway.policy.partialfile import inputs_named


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One record: its place among the inputs (or the results, where they are not as many), why, and what
    its caller wrote of it, by the path of the member."""

    place: int
    reason: str
    written: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Leaving:
    """What one exchange leaves out of several records. `kept` are places of the inputs that were sent.

    `asked` answers the pseudonyms of each input and what it says: only asked for when the answer turns out to
    name somebody who is withheld. `status` is the answer's once it has been told.
    """

    left: list[LeftOut] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    asked: Callable[[], list[tuple[set[str], Mapping[str, Any]]]] = list
    status: int = 0

    def place_of(self, result: int, results: int) -> int:
        """Where among the inputs one of the upstream's results belongs."""
        return self.kept[result] if results == len(self.kept) else result

    def written_of(self, pseudonyms: set[str]) -> Mapping[str, Any]:
        """What the caller wrote of a person whom the answer names; nothing when it named nobody so."""
        return next((said for people, said in self.asked() if people & pseudonyms), {})


def written(document: Any, partial: Partial) -> list[dict[str, Any]]:
    """Of each input of a request as it came from the caller, the members that an entry repeats."""
    paths = inputs_named(partial.entry or "")
    items = array_at(document, partial.inputs) or []
    return [{path: value for path in paths if (value := scalar_at(item, path)) is not None} for item in items]


def tell(document: Any, partial: Partial, leaving: Leaving, identifier: str) -> bool:
    """Add what was left out to an answer, in place; False where it is not of the shape it should be."""
    results = array_at(document, partial.results)
    if results is None or not leaving.left or partial.entry is None:
        return False
    if partial.errors is None:
        for each in sorted(leaving.left, key=lambda left: left.place):
            results.insert(each.place, _entry(partial.entry, each.reason, [each], identifier))
    else:
        _listed(document, partial, partial.errors, leaving.left, identifier)
    leaving.status = partial.status or 0
    return True


def _listed(document: Any, partial: Partial, where: str, left: list[LeftOut], identifier: str) -> None:
    by_reason: dict[str, list[LeftOut]] = {}
    for each in sorted(left, key=lambda left: left.place):
        by_reason.setdefault(each.reason, []).append(each)
    entries = [_entry(partial.entry or "", why, those, identifier) for why, those in by_reason.items()]
    there = member_at(document, keys_of(where))
    put_at(document, keys_of(where), [*(there if there.__class__ is list else []), *entries])
    if partial.count is not None:
        before = member_at(document, keys_of(partial.count))
        put_at(document, keys_of(partial.count), len(entries) + (before if type(before) is int else 0))


def _entry(template: str, reason: str, left: list[LeftOut], identifier: str) -> Any:
    known = REASONS[reason]
    words = {"detail": known.title, "status": str(known.status), "reason": reason, "id": identifier}
    return _filled(_read(template), words, left)


_read: Final = lru_cache(maxsize=256)(msgspec.json.decode)
"""Templates are few, and never changed."""
_GONE: Final = object()


def _filled(value: Any, words: Mapping[str, str], left: list[LeftOut]) -> Any:
    if value.__class__ is dict:
        made = {name: _filled(each, words, left) for name, each in value.items()}
        return {name: each for name, each in made.items() if each is not _GONE}
    if value.__class__ is list:
        return _items(value, words, left)
    if value.__class__ is not str:
        return value
    if value.startswith("{input."):
        return left[0].written.get(value[7:-1], _GONE)
    for word, text in words.items():
        value = value.replace("{" + word + "}", text)
    return value


def _items(items: list[Any], words: Mapping[str, str], left: list[LeftOut]) -> Any:
    """A list; one that had only members of inputs in it and has none left is gone."""
    out: list[Any] = []
    for item in items:
        if item.__class__ is str and item.startswith("{input."):
            out += [each.written[item[7:-1]] for each in left if item[7:-1] in each.written]
        else:
            out.append(_filled(item, words, left))
    return out if out or not items else _GONE
