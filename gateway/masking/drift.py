"""Personal data at paths no data map names: which paths, of what category. Pure but for its counts.

A path is structure alone: keys and `[]`. Keys that look like data (a number, an address, an object with a
person under each key) become `*`, and no value is ever kept.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits, Program
from gateway.codecs.steps import Step, compiled
from gateway.errors import PayloadError
from gateway.masking.detect import finder_of, is_card
from gateway.masking.detectors.finder import Finder
from gateway.masking.detectors.hit import CATEGORIES

INTERVAL: Final = 30.0
"""seconds between two looks at answers of one operation"""
MAX_BODY: Final = 256 * 1024
MAX_VALUES: Final = 500
"""values looked at in one document"""
PER_PATH: Final = 10
"""values looked at where one path leads: the tenth contact has the fields of the first"""
MAX_TEXT: Final = 1_000
"""characters looked at in one value"""
MAX_PATHS: Final = 500
"""paths told apart; what comes later is counted at `**`"""
MAX_KEYS: Final = 64
"""keys of an object; one with more is taken for a map from data to values"""
MAX_DEPTH: Final = 40
ELSEWHERE: Final = "**"
_LIMITS: Final = Limits(max_body=MAX_BODY)

_key = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$:\-]{0,63}", re.ASCII).fullmatch
_digits = re.compile(r"[0-9]").findall
_hexadecimal = re.compile(r"[0-9a-f]{12,}", re.IGNORECASE).search


class Strange(NamedTuple):
    """What stands at one unmapped path of one operation's answers."""

    provider: str
    operation: str
    path: str
    category: str


Seen = dict[tuple[str, str], int]
"""(path, category) -> values."""


def walk(document: Any, program: Program, finder: Finder) -> Seen:
    """Count the values of a JSON document, as JSON.parse gives it, that look personal where no path selects.

    >>> from gateway.codecs.paths import compile_program
    >>> walk({"a": [{"to": "x@y.example"}]}, compile_program([], None), Finder())
    {('a[].to', 'user.contact.email'): 1}
    """
    seen: Seen = {}
    for path, value in _unmapped(document, compiled(program).start):
        for kind in _kinds(value, finder):
            place = path, CATEGORIES[kind]
            seen[place] = seen.get(place, 0) + 1
    return seen


def _kinds(value: Any, finder: Finder) -> set[str]:
    if value.__class__ is str:
        return {hit.kind for hit in finder.find(value[:MAX_TEXT])}
    return {"card"} if value is not None and value.__class__ is not bool and is_card(value) else set()


_Place = tuple[Any, Step | None, str, int]


def _unmapped(document: Any, start: Step | None) -> Iterator[tuple[str, Any]]:
    """(path, value) of scalars that no slot selects: PER_PATH, MAX_VALUES at most."""
    todo: list[_Place] = [(document, start, "", 0)]
    tried: dict[str, int] = {}
    left = MAX_VALUES
    while todo and left:
        value, step, path, depth = todo.pop()
        if value.__class__ is dict or value.__class__ is list:
            if depth < MAX_DEPTH:
                todo += _below(value, step, path, depth + 1)
        elif (step is None or step.slot < 0) and tried.get(path, 0) < PER_PATH:
            tried[path] = tried.get(path, 0) + 1
            left -= 1
            yield path or "$", value


def _below(value: Any, step: Step | None, path: str, depth: int) -> Iterator[_Place]:
    if value.__class__ is list:
        items = step.items if step else None
        for item in value:
            yield item, items, path + "[]", depth
        return
    stem = path + "." if path else ""
    told = not _is_map(value)
    for key, member in value.items():
        below = step.keys.get(key, step.any) if step else None
        yield member, below, stem + (key if told and _is_name(key) else "*"), depth


def _is_map(value: Mapping[str, Any]) -> bool:
    """Whether an object's keys are data: very many, or each with an object of the same members under it."""
    if len(value) > MAX_KEYS:
        return True
    shapes = {frozenset(member) if member.__class__ is dict else None for member in value.values()}
    return len(value) > 1 and len(shapes) == 1 and None not in shapes


def _is_name(key: str) -> bool:
    return _key(key) is not None and len(_digits(key)) < 4 and _hexadecimal(key) is None


class Drift:
    """One worker's counts since they were last taken. Looks at few answers, as each costs milliseconds."""

    __slots__ = ("_counts", "_due", "_known")

    def __init__(self) -> None:
        self._counts: dict[Strange, int] = {}
        self._due: dict[tuple[str, str], float] = {}
        self._known: set[Strange] = set()

    def look(
        self, now: float, provider: str, operation: str, country: str | None, body: bytes, program: Program
    ) -> None:
        """Walk an answer's JSON body as it came, if it is this operation's turn. `now`: monotonic seconds.

        Never raises: what cannot be read within the limits here is passed over.
        """
        at = provider, operation
        if now < self._due.get(at, now) or len(body) > MAX_BODY:
            return
        self._due[at] = now + INTERVAL
        try:
            document = JSON.parse(body, _LIMITS)
        except PayloadError:
            return
        finder = finder_of((country,) if country else ())
        for (path, category), number in walk(document, program, finder).items():
            self._count(Strange(provider, operation, path, category), number)

    def _count(self, strange: Strange, number: int) -> None:
        if strange not in self._known:
            if len(self._known) >= MAX_PATHS:
                strange = strange._replace(path=ELSEWHERE)
            else:
                self._known.add(strange)
        self._counts[strange] = self._counts.get(strange, 0) + number

    def take(self) -> dict[Strange, int]:
        """The counts, which start anew."""
        taken, self._counts = self._counts, {}
        return taken
