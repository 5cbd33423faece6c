"""References of one call in an envelope to the answer of another: what they may lead to. Pure.

A reference is filled in by the provider, where nobody masks any more, and with text that nobody looked at:
what is hidden could be copied to where it is shown, and a text could become part of a path or a query. So it
may end in the members a pack names alone: identifiers that the provider makes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_plus

from gateway.errors import PayloadError
from gateway.model import References


@lru_cache(maxsize=64)
def _form(shape: References) -> re.Pattern[str]:
    step = r"(?:\.[A-Za-z0-9_]+|\[[0-9]{1,9}\])*"
    ends = "|".join(map(re.escape, shape.to))
    return re.compile(rf"{re.escape(shape.open)}([A-Za-z0-9_]+){step}\.(?:{ends}){re.escape(shape.close)}")


def referred(shape: References, text: str, place: str) -> set[str]:
    """Names of the calls a text refers to. Raises PayloadError for a reference that is not allowed."""
    if shape.open not in text:
        return set()
    form = _form(shape)
    if shape.open in form.sub("", text):
        raise PayloadError("hidden_field_queried", "a reference to another value than an identifier", place)
    return set(form.findall(text))


def referred_in_target(shape: References, target: str, place: str) -> set[str]:
    """The same for a path with its query: a reference stands there as it is, never escaped."""
    names = referred(shape, target, place)
    if unquote_plus(target).count(shape.open) != target.count(shape.open):
        raise PayloadError("hidden_field_queried", "a reference that is escaped", place)
    return names


def referred_in(shape: References, document: Any, place: str) -> set[str]:
    """The same for every text of a JSON document; none may stand in the name of a member."""
    found: set[str] = set()
    for text, named in _texts(document):
        names = referred(shape, text, place)
        if names and named:
            raise PayloadError("hidden_field_queried", "a reference in the name of a member", place)
        found |= names
    return found


def _texts(document: Any) -> Iterator[tuple[str, bool]]:
    """Every text of a document, and whether it names a member."""
    todo = [document]
    while todo:
        value = todo.pop()
        if value.__class__ is str:
            yield value, False
        elif value.__class__ is dict:
            yield from ((key, True) for key in value)
            todo += value.values()
        elif value.__class__ is list:
            todo += value


def escaped(shape: References | None, path: str) -> str:
    """A path in which references are one segment's text, as in a request on the wire."""
    return _form(shape).sub(_quoted, path) if shape and shape.open in path else path


def unescaped(shape: References | None, path: str, written: str) -> str:
    """A path that was made anew, with the references of `written` as they stood there."""
    if shape is not None:
        for match in _form(shape).finditer(written):
            path = path.replace(quote(match[0], safe=""), match[0])
    return path


def _quoted(match: re.Match[str]) -> str:
    return "".join(f"%{ord(c):02X}" if c in "{}[]" else c for c in match[0])
