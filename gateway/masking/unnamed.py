"""The guard of query parameters that no data map names: what they may not ask about what is hidden. Pure.

A provider may know filters, sorts and searches that its data map does not. So a parameter is refused whose
name resembles a hidden field, that filters or sorts by a name like one, that searches in everything, or whose
value is itself personal data of a hidden category. A data map that names the parameter ends this.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import PayloadError
from gateway.masking.detectors.hit import CATEGORIES, Hit
from gateway.masking.guards import REFUSED
from gateway.masking.likeness import Likeness, vocabulary, words

PLACE: Final = "query: a parameter that no data map names"
"""Never the name itself: it is the caller's own text."""

_NAMING: Final = vocabulary("""
    aggregate aggregates condition conditions criteria distinct facet facets filter filters group groupby
    having order orderby ordering predicate sort sortby sorts where
""")
"""Words of parameters whose value names fields to filter or sort by."""
_CHOOSING: Final = vocabulary("""
    attributes columns embed expand field fields include projection properties return select
""")
"""Words of parameters whose value names fields to answer with: of these, what the caller gets nothing of."""
_SEARCHING: Final = vocabulary("q query search searchterm term keyword keywords fulltext freetext")
"""Parameters that look in all fields there are."""

_names: Final = re.compile(r"[^\W\d][\w.\-\[\]]*").findall
_parameters: Final = re.compile(rb"(?:\A|(?<=&))[^=&]++").findall
_MOST_NAMES: Final = 256
_REMEMBERED: Final = 1024

Find = Callable[[str], list[Hit]]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the name of a parameter alone says."""

    refused: bool
    searches: bool
    named: Likeness
    """Fields its value may not name."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """`known` are the parameters a data map names, `hidden` fields the caller does not see as they are, and
    `removed` those it gets nothing of. `find` are the tenant's detectors (None: `unmapped: pass`); what they
    find is hidden where it is of `kinds`.
    """

    known: frozenset[str]
    hidden: Likeness
    removed: Likeness
    find: Find | None
    kinds: frozenset[str]
    _verdicts: dict[str, _Verdict] = field(default_factory=dict, repr=False, compare=False)
    """Of names met before; applications use the same few."""
    _plain: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plain", frozenset(name.encode() for name in self.known))

    def knows(self, query: bytes) -> bool:
        """Whether a data map names every parameter, by names that are written without escapes."""
        return self._plain.issuperset(_parameters(query))

    def check(self, pairs: Iterable[tuple[str | None, str, bytes]], *, values: bool = True) -> None:
        """Raises PayloadError `hidden_field_queried`. `values`: whether values are looked at by detectors."""
        for name, value, _ in pairs:
            if name is not None and name not in self.known and self._asks(name, value, values):
                raise PayloadError(REFUSED, "this client may not see what is asked for", PLACE)

    def _asks(self, name: str, value: str, values: bool) -> bool:
        verdict = self._verdict(name)
        if verdict.refused or (verdict.searches and value.strip()):
            return True
        if verdict.named and self._names(value, verdict.named):
            return True
        if not values or self.find is None or value.isalpha():
            return False
        return any(hit.kind in self.kinds for hit in self.find(value))

    @staticmethod
    def _names(value: str, hidden: Likeness) -> bool:
        found = _names(value)
        return len(found) > _MOST_NAMES or any(map(hidden.resembles, found))

    def _verdict(self, name: str) -> _Verdict:
        made = self._verdicts.get(name)
        if made is None:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            made = self._verdicts[name] = self._judged(name)
        return made

    def _judged(self, name: str) -> _Verdict:
        said = words(name)
        parts = {*said, "".join(said)}
        named = self.hidden if parts & _NAMING else self.removed if parts & _CHOOSING else Likeness()
        return _Verdict(self.hidden.resembles(name), "".join(said) in _SEARCHING, named)


def hidden_kinds(hidden: Callable[[str], bool]) -> frozenset[str]:
    """Kinds of detectors' finds whose category is hidden."""
    return frozenset(kind for kind, category in CATEGORIES.items() if hidden(category))
