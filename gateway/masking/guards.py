"""Guards of requests against oracles: what a caller may not see, it may not filter, sort or search by. Pure.

A guard stands in a slot of a request's program where a masker does, so that every codec runs it in its one
pass. It gives the value back, gives back less of it (a field taken out of a list), or refuses the request.
A field that no data map knows is what its `*` is, and hidden without. So that no spelling makes a known field
an unknown one, names are compared without case, and dotted ones have to be allowed whole and by their end.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.codecs.program import REMOVED, Masker
from gateway.errors import PayloadError
from gateway.model import GuardKind

REFUSED: Final = "hidden_field_queried"

_words: Final = re.compile(r"\w[\w.\-]*").findall
"""Fields' names in a sort, whatever is between them (`-createdate`, `name:desc`, `a|b`)."""
_DIRECTIONS: Final = frozenset(("asc", "desc", "ascending", "descending"))


@dataclass(frozen=True, slots=True)
class Names:
    """Fields, in lower case: those a data map knows, and those allowed here. `*` stands for any other."""

    known: frozenset[str]
    allowed: frozenset[str]

    @classmethod
    def of(cls, known: Iterable[str], allowed: Iterable[str]) -> "Names":
        """From names as a data map writes them. Of names that differ in case only, all have to be allowed."""
        known, allowed = set(known), set(allowed)
        hidden = {name.lower() for name in known - allowed}
        return cls(frozenset(map(str.lower, known)), frozenset(map(str.lower, allowed)) - hidden)

    def allows(self, name: str) -> bool:
        """Whether a name is allowed."""
        name = name.lower()
        return self._allows(name) and self._allows(name.rpartition(".")[2])

    def _allows(self, name: str) -> bool:
        return (name if name in self.known else "*") in self.allowed

    def knows(self, name: str) -> bool:
        """Whether a data map names it so."""
        return name.lower() in self.known

    @property
    def all(self) -> bool:
        """Whether every known one is."""
        return self.allowed >= self.known


def make_guard(kind: GuardKind, place: str, shown: Names, listed: Names) -> Masker:
    """The masker for a value at `place`. `shown`: fields the caller sees as they are; `listed`: fields of
    which it gets anything.

    The masker raises PayloadError `hidden_field_queried`, which names the place and never the value.
    """
    return _KINDS[kind](place, shown, listed)


def _refuse(place: str) -> PayloadError:
    return PayloadError(REFUSED, "this client may not see the field", place)


def _compared(place: str, shown: Names, _listed: Names) -> Masker:
    whole = shown.all

    def guard(value: Any) -> Any:
        if whole or value == "":
            return value
        raise _refuse(place)

    return guard


def _named(place: str, shown: Names, _listed: Names) -> Masker:
    def guard(value: Any) -> Any:
        for part in map(str.strip, str(value).split(",")):
            # a name may hold blanks: then it is the whole part
            names = [part] if shown.knows(part) else [w for w in _words(part) if w.lower() not in _DIRECTIONS]
            if not all(map(shown.allows, names)):
                raise _refuse(place)
        return value

    return guard


def _chosen(_place: str, _shown: Names, listed: Names) -> Masker:
    """Fields that are not there for this caller are taken out of a list of those wanted."""

    def guard(value: Any) -> Any:
        parts = str(value).split(",")
        kept = [part for part in parts if not part.strip() or listed.allows(part.strip())]
        if len(kept) == len(parts):
            return value
        return ",".join(kept) if kept else REMOVED

    return guard


def _soql(place: str, shown: Names, listed: Names) -> Masker:
    def guard(value: Any) -> Any:
        if not isinstance(value, str) or not _reads_only(value, shown, listed):
            raise _refuse(place)
        return value

    return guard


_KINDS: Final[Mapping[GuardKind, Callable[[str, Names, Names], Masker]]] = {
    "compared": _compared,
    "searched": _compared,
    "named": _named,
    "chosen": _chosen,
    "soql": _soql,
}


# ---- SOQL (Salesforce SOQL and SOSL Reference, "SOQL SELECT Syntax") --------------------------------------

_TOKEN: Final = re.compile(
    r"\s+|(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_][\w.]*)|(?P<other>[0-9][\w:.+\-]*|[=!<>]+|[(),:+\-*/])"
)
_CLAUSES: Final = frozenset(
    ("select", "from", "where", "order", "group", "having", "with", "limit", "offset")
)
_WORDS: Final = _CLAUSES.union(
    (
        "and",
        "or",
        "not",
        "in",
        "like",
        "includes",
        "excludes",
        "null",
        "true",
        "false",
        "asc",
        "desc",
        "nulls",
    ),
    (
        "first",
        "last",
        "by",
        "for",
        "view",
        "reference",
        "update",
        "tracking",
        "viewstat",
        "count",
        "sum",
        "avg",
    ),
    ("min", "max", "count_distinct", "using", "scope", "all", "rows", "security_enforced", "today", "format"),
    (
        "yesterday",
        "tomorrow",
        "this_week",
        "last_week",
        "next_week",
        "this_month",
        "last_month",
        "next_month",
    ),
    ("this_year", "last_year", "tolabel", "convertcurrency", "id"),
)
_UNREADABLE: Final = frozenset(("fields", "typeof", "find"))
"""They name fields without saying which."""


def _reads_only(query: str, shown: Names, listed: Names) -> bool:
    """Whether a query filters and sorts by what is shown, and selects what is listed; else it is refused.

    What cannot be read as SOQL is not. In nested queries the same names are allowed as outside.
    """
    clause, at = "", 0
    while at < len(query):
        token = _TOKEN.match(query, at)
        if token is None:
            return False
        at = token.end()
        word = (token["word"] or "").lower()
        if word in _UNREADABLE:
            return False
        if word in _CLAUSES:
            clause = word
        elif word and not _allowed(word, clause, shown, listed):
            return False
    return clause not in ("", "select")


def _allowed(word: str, clause: str, shown: Names, listed: Names) -> bool:
    if (
        word in _WORDS
        or word.startswith(("last_n_", "next_n_", "n_"))
        or clause in ("from", "limit", "offset")
    ):
        return True
    return (listed if clause == "select" else shown).allows(word)
