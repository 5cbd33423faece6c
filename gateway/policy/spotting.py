"""Personal data that a rule wants masked wherever it is recognised, whatever a field is called. Pure.

A card number in a note is one too.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any, Final

from gateway.codecs.program import REMOVED, Masker, PerPerson
from gateway.masking.detect import finder_of, is_card
from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.finder import CARD, only_cards
from gateway.masking.detectors.hit import CATEGORIES, Hit
from gateway.masking.guards import Compared
from gateway.masking.operators import REDACTED
from gateway.masking.table import stricter
from gateway.model import Direction, Mask, Rule, covers
from gateway.policy.linking import LinkMasker

_SPECIAL: Final = (PerPerson, Compared, LinkMasker)
"""Maskers that others look into: what they let through is a date, or asked for by name, or a link."""


class Spotting:
    """What is looked for in one direction of a plan; false where nothing is. `rules` ask for it."""

    __slots__ = ("_find", "_maskers", "rules")

    def __init__(
        self,
        rules: Iterable[Rule],
        direction: Direction,
        regions: tuple[str, ...],
        build: Callable[[Mask, str], Masker],
    ) -> None:
        asking = [
            (rule, rule.operator)
            for rule in rules
            if rule.detect and rule.operator and (rule.scope.direction or "response") == direction
        ]
        self.rules = tuple(rule.id for rule, _ in asking)
        self._maskers: dict[str, Masker] = {}
        for kind, category in CATEGORIES.items():
            masks = [mask for rule, mask in asking if any(covers(each, category) for each in rule.mask)]
            if masks:
                self._maskers[kind] = build(reduce(stricter, masks), category)
        self._find = only_cards if self._maskers.keys() == {CARD} else finder_of(regions).find

    def __bool__(self) -> bool:
        return bool(self._maskers)

    def after(self, mask: Masker | None) -> Masker | None:
        """A masker, and then what is looked for in what it shows."""
        if not self._maskers or isinstance(mask, _SPECIAL):
            return mask
        return self.masked if mask is None else lambda value: self.masked(mask(value))

    def masked(self, value: Any) -> Any:
        """A scalar with what was recognised in it masked, the same object where that is nothing."""
        if value.__class__ is str:
            return value if value.isalpha() else self._text(value)
        if value is None or value is REMOVED or value.__class__ is bool or CARD not in self._maskers:
            return value  # a number is taken for a card number and nothing else
        return self._maskers[CARD](value) if is_card(value) else value

    def _text(self, text: str) -> Any:
        budget = Budget()
        hits = self._find(text, budget)
        if budget.left < 0:  # too much to look into: all of it may be anything
            return REDACTED
        wanted = sorted(hit for hit in hits if hit.kind in self._maskers)
        return self._replaced(text, wanted) if wanted else text

    def _replaced(self, text: str, hits: list[Hit]) -> Any:
        """The text with each hit as its kind's masker shows it; hits that overlap are one, and redacted."""
        if hits == [(0, len(text), hits[0].kind)]:
            return self._maskers[hits[0].kind](text)
        parts: list[str] = []
        at = 0
        for start, end, kinds in _apart(hits):
            made = self._maskers[kinds.pop()](text[start:end]) if len(kinds) == 1 else REDACTED
            parts += (text[at:start], made if made.__class__ is str else "")
            at = end
        return "".join((*parts, text[at:]))


def _apart(hits: list[Hit]) -> Iterator[tuple[int, int, set[str]]]:
    """Sorted hits, those that overlap as one: (start, end, kinds)."""
    start, end, kinds = hits[0].start, hits[0].end, {hits[0].kind}
    for hit in hits[1:]:
        if hit.start < end:
            end = max(end, hit.end)
            kinds.add(hit.kind)
        else:
            yield start, end, kinds
            start, end, kinds = hit.start, hit.end, {hit.kind}
    yield start, end, kinds
