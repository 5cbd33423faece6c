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
from gateway.masking.soql import reads_only
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
    deep: bool = False
    """Whether the data map says what a field is at any depth (`**.Email`), as all its names then do."""

    @classmethod
    def of(cls, known: Iterable[str], allowed: Iterable[str]) -> "Names":
        """From names as a data map writes them. Of names that differ in case only, all have to be allowed."""
        known, allowed = set(known), set(allowed)
        hidden = {_bare(name) for name in known - allowed}
        deep = bool(known) and all(name.startswith(_DEEP) for name in known)
        return cls(frozenset(map(_bare, known)), frozenset(map(_bare, allowed)) - hidden, deep)

    def allows(self, name: str) -> bool:
        """Whether a name is allowed."""
        name = name.lower()
        return self._allows(name) and self._allows(name.rpartition(".")[2])

    def reaches(self, name: str) -> bool:
        """Whether a name is allowed that may be one of a related record: `Account.Name`."""
        end = name.rpartition(".")[2]
        return self.allows(end if self.deep and not self.knows(name) else name)

    def _allows(self, name: str) -> bool:
        return (name if name in self.known else "*") in self.allowed

    def knows(self, name: str) -> bool:
        """Whether a data map names it so."""
        return name.lower() in self.known

    @property
    def all(self) -> bool:
        """Whether every known one is."""
        return self.allowed >= self.known


_DEEP: Final = "**."


def _bare(name: str) -> str:
    return name.removeprefix(_DEEP).lower()


def make_guard(kind: GuardKind, place: str, shown: Names, listed: Names) -> Masker:
    """The masker for a value at `place`. `shown`: fields the caller sees as they are; `listed`: fields of
    which it gets anything.

    The masker raises PayloadError `hidden_field_queried`, which names the place and never the value.
    """
    return _KINDS[kind](place, shown, listed)


def _refuse(place: str) -> PayloadError:
    return PayloadError(REFUSED, "this client may not see the field", place)


@dataclass(frozen=True, slots=True)
class Compared:
    """The guard of a value that is compared with data, or searched for in it."""

    place: str
    whole: bool
    """Whether all of that data is shown."""
    trusts: Callable[[Any], bool] | None = None

    def __call__(self, value: Any) -> Any:
        """The value. Raises PayloadError `hidden_field_queried`."""
        if self.whole or value == "" or (self.trusts is not None and self.trusts(value)):
            return value
        raise _refuse(self.place)

    def trusting(self, trusts: Callable[[Any], bool]) -> "Compared":
        """The same, but for values that the caller cannot have guessed."""
        return Compared(self.place, self.whole, trusts)


def _compared(place: str, shown: Names, _listed: Names) -> Masker:
    return Compared(place, shown.all)


def _never(place: str, _shown: Names, _listed: Names) -> Masker:
    """What would make another call of this one."""

    def guard(_value: Any) -> Any:
        raise PayloadError("access_denied", "this may not be sent", place)

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
        if not isinstance(value, str) or not reads_only(value, shown.reaches, listed.reaches, shown.knows):
            raise _refuse(place)
        return value

    return guard


_KINDS: Final[Mapping[GuardKind, Callable[[str, Names, Names], Masker]]] = {
    "never": _never,
    "compared": _compared,
    "searched": _compared,
    "named": _named,
    "chosen": _chosen,
    "soql": _soql,
}
